//! Adjusts the JavaScript that Emscripten writes, where no option or library function of Emscripten's can.
//!
//! INVARIANT: each text is there exactly once, or the build fails: a new Emscripten is looked at by a person.

use anyhow::{Result, bail};

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
        new: "function applySignatureConversions(original){var wasmExports=new Proxy({__proto__:null},{get:(own,name)=>own[name]??original[name],has:(own,name)=>name in original});",
    },
    Adjustment {
        why: "the call trampoline is in no table yet",
        old: "return addFunction(trampolineInstance.exports.trampoline_call)",
        new: "return addNewFunction(trampolineInstance.exports.trampoline_call)",
    },
];

/// The adjusted text.
pub fn adjust(glue: &str) -> Result<String> {
    let mut text = glue.to_string();
    for Adjustment { why, old, new } in ADJUSTMENTS {
        match text.matches(old).count() {
            1 => text = text.replacen(old, new, 1),
            found => bail!("Emscripten's JavaScript has `{old}` {found} times instead of once ({why})\n\nhint: Look at what this version of Emscripten writes, and mend `xtask/src/glue.rs`"),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_missing_or_there_twice_is_refused() {
        let all: String = ADJUSTMENTS.iter().map(|a| a.old).collect();
        let adjusted = adjust(&all).expect("each is there once");
        assert!(ADJUSTMENTS.iter().all(|a| adjusted.contains(a.new)));
        assert!(adjust(&format!("{all}{all}")).is_err());
        assert!(adjust("").is_err());
    }
}
