//! `cargo xtask`: builds and checks everything. Start at [`Command`].
//!
//! This file owns the command line and the rendering of errors; each subject is a module. Nothing else prints
//! results or ends the process.

mod bench;
mod bundled;
mod cache;
mod clean;
mod codegen;
mod context;
mod core;
mod cpython;
mod dist;
mod doctor;
mod failure;
mod glue;
mod hints;
mod layers;
mod link;
mod machine;
mod offline;
mod on_demand;
mod pip;
mod progress;
mod root;
mod runtime;
mod serve;
mod stdlib;
mod stdlib_packages;
mod symbols;
mod sys_libs;
mod test;
mod test_modules;
mod versions;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::context::Context;

/// Builds and checks Pyoxide.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make what a build needs: toolchain, CPython, C libraries, npm packages
    Setup,
    /// Build the distribution into dist/
    Dist,
    /// Build what is missing, then run a Python script in Node
    Run {
        /// Script and its arguments, or options of the `python` command such as `-c` and `-m`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "SCRIPT")]
        arguments: Vec<OsString>,
    },
    /// Run every test
    Test(test::Options),
    /// Serve dist/ on this machine and print the address of a page to type Python into
    Serve(serve::Options),
    /// Say what is found, what is missing and how to mend it
    Doctor,
    /// Delete dist/, and with --cache everything downloaded and built
    Clean {
        /// Delete the cache folder too
        #[arg(long)]
        cache: bool,
    },
    /// Make a folder with the distribution and packages that works without any other network
    Offline(offline::Options),
    /// Write the files generated from the boundary table
    Codegen {
        /// Only compare; fail if one differs
        #[arg(long)]
        check: bool,
    },
    /// Check a rule of the project
    Check {
        #[command(subcommand)]
        what: Check,
    },
    /// Compare dist/ with the peer, side by side
    Bench {
        /// In headless Chromium instead of Node
        #[arg(long)]
        chromium: bool,
        /// Options of benches/compare.mjs (with `--chromium`, of benches/chromium.mjs), such as `--rounds 3 --only load,size`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
        arguments: Vec<OsString>,
    },
    /// Build one part and print where it is in the cache
    #[command(hide = true)]
    Step { name: Step },
}

#[derive(Subcommand)]
enum Check {
    /// Who may use whom, and what may lie in the root folder
    Layers,
    /// Imports and exports of the linked module equal the boundary table
    Boundary,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Step {
    Root,
    SysLibs,
    Cpython,
    Core,
    MainModule,
    Stdlib,
    Runtime,
    TestWheels,
    TestSideModules,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match execute(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprint!("{}", failure::render(&error));
            ExitCode::from(1)
        }
    }
}

fn execute(command: Command) -> Result<ExitCode> {
    let context = Context::new()?;
    match command {
        Command::Setup => {
            cpython::ensure(&context)?;
            runtime::ensure_npm_packages(&context.versions, &context.checkout.join("runtime"), "npm packages of the runtime")?;
        }
        Command::Dist => {
            println!("{}", dist::ensure(&context)?.display());
        }
        Command::Run { arguments } => {
            runtime::check_node(&context.versions)?;
            return run(&context, &arguments);
        }
        Command::Test(options) => return test::run(&context, &options),
        Command::Serve(options) => serve::run(&context, &options)?,
        Command::Doctor => return doctor::run(&context),
        Command::Clean { cache } => clean::run(&context, cache)?,
        Command::Offline(options) => offline::run(&context, &options)?,
        Command::Codegen { check } => codegen::run(&context.checkout, check)?,
        Command::Check { what: Check::Layers } => layers::check(&context.checkout)?,
        Command::Check { what: Check::Boundary } => {
            let wasm: PathBuf = link::ensure(&context)?.join(link::WASM);
            codegen::check_boundary(&context.checkout, &wasm)?;
        }
        Command::Bench { chromium, arguments } => return bench::run(&context, chromium, &arguments),
        Command::Step { name } => {
            let place = match name {
                Step::Root => context.root()?.describe(),
                Step::SysLibs => sys_libs::ensure(&context)?.display().to_string(),
                Step::Cpython => cpython::ensure(&context)?.display().to_string(),
                Step::Core => core::ensure(&context)?.display().to_string(),
                Step::MainModule => link::ensure(&context)?.display().to_string(),
                Step::Stdlib => stdlib::ensure(&context)?.display().to_string(),
                Step::Runtime => runtime::ensure(&context)?.display().to_string(),
                Step::TestSideModules => test::side_modules(&context)?.display().to_string(),
                Step::TestWheels => test::wheels(&context)?.display().to_string(),
            };
            println!("{place}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `dist/python`. Its exit code is ours.
fn run(context: &Context, arguments: &[OsString]) -> Result<ExitCode> {
    let python = dist::ensure(context)?.join("python");
    let status = std::process::Command::new("node")
        .arg(&python)
        .args(arguments)
        .status()
        .with_context(|| format!("Could not start Node on `{}`", python.display()))?;
    Ok(exit_code(status))
}

/// The exit code of a program, a signal told as shells tell it.
fn exit_code(status: std::process::ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|s| 128 + s)).unwrap_or(1);
    ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1))
}
