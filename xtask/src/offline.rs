//! `cargo xtask offline`: a folder with the distribution, wheels and a lock file of all of them. It works from any static
//! file host with no other network.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use pyoxide_lockfile::{Error, Lockfile, Wheel, pylock, sha256};

use crate::cache::{files_below, remove_tree};
use crate::context::Context;
use crate::dist;
use crate::failure::fail;
use crate::pip;
use crate::progress::Step;
use crate::sys_libs::copy_tree;

const LOCKFILE: &str = "pyodide-lock.json";

#[derive(Args)]
pub struct Options {
    /// Folder to make; one that an earlier call made is replaced
    #[arg(long, value_name = "DIR", default_value = "target/offline")]
    out: PathBuf,
    /// A `pylock.toml` whose wheels to take
    #[arg(long, value_name = "FILE")]
    pylock: Option<PathBuf>,
    /// A file of requirements, one on a line
    #[arg(long, short, value_name = "FILE")]
    requirements: Option<PathBuf>,
    /// What to add: names with or without versions (`attrs>=24`), wheel files, URLs of wheels
    #[arg(value_name = "REQUIREMENT")]
    wanted: Vec<String>,
}

pub fn run(context: &Context, options: &Options) -> Result<()> {
    let mut wanted = options.wanted.clone();
    if let Some(file) = &options.requirements {
        wanted.extend(requirement_lines(file)?);
    }
    if wanted.is_empty() && options.pylock.is_none() {
        return fail("There is nothing to add", "Name packages, such as `cargo xtask offline attrs`, or give --requirements or --pylock");
    }
    let out = std::path::absolute(&options.out)?;
    if out.exists() && !out.join(LOCKFILE).exists() && out.read_dir()?.next().is_some() {
        return fail(format!("`{}` is not empty and no distribution", out.display()), "Name another folder with --out, or delete it");
    }
    let dist = dist::ensure(context)?;
    let step = Step::start("Offline folder");
    let parent = out.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).with_context(|| format!("Could not create `{}`", parent.display()))?;
    // pip may run in a toolchain root, which sees the checkout and the cache alone.
    let wheels_dir = context.checkout.join(format!("target/offline-wheels.{}", std::process::id()));
    let fresh = parent.join(format!(".{}.{}", out.file_name().unwrap_or_default().to_string_lossy(), std::process::id()));
    let result = fill(context, &step, options, &wanted, &dist, &wheels_dir, &fresh).and_then(|wheels| {
        remove_tree(&out)?;
        fs::rename(&fresh, &out).with_context(|| format!("Could not put `{}` in place", out.display()))?;
        Ok(wheels)
    });
    // The first error is the one to report.
    let _ = remove_tree(&wheels_dir);
    let _ = remove_tree(&fresh);
    let wheels = result?;
    step.done();
    let bytes: u64 = files_below(&out)?.iter().filter_map(|file| fs::metadata(out.join(file)).ok()).map(|meta| meta.len()).sum();
    for wheel in &wheels {
        println!("{} {}", wheel.name, wheel.version);
    }
    println!("{} ({:.1} MB, {} packages): serve it and call `pyodide.loadPackage`", out.display(), bytes as f64 / 1e6, wheels.len());
    Ok(())
}

fn fill(context: &Context, step: &Step, options: &Options, wanted: &[String], dist: &Path, wheels_dir: &Path, fresh: &Path) -> Result<Vec<Wheel>> {
    remove_tree(wheels_dir)?;
    remove_tree(fresh)?;
    fs::create_dir_all(wheels_dir)?;
    let platform = pip::platform(&context.versions)?;
    let place = LOCKFILE;
    let lock_text = fs::read_to_string(dist.join(LOCKFILE)).context("Could not read the lock file of `dist/`")?;
    let mut lockfile = Lockfile::parse(&lock_text, place)?;
    if let Some(file) = &options.pylock {
        let text = fs::read_to_string(file).with_context(|| format!("Could not read `{}`", file.display()))?;
        for locked in pylock::wheels(&text, &file.display().to_string(), &platform)? {
            let target = wheels_dir.join(&locked.file);
            match &locked.source {
                pylock::Source::Path(path) => {
                    let from = file.parent().unwrap_or(Path::new("")).join(path);
                    fs::copy(&from, &target).with_context(|| format!("Could not copy the wheel `{}`", from.display()))?;
                }
                pylock::Source::Url(url) => pip::download_one(context, step, wheels_dir, url, &locked.sha256)?,
            }
            let found = sha256(&fs::read(&target).with_context(|| format!("pip did not download `{}`", locked.file))?);
            if found != locked.sha256 {
                return Err(Error::WrongHash { file: locked.file, found, expected: locked.sha256 }.into());
            }
        }
    }
    let locked = pip::read_wheels(wheels_dir, &platform)?;
    // Local wheels are copied to where pip can see them.
    let mut requirements = Vec::new();
    for text in wanted {
        let file = Path::new(text);
        if text.ends_with(".whl") && !text.contains("://") {
            let name = file.file_name().unwrap_or_default();
            fs::copy(file, wheels_dir.join(name)).with_context(|| format!("Could not copy the wheel `{text}`"))?;
            requirements.push(wheels_dir.join(name).display().to_string());
        } else {
            requirements.push(text.clone());
        }
    }
    let wheels = if requirements.is_empty() {
        locked
    } else {
        pip::download_closure(context, step, wheels_dir, &requirements, &locked, dist, &lockfile)?
    };
    lockfile.add_wheels(&wheels, &platform, false, place, |wheel| wheel.file.clone())?;
    step.at("copying");
    copy_tree(dist, fresh)?;
    for wheel in &wheels {
        fs::copy(wheels_dir.join(&wheel.file), fresh.join(&wheel.file))?;
    }
    fs::write(fresh.join(LOCKFILE), lockfile.to_json())?;
    Ok(wheels)
}

fn requirement_lines(file: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(file).with_context(|| format!("Could not read `{}`", file.display()))?;
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or(line).trim()).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<String> = lines.map(str::to_string).collect();
    match lines.iter().find(|line| line.starts_with('-')) {
        Some(option) => fail(format!("`{}` has the option `{option}`", file.display()), "Only requirements are read from the file; give options to pip's configuration"),
        None => Ok(lines),
    }
}
