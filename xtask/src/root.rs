//! The toolchain root: a Debian folder with Emscripten, clang, Rust with sources and a build Python.
//!
//! Commands run in it by chroot, in a private mount namespace per command, so that no mount outlives it. The
//! checkout, the cache and Cargo's home are mounted at their own paths: a path means the same inside and out.
//! Where the machine itself has all that is needed (`machine.rs`), commands run as they are, without a root.
//! Not here: what is built with it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::cache::{Cache, Key};
use crate::failure::{Failure, fail};
use crate::machine;
use crate::progress::Step;
use crate::versions::Versions;

/// A complete toolchain.
pub struct Root {
    place: Place,
    /// Names every version in it: part of the key of all that is built with it.
    pub id: String,
    checkout: PathBuf,
    cache: PathBuf,
    cargo_home: PathBuf,
}

enum Place {
    Folder(PathBuf),
    /// Programs on `PATH`.
    Machine,
}

/// One program run with the toolchain.
pub struct Run<'a> {
    pub cwd: &'a Path,
    pub env: BTreeMap<String, String>,
    /// A bash script, run with `-e -u -o pipefail`.
    pub script: &'a str,
    pub args: Vec<OsString>,
}

const IDENTITY: &str = "etc/pyoxide-toolchain";

/// Key of the root: what we ask for. What we got is in [`Root::id`].
pub fn key(versions: &Versions) -> Key {
    Key::new("toolchain-root-1")
        .text("suite", &versions.toolchain.suite)
        .text("packages", &versions.toolchain.packages.join(","))
        .text("emscripten", &versions.emscripten.version)
}

/// Takes the machine's own toolchain, or opens the toolchain root, making it first if need be.
pub fn ensure(cache: &Cache, versions: &Versions, checkout: &Path) -> Result<Root> {
    let cargo_home = match std::env::var_os("CARGO_HOME").filter(|v| !v.is_empty()) {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"),
    };
    let root = |place, id| Root { place, id, checkout: checkout.to_path_buf(), cache: cache.path().to_path_buf(), cargo_home };
    // Asking every program costs time that an up-to-date tree should not spend: without emcc there is nothing to ask.
    if find_program("emcc").is_some()
        && let Ok(machine) = machine::find(versions)
    {
        return Ok(root(Place::Machine, machine.id()));
    }
    let path = cache.entry("root", &key(versions), "Toolchain (Debian folder with Emscripten, clang, Rust, Python)", |tmp, step| {
        need_root_user()?;
        ensure_programs(step)?;
        make(tmp, versions, cache, step)
    })?;
    let id = fs::read_to_string(path.join(IDENTITY)).with_context(|| format!("Could not read the identity of the toolchain root `{}`", path.display()))?;
    Ok(root(Place::Folder(path), id.trim().to_string()))
}

pub fn is_root_user() -> bool {
    fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0)
}

fn need_root_user() -> Result<()> {
    if is_root_user() {
        return Ok(());
    }
    fail(
        "Building the toolchain and the main module needs the root user (they run in a chroot)",
        "Run the command as root, for example with `sudo --preserve-env=HOME,PATH`, or set `PYOXIDE_CACHE` to a cache that holds the results",
    )
}

/// Where a program is on `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(name)).find(|p| p.is_file())
}

/// As [`find_program`], also where the root user's programs are, which is not on every user's `PATH`.
pub fn find_system_program(name: &str) -> Option<PathBuf> {
    find_program(name).or_else(|| ["/usr/sbin", "/sbin"].map(|dir| Path::new(dir).join(name)).into_iter().find(|p| p.is_file()))
}

/// What making and entering a root takes, with the Debian package of each. A small Debian lacks even `mount`.
pub const SYSTEM_PROGRAMS: [(&str, &str); 4] =
    [("mmdebstrap", "mmdebstrap"), ("mount", "mount"), ("unshare", "util-linux"), ("chroot", "coreutils")];

fn ensure_programs(step: &Step) -> Result<()> {
    let (names, packages): (Vec<_>, Vec<_>) = SYSTEM_PROGRAMS.into_iter().filter(|(program, _)| find_system_program(program).is_none()).unzip();
    if names.is_empty() { Ok(()) } else { install(step, &names.join("`, `"), &packages) }
}

/// Installs Debian packages on the machine itself.
pub fn install(step: &Step, what_for: &str, packages: &[&str]) -> Result<()> {
    let wish = format!("Install it by hand: `apt-get install {}`", packages.join(" "));
    if find_program("apt-get").is_none() {
        return fail(format!("`{what_for}` is missing and this machine has no `apt-get`"), wish);
    }
    if !is_root_user() {
        return fail(format!("`{what_for}` is missing and installing it needs the root user"), wish);
    }
    step.at(&format!("apt-get install {}", packages.join(" ")));
    let install = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-y", "-q", "--no-install-recommends"]).args(packages);
        run_quietly(command)
    };
    // The package lists of a fresh machine may be missing or old: only then fetch them.
    if install().is_err() {
        let mut update = Command::new("apt-get");
        update.args(["update", "-q"]);
        run_quietly(update).map_err(|e| Failure::new(format!("`apt-get update` failed: {e}"), "Check the network and the machine's package sources"))?;
        install().map_err(|e| Failure::new(format!("Could not install {}: {e}", packages.join(" ")), wish))?;
    }
    Ok(())
}

fn run_quietly(mut command: Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("Could not start {:?}", command.get_program()))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    anyhow::bail!("{}", text.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("no message"));
}

fn make(tmp: &Path, versions: &Versions, cache: &Cache, step: &Step) -> Result<()> {
    let mirror = debian_mirror()?;
    let target = tmp.join("new-root");
    step.at("mmdebstrap");
    let mut command = Command::new("mmdebstrap");
    command.args(["--variant=apt", "--aptopt=Acquire::Check-Valid-Until \"false\""]);
    for option in apt_proxy_options() {
        command.arg(format!("--aptopt={option}"));
    }
    command.arg(format!("--include={}", versions.toolchain.packages.join(",")));
    command.arg(&versions.toolchain.suite).arg(&target).arg(&mirror);
    let log = cache.log("toolchain")?;
    logged(command, &log, step, false)?;

    // CPython's configure asks for `$(em-config LLVM_ROOT)/clang -mgc`, which only clang 22 understands.
    // emcc itself calls `clang-21` by its full name.
    let clang = target.join("usr/bin/clang");
    let _ = fs::remove_file(&clang);
    std::os::unix::fs::symlink("clang-22", &clang).context("Could not link clang in the toolchain root")?;

    step.at("checking versions");
    let output = Command::new("chroot")
        .arg(&target)
        .args(["/bin/sh", "-c", "dpkg-query -W -f '${Package} ${Version}\\n' | sort | sha256sum | cut -c1-20; cat /usr/share/emscripten/emscripten-version.txt"])
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .context("Could not run chroot")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines();
    let (Some(id), Some(found)) = (lines.next(), lines.next()) else {
        anyhow::bail!("The new toolchain root does not answer: {}", String::from_utf8_lossy(&output.stderr));
    };
    let found = found.trim().trim_matches('"');
    if !suitable(found, &versions.emscripten.version) {
        return fail(
            format!("Debian `{}` now has Emscripten {found}; expected {} or a later one of the same line", versions.toolchain.suite, versions.emscripten.version),
            "Change `emscripten.version` and the platform in `versions.toml`, or use a mirror that still has the expected version",
        );
    }
    fs::write(target.join(IDENTITY), id).context("Could not write the identity of the toolchain root")?;

    // The entry is the folder itself, so that its path is short and has no moving part.
    for item in fs::read_dir(&target)? {
        let item = item?;
        fs::rename(item.path(), tmp.join(item.file_name()))?;
    }
    fs::remove_dir(&target)?;
    Ok(())
}

/// The same major and minor version, and not older.
pub fn suitable(found: &str, wanted: &str) -> bool {
    let parse = |v: &str| -> Option<[u32; 3]> {
        let mut parts = v.split(['.', '-']).map(|p| p.parse().ok());
        Some([parts.next()??, parts.next()??, parts.next()??])
    };
    match (parse(found), parse(wanted)) {
        (Some(f), Some(w)) => f[..2] == w[..2] && f[2] >= w[2],
        _ => false,
    }
}

fn apt_proxy_options() -> Vec<String> {
    let Ok(output) = Command::new("apt-config").arg("dump").output() else { return Vec::new() };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|l| l.starts_with("Acquire::") && l.contains("::Proxy"))
        .map(|l| l.trim_end_matches(';').to_string())
        .collect()
}

/// The mirror the machine itself uses for Debian, from its apt configuration.
pub fn debian_mirror() -> Result<String> {
    if let Some(mirror) = std::env::var("PYOXIDE_DEBIAN_MIRROR").ok().filter(|v| !v.is_empty()) {
        return Ok(mirror);
    }
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(dir) = fs::read_dir("/etc/apt/sources.list.d") {
        let mut more: Vec<_> = dir.flatten().map(|e| e.path()).collect();
        more.sort();
        files.extend(more);
    }
    let os_release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename = os_release.lines().find_map(|l| l.strip_prefix("VERSION_CODENAME=")).unwrap_or_default().trim_matches('"').to_string();
    let is_debian = os_release.lines().any(|l| l == "ID=debian");
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let deb822 = file.extension().is_some_and(|e| e == "sources");
        let found = if deb822 { mirror_from_deb822(&text, &codename) } else { mirror_from_list(&text, &codename) };
        if let (Some(mirror), true) = (found, is_debian) {
            return Ok(mirror);
        }
    }
    fail(
        "Found no Debian mirror in the machine's apt configuration",
        "Set `PYOXIDE_DEBIAN_MIRROR` to the address of a Debian mirror (the folder that holds `dists` and `pool`)",
    )
}

fn is_main_suite(suite: &str, codename: &str) -> bool {
    suite == codename || ["stable", "testing", "unstable", "sid"].contains(&suite)
}

fn mirror_from_deb822(text: &str, codename: &str) -> Option<String> {
    text.split("\n\n").find_map(|stanza| {
        let field = |name: &str| {
            stanza.lines().filter(|l| !l.starts_with('#')).find_map(|l| l.strip_prefix(name)?.trim_start().strip_prefix(':').map(str::trim))
        };
        if field("Enabled").is_some_and(|v| v == "no") || !field("Types")?.split_whitespace().any(|t| t == "deb") {
            return None;
        }
        let main = field("Components")?.split_whitespace().any(|c| c == "main");
        let suite = field("Suites")?.split_whitespace().any(|s| is_main_suite(s, codename));
        (main && suite).then(|| field("URIs")?.split_whitespace().next().map(str::to_string)).flatten()
    })
}

fn mirror_from_list(text: &str, codename: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb ")?.trim_start();
        let rest = if rest.starts_with('[') { rest.split_once(']')?.1 } else { rest };
        let mut words = rest.split_whitespace();
        let (uri, suite) = (words.next()?, words.next()?);
        (is_main_suite(suite, codename) && words.any(|c| c == "main")).then(|| uri.to_string())
    })
}

/// Sets up the mounts and enters the root. Its arguments: root, then mount sources, then `--`, then the command.
const ENTER: &str = r#"
PATH=$PATH:/usr/sbin:/sbin
root=$1; shift
mount --bind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root$(dirname "$1")"; [ -e "$root$1" ] || : > "$root$1"; fi
  mount --rbind "$1" "$root$1"
  shift
done
shift
exec chroot "$root" "$@"
"#;

const CERTIFICATE_VARIABLES: [&str; 6] =
    ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "CARGO_HTTP_CAINFO"];
const PASSED_VARIABLES: [&str; 8] =
    ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "all_proxy"];

impl Root {
    /// For people: where the toolchain is.
    pub fn describe(&self) -> String {
        match &self.place {
            Place::Folder(path) => path.display().to_string(),
            Place::Machine => "the programs on PATH".into(),
        }
    }

    /// Makes the command that runs `run` with the toolchain.
    fn command(&self, run: &Run<'_>) -> Result<Command> {
        match &self.place {
            Place::Folder(path) => self.command_inside(path, run),
            Place::Machine => self.command_here(run),
        }
    }

    /// What every command gets, wherever it runs.
    fn base_environment(&self) -> Result<BTreeMap<String, String>> {
        fs::create_dir_all(self.emscripten_cache())?;
        Ok(BTreeMap::from([
            ("EM_CACHE".into(), self.emscripten_cache().display().to_string()),
            // Reproducibility: no build path and no build time in the results.
            ("SOURCE_DATE_EPOCH".into(), SOURCE_DATE_EPOCH.to_string()),
            ("LANG".into(), "C.UTF-8".into()),
        ]))
    }

    fn command_here(&self, run: &Run<'_>) -> Result<Command> {
        let mut command = Command::new("bash");
        command.envs(self.base_environment()?).envs(&run.env);
        command.args(["-euo", "pipefail", "-c"]).arg(format!("cd \"$0\"\n{}", run.script)).arg(run.cwd).args(&run.args);
        Ok(command)
    }

    fn command_inside(&self, root: &Path, run: &Run<'_>) -> Result<Command> {
        need_root_user()?;
        fs::create_dir_all(&self.cargo_home).with_context(|| format!("Could not create `{}`", self.cargo_home.display()))?;
        let mut mounts = vec![self.checkout.clone(), self.cache.clone(), self.cargo_home.clone()];
        let mut environment = self.base_environment()?;
        for name in PASSED_VARIABLES {
            if let Ok(value) = std::env::var(name) {
                environment.insert(name.into(), value);
            }
        }
        for (name, value) in std::env::vars() {
            let of_registries = [
                "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_", "CARGO_SOURCE_", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL",
                "PIP_TRUSTED_HOST", "PIP_PROXY", "PIP_DEFAULT_TIMEOUT",
            ];
            if of_registries.iter().any(|p| name.starts_with(p)) {
                environment.insert(name, value);
            }
        }
        for name in CERTIFICATE_VARIABLES {
            if let Some(file) = std::env::var_os(name).map(PathBuf::from).filter(|f| f.is_file()) {
                environment.insert(name.into(), file.display().to_string());
                mounts.push(file);
            }
        }
        for path in ["/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs", "/etc/pip.conf"] {
            if Path::new(path).exists() {
                mounts.push(path.into());
            }
        }
        let set = |map: &mut BTreeMap<String, String>, k: &str, v: String| {
            map.insert(k.into(), v);
        };
        set(&mut environment, "HOME", "/root".into());
        set(&mut environment, "PATH", "/usr/local/bin:/usr/bin:/bin".into());
        set(&mut environment, "CARGO_HOME", self.cargo_home.display().to_string());
        environment.extend(run.env.clone());

        let mut command = Command::new("unshare");
        command.args(["-m", "--propagation", "private", "--", "bash", "-euc", ENTER, "enter"]).arg(root);
        // Mounted in path order, so that a folder comes before what lies in it.
        mounts.sort();
        mounts.dedup();
        command.args(&mounts).arg("--").args(["env", "-i"]);
        command.args(environment.iter().map(|(k, v)| format!("{k}={v}")));
        command.args(["bash", "-euo", "pipefail", "-c"]);
        command.arg(format!("cd \"$0\"\n{}", run.script)).arg(run.cwd).args(&run.args);
        Ok(command)
    }

    /// Runs to the end; output goes to a log file, its last lines into the error if it fails.
    pub fn run(&self, cache: &Cache, log: &str, step: &Step, run: Run<'_>) -> Result<()> {
        let command = self.command(&run)?;
        logged(command, &cache.log(log)?, step, false).map(|_| ())
    }

    /// As [`Root::run`], returning what was written to stdout.
    pub fn capture(&self, cache: &Cache, log: &str, step: &Step, run: Run<'_>) -> Result<String> {
        let command = self.command(&run)?;
        logged(command, &cache.log(log)?, step, true)
    }

    /// Emscripten's system libraries, compiled once per toolchain. It does its own locking.
    pub fn emscripten_cache(&self) -> PathBuf {
        self.cache.join("emscripten").join(&self.id)
    }
}

/// 2026-01-01: the fixed time of everything that must carry one.
pub const SOURCE_DATE_EPOCH: u64 = 1_767_225_600;

/// Runs a program with stderr (and stdout unless captured) going to a log file.
fn logged(mut command: Command, log: &Path, step: &Step, capture: bool) -> Result<String> {
    let mut file = fs::File::create(log).with_context(|| format!("Could not write the log file `{}`", log.display()))?;
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return fail(format!("The program `{program}` is missing"), format!("Install it, for example with `apt-get install {program}`"));
        }
        Err(e) => return Err(e).with_context(|| format!("Could not start `{program}`")),
    };
    let mut tail: std::collections::VecDeque<String> = std::collections::VecDeque::new();
    let mut captured = String::new();
    let (send, receive) = std::sync::mpsc::channel::<(bool, String)>();
    std::thread::scope(|scope| -> Result<()> {
        let streams: [(bool, Option<Box<dyn std::io::Read + Send>>); 2] = [
            (true, child.stdout.take().map(|s| Box::new(s) as Box<dyn std::io::Read + Send>)),
            (false, child.stderr.take().map(|s| Box::new(s) as Box<dyn std::io::Read + Send>)),
        ];
        for (is_stdout, stream) in streams {
            let send = send.clone();
            scope.spawn(move || {
                let Some(stream) = stream else { return };
                for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                    if send.send((is_stdout, String::from_utf8_lossy(&line).into_owned())).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        for (is_stdout, line) in receive {
            if is_stdout && capture {
                captured.push_str(&line);
                captured.push('\n');
                continue;
            }
            writeln!(file, "{line}")?;
            step.output_line(&line);
            tail.push_back(line);
            if tail.len() > 400 {
                tail.pop_front();
            }
        }
        Ok(())
    })?;
    let status = child.wait().with_context(|| format!("Could not wait for `{program}`"))?;
    if status.success() {
        return Ok(captured);
    }
    // The lines that say what is wrong, or else the last ones.
    let telling: Vec<&String> = tail
        .iter()
        .filter(|l| ["error:", "Error", "E: ", "error[", "No space left", "undefined symbol", "failed"].iter().any(|m| l.contains(m)))
        .collect();
    let mut lines: Vec<&str> = telling.iter().rev().take(6).rev().map(|l| l.as_str()).collect();
    if lines.is_empty() {
        lines = tail.iter().rev().take(6).rev().map(String::as_str).collect();
    }
    let text: String = lines.iter().map(|l| l.chars().take(300).collect::<String>()).collect::<Vec<_>>().join("\n  ");
    let hint = crate::failure::hint_for(&text).unwrap_or_else(|| format!("The whole output is in {}", log.display()));
    fail(format!("A build command failed with {status}:\n  {text}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_one_of_the_main_archive() {
        let text = "Types: deb\nURIs: http://mirror.test/debian-security\nSuites: bookworm-security\nComponents: main\n\n\
                    Types: deb\n# a comment\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\nComponents: main\n";
        assert_eq!(mirror_from_deb822(text, "bookworm").as_deref(), Some("http://mirror.test/debian"));
        let list = "deb https://other.test/apt tool-bookworm main\n# deb http://no.test bookworm main\ndeb [arch=amd64] http://mirror.test/debian bookworm main contrib\n";
        assert_eq!(mirror_from_list(list, "bookworm").as_deref(), Some("http://mirror.test/debian"));
    }

    #[test]
    fn a_later_patch_release_of_emscripten_is_suitable() {
        assert!(suitable("6.0.5", "6.0.5") && suitable("6.0.7", "6.0.5"));
        assert!(!suitable("6.1.0", "6.0.5") && !suitable("6.0.4", "6.0.5") && !suitable("odd", "6.0.5"));
    }
}
