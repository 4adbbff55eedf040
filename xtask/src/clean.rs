//! Deletes what can be made again.

use anyhow::Result;

use crate::cache::remove_tree;
use crate::context::Context;

pub fn run(context: &Context, cache: bool) -> Result<()> {
    let mut paths = vec![context.dist(), context.checkout.join("target/dist-stamp.json")];
    if cache {
        // Nobody may be building while the cache goes away.
        let _lock = context.cache.lock("clean")?;
        paths.push(context.cache.path().to_path_buf());
    }
    for path in paths {
        if path.symlink_metadata().is_ok() {
            remove_tree(&path)?;
            println!("Deleted {}", path.display());
        }
    }
    Ok(())
}
