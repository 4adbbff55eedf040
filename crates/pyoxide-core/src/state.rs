//! What the interpreter needs exactly one of: options, the JsBigInt and jsnull objects, interned names, counters.

use core::ffi::c_void;

use pyo3_ffi as ffi;

use crate::boundary::{Handle, JsRef, START_KEEP_NULL, pyox_js_value_new};
use crate::cells::Slot;
use crate::py::{Py, PyResult, Ref};
use crate::string;
use crate::wire::WireValue;

static START_FLAGS: Slot<u32> = Slot::new(0);
static REFERENCES: Slot<u32> = Slot::new(0);
static JS_BIGINT: Slot<*mut ffi::PyTypeObject> = Slot::new(core::ptr::null_mut());
static JS_NULL: Slot<*mut ffi::PyObject> = Slot::new(core::ptr::null_mut());

unsafe extern "C" {
    fn malloc(bytes: usize) -> *mut c_void;
}

/// `malloc`.
pub fn alloc(bytes: usize) -> *mut c_void {
    // SAFETY: always allowed.
    unsafe { malloc(bytes) }
}

/// `free`.
///
/// # Safety
/// `address` came from `alloc` (or is null) and is not used any more.
pub unsafe fn free(address: *mut c_void) {
    unsafe extern "C" {
        fn free(address: *mut c_void);
    }
    // SAFETY: by contract.
    unsafe { free(address) }
}

/// Keeps the `START_*` flags.
pub fn set_start_flags(flags: u32) {
    START_FLAGS.set(flags);
}

/// Was this option given?
pub fn start_flag(flag: u32) -> bool {
    START_FLAGS.get() & flag != 0
}

/// One more Python object is held by JavaScript.
pub fn count_reference() {
    REFERENCES.set(REFERENCES.get().wrapping_add(1));
}

/// One fewer.
pub fn uncount_reference() {
    REFERENCES.set(REFERENCES.get().wrapping_sub(1));
}

/// JavaScript starts anew and holds this many.
pub fn set_references(count: u32) {
    REFERENCES.set(count);
}

/// How many are held.
pub fn references() -> u32 {
    REFERENCES.get()
}

/// Gives the core its types, which live for ever.
pub fn set_special(js_bigint: Py, js_null: Py) {
    JS_BIGINT.set(js_bigint.into_ptr().cast());
    JS_NULL.set(js_null.into_ptr());
}

/// Python for `null`: `None`, unless null is to be kept apart.
pub fn js_null() -> Py {
    if start_flag(START_KEEP_NULL) {
        // SAFETY: set at start, never freed.
        unsafe { Ref::from_ptr(JS_NULL.get()) }.to_owned()
    } else {
        Py::none()
    }
}

/// Is it the `jsnull` object?
pub fn is_js_null(object: Ref<'_>) -> bool {
    object.as_ptr() == JS_NULL.get()
}

/// Is it an int that goes to JavaScript as a BigInt whatever its size?
pub fn is_js_bigint(object: Ref<'_>) -> bool {
    object.ty() == JS_BIGINT.get()
}

/// `JsBigInt(value)`.
pub fn js_bigint(value: Py) -> PyResult<Py> {
    // SAFETY: the type is set at start, never freed.
    unsafe { Ref::from_ptr(JS_BIGINT.get().cast()) }.call(&[value.borrow()])
}

/// Names are looked up by address in a table of this size; a collision replaces the older one.
const NAMES: usize = 2048;

struct Name {
    text: Py,
    js: JsRef,
    /// What an AttributeError says about the name, once there was one.
    missing: Option<Py>,
}

static NAME_COUNT: Slot<u32> = Slot::new(0);

/// How many names the table holds.
pub fn cached_names() -> u32 {
    NAME_COUNT.get()
}

static NAME_TABLE: Slot<[Option<Name>; NAMES]> = Slot::new([const { None }; NAMES]);

/// The JavaScript string for an attribute name, `finally_` being `finally`; alive until the next call.
/// PERF: names are interned and used again and again: one probe instead of a string conversion (ffi: py2js_attr).
pub fn js_name(name: Ref<'_>) -> PyResult<Handle> {
    // SAFETY: one thread; the reference ends before anything else touches the table.
    let slot = unsafe { name_slot(name) };
    if let Some(found) = slot {
        if found.text.as_ptr() == name.as_ptr() {
            return Ok(found.js.handle());
        }
    }
    let js = new_js_name(name)?;
    let handle = js.handle();
    let old = slot.replace(Name { text: name.to_owned(), js, missing: None });
    if old.is_none() {
        NAME_COUNT.set(NAME_COUNT.get() + 1);
    }
    drop(old); // after the table is whole again
    Ok(handle)
}

/// # Safety
/// The reference ends before anything else touches the table.
unsafe fn name_slot<'a>(name: Ref<'_>) -> &'a mut Option<Name> {
    // SAFETY: by contract; one thread.
    unsafe { &mut (*NAME_TABLE.as_ptr())[(name.as_ptr() as usize >> 4) % NAMES] }
}

/// What an AttributeError says about a name that a JsProxy has not, in CPython's words.
pub fn missing_text(name: Ref<'_>) -> PyResult<Py> {
    js_name(name)?;
    // SAFETY: making a str runs no code that could touch the table.
    let slot = unsafe { name_slot(name) };
    if let Some(text) = slot.as_ref().and_then(|found| found.missing.as_ref()) {
        return Ok(text.clone());
    }
    // SAFETY: both are alive; returns a new reference or null with an error.
    let text = unsafe { Py::owned_or_err(ffi::PyUnicode_FromFormat(c"'pyodide.ffi.JsProxy' object has no attribute '%U'".as_ptr(), name.as_ptr()))? };
    if let Some(found) = slot {
        found.missing = Some(text.clone());
    }
    Ok(text)
}

fn new_js_name(name: Ref<'_>) -> PyResult<JsRef> {
    let mut wire = WireValue::undefined();
    string::describe(name, &mut wire);
    if let Some(length) = keyword_length(name) {
        wire.set_bytes(wire.tag(), length as u32, wire.payload_address());
    }
    // SAFETY: the characters live in `name`; the import copies.
    JsRef::owned_or_err(unsafe { pyox_js_value_new(&mut wire) })
}

/// The keywords of Python, soft ones not included. SPEC: Python language reference, section 2.3.2.
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif",
    "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or",
    "pass", "raise", "return", "try", "while", "with", "yield",
];

/// For a keyword followed by underscores: the length without the last one (TT-047).
fn keyword_length(name: Ref<'_>) -> Option<usize> {
    let text = match name.utf8() {
        Ok(text) => text,
        Err(_) => {
            crate::py::clear(); // a lone surrogate: no keyword
            return None;
        }
    };
    let stem = text.trim_end_matches('_');
    (stem.len() < text.len() && KEYWORDS.contains(&stem)).then(|| text.len() - 1)
}

/// Is this name a Python keyword, with or without underscores after it?
pub fn is_keyword_like(text: &str) -> bool {
    KEYWORDS.contains(&text.trim_end_matches('_'))
}
