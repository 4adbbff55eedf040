//! JavaScript to Python.

use core::cell::RefCell;
use core::ffi::c_void;
use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use super::tape::{Entry, Reader, leave};
use super::{AddressMap, Callback, Definition, Level, cached_pair, conversion_error, running, short_repr, type_name};
use crate::boundary::*;
use crate::jsproxy;
use crate::py::{self, Py, PyResult, Raised, Ref, check, check_bool};

/// `toPy`: deep conversion of the value behind a handle; `converter` is a handle to a function, or 0.
///
/// # Errors
/// Keys that have no counterpart, what getters or the converter threw, no memory.
pub fn to_py(js: Handle, depth: i32, converter: Handle) -> PyResult<Py> {
    if converter == 0 {
        return whole(js, depth);
    }
    // SAFETY: the handle is alive; the clone is ours.
    let converter = JsRef::from_owned(unsafe { pyox_js_handle_clone(converter) });
    let converter = jsproxy::new(converter, JS_IS_CALLABLE, None)?;
    by_level(js, depth, &converter)
}

/// `JsProxy.to_py`.
///
/// # Errors
/// As `to_py`.
pub fn to_py_from_python(js: Handle, depth: i32, converter: Option<Ref<'_>>) -> PyResult<Py> {
    match converter {
        None => whole(js, depth),
        Some(converter) => by_level(js, depth, &converter.to_owned()),
    }
}

fn whole(js: Handle, depth: i32) -> PyResult<Py> {
    let mut reader = Reader::record(js, depth)?;
    let mut made = Vec::new();
    build(&mut reader, &mut made)
}

/// Builds the next value of a tape; all its entries are read, whatever fails.
fn build(reader: &mut Reader, made: &mut Vec<Py>) -> PyResult<Py> {
    match reader.next() {
        Entry::Object(object) => object,
        Entry::Js(handle, flags) => leave(handle, flags),
        Entry::Reference(number) => match made.get(number as usize) {
            Some(object) => Ok(object.clone()),
            None => Err(py::system_error("Pyoxide has a bug: a reference on a tape points to nothing")),
        },
        Entry::List(count) => {
            let level = Level::enter();
            // SAFETY: returns a new reference or null with an error. Nothing sees the list before it is full but the collector, which knows gaps.
            let list = level.as_ref().map_err(|raised| *raised).and_then(|_| unsafe { Py::owned_or_err(ffi::PyList_New(count as ffi::Py_ssize_t)) });
            let list = match list {
                Ok(list) => list,
                Err(raised) => {
                    reader.discard(count);
                    return Err(raised);
                }
            };
            made.push(list.clone());
            for index in 0..count {
                match build(reader, made) {
                    // SAFETY: the index is below the length; the list takes the reference.
                    Ok(item) => unsafe { ffi::PyList_SET_ITEM(list.as_ptr(), index as ffi::Py_ssize_t, item.into_ptr()) },
                    Err(raised) => {
                        reader.discard(count - index - 1);
                        return Err(raised);
                    }
                }
            }
            Ok(list)
        }
        Entry::Dict(count) => {
            let level = Level::enter();
            let dict = level.as_ref().map_err(|raised| *raised).and_then(|_| Py::dict());
            let dict = match dict {
                Ok(dict) => dict,
                Err(raised) => {
                    reader.discard(count * 2);
                    return Err(raised);
                }
            };
            made.push(dict.clone());
            for index in 0..count {
                let rest = (count - index - 1) * 2;
                let key = match build_key(reader) {
                    Ok(key) => key,
                    Err(raised) => {
                        // Nothing is built while an error is set: the value may be one whose making calls Python.
                        reader.discard(rest + 1);
                        return Err(raised);
                    }
                };
                if let Err(raised) = build(reader, made).and_then(|value| set_item(&dict, &key, &value)) {
                    reader.discard(rest);
                    return Err(raised);
                }
            }
            Ok(dict)
        }
        Entry::Set(count) => {
            // SAFETY: returns a new reference or null with an error.
            let set = match unsafe { Py::owned_or_err(ffi::PySet_New(ptr::null_mut())) } {
                Ok(set) => set,
                Err(raised) => {
                    reader.discard(count);
                    return Err(raised);
                }
            };
            made.push(set.clone());
            for index in 0..count {
                let added = build_key(reader).and_then(|key| add(&set, &key));
                if let Err(raised) = added {
                    reader.discard(count - index - 1);
                    return Err(raised);
                }
            }
            Ok(set)
        }
    }
}

/// A key or element of a set: something whose equality means the same in both languages.
fn build_key(reader: &mut Reader) -> PyResult<Py> {
    if let Some(key) = reader.short_key() {
        return key;
    }
    let kind = match reader.next() {
        Entry::Object(object) => return object,
        Entry::Js(handle, flags) => {
            let text = jsproxy::new(handle, flags, None).map(|proxy| match constructor_name(proxy.borrow()) {
                Some(name) => format!("{} (of type {name})", short_repr(proxy.borrow())),
                None => short_repr(proxy.borrow()),
            });
            text.unwrap_or_else(|_| {
                py::clear();
                String::from("an object")
            })
        }
        Entry::List(count) => {
            reader.discard(count);
            String::from("an Array")
        }
        Entry::Dict(count) => {
            reader.discard(count * 2);
            String::from("an object")
        }
        Entry::Set(count) => {
            reader.discard(count);
            String::from("a Set")
        }
        Entry::Reference(_) => String::from("an object"),
    };
    Err(conversion_error(&format!(
        "Cannot use {kind} as a key of a dict or set: JavaScript compares it by identity, Python would not"
    )))
}

/// What a JavaScript object was made by, if it says so.
fn constructor_name(object: Ref<'_>) -> Option<String> {
    let name = object.attr(c"constructor").and_then(|constructor| constructor.borrow().attr(c"name"));
    let text = name.and_then(|name| name.borrow().utf8().map(String::from));
    if text.is_err() {
        py::clear();
    }
    text.ok().filter(|text| !text.is_empty())
}

fn set_item(dict: &Py, key: &Py, value: &Py) -> PyResult<()> {
    // SAFETY: all are alive; the stored value is not asked for.
    let was_there = check_bool(unsafe { ffi::PyDict_SetDefaultRef(dict.as_ptr(), key.as_ptr(), value.as_ptr(), ptr::null_mut()) })?;
    if was_there { Err(same_key(key)) } else { Ok(()) }
}

fn add(set: &Py, key: &Py) -> PyResult<()> {
    // SAFETY: both are alive.
    unsafe {
        if check_bool(ffi::PySet_Contains(set.as_ptr(), key.as_ptr()))? {
            return Err(same_key(key));
        }
        check(ffi::PySet_Add(set.as_ptr(), key.as_ptr()))
    }
}

fn same_key(key: &Py) -> Raised {
    conversion_error(&format!(
        "Two keys that differ in JavaScript are equal in Python (such as 1 and true): {}",
        short_repr(key.borrow())
    ))
}

/// A conversion with a default converter, one level at a time.
struct ByLevel {
    /// First, so that they are over before anything else is freed, which may run code.
    callbacks: Option<(Callback, Callback)>,
    converter: Py,
    /// JavaScript identity -> Python object, of this conversion only.
    made: RefCell<AddressMap<Py>>,
    depth: i32,
}

static CONVERT: Definition = Definition::convert(convert);
static CACHE: Definition = Definition::cache(cache);

fn by_level(js: Handle, depth: i32, converter: &Py) -> PyResult<Py> {
    let mut state = Box::new(ByLevel { converter: converter.clone(), made: RefCell::default(), depth, callbacks: None });
    let address: *mut c_void = (&raw mut *state).cast();
    // SAFETY: the box outlives the callbacks, which it owns.
    let callbacks = unsafe { (Callback::new(&CONVERT, address)?, Callback::new(&CACHE, address)?) };
    state.callbacks = Some(callbacks);
    // SAFETY: the handle is alive.
    let handle = JsRef::from_owned(unsafe { pyox_js_handle_clone(js) });
    // SAFETY: the handle is alive.
    let flags = unsafe { pyox_js_value_flags(handle.handle()) };
    state.value(handle, flags, depth)
}

impl ByLevel {
    fn keep(&self, id: usize, object: Py) {
        let old = self.made.borrow_mut().insert(id, object);
        drop(old); // freeing it may run code that converts
    }

    fn value(&self, handle: JsRef, flags: u32, depth: i32) -> PyResult<Py> {
        let _level = Level::enter()?;
        // SAFETY: the handle is alive.
        let id = unsafe { pyox_js_value_id(handle.handle()) } as usize;
        if let Some(made) = self.made.borrow().get(&id) {
            return Ok(made.clone());
        }
        if depth == 0 {
            return leave(handle, flags);
        }
        let mut reader = Reader::record(handle.handle(), 1)?;
        match reader.next() {
            Entry::List(count) => {
                let list = Py::list()?;
                self.keep(id, list.clone());
                for item in self.children(&mut reader, count, depth - 1)? {
                    // SAFETY: both are alive.
                    check(unsafe { ffi::PyList_Append(list.as_ptr(), item.as_ptr()) })?;
                }
                Ok(list)
            }
            Entry::Dict(count) => {
                let dict = Py::dict()?;
                self.keep(id, dict.clone());
                let mut pairs = Vec::with_capacity(count as usize);
                for index in 0..count {
                    let rest = (count - index - 1) * 2;
                    let key = match build_key(&mut reader) {
                        Ok(key) => key,
                        Err(raised) => {
                            reader.discard(rest + 1);
                            return Err(raised);
                        }
                    };
                    match reader.take() {
                        Ok(value) => pairs.push((key, value)),
                        Err(raised) => {
                            reader.discard(rest);
                            return Err(raised);
                        }
                    }
                }
                for (key, value) in pairs {
                    let value = self.entry(value, depth - 1)?;
                    set_item(&dict, &key, &value)?;
                }
                Ok(dict)
            }
            Entry::Set(count) => {
                // SAFETY: returns a new reference or null with an error.
                let set = unsafe { Py::owned_or_err(ffi::PySet_New(ptr::null_mut()))? };
                self.keep(id, set.clone());
                for index in 0..count {
                    let added = build_key(&mut reader).and_then(|key| add(&set, &key));
                    if let Err(raised) = added {
                        reader.discard(count - index - 1);
                        return Err(raised);
                    }
                }
                Ok(set)
            }
            Entry::Object(object) => object,
            Entry::Js(handle, flags) if flags & JS_IS_BUFFER != 0 => leave(handle, flags),
            Entry::Js(handle, flags) => self.convert_by_default(handle, flags, id),
            Entry::Reference(_) => Err(py::system_error("Pyoxide has a bug: a tape begins with a reference")),
        }
    }

    /// The elements of one level: all are taken off the tape before any is converted, as converting runs foreign code.
    fn children(&self, reader: &mut Reader, count: u32, depth: i32) -> PyResult<Vec<Py>> {
        let mut entries = Vec::new();
        for index in 0..count {
            match reader.take() {
                Ok(entry) => entries.push(entry),
                Err(raised) => {
                    reader.discard(count - index - 1);
                    return Err(raised);
                }
            }
        }
        entries.into_iter().map(|entry| self.entry(entry, depth)).collect()
    }

    fn entry(&self, entry: Entry, depth: i32) -> PyResult<Py> {
        match entry {
            Entry::Object(object) => object,
            Entry::Js(handle, flags) => self.value(handle, flags, depth),
            _ => Err(py::system_error("Pyoxide has a bug: a tape of one level has two")),
        }
    }

    fn convert_by_default(&self, handle: JsRef, flags: u32, id: usize) -> PyResult<Py> {
        let value = jsproxy::new(handle, flags, None)?;
        let Some((convert, cache)) = &self.callbacks else {
            return Ok(value);
        };
        let (convert, cache) = (convert.function.clone(), cache.function.clone());
        let converter = self.converter.clone();
        let result = converter.borrow().call(&[value.borrow(), convert.borrow(), cache.borrow()])?;
        self.keep(id, result.clone());
        Ok(result)
    }
}

unsafe extern "C" fn convert(capsule: *mut PyObject, value: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: the capsule is that of a `ByLevel`, the value alive; the handle is alive.
        unsafe {
            let state = running::<ByLevel>(capsule)?;
            let value = Ref::from_ptr(value);
            let Some(handle) = jsproxy::handle_of(value) else {
                return Ok(value.to_owned().into_ptr());
            };
            let handle = JsRef::from_owned(pyox_js_handle_clone(handle));
            let depth = state.depth;
            state.value(handle, jsproxy::flags_of(value), depth).map(Py::into_ptr)
        }
    })
}

unsafe extern "C" fn cache(capsule: *mut PyObject, args: *mut *mut PyObject, count: ffi::Py_ssize_t) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: the capsule is that of a `ByLevel`; the arguments are alive; the handle is alive.
        unsafe {
            let state = running::<ByLevel>(capsule)?;
            let (value, result) = cached_pair(args, count)?;
            let Some(handle) = jsproxy::handle_of(value) else {
                return Err(py::type_error(&format!("cache_conversion() needs a JsProxy first, not {}", type_name(value))));
            };
            let id = pyox_js_value_id(handle) as usize;
            state.keep(id, result.to_owned());
            Ok(Py::none().into_ptr())
        }
    })
}

/// The options of `JsProxy.to_py(*, depth=-1, default_converter=None)`.
pub fn parse_depth(value: Option<Ref<'_>>) -> PyResult<i32> {
    let Some(value) = value else { return Ok(-1) };
    // SAFETY: alive.
    let depth = unsafe { ffi::PyLong_AsLong(value.as_ptr()) };
    // SAFETY: always allowed.
    if depth == -1 && unsafe { !ffi::PyErr_Occurred().is_null() } {
        return Err(Raised);
    }
    Ok(depth as i32)
}

