//! Says what a build would find on this machine: one line per thing, with what to do where it is missing.
//!
//! Invariant: changes nothing and needs no network.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::context::Context;
use crate::machine;
use crate::root::{SYSTEM_PROGRAMS, debian_mirror, find_program, find_system_program, is_root_user, key};
use crate::{dist, runtime};

struct Report {
    problems: u32,
}

impl Report {
    fn ok(&self, what: &str, found: &str) {
        println!("ok       {what}: {found}");
    }

    fn later(&self, what: &str, how: &str) {
        println!("not yet  {what}: {how}");
    }

    fn missing(&mut self, what: &str, how: &str) {
        self.problems += 1;
        println!("missing  {what}: {how}");
    }
}

fn output_of(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_string)
}

pub fn run(context: &Context) -> Result<ExitCode> {
    let mut report = Report { problems: 0 };
    let root_entry = context.cache.entry_path("root", &key(&context.versions));
    let have_root = root_entry.exists();

    if is_root_user() {
        report.ok("root user", "yes");
    } else if have_root && context.dist().exists() {
        report.later("root user", "needed only to build; what is built already runs without");
    } else {
        report.missing("root user", "the toolchain runs in a chroot: use `sudo --preserve-env=HOME,PATH`");
    }
    match output_of("rustc", "--version") {
        Some(version) => report.ok("Rust", &version),
        None => report.missing("Rust", "install it with rustup, or `apt-get install rustc cargo`"),
    }
    match runtime::check_node(&context.versions) {
        Ok(version) => report.ok("Node.js", &version),
        Err(error) => report.missing("Node.js", &format!("{error}: install {} or later", context.versions.node.minimum)),
    }
    match output_of("npm", "--version") {
        Some(version) => report.ok("npm", &version),
        None => report.missing("npm", "install it with Node.js, or `apt-get install npm`"),
    }
    match debian_mirror() {
        Ok(mirror) => report.ok("Debian mirror", &mirror),
        Err(_) if have_root => report.later("Debian mirror", "needed only to make the toolchain again"),
        Err(_) => report.missing("Debian mirror", "set `PYOXIDE_DEBIAN_MIRROR` to the address of one"),
    }
    for (program, package) in SYSTEM_PROGRAMS {
        match find_system_program(program) {
            Some(path) => report.ok(program, &path.display().to_string()),
            None => report.later(program, &format!("installed by the first build (or `apt-get install {package}`)")),
        }
    }
    match find_program("chromium") {
        Some(path) => report.ok("Chromium (for tests)", &path.display().to_string()),
        None => report.later("Chromium (for tests)", "installed by `cargo xtask test` (or `apt-get install chromium`)"),
    }
    report.ok("cache", &context.cache.path().display().to_string());
    if let Some(free) = free_space(context) {
        let text = format!("{free} GB free at the cache");
        if free >= 8 { report.ok("disk", &text) } else { report.missing("disk", &format!("{text}; a build needs 8 GB: free some, or set `PYOXIDE_CACHE`")) }
    }
    match machine::find(&context.versions) {
        Ok(found) => report.ok("toolchain", &format!("the one on PATH: {}", found.summary())),
        Err(_) if have_root => report.ok("toolchain root", &root_entry.display().to_string()),
        Err(missing) => report.later("toolchain root", &format!("made by the first build, because PATH lacks {}", missing.join(", "))),
    }
    for (dir, what) in [("runtime", "npm packages of the runtime"), ("tests", "npm packages of the tests")] {
        let path = context.checkout.join(dir).join("node_modules");
        if path.exists() { report.ok(what, "installed") } else { report.later(what, "installed when they are needed") }
    }
    match dist::summary(&context.dist())? {
        Some(bytes) => report.ok("dist/", &format!("{:.1} MB", bytes as f64 / 1e6)),
        None => report.later("dist/", "built by `cargo xtask dist`"),
    }
    if report.problems == 0 {
        println!("\nNothing is missing");
        return Ok(ExitCode::SUCCESS);
    }
    println!("\n{} missing", report.problems);
    Ok(ExitCode::from(1))
}

/// Gigabytes free where the cache is or will be.
fn free_space(context: &Context) -> Option<u64> {
    let existing = context.cache.path().ancestors().find(|p| p.exists())?;
    let output = Command::new("df").args(["--output=avail", "-B1G"]).arg(existing).output().ok()?;
    String::from_utf8_lossy(&output.stdout).lines().nth(1)?.trim().parse().ok()
}
