//! No code: this crate exists for its dependencies.
//!
//! The C libraries of the main module (zlib, bzip2, xz, zstd, SQLite, libffi) come from `-sys` crates, so
//! that `Cargo.lock` pins their sources by hash and no second download mechanism is needed. The
//! `sys-libs` step of `xtask` builds this crate for `wasm32-unknown-emscripten` and collects the
//! archives and headers.
//!
//! Invariant: nothing links this crate as Rust code.

#![no_std]
