//! Adjusts the JavaScript that Emscripten writes, where no option or library function of Emscripten's can.
//!
//! INVARIANT: each text is there exactly once, or the build fails: a new Emscripten is looked at by a person.

use std::collections::HashSet;

use anyhow::{Result, bail};
use sha2::{Digest as _, Sha256};

/// This very file: what it does is an input of the link.
pub const SOURCE: &str = include_str!("glue.rs");

struct Adjustment {
    /// What it is for, in the error.
    why: &'static str,
    old: &'static str,
    new: &'static str,
}

const ADJUSTMENTS: &[Adjustment] = &[
    Adjustment {
        why: "the exports are converted without being copied",
        old: "function applySignatureConversions(wasmExports){wasmExports=Object.assign({},wasmExports);",
        new: "function applySignatureConversions(original){var wasmExports=new Proxy({__proto__:null},{get:(own,name)=>own[name]??original[name]??mainExports[name],has:(own,name)=>name in mainExports});",
    },
    // PERF: engines compile a function in parentheses with the script around it; any other is parsed once more when it is called (load: import + loadPyodide).
    Adjustment { why: "the whole is compiled at once (its beginning)", old: "async function createModule(moduleArg={}){", new: "var createModule=(async function createModule(moduleArg={}){" },
    Adjustment { why: "the whole is compiled at once (its end)", old: ";return Module}export default createModule;", new: ";return Module});export default createModule;" },
    Adjustment {
        why: "the call trampoline is in no table yet",
        old: "return addFunction(trampolineInstance.exports.trampoline_call)",
        new: "return placeFunction(trampolineSlot,trampolineInstance.exports.trampoline_call)",
    },
    Adjustment {
        why: "a snapshot brings what constructors make",
        old: "wasmExports[\"__wasm_call_ctors\"]();",
        new: "if(!Module[\"skipConstructors\"])wasmExports[\"__wasm_call_ctors\"]();",
    },
    Adjustment {
        why: "the part of the table that a reset has freed is used again (where)",
        old: "var tableBase=metadata.tableSize?wasmTable.length:0;",
        new: "var tableBase=metadata.tableSize?wasmTable.length-spareTableSlots:0;",
    },
    Adjustment {
        why: "the part of the table that a reset has freed is used again (how much)",
        old: "if(metadata.tableSize){wasmTable.grow(metadata.tableSize)}",
        new: "if(metadata.tableSize){takeTableSlots(metadata.tableSize)}",
    },
    Adjustment {
        why: "JavaScript in side modules is evaluated when there is some (EM_ASM)",
        old: "var func=`(${args}) => { ${body} };`;abort(\"DYNAMIC_EXECUTION=0 was set, cannot eval\")",
        new: "var func=`(${args}) => { ${body} }`;ASM_CONSTS[addr]=libraryFunction(func,libName)",
    },
    Adjustment {
        why: "JavaScript in side modules is evaluated when there is some (EM_JS)",
        old: "var func=`(${jsArgs}) => ${body};`;abort(\"DYNAMIC_EXECUTION=0 was set, cannot eval\")",
        new: "var func=`(${jsArgs}) => ${body}`;moduleExports[name]=libraryFunction(func,libName)",
    },
    // Emscripten throws `unwind` through all frames, which would leave Python in the middle of its calls.
    Adjustment {
        why: "a main loop that is said never to return goes on beside Python, if the program allows it",
        old: "if(simulateInfiniteLoop){throw\"unwind\"}",
        new: "if(simulateInfiniteLoop&&!Module[\"goesOnBesideMainLoop\"]){abort(\"A library started a main loop that never returns. Set `pyodide._api._skip_unwind_fatal_error = true` before, and the loop runs beside Python\")}",
    },
    // Node refuses `process.binding` to programs that have permissions (`--permission`), and will take it away.
    Adjustment { why: "the numbers of flags come from the module fs", old: "process.binding(\"constants\")[\"fs\"]", new: "fs[\"constants\"]" },
    Adjustment {
        why: "functions that are not there yet are found without JavaScript in between",
        old: "if(!(prop in stubs)){var resolved;stubs[prop]=(...args)=>{resolved||=resolveSymbol(prop);return resolved(...args)}}return stubs[prop]}};var proxy=new Proxy({},proxyHandler);",
        new: "return stubs(prop)}};var proxy=new Proxy(libraryStubs(binary,libName,localScope,resolveSymbol,()=>moduleExports),proxyHandler);",
    },
];

/// The adjusted text. `exports` are for side modules alone, which find them in the instance: Emscripten would look each of them up at
/// every start, for JavaScript that never asks.
pub fn adjust(glue: &str, exports: &[String]) -> Result<String> {
    let mut text = glue.to_string();
    for name in exports {
        let assignment = format!("_{name}=Module[\"_{name}\"]=wasmExports[\"{name}\"];");
        match text.matches(&assignment).count() {
            1 => text = text.replacen(&assignment, "", 1).replacen(&format!(",_{name},"), ",", 1),
            found => bail!("Emscripten's JavaScript has `{assignment}` {found} times instead of once (what side modules find needs no variable)\n\nhint: Look at what this version of Emscripten writes, and mend `xtask/src/glue.rs`"),
        }
    }
    for Adjustment { why, old, new } in ADJUSTMENTS {
        match text.matches(old).count() {
            1 => text = text.replacen(old, new, 1),
            found => bail!("Emscripten's JavaScript has `{old}` {found} times instead of once ({why})\n\nhint: Look at what this version of Emscripten writes, and mend `xtask/src/glue.rs`"),
        }
    }
    Ok(text)
}

/// Exports that the text names. Others are found by their names, when somebody asks.
pub fn named_exports(glue: &str) -> HashSet<String> {
    let names = ["wasmExports[\"", "mainExports[\""].iter().flat_map(|before| glue.split(before).skip(1));
    names.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

/// Name of the section of the WebAssembly module that says which build it is of.
const BUILD_SECTION: &str = "pyoxide.build";

/// Marks both halves of a main module with the hash of both, so that files of different builds are told apart.
pub fn mark(glue: &mut String, wasm: &mut Vec<u8>) {
    let hash = sha256(&[glue.as_bytes(), wasm]);
    let build = &hash[..32];
    glue.push_str(&format!("\ncreateModule.build=\"{build}\";\n"));
    let name = BUILD_SECTION.as_bytes();
    // A custom section: 0, size, length of the name, name, content. All sizes fit into seven bits.
    wasm.extend([0, (1 + name.len() + build.len()) as u8, name.len() as u8]);
    wasm.extend(name);
    wasm.extend(build.as_bytes());
}

fn sha256(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_missing_or_there_twice_is_refused() {
        let all: String = ADJUSTMENTS.iter().map(|a| a.old).collect();
        let adjusted = adjust(&all, &[]).expect("each is there once");
        assert!(ADJUSTMENTS.iter().all(|a| adjusted.contains(a.new)));
        assert!(adjust(&format!("{all}{all}"), &[]).is_err());
        assert!(adjust("", &[]).is_err());
    }

    #[test]
    fn both_halves_carry_the_hash_of_both() {
        let (mut glue, mut wasm) = (String::from("function createModule(){}"), b"\0asm\x01\0\0\0".to_vec());
        mark(&mut glue, &mut wasm);
        let build = glue.split('"').nth(1).expect("it is a string").to_string();
        assert_eq!(build.len(), 32);
        assert!(wasm.ends_with(build.as_bytes()));
        // The size of the section covers the rest of the file.
        assert_eq!(usize::from(wasm[9]), wasm.len() - 10);
    }
}
