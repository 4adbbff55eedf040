//! `pyodide-lock.json`: which packages a distribution offers, what they need, what they hash to. Reads, checks, makes and writes it.
//!
//! Reads what a lock file is made from: wheels ([`Wheel`]) and `pylock.toml` of PEP 751 ([`pylock`]). What "fits" means is in [`Platform`].
//! Not here: downloading anything. Invariant: a [`Lockfile`] that [`Lockfile::check`] accepted can be loaded without asking an index.

mod error;
mod lockfile;
mod name;
mod platform;
pub mod pylock;
mod wheel;

pub use error::{Error, Result};
pub use lockfile::{Info, InstallDir, Lockfile, Package};
pub use name::{WheelName, normalize};
pub use pep440_rs::Version;
pub use pep508_rs::Requirement;
pub use platform::{Platform, parse_requirement};
pub use wheel::Wheel;

/// SHA-256 of `bytes`, in lower case hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
