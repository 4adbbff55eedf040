//! Tells engines which functions of the main module a start and the first calls use: they are compiled with the module, by other threads, instead of
//! when they are called, while everything waits.
//!
//! Owns: the sections that say so. V8 obeys them when it is told to (`runtime/src/environment/engine-options.ts`); all other engines skip them.
//! Not here: what the first calls are (`scripts/first_calls.mjs`).
//! INVARIANT: no function changes its number, and nothing else of the module changes: it stays the build that snapshots are of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use wasmparser::{Parser, Payload, TypeRef};

use crate::link;
use crate::symbols::{number, push_section};

pub const SCRIPT: &str = include_str!("scripts/first_calls.mjs");
/// What decides what is written, for the key of the distribution.
pub const SOURCE: &str = include_str!("hints.rs");

/// What V8 11 to 13 reads: a byte for each function. One compiles it when it is called, two with the module.
const OLD_SECTION: &str = "compilationHints";
const WHEN_CALLED: u8 = 1;
const WITH_THE_MODULE: u8 = 2;
/// What later ones read, by the proposal for WebAssembly: for each function named its number, an offset of 0, and a number of bytes with its priority.
const SECTION: &str = "metadata.code.compilation_priority";
const FIRST: [u8; 3] = [0, 1, 0];

const CODE_SECTION: u8 = 10;
/// A start alone calls more; the first calls use nowhere near so many.
const FEWEST: usize = 100;
const MOST: usize = 2000;

/// Runs the first calls in the distribution in `dist` and writes what they use into its main module.
pub fn add(dist: &Path, target: &Path) -> Result<()> {
    let script = target.join(format!("first-calls.{}.mjs", std::process::id()));
    fs::write(&script, SCRIPT).with_context(|| format!("Could not write `{}`", script.display()))?;
    let output = Command::new("node")
        // With this option chosen the runtime leaves it alone: nothing is compiled before it is called.
        .args(["--no-warnings", "--wasm-lazy-compilation", "--trace-wasm-compilation-times"])
        .arg(&script)
        .arg(dist)
        // What is compiled already says nothing.
        .env("NODE_DISABLE_COMPILE_CACHE", "1")
        .env_remove("NODE_OPTIONS")
        .output()
        .context("Could not start Node");
    fs::remove_file(&script)?;
    let output = output?;
    ensure!(output.status.success(), "The first calls failed: {}", String::from_utf8_lossy(&output.stderr));
    let functions = compiled(&String::from_utf8_lossy(&output.stdout))?;
    let file = dist.join(link::WASM);
    let wasm = fs::read(&file).with_context(|| format!("Could not read `{}`", file.display()))?;
    fs::write(&file, with_hints(&wasm, &functions)?).with_context(|| format!("Could not write `{}`", file.display()))
}

/// Functions that the engine says it has compiled: `Compiled function 0x7fb168000b80#522 using Liftoff, ...`. The main module has most of them.
fn compiled(said: &str) -> Result<BTreeSet<u32>> {
    let mut modules: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for line in said.lines() {
        let Some((name, _)) = line.strip_prefix("Compiled function ").and_then(|rest| rest.split_once(" using Liftoff")) else { continue };
        let Some((module, function)) = name.split_once('#') else { continue };
        modules.entry(module).or_default().insert(function.parse()?);
    }
    let functions = modules.into_values().max_by_key(BTreeSet::len).unwrap_or_default();
    ensure!(
        (FEWEST..=MOST).contains(&functions.len()),
        "Node says that the first calls use {} functions: look at what `node --wasm-lazy-compilation --trace-wasm-compilation-times` prints",
        functions.len()
    );
    Ok(functions)
}

fn with_hints(wasm: &[u8], functions: &BTreeSet<u32>) -> Result<Vec<u8>> {
    let mut imported: u32 = 0;
    let mut defined: u32 = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.context("The main module is no WebAssembly")? {
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                }
            }
            Payload::FunctionSection(reader) => defined = reader.count(),
            Payload::CustomSection(reader) if reader.name() == SECTION => bail!("The main module has hints already"),
            _ => {}
        }
    }
    let mut strategies = vec![WHEN_CALLED; defined as usize];
    let mut priorities = number(u32::try_from(functions.len())?);
    for &function in functions {
        let place = function.checked_sub(imported).and_then(|index| strategies.get_mut(index as usize));
        *place.with_context(|| format!("The main module has no function {function}"))? = WITH_THE_MODULE;
        priorities.extend(number(function));
        priorities.extend(FIRST);
    }
    let mut result = wasm[..8].to_vec();
    for payload in Parser::new(0).parse_all(wasm) {
        let Some((id, range)) = payload?.as_section() else { continue };
        if id == CODE_SECTION {
            let mut old = number(defined);
            old.extend(&strategies);
            push_section(&mut result, 0, &named(OLD_SECTION, &old)?)?;
            push_section(&mut result, 0, &named(SECTION, &priorities)?)?;
        }
        push_section(&mut result, id, &wasm[range.start as usize..range.end as usize])?;
    }
    Ok(result)
}

fn named(name: &str, content: &[u8]) -> Result<Vec<u8>> {
    let mut section = number(u32::try_from(name.len())?);
    section.extend(name.as_bytes());
    section.extend(content);
    Ok(section)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Imports a function; has two of its own.
    fn sample() -> Vec<u8> {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        let mut section = |id: u8, content: &[u8]| push_section(&mut module, id, content).expect("it is short");
        section(1, &[1, 0x60, 0, 0]);
        section(2, &[1, 1, b'm', 1, b'f', 0, 0]);
        section(3, &[2, 0, 0]);
        section(CODE_SECTION, &[2, 2, 0, 0x0b, 2, 0, 0x0b]);
        module
    }

    #[test]
    fn hints_stand_before_the_code_and_change_nothing_else() {
        let sample = sample();
        let hinted = with_hints(&sample, &BTreeSet::from([2])).expect("the sample is a module");
        let code = sample.len() - 9;
        let mut expected = sample[..code].to_vec();
        push_section(&mut expected, 0, &named(OLD_SECTION, &[2, WHEN_CALLED, WITH_THE_MODULE]).expect("it is short")).expect("it is short");
        push_section(&mut expected, 0, &named(SECTION, &[1, 2, 0, 1, 0]).expect("it is short")).expect("it is short");
        expected.extend(&sample[code..]);
        assert_eq!(hinted, expected);
        assert!(with_hints(&hinted, &BTreeSet::from([2])).is_err(), "hints twice");
    }

    #[test]
    fn functions_that_are_not_there_are_refused() {
        assert!(with_hints(&sample(), &BTreeSet::from([0])).is_err(), "an import");
        assert!(with_hints(&sample(), &BTreeSet::from([3])).is_err(), "beyond the last");
    }

    #[test]
    fn what_the_engine_says_is_read_for_the_module_that_it_says_most_of() {
        let mut said = "Compiled WasmToJS wrapper a, took 0 ms; codesize 1\nCompiled function 0x1#7 using Liftoff, took 0 ms\n".to_string();
        for function in 0..FEWEST {
            said.push_str(&format!("Compiled function 0x2#{function} using Liftoff, took 31 us and 16136 bytes; bodysize 61 codesize 208\n"));
            said.push_str(&format!("Compiled function 0x2#{} using TurboFan, took 1 ms\n", function + FEWEST));
        }
        let functions = compiled(&said).expect("there are enough");
        assert_eq!(functions, (0..u32::try_from(FEWEST).expect("it is small")).collect());
        assert!(compiled("Compiled function 0x1#7 using Liftoff, took 0 ms").is_err(), "too few");
    }
}
