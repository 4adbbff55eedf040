//! The one place that says what crosses between wasm and JavaScript.
//!
//! Owns the rows ([`for_each_js_import`], [`for_each_py_export`]) and the shared constants
//! ([`for_each_constant`]). Does not own behaviour: the Rust half is `pyoxide-core`, the JavaScript half
//! `runtime/src/boundary`. Both are generated from or checked against this table, so a drift fails the build.
//!
//! Invariant: no dependencies, and nothing here runs in the wasm module.

#![no_std]

mod table;
pub mod types;

pub use types::{Constant, Row, Type};

macro_rules! rows {
    ($( $(#[doc = $doc:literal])* $name:ident ( $($arg:ident : $ty:ident),* $(,)? ) $(-> $ret:ident)? ; )*) => {
        &[ $( Row {
            name: stringify!($name),
            doc: concat!($($doc, "\n"),*),
            params: &[ $( (stringify!($arg), Type::$ty) ),* ],
            result: rows!(@ret $($ret)?),
        } ),* ]
    };
    (@ret) => { None };
    (@ret $ret:ident) => { Some(Type::$ret) };
}

macro_rules! constants {
    ($( $(#[doc = $doc:literal])* $name:ident = $value:expr ; )*) => {
        &[ $( Constant { name: stringify!($name), doc: concat!($($doc, "\n"),*), value: $value } ),* ]
    };
}

/// Every function JavaScript gives to wasm.
pub const JS_IMPORTS: &[Row] = for_each_js_import!(rows);
/// Every function wasm gives to JavaScript.
pub const PY_EXPORTS: &[Row] = for_each_py_export!(rows);
/// Every number both halves must agree on.
pub const CONSTANTS: &[Constant] = for_each_constant!(constants);

/// A hash of the whole table (FNV-1a, 32 bits). Both halves carry it; the loader compares them, so that files of
/// two versions give one clear message instead of a trap.
pub const TABLE_HASH: u32 = {
    let mut hash = 0x811c_9dc5;
    let mut i = 0;
    while i < JS_IMPORTS.len() {
        hash = JS_IMPORTS[i].mix(hash);
        i += 1;
    }
    i = 0;
    while i < PY_EXPORTS.len() {
        hash = PY_EXPORTS[i].mix(hash);
        i += 1;
    }
    i = 0;
    while i < CONSTANTS.len() {
        hash = CONSTANTS[i].mix(hash);
        i += 1;
    }
    hash
};

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_tell_the_direction() {
        let mut seen = HashSet::new();
        for row in JS_IMPORTS {
            assert!(row.name.starts_with("pyox_js_"), "{}", row.name);
            assert!(seen.insert(row.name), "{} twice", row.name);
        }
        for row in PY_EXPORTS {
            assert!(row.name.starts_with("pyox_py_"), "{}", row.name);
            assert!(seen.insert(row.name), "{} twice", row.name);
        }
        for constant in CONSTANTS {
            assert!(seen.insert(constant.name), "{} twice", constant.name);
        }
    }

    #[test]
    fn every_row_says_what_it_does() {
        for row in JS_IMPORTS.iter().chain(PY_EXPORTS) {
            assert!(!row.doc.trim().is_empty(), "{} has no comment", row.name);
        }
        for constant in CONSTANTS {
            assert!(!constant.doc.trim().is_empty(), "{} has no comment", constant.name);
        }
    }

    #[test]
    fn flags_are_single_distinct_bits() {
        for prefix in ["JS_IS_", "PY_HAS_"] {
            let mut all = 0;
            for constant in CONSTANTS.iter().filter(|c| c.name.starts_with(prefix)) {
                assert_eq!(constant.value.count_ones(), 1, "{}", constant.name);
                assert_eq!(all & constant.value, 0, "{}", constant.name);
                all |= constant.value;
            }
            assert_ne!(all, 0);
        }
    }
}
