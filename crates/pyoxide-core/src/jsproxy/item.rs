//! `len`, `[]` and `in` (TT-027 to TT-031, TT-040 to TT-045).

use core::ffi::{c_int, c_void};
use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::{Py_ssize_t, PyObject};

use super::attributes::{check_import, check_import_bool};
use super::{Slots, is_array_like, this_fields};
use crate::boundary::*;
use crate::jsproxy;
use crate::py::{self, Py, PyResult, Raised, Ref, check};
use crate::wire::{self, WireValue};

pub(super) fn slots(slots: &mut Slots, flags: u32) {
    if flags & JS_IS_OBJECT_MAP != 0 || is_array_like(flags) || flags & JS_IS_SIZED != 0 {
        slots.add(ffi::Py_mp_length, length as *mut c_void);
        slots.add(ffi::Py_sq_length, length as *mut c_void);
    }
    if is_array_like(flags) {
        slots.add(ffi::Py_mp_subscript, array_get as *mut c_void);
        slots.add(ffi::Py_mp_ass_subscript, array_set as *mut c_void);
        slots.add(ffi::Py_sq_item, array_item as *mut c_void);
    } else {
        if flags & (JS_IS_GETTABLE | JS_IS_OBJECT_MAP) != 0 {
            slots.add(ffi::Py_mp_subscript, map_get as *mut c_void);
        }
        if flags & (JS_IS_SETTABLE | JS_IS_DELETABLE | JS_IS_OBJECT_MAP) != 0 {
            slots.add(ffi::Py_mp_ass_subscript, map_set as *mut c_void);
        }
    }
    if flags & (JS_IS_CONTAINER | JS_IS_INCLUDER | JS_IS_OBJECT_MAP) != 0 || is_array_like(flags) {
        slots.add(ffi::Py_sq_contains, contains as *mut c_void);
    }
}

/// The length of a proxy.
pub(super) fn length_of(object: Ref<'_>) -> PyResult<u32> {
    let js = this_fields(object)?;
    // SAFETY: the handle is alive.
    let length = unsafe { pyox_js_object_length(js.handle, js.flags) };
    if length < 0 { Err(crate::error::raise_pending()) } else { Ok(length as u32) }
}

unsafe extern "C" fn length(object: *mut PyObject) -> Py_ssize_t {
    // PERF: nothing to guard against where it succeeds (ffi: py2js_len).
    // SAFETY: CPython passes a live object of a concrete type, as only those have the slot; its handle is alive.
    let length = unsafe {
        let js = &(*object.cast::<super::JsProxyObject>()).js;
        pyox_js_object_length(js.handle, js.flags)
    };
    if length >= 0 {
        return length as Py_ssize_t;
    }
    guard_slot(-1, || Err(crate::error::raise_pending()))
}

/// `map[key]`; `None` when there is no such key.
pub(super) fn map_lookup(object: Ref<'_>, key: Ref<'_>) -> PyResult<Option<Py>> {
    let js = this_fields(object)?;
    let (mut key_wire, mut out) = (WireValue::undefined(), WireValue::undefined());
    wire::write_argument(key, &mut key_wire)?;
    // SAFETY: the handle is alive; the wire was just written.
    unsafe {
        match pyox_js_item_get(js.handle, js.flags, &mut key_wire, &mut out) {
            TAG_ABSENT => Ok(None),
            TAG_HANDLE_OWNED if js.flags & JS_IS_HEREDITARY != 0 => match wire::read_parts(TAG_HANDLE_OWNED, &out) {
                Err((handle, flags)) if flags & JS_IS_PLAIN_OBJECT != 0 => {
                    let marks = js.flags & (JS_IS_OBJECT_MAP | JS_IS_HEREDITARY | JS_IS_JSON);
                    jsproxy::new(handle, flags | marks, None).map(Some)
                }
                Err((handle, flags)) => jsproxy::new(handle, flags | super::json_marks(js.flags, flags), None).map(Some),
                Ok(value) => value.map(Some),
            },
            tag => wire::read(tag, &out).map(Some),
        }
    }
}

unsafe extern "C" fn map_get(object: *mut PyObject, key: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes live objects.
        let (object, key) = unsafe { (Ref::from_ptr(object), Ref::from_ptr(key)) };
        match map_lookup(object, key)? {
            Some(value) => Ok(value.into_ptr()),
            None => Err(py::key_error(key)),
        }
    })
}

unsafe extern "C" fn map_set(object: *mut PyObject, key: *mut PyObject, value: *mut PyObject) -> c_int {
    guard_slot(-1, || {
        // SAFETY: CPython passes live objects, the value being null for `del`; the handle is alive.
        unsafe {
            let (object, key) = (Ref::from_ptr(object), Ref::from_ptr(key));
            let js = this_fields(object)?;
            let (needed, what) = if value.is_null() { (JS_IS_DELETABLE, "deletion") } else { (JS_IS_SETTABLE, "assignment") };
            if js.flags & (needed | JS_IS_OBJECT_MAP) == 0 {
                return Err(py::type_error(&format!("'pyodide.ffi.JsProxy' object does not support item {what}")));
            }
            let mut key_wire = WireValue::undefined();
            wire::write_argument(key, &mut key_wire)?;
            if value.is_null() {
                if !check_import_bool(pyox_js_item_delete(js.handle, js.flags, &mut key_wire))? {
                    return Err(py::key_error(key));
                }
                return Ok(0);
            }
            let mut value_wire = WireValue::undefined();
            wire::write_argument(Ref::from_ptr(value), &mut value_wire)?;
            check_import(pyox_js_item_set(js.handle, js.flags, &mut key_wire, &mut value_wire))?;
            Ok(0)
        }
    })
}

unsafe extern "C" fn contains(object: *mut PyObject, key: *mut PyObject) -> c_int {
    guard_slot(-1, || {
        // SAFETY: CPython passes live objects; the handle is alive.
        unsafe {
            let js = this_fields(Ref::from_ptr(object))?;
            let mut key_wire = WireValue::undefined();
            wire::write_argument(Ref::from_ptr(key), &mut key_wire)?;
            let found = pyox_js_item_has(js.handle, js.flags, &mut key_wire);
            Ok(i32::from(check_import_bool(found)?))
        }
    })
}

/// What stands between the brackets.
pub(super) enum Index {
    /// One element, within bounds.
    One(u32),
    /// A slice as `slice.indices` gives it.
    Slice { start: i32, step: i32, count: u32 },
}

/// Reads an index or slice for a sequence of `length` elements.
pub(super) fn index_of(key: Ref<'_>, length: u32, what: &str) -> PyResult<Index> {
    let raw = key.as_ptr();
    // SAFETY: the key is alive; the out parameters are locals.
    unsafe {
        if ffi::PyIndex_Check(raw) != 0 {
            let index = ffi::PyNumber_AsSsize_t(raw, ffi::PyExc_IndexError);
            if index == -1 && !ffi::PyErr_Occurred().is_null() {
                return Err(Raised);
            }
            let absolute = if index < 0 { index + length as Py_ssize_t } else { index };
            if absolute < 0 || absolute >= length as Py_ssize_t {
                return Err(py::index_error(&format!("{what} index out of range")));
            }
            return Ok(Index::One(absolute as u32));
        }
        if ffi::PySlice_Check(raw) != 0 {
            let (mut start, mut stop, mut step) = (0, 0, 0);
            check(ffi::PySlice_Unpack(raw, &mut start, &mut stop, &mut step))?;
            let count = ffi::PySlice_AdjustIndices(length as Py_ssize_t, &mut start, &mut stop, step);
            return Ok(Index::Slice { start: start as i32, step: step as i32, count: count as u32 });
        }
        let name = Py::owned_or_err(ffi::PyType_GetName(key.ty()))?;
        Err(py::type_error(&format!("{what} indices must be integers or slices, not {}", name.borrow().utf8()?)))
    }
}

/// The element at an index, a negative one counting from the end: bounds and element in one crossing.
fn get_at(object: Ref<'_>, index: Py_ssize_t) -> PyResult<Py> {
    let js = this_fields(object)?;
    let mut out = WireValue::undefined();
    // SAFETY: the handle is alive; the wire was just written.
    unsafe {
        let tag = pyox_js_array_get(js.handle, index as i32, &mut out);
        if tag == TAG_ABSENT {
            return Err(py::index_error("JsArray index out of range"));
        }
        if js.flags & JS_IS_JSON == 0 {
            return wire::read(tag, &out);
        }
        match wire::read_parts(tag, &out) {
            Ok(value) => value,
            Err((handle, flags)) => jsproxy::new(handle, flags | super::json_marks(js.flags, flags), None),
        }
    }
}

unsafe extern "C" fn array_item(object: *mut PyObject, index: Py_ssize_t) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object.
        let object = unsafe { Ref::from_ptr(object) };
        // CPython has added the length to a negative index already.
        if index < 0 {
            return Err(py::index_error("JsArray index out of range"));
        }
        get_at(object, index).map(Py::into_ptr)
    })
}

unsafe extern "C" fn array_get(object: *mut PyObject, key: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes live objects; the handle is alive.
        unsafe {
            let (object, key) = (Ref::from_ptr(object), Ref::from_ptr(key));
            if ffi::PyLong_CheckExact(key.as_ptr()) != 0 {
                let mut overflow = 0;
                let index = ffi::PyLong_AsLongAndOverflow(key.as_ptr(), &mut overflow);
                if overflow == 0 {
                    return get_at(object, index as Py_ssize_t).map(Py::into_ptr);
                }
            }
            match index_of(key, length_of(object)?, "JsArray")? {
                Index::One(index) => get_at(object, index as Py_ssize_t).map(Py::into_ptr),
                Index::Slice { start, step, count } => {
                    let slice =
                        JsRef::owned_or_err(pyox_js_array_slice(this_fields(object)?.handle, start, step, count))?;
                    let flags = pyox_js_value_flags(slice.handle());
                    jsproxy::new(slice, flags | super::json_marks(this_fields(object)?.flags, flags), None).map(Py::into_ptr)
                }
            }
        }
    })
}

unsafe extern "C" fn array_set(object: *mut PyObject, key: *mut PyObject, value: *mut PyObject) -> c_int {
    guard_slot(-1, || {
        // SAFETY: CPython passes live objects, the value being null for `del`.
        unsafe {
            let (object, key) = (Ref::from_ptr(object), Ref::from_ptr(key));
            let js = this_fields(object)?;
            let handle = js.handle;
            let length = length_of(object)?;
            if !value.is_null() && js.flags & JS_IS_ARRAY != 0 {
                if let Some(index) = index_behind(key, length)? {
                    // As in JavaScript, the Array grows (TT-042).
                    let mut wire = WireValue::undefined();
                    wire::write_argument(Ref::from_ptr(value), &mut wire)?;
                    check_import(pyox_js_array_set(handle, index, &mut wire))?;
                    return Ok(0);
                }
            }
            let index = index_of(key, length, "JsArray")?;
            if value.is_null() {
                if js.flags & JS_IS_ARRAY == 0 {
                    return Err(fixed_length());
                }
                let (start, step, count) = match index {
                    Index::One(index) => (index as i32, 1, 1),
                    Index::Slice { start, step, count } => (start, step, count),
                };
                check_import(pyox_js_array_slice_delete(handle, start, step, count))?;
                return Ok(0);
            }
            match index {
                Index::One(index) => {
                    let mut wire = WireValue::undefined();
                    wire::write_argument(Ref::from_ptr(value), &mut wire)?;
                    check_import(pyox_js_array_set(handle, index, &mut wire))?;
                }
                Index::Slice { start, step, count } => {
                    set_slice(js, start, step, count, Ref::from_ptr(value))?;
                }
            }
            Ok(0)
        }
    })
}

/// An index behind the end of an Array of that length; `None` for any other key.
fn index_behind(key: Ref<'_>, length: u32) -> PyResult<Option<u32>> {
    // SAFETY: the key is alive.
    unsafe {
        if ffi::PyIndex_Check(key.as_ptr()) == 0 {
            return Ok(None);
        }
        let index = ffi::PyNumber_AsSsize_t(key.as_ptr(), ffi::PyExc_IndexError);
        if index == -1 && !ffi::PyErr_Occurred().is_null() {
            return Err(Raised);
        }
        Ok(if index >= length as Py_ssize_t { Some(index as u32) } else { None })
    }
}

fn fixed_length() -> Raised {
    py::type_error("Elements can be added or deleted only in a JavaScript Array: this object has a fixed length")
}

/// How many elements one assignment takes. V8 ends the process when an Array that is filled one by one passes twice as many.
const ASSIGN_MAX: Py_ssize_t = 1 << 26;

/// `array[start:...:step] = values`, `count` elements being replaced.
fn set_slice(js: &super::JsFields, start: i32, step: i32, count: u32, values: Ref<'_>) -> PyResult<()> {
    // SAFETY: the objects are alive; the list keeps the values alive while they are on the wire.
    unsafe {
        // Asked first: a list of more would take most of the memory, only to be refused.
        let announced = ffi::PyObject_LengthHint(values.as_ptr(), 0);
        if announced == -1 {
            return Err(Raised);
        }
        if announced > ASSIGN_MAX {
            return Err(py::memory_error(&format!(
                "{announced} elements are too many to assign at once: assign at most {ASSIGN_MAX}, and the others after them"
            )));
        }
        let list = Py::owned_or_err(ffi::PySequence_List(values.as_ptr())).map_err(|raised| {
            if py::raised_is(ffi::PyExc_TypeError) {
                py::clear();
                return py::type_error("can only assign an iterable");
            }
            raised
        })?;
        let length = ffi::PyList_GET_SIZE(list.as_ptr()) as u32;
        if step != 1 && length != count {
            return Err(py::value_error(&format!(
                "attempt to assign sequence of size {length} to extended slice of size {count}"
            )));
        }
        if length != count && js.flags & JS_IS_ARRAY == 0 {
            return Err(fixed_length());
        }
        let mut wires = Vec::new();
        if wires.try_reserve_exact(length as usize).is_err() {
            return Err(py::memory_error(&format!("There is no memory left to assign {length} elements at once")));
        }
        for index in 0..length {
            let mut wire = WireValue::undefined();
            let item = Ref::from_ptr(ffi::PyList_GET_ITEM(list.as_ptr(), index as Py_ssize_t));
            if let Err(raised) = wire::write_argument(item, &mut wire) {
                wires.iter().for_each(WireValue::release);
                return Err(raised);
            }
            wires.push(wire);
        }
        check_import(pyox_js_array_slice_set(js.handle, start, step, count, wires.as_mut_ptr(), length))
    }
}
