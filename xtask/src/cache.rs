//! The cache folder: everything downloaded or built, keyed by a hash of its inputs.
//!
//! INVARIANT: a path of the form `<kind>/<key>` is complete or absent. Entries are made in `tmp/` and renamed
//! into place, one process at a time (a lock file per entry), so a crash, a full disk or a second build at the
//! same time never leaves half an entry.
//! INVARIANT: nothing is deleted below a folder something is mounted in.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest, Sha256};

use crate::failure::fail;
use crate::progress::Step;

pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// `$PYOXIDE_CACHE`, or `pyoxide` in the user's cache folder.
    pub fn locate() -> Result<Self> {
        let root = match std::env::var_os("PYOXIDE_CACHE").filter(|v| !v.is_empty()) {
            Some(path) => PathBuf::from(path),
            None => match std::env::var_os("XDG_CACHE_HOME").filter(|v| !v.is_empty()) {
                Some(path) => PathBuf::from(path).join("pyoxide"),
                None => match std::env::var_os("HOME").filter(|v| !v.is_empty()) {
                    Some(home) => PathBuf::from(home).join(".cache/pyoxide"),
                    None => return fail("Neither `HOME` nor `PYOXIDE_CACHE` is set", "Set `PYOXIDE_CACHE` to a folder for the cache"),
                },
            },
        };
        let root = std::path::absolute(&root).with_context(|| format!("Not a usable path: {}", root.display()))?;
        Ok(Cache { root })
    }

    pub fn path(&self) -> &Path {
        &self.root
    }

    /// A folder of the cache that is not an entry: shared state of a tool that does its own locking.
    pub fn shared(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        fs::create_dir_all(&path).with_context(|| format!("Could not create the cache folder `{}`", path.display()))?;
        Ok(path)
    }

    pub fn log(&self, name: &str) -> Result<PathBuf> {
        Ok(self.shared("logs")?.join(format!("{name}.log")))
    }

    /// Where an entry is or would be.
    pub fn entry_path(&self, kind: &str, key: &Key) -> PathBuf {
        self.root.join(kind).join(key.hex())
    }

    /// Holds an exclusive lock for as long as the result lives.
    pub fn lock(&self, name: &str) -> Result<File> {
        let path = self.shared("locks")?.join(name);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("Could not open the lock file `{}`", path.display()))?;
        if file.try_lock().is_err() {
            eprintln!("Waiting for another build that holds `{}`", path.display());
            file.lock().with_context(|| format!("Could not lock `{}`", path.display()))?;
        }
        Ok(file)
    }

    /// Returns the entry, building it first if it is not there. `build` fills the empty folder it is given.
    pub fn entry(&self, kind: &str, key: &Key, label: &str, build: impl FnOnce(&Path, &Step) -> Result<()>) -> Result<PathBuf> {
        let path = self.entry_path(kind, key);
        if path.exists() {
            return Ok(path);
        }
        let _lock = self.lock(&format!("{kind}-{}", key.hex()))?;
        if path.exists() {
            return Ok(path);
        }
        let step = Step::start(label);
        let tmp = self.scratch(&format!("{kind}-{}", key.hex()))?;
        let result = build(&tmp, &step).and_then(|()| {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::rename(&tmp, &path).with_context(|| format!("Could not publish `{}`", path.display()))
        });
        if let Err(error) = result {
            // The first error is the one to report.
            let _ = remove_tree(&tmp);
            return Err(error.context(format!("Step failed: {label}")));
        }
        step.done();
        Ok(path)
    }

    /// An empty folder below `tmp/`, after removing what dead processes left there.
    fn scratch(&self, name: &str) -> Result<PathBuf> {
        let tmp = self.shared("tmp")?;
        for old in fs::read_dir(&tmp)?.flatten() {
            let owner = old.file_name().to_string_lossy().rsplit('.').next().and_then(|s| s.parse::<u32>().ok());
            if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
                let _ = remove_tree(&old.path());
            }
        }
        let path = tmp.join(format!("{name}.{}", std::process::id()));
        remove_tree(&path)?;
        fs::create_dir(&path).with_context(|| format!("Could not create `{}`", path.display()))?;
        Ok(path)
    }
}

/// Removes a folder, refusing if anything is mounted in it.
pub fn remove_tree(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    if let Some(mount) = mounts.lines().filter_map(|l| l.split(' ').nth(4)).find(|m| Path::new(&unescape(m)).starts_with(&real)) {
        return fail(
            format!("Something is mounted at `{mount}`, so `{}` was not deleted", path.display()),
            format!("Run `umount {mount}` and try again"),
        );
    }
    let meta = path.symlink_metadata()?;
    let removed = if meta.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.with_context(|| format!("Could not delete `{}`", path.display()))
}

fn unescape(mount: &str) -> String {
    mount.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
}

/// Hash of everything a result depends on. Each input has a name, so that two inputs cannot run together.
#[derive(Clone)]
pub struct Key(Sha256);

impl Key {
    pub fn new(what: &str) -> Self {
        Key(Sha256::new()).text("what", what)
    }

    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.add(name, value.as_bytes());
        self
    }

    pub fn file(mut self, path: &Path) -> Result<Self> {
        let content = fs::read(path).with_context(|| format!("Could not read `{}`", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.add(&name, &content);
        Ok(self)
    }

    /// All files below `dir`, by relative path and content. `keep` sees the relative path.
    pub fn tree(mut self, dir: &Path, keep: impl Fn(&Path) -> bool) -> Result<Self> {
        for relative in files_below(dir)? {
            if keep(&relative) {
                let path = dir.join(&relative);
                let content = fs::read(&path).with_context(|| format!("Could not read `{}`", path.display()))?;
                self.add(&relative.to_string_lossy(), &content);
            }
        }
        Ok(self)
    }

    fn add(&mut self, name: &str, content: &[u8]) {
        self.0.update((name.len() as u64).to_le_bytes());
        self.0.update(name.as_bytes());
        self.0.update((content.len() as u64).to_le_bytes());
        self.0.update(content);
    }

    pub fn hex(&self) -> String {
        to_hex(&self.0.clone().finalize())[..20].to_string()
    }
}

/// Relative paths of all files below `dir`, sorted; dependency and cache folders are left out.
pub fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    fn walk(base: &Path, relative: &Path, out: &mut Vec<PathBuf>) -> Result<()> {
        let dir = base.join(relative);
        let mut entries = fs::read_dir(&dir)
            .and_then(|d| d.collect::<std::io::Result<Vec<_>>>())
            .with_context(|| format!("Could not read the folder `{}`", dir.display()))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            if name == "node_modules" || name == "__pycache__" || name == "target" {
                continue;
            }
            let path = relative.join(&name);
            if entry.file_type()?.is_dir() { walk(base, &path, out)? } else { out.push(path) }
        }
        Ok(())
    }
    let mut out = Vec::new();
    if dir.is_dir() {
        walk(dir, Path::new(""), &mut out)?;
    }
    Ok(out)
}

/// SHA-256 of a file, in hexadecimal.
pub fn sha256_file(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("Could not open `{}`", path.display()))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer).with_context(|| format!("Could not read `{}`", path.display()))?;
        if n == 0 {
            return Ok(to_hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..n]);
    }
}

fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("pyoxide-xtask-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn inputs_do_not_run_together() {
        let a = Key::new("x").text("a", "bc");
        let b = Key::new("x").text("ab", "c");
        assert_ne!(a.hex(), b.hex());
    }

    #[test]
    fn a_failed_build_leaves_nothing_behind() {
        let cache = Cache { root: temporary("failed") };
        let key = Key::new("test");
        let result = cache.entry("kind", &key, "test step", |tmp, _| {
            fs::write(tmp.join("half"), "x")?;
            anyhow::bail!("stop")
        });
        assert!(result.is_err());
        assert!(!cache.entry_path("kind", &key).exists());
        assert_eq!(fs::read_dir(cache.root.join("tmp")).unwrap().count(), 0);
        fs::remove_dir_all(&cache.root).unwrap();
    }

    #[test]
    fn an_entry_is_built_once() {
        let cache = Cache { root: temporary("once") };
        let key = Key::new("test");
        for expected in [true, false] {
            let mut built = false;
            let path = cache.entry("kind", &key, "test step", |tmp, _| {
                built = true;
                Ok(fs::write(tmp.join("file"), "x")?)
            });
            assert!(path.unwrap().join("file").exists());
            assert_eq!(built, expected);
        }
        fs::remove_dir_all(&cache.root).unwrap();
    }

    #[test]
    fn the_key_of_a_tree_depends_on_names_and_content() {
        let dir = temporary("tree");
        fs::write(dir.join("a"), "1").unwrap();
        let key = || Key::new("x").tree(&dir, |_| true).unwrap().hex();
        let first = key();
        fs::write(dir.join("a"), "2").unwrap();
        let second = key();
        fs::rename(dir.join("a"), dir.join("b")).unwrap();
        assert!(first != second && second != key());
        fs::remove_dir_all(&dir).unwrap();
    }
}
