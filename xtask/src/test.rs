//! Runs every test and sums up: `N passed, N failed, N skipped`, with the reason of everything skipped.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::cache::Key;
use crate::context::Context;
use crate::failure::{fail, render};
use crate::progress::Step;
use crate::root::{self, Run, find_program};
use crate::{codegen, dist, layers, link, pip, runtime};

#[derive(Args)]
pub struct Options {
    /// Run only these groups; may be given more than once
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Group>,
    /// Accept what the tests found as the new expectation
    #[arg(long)]
    bless: bool,
    /// Passed on to the tests of the distribution: run only what contains one of these words
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Group {
    /// Native crates
    Rust,
    /// Generated files, layers, boundary of the linked module
    Checks,
    /// TypeScript type check
    Types,
    /// Runtime without wasm
    Runtime,
    /// Python side under the build Python
    Python,
    /// The distribution in the Node on PATH
    Node,
    /// The distribution in a current Node
    NodeCurrent,
    /// The distribution in headless Chromium
    Chromium,
    /// The distribution in headless Firefox: only when it is asked for
    Firefox,
    /// The distribution in WebKitGTK: only when it is asked for
    Webkit,
    /// CPython's own tests in both Nodes: a selection, or all of them when this is the only group
    Cpython,
}

/// What runs when no group is named. Other browsers take minutes and have to be installed, which not every machine can.
const DEFAULT: [Group; 9] = [
    Group::Checks, Group::Rust, Group::Types, Group::Runtime, Group::Python, Group::Node, Group::NodeCurrent, Group::Chromium, Group::Cpython,
];
const ON_REQUEST: [Group; 2] = [Group::Firefox, Group::Webkit];

/// Browsers: the environment of `tests/run.mjs`, the programs that it looks for on PATH, the packages that have them.
const BROWSERS: [(&str, &[&str], &[&str]); 3] = [
    ("chromium", &["chromium"], &["chromium"]),
    ("firefox", &["firefox", "firefox-esr"], &["firefox-esr"]),
    ("webkit", &["WebKitWebDriver"], &["webkit2gtk-driver", "libwebkit2gtk-4.1-0", "xvfb"]),
];

#[derive(Default, Clone, Copy)]
struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Count {
    fn one(result: &Result<()>) -> Count {
        if result.is_ok() { Count { passed: 1, ..Count::default() } } else { Count { failed: 1, ..Count::default() } }
    }

    fn add(&mut self, other: Count) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

pub fn run(context: &Context, options: &Options) -> Result<ExitCode> {
    let groups: Vec<Group> = if options.only.is_empty() {
        DEFAULT.to_vec()
    } else {
        DEFAULT.into_iter().chain(ON_REQUEST).filter(|g| options.only.contains(g)).collect()
    };
    let mut total = Count::default();
    let mut remarks = Vec::new();
    for group in groups {
        // A group that cannot run at all is one failure; the others still run.
        let count = match run_group(context, group, options, &mut remarks) {
            Ok(count) => count,
            Err(error) => {
                eprint!("{}", render(&error));
                remarks.push(format!("{}: could not run: {error}", name(group)));
                Count { failed: 1, ..Count::default() }
            }
        };
        println!("{}: {} passed, {} failed, {} skipped", name(group), count.passed, count.failed, count.skipped);
        total.add(count);
    }
    for remark in &remarks {
        println!("note: {remark}");
    }
    println!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    Ok(if total.failed == 0 && total.passed > 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn name(group: Group) -> String {
    use clap::ValueEnum as _;
    group.to_possible_value().map(|v| v.get_name().to_string()).unwrap_or_default()
}

fn run_group(context: &Context, group: Group, options: &Options, remarks: &mut Vec<String>) -> Result<Count> {
    match group {
        Group::Checks => checks(context),
        Group::Rust => rust(context, options),
        Group::Types => types(context, remarks),
        Group::Runtime => runtime_tests(context, options, remarks),
        Group::Python => python(context, remarks),
        Group::Node => distribution(context, "node20", options, remarks),
        Group::NodeCurrent => distribution(context, "node-current", options, remarks),
        Group::Chromium => distribution(context, "chromium", options, remarks),
        Group::Firefox => distribution(context, "firefox", options, remarks),
        Group::Webkit => distribution(context, "webkit", options, remarks),
        Group::Cpython => cpython(context, options),
    }
}

/// The filters are names of CPython's test modules here, if this group was asked for by name.
fn cpython(context: &Context, options: &Options) -> Result<Count> {
    let asked = options.only == [Group::Cpython];
    if !asked && !options.filters.is_empty() {
        // They name tests of the other groups.
        return Ok(Count::default());
    }
    runtime::check_node(&context.versions)?;
    dist::ensure(context)?;
    let dir = context.checkout.join("tests");
    runtime::ensure_npm_packages(&context.versions, &dir, "npm packages of the tests")?;
    let mut total = Count::default();
    // The selection is one for speed: what a newer Node does differently is in the other groups.
    for environment in if asked { &["node20", "node-current"][..] } else { &["node20"] } {
        println!("CPython's tests in {environment}");
        let mut command = Command::new("node");
        command.arg(dir.join("cpython/run.mjs")).args(["--env", environment]).current_dir(&context.checkout);
        if asked {
            command.args(&options.filters);
        } else {
            command.arg("--fast");
        }
        let (ok, output) = shown(command, "tests/cpython/run.mjs")?;
        let mut count = sums(&output).unwrap_or_default();
        if count.failed == 0 && !ok {
            count.failed = 1;
        }
        total.add(count);
    }
    Ok(total)
}

/// The last line of a runner: `N passed, N failed, N skipped`.
fn sums(output: &str) -> Option<Count> {
    let line = output.lines().rev().find(|l| l.contains(" passed, ") && l.contains(" failed"))?;
    let number = |word| number_before(line, word);
    Some(Count { passed: number("passed"), failed: number("failed"), skipped: number("skipped") })
}

/// A single check counts as one test; its error is shown.
fn check(name: &str, count: &mut Count, result: Result<()>) {
    println!("{} {name}", if result.is_ok() { "ok  " } else { "FAIL" });
    if let Err(error) = &result {
        print!("{}", render(error));
    }
    count.add(Count::one(&result));
}

fn checks(context: &Context) -> Result<Count> {
    let mut count = Count::default();
    check("generated files are up to date", &mut count, codegen::run(&context.checkout, true));
    check("layers", &mut count, layers::check(&context.checkout));
    let boundary = link::ensure(context).and_then(|dir| codegen::check_boundary(&context.checkout, &dir.join(link::WASM)));
    check("boundary of the linked module", &mut count, boundary);
    Ok(count)
}

fn rust(context: &Context, options: &Options) -> Result<Count> {
    let mut command = Command::new("cargo");
    command.arg("test").arg("--locked").current_dir(&context.checkout);
    if options.bless {
        command.env("PYOXIDE_BLESS", "1");
    }
    let (ok, output) = shown(command, "cargo test")?;
    let mut count = Count::default();
    for line in output.lines().filter_map(|l| l.trim().strip_prefix("test result:")) {
        let number = |word: &str| number_before(line, word);
        count.add(Count { passed: number("passed"), failed: number("failed"), skipped: number("ignored") });
    }
    if !ok && count.failed == 0 {
        count.failed = 1;
    }
    Ok(count)
}

fn types(context: &Context, remarks: &mut Vec<String>) -> Result<Count> {
    // The program of `tests/types` is checked against the declarations of the distribution.
    dist::ensure(context)?;
    let mut count = Count::default();
    for dir in ["runtime", "tests"] {
        let path = context.checkout.join(dir);
        if !path.join("tsconfig.json").exists() {
            remarks.push(format!("types: `{dir}` has no tsconfig.json"));
            continue;
        }
        runtime::ensure_npm_packages(&context.versions, &path, &format!("npm packages of {dir}/"))?;
        let local = path.join("node_modules/.bin/tsc");
        let tsc = if local.exists() { local } else { context.checkout.join("runtime/node_modules/.bin/tsc") };
        let mut command = Command::new(tsc);
        command.args(["--noEmit", "-p", "."]).current_dir(&path);
        check(&format!("types of {dir}/"), &mut count, runtime::run(&mut command, "tsc --noEmit"));
    }
    check("annotations of python/", &mut count, python_types(context));
    Ok(count)
}

/// The annotations of the Python packages, as a program sees them that uses these.
fn python_types(context: &Context) -> Result<()> {
    let dir = context.checkout.join("tests/types");
    let checker = pip::tools(context, &dir.join("checker.txt"), "Type checker for Python")?;
    let step = Step::start("Annotations of the Python packages");
    let env = BTreeMap::from([("PYTHONPATH".to_string(), checker.display().to_string())]);
    let args = vec![context.cache.shared("mypy")?.into()];
    let script = "timeout 300 python3.14 -m mypy --cache-dir \"$1\" --config-file mypy.ini program.py 2>&1 || echo \"exit: $?\"";
    let output = context.root()?.capture(&context.cache, "python-types", &step, Run { cwd: &dir, env, script, args })?;
    if output.contains("exit: ") {
        return fail("`tests/types/program.py` does not pass the type checker", output);
    }
    step.done();
    Ok(())
}

fn runtime_tests(context: &Context, options: &Options, remarks: &mut Vec<String>) -> Result<Count> {
    let dir = context.checkout.join("runtime");
    let package: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(dir.join("package.json"))?)?;
    if package["scripts"]["test"].is_null() {
        remarks.push("runtime: `runtime/package.json` has no `test` script".into());
        return Ok(Count { skipped: 1, ..Count::default() });
    }
    runtime::ensure_npm_packages(&context.versions, &dir, "npm packages of the runtime")?;
    let mut command = Command::new("npm");
    command.args(["test", "--silent"]).current_dir(&dir);
    if options.bless {
        command.env("PYOXIDE_BLESS", "1");
    }
    let (ok, output) = shown(command, "npm test")?;
    Ok(node_count(&output, ok))
}

/// What Node's test runner says at its end, in either of its formats.
fn node_count(output: &str, ok: bool) -> Count {
    let number = |word: &str| {
        output
            .lines()
            .filter_map(|l| l.trim_start_matches(['#', 'ℹ', ' ']).strip_prefix(word)?.trim().parse::<u64>().ok())
            .next_back()
            .unwrap_or(0)
    };
    let mut count = Count { passed: number("pass "), failed: number("fail "), skipped: number("skipped ") };
    if !ok && count.failed == 0 {
        count.failed = 1;
    }
    count
}

fn python(context: &Context, remarks: &mut Vec<String>) -> Result<Count> {
    let dir = context.checkout.join("python");
    if !dir.join("tests").is_dir() {
        remarks.push("python: there is no `python/tests`".into());
        return Ok(Count { skipped: 1, ..Count::default() });
    }
    let step = Step::start("Python tests under the build Python");
    // unittest reports on stderr; exit code 5 says that there was no test.
    let script = "timeout 300 python3.14 -B -m unittest discover -s tests -t . 2>&1 || echo \"exit: $?\"";
    let run = Run { cwd: &dir, env: std::collections::BTreeMap::new(), script, args: Vec::new() };
    let output = context.root()?.capture(&context.cache, "python-tests", &step, run)?;
    step.done();
    print!("{output}");
    let ran = output.lines().find_map(|l| l.strip_prefix("Ran ")?.split(' ').next()?.parse::<u64>().ok()).unwrap_or(0);
    let last = output.lines().filter(|l| l.starts_with("OK") || l.starts_with("FAILED")).next_back().unwrap_or("FAILED");
    let part = |name: &str| last.split(name).nth(1).and_then(|r| r.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()).unwrap_or(0);
    let (bad, skipped) = (part("failures=") + part("errors="), part("skipped="));
    let failed = if last.starts_with("OK") { 0 } else { bad.max(1) };
    Ok(Count { passed: ran.saturating_sub(failed + skipped), failed, skipped })
}

fn distribution(context: &Context, environment: &str, options: &Options, remarks: &mut Vec<String>) -> Result<Count> {
    runtime::check_node(&context.versions)?;
    let dir = context.checkout.join("tests");
    let runner: PathBuf = dir.join("run.mjs");
    if !runner.exists() {
        remarks.push(format!("{environment}: there is no `tests/run.mjs`"));
        return Ok(Count { skipped: 1, ..Count::default() });
    }
    dist::ensure(context)?;
    runtime::ensure_npm_packages(&context.versions, &dir, "npm packages of the tests")?;
    for (name, programs, packages) in BROWSERS {
        if name == environment && !programs.iter().any(|program| find_program(program).is_some()) {
            let step = Step::start(name);
            root::install(&step, name, packages)?;
            step.done();
        }
    }
    let mut command = Command::new("node");
    command.arg(&runner).args(["--env", environment]);
    if options.bless {
        command.arg("--bless");
    }
    command.arg("--wheels").arg(wheels(context)?).arg("--side-modules").arg(side_modules(context)?);
    command.args(&options.filters).current_dir(&context.checkout);
    let (mut count, output) = counted(command)?;
    remarks.extend(skipped(&output).into_iter().map(|what| format!("{environment}: skipped {what}")));
    // How values translate must not depend on what Python starts from. Nothing else runs twice: it would double the time.
    if environment == "node20" && options.filters.is_empty() && !options.bless {
        println!("The tests of the specification once more, without the snapshot");
        let mut command = Command::new("node");
        command.arg(&runner).args(["--env", environment, "--load-options", r#"{"snapshot":false}"#, "spec/"]).current_dir(&context.checkout);
        count.add(counted(command)?.0);
    }
    Ok(count)
}

/// Runs `tests/run.mjs`. Also gives what it said.
fn counted(command: Command) -> Result<(Count, String)> {
    let (ok, output) = shown(command, "tests/run.mjs")?;
    let summary = sums(&output);
    let mut count = summary.unwrap_or_default();
    if count.failed == 0 && (!ok || summary.is_none()) {
        count.failed = 1;
    }
    Ok((count, output))
}

/// The wheels of the package index that the tests install.
pub fn wheels(context: &Context) -> Result<PathBuf> {
    pip::pinned(context, &context.checkout.join("tests/packages/wheels.txt"), "Wheels for the tests")
}

/// The side modules of `tests/packages/native`, built with the toolchain of the distribution.
pub fn side_modules(context: &Context) -> Result<PathBuf> {
    let sources = context.checkout.join("tests/packages/native");
    let key = Key::new("test-side-modules-1").text("toolchain", &context.root()?.id).tree(&sources, |_| true)?;
    context.cache.entry("test-side-modules", &key, "Side modules for the tests", |out, step| {
        let script = sources.join("build.sh");
        let args = vec![script.clone().into(), sources.clone().into(), out.into()];
        let run = Run { cwd: out, env: BTreeMap::new(), script: "bash -eu \"$@\"", args };
        context.root()?.run(&context.cache, "test-side-modules", step, run)
    })
}

/// What the runner lists under `Skipped:`, a line for the test and one for the reason.
fn skipped(output: &str) -> Vec<String> {
    let listed: Vec<&str> = output.lines().skip_while(|l| *l != "Skipped:").skip(1).take_while(|l| !l.trim().is_empty()).collect();
    listed.chunks(2).map(|pair| pair.iter().map(|l| l.trim()).collect::<Vec<_>>().join(": ")).collect()
}

/// The number before a word, as in `3 passed`.
fn number_before(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    words.iter().position(|w| *w == word).and_then(|i| words.get(i.checked_sub(1)?)?.parse().ok()).unwrap_or(0)
}

/// Runs a program, showing its stdout as it comes, and keeps it. Stderr is passed through.
fn shown(mut command: Command, name: &str) -> Result<(bool, String)> {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().with_context(|| format!("Could not start `{name}`"))?;
    let mut kept = String::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            writeln!(std::io::stdout(), "{line}")?;
            kept.push_str(&line);
            kept.push('\n');
        }
    }
    Ok((child.wait()?.success(), kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_read_in_each_runners_words() {
        let line = "ok. 12 passed; 1 failed; 3 ignored; 0 measured";
        assert_eq!((number_before(line, "passed"), number_before(line, "failed"), number_before(line, "ignored")), (12, 1, 3));
        let count = node_count("# tests 9\n# pass 7\n# fail 2\n# skipped 1\n", false);
        assert_eq!((count.passed, count.failed, count.skipped), (7, 2, 1));
        assert_eq!(node_count("ℹ pass 4\nℹ fail 0\n", true).passed, 4);
    }

    #[test]
    fn what_is_skipped_comes_with_its_reason() {
        let output = "x\nSkipped:\n  a.md: one\n    known gap\n  b.md: two\n    no JSPI\n\n1 passed, 0 failed, 2 skipped\n";
        assert_eq!(skipped(output), ["a.md: one: known gap", "b.md: two: no JSPI"]);
    }

    #[test]
    fn a_runner_that_dies_without_a_word_is_a_failure() {
        assert_eq!(node_count("", false).failed, 1);
    }
}
