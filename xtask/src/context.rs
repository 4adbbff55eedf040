//! What every step needs: the checkout, the cache, the versions, the toolchain.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cache::Cache;
use crate::root::{self, Root};
use crate::versions::Versions;

pub struct Context {
    pub checkout: PathBuf,
    pub cache: Cache,
    pub versions: Versions,
    root: OnceCell<Root>,
}

impl Context {
    pub fn new() -> Result<Self> {
        let checkout = checkout();
        Ok(Context { versions: Versions::read(&checkout)?, cache: Cache::locate()?, checkout, root: OnceCell::new() })
    }

    /// The toolchain root; made at first use.
    pub fn root(&self) -> Result<&Root> {
        if let Some(root) = self.root.get() {
            return Ok(root);
        }
        let root = root::ensure(&self.cache, &self.versions, &self.checkout)?;
        Ok(self.root.get_or_init(|| root))
    }

    pub fn dist(&self) -> PathBuf {
        self.checkout.join("dist")
    }

    /// Number of parallel jobs.
    pub fn jobs(&self) -> String {
        std::thread::available_parallelism().map_or(2, usize::from).to_string()
    }
}

/// The folder that holds `xtask/`. Cargo sets the variable for `cargo xtask`, also in a moved checkout.
fn checkout() -> PathBuf {
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map_or(xtask.clone(), Path::to_path_buf)
}
