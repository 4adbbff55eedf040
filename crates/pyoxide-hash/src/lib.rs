//! What Python's `hashlib` has from OpenSSL elsewhere: some digests, and keys from passwords.
//!
//! Not here: the digests that CPython brings itself; Python's classes, argument rules and messages
//! (`_pyodide/_digests.py`, `_pyodide/_key_derivation.py`). Invariant: nothing panics, whatever it is given.

pub mod digests;
pub mod key_derivation;

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No digest has this name.
    UnknownDigest,
    /// The parameters contradict each other, or need more memory than allowed.
    Parameters,
    /// These bytes are no state of this digest.
    State,
}
