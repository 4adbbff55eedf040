//! The foreign function interface between Python and JavaScript: the half that runs in wasm.
//!
//! Owns the built-in module `_pyodide_core`, JsProxy, the Python side of PyProxy, conversions and errors. The other half is
//! `runtime/`; what crosses is listed in `pyoxide-boundary`. Start reading at `exports` (JavaScript calls Python) and `jsproxy`
//! (Python calls JavaScript).

#![feature(panic_can_unwind)]

mod arguments;
mod boundary;
mod buffer;
mod cells;
mod compile;
mod command;
mod convert;
mod error;
mod exports;
mod foreign;
mod hash;
mod jsproxy;
mod locks;
mod module;
mod py;
mod pyproxy;
mod refresh;
mod sleep;
mod stack_use;
mod stacks;
mod start;
mod state;
mod string;
mod sweep;
mod wire;
