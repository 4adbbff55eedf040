//! PKG-28, PKG-29, PKG-31, CLI-054, CLI-055: lock files are read, checked, made and written.

use std::io::{Cursor, Write};

use proptest::prelude::*;
use pyoxide_lockfile::{Error, Lockfile, Platform, Wheel, WheelName, normalize, pylock, sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn platform() -> Platform {
    Platform::new("3.14.7", &["pyemscripten_2026_5_wasm32", "pyemscripten_2026_0_wasm32"], "6.0.5").unwrap()
}

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn wheel(name: &str, version: &str, requires: &[&str]) -> Wheel {
    let metadata = format!(
        "Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{}\nName: not a header",
        requires.iter().map(|r| format!("Requires-Dist: {r}\n")).collect::<String>()
    );
    let file = name.replace('-', "_");
    let bytes = zip(&[(&format!("{file}/__init__.py"), ""), (&format!("{file}-{version}.dist-info/METADATA"), &metadata)]);
    Wheel::read(&format!("{file}-{version}-py3-none-any.whl"), &bytes, &platform()).unwrap()
}

fn add(lockfile: &mut Lockfile, wheels: &[Wheel]) -> Result<(), Error> {
    lockfile.add_wheels(wheels, &platform(), false, "the test", |wheel| wheel.file.clone())
}

#[test]
fn pkg_12_names_are_normalised() {
    assert_eq!(normalize("Foo__.-Bar"), "foo-bar");
    assert_eq!(normalize("foo-bar"), "foo-bar");
}

#[test]
fn pkg_28_reads_and_writes_the_same() {
    let text = format!(
        r#"{{"info": {{"arch": "wasm32", "platform": "emscripten_6_0_5", "python": "3.14.7", "x": 1}}, "y": [2],
            "packages": {{"Foo_Bar": {{"name": "Foo_Bar", "version": "1", "file_name": "f.whl", "sha256": "{}", "z": null}}}}}}"#,
        "a".repeat(64)
    );
    let lockfile = Lockfile::parse(&text, "the test").unwrap();
    assert_eq!(lockfile.find("foo.bar").unwrap().name, "Foo_Bar");
    let written = lockfile.to_json();
    assert_eq!(Lockfile::parse(&written, "the test").unwrap(), lockfile);
    let value: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!((&value["info"]["x"], &value["y"][0]), (&1.into(), &2.into()), "unknown keys are kept");
    assert_eq!(value["packages"]["foo-bar"]["z"], serde_json::Value::Null);
}

#[test]
fn pkg_29_bad_lock_files_are_refused_with_the_reason() {
    let entry = |name: &str, sha: &str| format!(r#"{{"name": "{name}", "version": "1", "file_name": "f.whl", "sha256": "{sha}"}}"#);
    let parse = |packages: &str| Lockfile::parse(&format!(r#"{{"info": {{}}, "packages": {{{packages}}}}}"#), "lock.json").unwrap_err().to_string();
    assert!(Lockfile::parse("[]", "lock.json").unwrap_err().to_string().starts_with("lock.json is not a lock file: "));
    assert!(parse(&format!(r#""a": {}"#, entry("a", "12"))).contains("the SHA-256 of `a` is not 64 hexadecimal digits"));
    let twice = format!(r#""a-b": {}, "A_b": {}"#, entry("a-b", &"0".repeat(64)), entry("A_b", &"0".repeat(64)));
    assert!(parse(&twice).contains("`a-b` is listed twice, as `A_b` and `a-b`"));
}

#[test]
fn cli_054_dependencies_come_from_wheels_and_the_lock_file() {
    let mut lockfile = Lockfile::default();
    add(&mut lockfile, &[wheel("base", "1.5", &[])]).unwrap();
    let top = wheel(
        "top-level",
        "2.0",
        &["Base>=1,<2", "other[fast]; python_version>='3.8'", "colorama; sys_platform == 'win32'", "x; sys_platform == 'emscripten' and extra == 'e'"],
    );
    let other = wheel("Other", "0.1", &["speedup; extra == 'fast'", "top-level"]);
    add(&mut lockfile, &[top, other, wheel("speedup", "3", &[])]).unwrap();
    let top = lockfile.find("top.level").unwrap();
    assert_eq!(top.depends, ["base", "other"]);
    assert_eq!(top.imports, ["top_level"]);
    assert_eq!(lockfile.find("other").unwrap().depends, ["speedup", "top-level"]);
    let order: Vec<&str> = lockfile.closure(&["top-level"], "the test").unwrap().iter().map(|p| p.name.as_str()).collect();
    assert_eq!(order, ["base", "speedup", "Other", "top-level"], "dependencies first, and a cycle does not hang");
    lockfile.check("the test").unwrap();
}

#[test]
fn cli_055_missing_and_conflicting_dependencies_change_nothing() {
    let mut lockfile = Lockfile::default();
    add(&mut lockfile, &[wheel("base", "1.5", &[])]).unwrap();
    let before = lockfile.clone();
    let missing = add(&mut lockfile, &[wheel("a", "1", &["nothere>2"])]).unwrap_err().to_string();
    assert_eq!(missing, "the test: `a` needs `nothere>2`, which is not in the lock file; add a wheel of it");
    let conflict = add(&mut lockfile, &[wheel("b", "1", &["base>=2"])]).unwrap_err().to_string();
    assert_eq!(conflict, "the test: `b` needs `base>=2`, but the lock file has version 1.5; add a wheel of a version that fits");
    assert_eq!(lockfile, before);
    lockfile.add_wheels(&[wheel("a", "1", &["nothere>2"])], &platform(), true, "the test", |w| format!("sub/{}", w.file)).unwrap();
    assert_eq!(lockfile.find("a").unwrap().file_name, "sub/a-1-py3-none-any.whl");
    assert_eq!(lockfile.missing(), [("a".to_string(), "nothere".to_string())]);
    assert!(lockfile.check("the test").is_err());
}

#[test]
fn a_very_deep_chain_of_dependencies_is_no_deep_recursion() {
    let mut lockfile = Lockfile::default();
    let count = 20_000;
    let base = wheel("base", "1", &[]);
    add(&mut lockfile, std::slice::from_ref(&base)).unwrap();
    let template = lockfile.find("base").unwrap().clone();
    for index in 0..count {
        let mut package = template.clone();
        package.name = format!("p{index}");
        package.depends = vec![if index + 1 < count { format!("p{}", index + 1) } else { "base".to_string() }];
        lockfile.packages.insert(package.name.clone(), package);
    }
    assert_eq!(lockfile.closure(&["p0"], "the test").unwrap().len(), count + 1);
}

#[test]
fn pkg_07_wheels_for_other_platforms_are_refused_by_name() {
    let rank = |file: &str| platform().rank(&WheelName::parse(file).unwrap());
    let best = rank("a-1-cp314-cp314-pyemscripten_2026_5_wasm32.whl");
    assert_eq!(best, Some(0));
    assert!(rank("a-1-cp314-cp314-pyemscripten_2026_0_wasm32.whl") > best);
    assert!(rank("a-1-py2.py3-none-any.whl") > rank("a-1-cp310-abi3-pyemscripten_2026_0_wasm32.whl"));
    assert!(rank("a-1-7b-cp314-none-any.whl").is_some());
    for file in ["a-1-cp313-cp313-pyemscripten_2026_0_wasm32.whl", "a-1-cp314-cp314-manylinux_2_17_x86_64.whl", "a-1-cp314-cp314t-pyemscripten_2026_5_wasm32.whl", "a-1-py2-none-any.whl"] {
        let error = Wheel::read(file, b"", &platform()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("The wheel `{file}` does not fit: it is for ")), "{error}");
        assert!(error.contains("pyemscripten_2026_5_wasm32"), "{error}");
    }
    for file in ["a.whl", "a-1-py3-none-any.zip", "a-1-x-py3-none-any.whl", "a--py3-none-any.whl"] {
        assert!(matches!(Wheel::read(file, b"", &platform()), Err(Error::NotAWheelName { .. })), "{file}");
    }
}

#[test]
fn broken_wheels_are_refused_with_the_reason() {
    let read = |files: &[(&str, &str)]| Wheel::read("a-1-py3-none-any.whl", &zip(files), &platform()).unwrap_err().to_string();
    assert!(Wheel::read("a-1-py3-none-any.whl", b"PK\x03\x04 cut", &platform()).unwrap_err().to_string().contains("cannot be read"));
    assert!(read(&[("b-1.dist-info/METADATA", "Name: b\nVersion: 1\n")]).contains("of its own name"));
    assert!(read(&[("a-1.dist-info/METADATA", "Name: b\nVersion: 1\n")]).contains("of the package `b`"));
    assert!(read(&[("a-1.dist-info/METADATA", "Name: a\nVersion: 2\n")]).contains("says version 2"));
    assert!(read(&[("a-1.dist-info/METADATA", "Name: a\nVersion: 1\nRequires-Dist: ][\n")]).contains("is not a requirement"));
}

#[test]
fn pkg_29_imports_are_the_top_level_modules() {
    let bytes = zip(&[
        ("one.py", ""),
        ("two/__init__.py", ""),
        ("name_space/inner/deep.py", ""),
        ("ext.cpython-314-wasm32-emscripten.so", ""),
        ("a-1.data/purelib/three/__init__.py", ""),
        ("a-1.data/scripts/tool.py", ""),
        ("data-files/x.py", ""),
        ("licenses/LICENSE", ""),
        ("a-1.dist-info/METADATA", "Name: a\nVersion: 1.0\n"),
    ]);
    let wheel = Wheel::read("a-1-py3-none-any.whl", &bytes, &platform()).unwrap();
    assert_eq!(wheel.imports, ["ext", "name_space", "one", "three", "two"]);
    assert_eq!(wheel.sha256, sha256(&bytes));
}

#[test]
fn pep_751_the_best_wheel_of_each_package_that_applies() {
    let text = r#"
        lock-version = "1.0"
        created-by = "test"
        [[packages]]
        name = "a"
        version = "1"
        [[packages.wheels]]
        url = "https://example.org/x/a-1-py3-none-any.whl#frag"
        hashes = { sha256 = "AA" }
        [[packages.wheels]]
        name = "a-1-cp314-cp314-pyemscripten_2026_0_wasm32.whl"
        url = "https://example.org/opaque"
        hashes = { sha256 = "bb" }
        [[packages]]
        name = "w"
        marker = "sys_platform == 'win32'"
        [[packages]]
        name = "c"
        [[packages.wheels]]
        path = "wheels/c-2-py3-none-any.whl"
        hashes = { sha256 = "cc" }
    "#;
    let found = pylock::wheels(text, "pylock.toml", &platform()).unwrap();
    assert_eq!(found.iter().map(|w| (w.package.as_str(), w.sha256.as_str())).collect::<Vec<_>>(), [("a", "bb"), ("c", "cc")]);
    assert_eq!(found[1].source, pylock::Source::Path("wheels/c-2-py3-none-any.whl".to_string()));
    let refused = |text: &str| pylock::wheels(text, "pylock.toml", &platform()).unwrap_err().to_string();
    assert!(refused("lock-version = '2.0'").contains("lock-version 2.0 is not known"));
    assert!(refused("lock-version = '1.0'\n[[packages]]\nname='s'\n").contains("`s` has no wheel that fits"));
    assert!(refused("lock-version = '1.0'\n[[packages]]\nname='s'\nmarker='x ='\n").contains("the marker of `s`"));
}

#[test]
fn wheels_of_pylock_are_bare_file_names() {
    let read = |wheel: &str| pylock::wheels(&format!("lock-version = '1.0'\n[[packages]]\nname = 's'\n[[packages.wheels]]\n{wheel}\nhashes = {{ sha256 = 'AA' }}\n"), "pylock.toml", &platform());
    for name in ["../s-1-py3-none-any.whl", "/tmp/s-1-py3-none-any.whl", "a/s-1-py3-none-any.whl", "..\\s-1-py3-none-any.whl", "c:s-1-py3-none-any.whl"] {
        let refused = read(&format!("name = '{name}'\nurl = 'https://h.example/s-1-py3-none-any.whl'")).unwrap_err().to_string();
        assert_eq!(refused, format!("pylock.toml: `s` has a wheel of the name `{name}`; expected a bare file name, name-version-python-abi-platform.whl"));
        assert!(WheelName::parse(name).is_err());
    }
    assert!(read("url = 'https://h.example/..%2Fs-1-py3-none-any.whl'").unwrap_err().to_string().contains("bare file name"));
    // The end of an address is decoded: local versions are written with a plus sign.
    assert_eq!(read("url = 'https://h.example/s-1%2Bcpu-py3-none-any.whl?x=/#y'").unwrap()[0].file, "s-1+cpu-py3-none-any.whl");
    assert!(read("size = 3").unwrap_err().to_string().contains("neither `name`, `url` nor `path`"));
}

proptest! {
    #[test]
    fn names_of_wheels_never_panic(file in "[a-z0-9._-]{0,40}(\\.whl)?") {
        if let Ok(name) = WheelName::parse(&file) {
            prop_assert!(!name.pythons.is_empty() && !name.distribution.is_empty());
            let _ = platform().rank(&name);
        }
    }

    #[test]
    fn normalising_twice_changes_nothing(name in "\\PC{0,30}") {
        let once = normalize(&name);
        prop_assert_eq!(normalize(&once), once);
    }

    #[test]
    fn any_bytes_as_a_wheel_are_an_error_or_a_wheel(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Wheel::read("a-1-py3-none-any.whl", &bytes, &platform()).is_err());
    }

    #[test]
    fn any_text_as_a_lock_file_is_an_error_or_round_trips(text in "\\PC{0,200}") {
        if let Ok(lockfile) = Lockfile::parse(&text, "the test") {
            prop_assert_eq!(Lockfile::parse(&lockfile.to_json(), "the test").unwrap(), lockfile);
        }
    }
}

/// What `packaging.tags` gives for the same interpreter and platforms, in its order (a selection of its 79).
#[test]
fn pkg_07_tags_are_in_the_order_of_the_packaging_library() {
    for (tag, expected) in [
        ("cp314-cp314-pyemscripten_2026_5_wasm32", 0),
        ("cp314-abi3-pyemscripten_2026_0_wasm32", 3),
        ("cp314-none-pyemscripten_2026_5_wasm32", 4),
        ("cp313-abi3-pyemscripten_2026_5_wasm32", 6),
        ("cp32-abi3-pyemscripten_2026_0_wasm32", 29),
        ("cp314-none-any", 62),
        ("py3-none-any", 64),
        ("py30-none-any", 78),
    ] {
        assert_eq!(platform().rank(&WheelName::parse(&format!("a-1-{tag}.whl")).unwrap()), Some(expected), "{tag}");
    }
}
