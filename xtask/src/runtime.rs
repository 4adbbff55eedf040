//! The TypeScript half: npm packages, bundles and type declarations.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::cache::{Key, sha256_file};
use crate::context::Context;
use crate::failure::{Failure, fail, hint_for};
use crate::progress::Step;
use crate::root::find_program;
use crate::sys_libs::copy_tree;
use crate::versions::Versions;

/// One bundle: source, output file, esbuild options.
struct Bundle {
    source: &'static str,
    output: &'static str,
    options: &'static [&'static str],
}

const BUNDLES: [Bundle; 4] = [
    Bundle { source: "src/api/index.ts", output: "pyodide.mjs", options: &["--format=esm", "--platform=neutral"] },
    Bundle { source: "src/api/classic.ts", output: "pyodide.js", options: &["--format=iife", "--platform=neutral"] },
    Bundle { source: "src/python-command/launch.ts", output: "python.mjs", options: &["--format=esm", "--platform=node"] },
    Bundle { source: "src/python-command/thread.ts", output: "python-thread.mjs", options: &["--format=esm", "--platform=node"] },
];
// Names stay: they are in stack traces, and users match on `constructor.name`.
const COMMON_OPTIONS: [&str; 9] = [
    "--bundle", "--target=es2022", "--sourcemap=linked", "--external:node:*", "--external:./pyodide.asm.mjs",
    "--external:./pyodide.mjs", "--log-level=warning", "--minify-whitespace", "--minify-syntax",
];
const DECLARATIONS: [(&str, &str); 2] = [("src/api/index.ts", "pyodide.d.ts"), ("src/api/ffi.ts", "ffi.d.ts")];

/// Refuses a missing or too old Node with one sentence.
pub fn check_node(versions: &Versions) -> Result<String> {
    let advice = format!("Install Node.js {} or later, with npm", versions.node.minimum);
    let Ok(output) = Command::new("node").arg("--version").output() else {
        return fail("Node.js is not on PATH", advice);
    };
    let version = String::from_utf8_lossy(&output.stdout).trim().to_string();
    let major = |v: &str| v.trim_start_matches('v').split('.').next().and_then(|m| m.parse::<u32>().ok());
    if major(&version) < major(&versions.node.minimum) {
        return fail(format!("Node.js on PATH is too old: expected {} or later, found {version}", versions.node.minimum), advice);
    }
    Ok(version)
}

/// `npm ci` where the lock file has changed since the last time.
pub fn ensure_npm_packages(versions: &Versions, dir: &Path, label: &str) -> Result<()> {
    let lock = dir.join("package-lock.json");
    if !lock.exists() {
        return fail(format!("Missing: {}", lock.display()), "Run `npm install` in that folder and commit the lock file");
    }
    let wanted = sha256_file(&lock)?;
    let stamp = dir.join("node_modules/.pyoxide-lock-sha256");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    check_node(versions)?;
    if find_program("npm").is_none() {
        return fail("npm is not on PATH", "Install npm, for example with `apt-get install npm`");
    }
    let step = Step::start(label);
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(dir), "npm ci")?;
    fs::write(&stamp, wanted).with_context(|| format!("Could not write `{}`", stamp.display()))?;
    step.done();
    Ok(())
}

/// Runs a program, keeping its output for the error.
pub fn run(command: &mut Command, name: &str) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("Could not start `{name}`"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let shown = lines.iter().take(40).map(|l| format!("  {l}")).collect::<Vec<_>>().join("\n");
    let hint = hint_for(&text).unwrap_or_else(|| "Mend what the lines above name".into());
    Err(Failure::new(format!("`{name}` failed:\n{shown}"), hint).into())
}

fn defines(versions: &Versions) -> Vec<String> {
    let text = |s: &str| serde_json::Value::from(s).to_string();
    vec![
        format!("--define:PYOXIDE_VERSION={}", text(&versions.distribution.version)),
        format!("--define:PYOXIDE_NPM_VERSION={}", text(&versions.distribution.npm_version)),
        format!("--define:PYOXIDE_PYTHON_VERSION={}", text(&versions.cpython.version)),
        format!("--define:PYOXIDE_PLATFORM_VERSION={}", text(&versions.platform.version)),
        format!("--define:PYOXIDE_PLATFORM_TAGS={}", serde_json::json!(versions.platform.accepted)),
    ]
}

/// Returns the folder with the bundles, their maps, declarations and pages.
pub fn ensure(context: &Context) -> Result<PathBuf> {
    let dir = context.checkout.join("runtime");
    let inputs = |p: &Path| p.starts_with("src") || p.starts_with("pages") || p.starts_with("types") || p.components().count() == 1;
    let mut key = Key::new("runtime-2").text("defines", &defines(&context.versions).join("\n")).text("common", &COMMON_OPTIONS.join("\n"));
    for bundle in &BUNDLES {
        key = key.text(bundle.source, &format!("{} {}", bundle.output, bundle.options.join(" ")));
    }
    let key = key.text("launcher", LAUNCHER).text("ignore", IGNORE).tree(&dir, inputs)?;
    if context.cache.entry_path("runtime", &key).exists() {
        return Ok(context.cache.entry_path("runtime", &key));
    }
    ensure_npm_packages(&context.versions, &dir, "npm packages of the runtime")?;
    context.cache.entry("runtime", &key, "TypeScript runtime", |out, step| {
        let tool = |name: &str| dir.join("node_modules/.bin").join(name);
        for bundle in &BUNDLES {
            if !dir.join(bundle.source).exists() {
                return fail(format!("Missing: runtime/{}", bundle.source), "Restore the file from version control");
            }
            step.at(bundle.output);
            let mut command = Command::new(tool("esbuild"));
            command.current_dir(&dir).arg(bundle.source).arg(format!("--outfile={}", out.join(bundle.output).display()));
            command.args(COMMON_OPTIONS).args(bundle.options).args(defines(&context.versions));
            run(&mut command, "esbuild")?;
            hide_imports_from_bundlers(&out.join(bundle.output))?;
            name_sources_from_dist(&out.join(format!("{}.map", bundle.output)))?;
        }
        for (source, output) in DECLARATIONS {
            let written = dir.join("types").join(output);
            if written.exists() {
                fs::copy(written, out.join(output))?;
            } else if dir.join(source).exists() {
                step.at(output);
                let mut command = Command::new(tool("dts-bundle-generator"));
                command.current_dir(&dir).args(["--no-banner", "--export-referenced-types=false", "--project", "tsconfig.json", "-o"]);
                run(command.arg(out.join(output)).arg(source), "dts-bundle-generator")?;
            }
        }
        let launcher = out.join("python");
        fs::write(&launcher, LAUNCHER)?;
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&launcher, fs::Permissions::from_mode(0o755))?;
        copy_tree(&dir.join("pages"), out)
    })
}

/// What bundlers read in front of an address that is known only when the program runs. esbuild drops such comments with the white space.
const IGNORE: &str = "/*webpackIgnore:true*//*@vite-ignore*/";

/// Tells other bundlers to leave the dynamic imports of a bundle alone, and its source map where everything behind them is now.
fn hide_imports_from_bundlers(bundle: &Path) -> Result<()> {
    const IMPORT: &str = "await import(";
    let text = fs::read_to_string(bundle).with_context(|| format!("esbuild made no `{}`", bundle.display()))?;
    let mut marked = String::with_capacity(text.len());
    // Line and column, in UTF-16 code units, from which on everything in the line has moved.
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let mut rest = line;
        while let Some(at) = rest.find(IMPORT) {
            let (before, after) = rest.split_at(at + IMPORT.len());
            marked.push_str(before);
            places.push((number, line[..line.len() - after.len()].encode_utf16().count()));
            marked.push_str(IGNORE);
            rest = after;
        }
        marked.push_str(rest);
    }
    if places.is_empty() {
        return Ok(());
    }
    fs::write(bundle, marked)?;
    let map_path = bundle.with_file_name(format!("{}.map", bundle.file_name().unwrap_or_default().to_string_lossy()));
    let map = fs::read_to_string(&map_path).with_context(|| format!("esbuild made no `{}`", map_path.display()))?;
    let mut map_json: serde_json::Value = serde_json::from_str(&map).with_context(|| format!("Not a source map: {}", map_path.display()))?;
    let mappings = map_json["mappings"].as_str().unwrap_or_default();
    map_json["mappings"] = move_columns(mappings, &places, IGNORE.len()).into();
    fs::write(&map_path, map_json.to_string()).with_context(|| format!("Could not write `{}`", map_path.display()))
}

/// The mappings of a source map after `by` columns were put in at each of some places. A segment begins with the distance in columns from the
/// one before it, so that only the first behind a place changes.
fn move_columns(mappings: &str, places: &[(usize, usize)], by: usize) -> String {
    let lines = mappings.split(';').enumerate().map(|(number, line)| {
        let mut left: Vec<usize> = places.iter().filter(|p| p.0 == number).map(|p| p.1).rev().collect();
        let mut column = 0i64;
        let segments = line.split(',').map(|segment| {
            let (distance, rest) = read_vlq(segment);
            column += distance;
            let mut moved = 0;
            while left.last().is_some_and(|&place| column >= place as i64) {
                left.pop();
                moved += by as i64;
            }
            if moved == 0 { segment.to_string() } else { write_vlq(distance + moved) + rest }
        });
        segments.collect::<Vec<_>>().join(",")
    });
    lines.collect::<Vec<_>>().join(";")
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The first number of a segment, and the rest of it.
fn read_vlq(segment: &str) -> (i64, &str) {
    let mut value = 0i64;
    for (index, digit) in segment.bytes().enumerate() {
        let digit = BASE64.iter().position(|&b| b == digit).unwrap_or(0) as i64;
        value |= (digit & 31) << (5 * index.min(12));
        if digit & 32 == 0 {
            return (if value & 1 == 0 { value >> 1 } else { -(value >> 1) }, &segment[index + 1..]);
        }
    }
    (0, segment)
}

fn write_vlq(value: i64) -> String {
    let mut left = (value.unsigned_abs() << 1) | u64::from(value < 0);
    let mut text = String::new();
    loop {
        let more = left >> 5;
        text.push(char::from(BASE64[(left & 31 | if more > 0 { 32 } else { 0 }) as usize]));
        if more == 0 {
            return text;
        }
        left = more;
    }
}

/// esbuild names sources relative to the output, which lies in the cache: that would tell where the cache and the
/// checkout are, and differ between machines. From `dist/` the sources are where they are named here.
fn name_sources_from_dist(map: &Path) -> Result<()> {
    let text = fs::read_to_string(map).with_context(|| format!("esbuild made no `{}`", map.display()))?;
    let mut map_json: serde_json::Value = serde_json::from_str(&text).with_context(|| format!("Not a source map: {}", map.display()))?;
    for source in map_json["sources"].as_array_mut().into_iter().flatten() {
        for folder in ["src", "node_modules"] {
            if let Some((_, path)) = source.as_str().and_then(|s| s.rsplit_once(&format!("/runtime/{folder}/"))) {
                *source = format!("../runtime/{folder}/{path}").into();
            }
        }
    }
    fs::write(map, map_json.to_string()).with_context(|| format!("Could not write `{}`", map.display()))
}

/// `dist/python`. Node decides by the extension how to read a file, and a command has none: this one is valid as
/// CommonJS and as an ES module, and hands over to the module beside it.
const LAUNCHER: &str = r#"#!/usr/bin/env node
import(require("node:url").pathToFileURL(require("node:path").join(require("node:fs").realpathSync(__filename), "../python.mjs")).href);
"#;

#[cfg(test)]
mod tests {
    use super::{move_columns, read_vlq, write_vlq};

    #[test]
    fn numbers_of_source_maps_are_read_as_they_are_written() {
        for value in [0, 1, -1, 15, 16, -16, 1000, -123_456] {
            let text = write_vlq(value) + "AAA";
            assert_eq!(read_vlq(&text), (value, "AAA"));
        }
    }

    #[test]
    fn only_what_is_behind_a_place_moves() {
        // Columns 0, 4 and 8 of line 0; column 2 of line 1.
        let mappings = "AAAA,IAAI,IAAI;EAAA";
        assert_eq!(move_columns(mappings, &[(0, 5)], 16), format!("AAAA,IAAI,{}AAI;EAAA", write_vlq(20)));
        assert_eq!(move_columns(mappings, &[(0, 4), (0, 8)], 1), "AAAA,KAAI,KAAI;EAAA");
    }
}
