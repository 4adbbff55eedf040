//! JsBuffer: copies between JavaScript buffers and Python (FFI-029 to FFI-036, TT-092, TT-105).


use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::{Py_ssize_t, PyObject};

use super::attributes::check_import;
use super::{method_keywords, method_noargs, method_o, this_fields};
use crate::arguments::fastcall;
use crate::boundary::*;
use crate::py::{self, Py, PyResult, Ref, check};
use crate::wire::{self, WireValue};

pub(super) fn methods() -> Vec<ffi::PyMethodDef> {
    vec![
        method_noargs(c"to_bytes", to_bytes, c"to_bytes() -> bytes\n\nA copy of the bytes."),
        method_noargs(c"to_memoryview", to_memoryview_method, c"to_memoryview() -> memoryview\n\nA memoryview of a copy, with the element type of the typed array."),
        method_keywords(c"to_string", to_string, c"to_string(encoding=None) -> str\n\nDecodes with JavaScript's TextDecoder; the label defaults to utf-8."),
        method_o(c"assign", assign, c"assign(rhs, /)\n\nCopies a contiguous Python buffer of the same size in bytes into this one."),
        method_o(c"assign_to", assign_to, c"assign_to(to, /)\n\nCopies this buffer into a writable contiguous Python buffer of the same size in bytes."),
        method_o(c"to_file", to_file, c"to_file(file, /)\n\nWrites the whole buffer at the current position of a file."),
        method_o(c"from_file", from_file, c"from_file(file, /)\n\nFills the buffer from the current position of a file; raises ValueError when the file is too short."),
    ]
}

struct Info {
    length: u32,
    itemsize: u32,
    format: u8,
}

fn info(buffer: Handle) -> PyResult<Info> {
    let mut words = [0u32; 3];
    // SAFETY: the handle is alive; three words are written.
    check_import(unsafe { pyox_js_buffer_info(buffer, words.as_mut_ptr().cast()) })?;
    let [length, itemsize, format] = words;
    Ok(Info { length, itemsize, format: format as u8 })
}

/// A memoryview of a copy of a JavaScript buffer, cast to its element type.
///
/// # Errors
/// No memory; a detached buffer.
pub fn to_memoryview(buffer: Handle) -> PyResult<Py> {
    let info = info(buffer)?;
    // SAFETY: a new bytearray has room for that many bytes; the handle is alive.
    unsafe {
        let bytes = Py::owned_or_err(ffi::PyByteArray_FromStringAndSize(ptr::null(), info.length as Py_ssize_t))?;
        check_import(pyox_js_buffer_read(buffer, ffi::PyByteArray_AsString(bytes.as_ptr()).cast(), info.length))?;
        let view = Py::owned_or_err(ffi::PyMemoryView_FromObject(bytes.as_ptr()))?;
        if info.format == b'B' && info.itemsize == 1 {
            return Ok(view);
        }
        let format = Py::string(core::str::from_utf8(&[info.format]).unwrap_or("B"))?;
        view.borrow().call_method(c"cast", &[format.borrow()])
    }
}

unsafe extern "C" fn to_memoryview_method(object: *mut PyObject, _unused: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object.
        let js = this_fields(unsafe { Ref::from_ptr(object) })?;
        to_memoryview(js.handle).map(Py::into_ptr)
    })
}

unsafe extern "C" fn to_bytes(object: *mut PyObject, _unused: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; a new bytes object has room for that many bytes and nobody else has it.
        unsafe {
            let js = this_fields(Ref::from_ptr(object))?;
            let info = info(js.handle)?;
            let bytes = Py::owned_or_err(ffi::PyBytes_FromStringAndSize(ptr::null(), info.length as Py_ssize_t))?;
            check_import(pyox_js_buffer_read(js.handle, ffi::PyBytes_AsString(bytes.as_ptr()).cast(), info.length))?;
            Ok(bytes.into_ptr())
        }
    })
}

fastcall! {
    fn to_string(this, arguments) {
        let js = this_fields(this)?;
        let encoding = match arguments.positional() {
            [_] => Some(arguments.exactly::<1>("to_string() takes one argument, encoding")?[0]),
            _ => arguments.only_named("to_string", ["encoding"])?[0],
        };
        let (mut given, mut out) = (WireValue::undefined(), WireValue::undefined());
        if let Some(encoding) = encoding {
            wire::write_argument(encoding, &mut given)?;
        }
        // SAFETY: the handle is alive; the wires were just written.
        unsafe {
            let tag = pyox_js_buffer_decode(js.handle, &mut given, &mut out);
            wire::read(tag, &out)
        }
    }
}

/// A contiguous Python buffer.
struct Contiguous(Box<ffi::Py_buffer>);

impl Contiguous {
    fn open(object: Ref<'_>, writable: bool) -> PyResult<Contiguous> {
        let mut view = Box::new(ffi::Py_buffer::new());
        let flags = ffi::PyBUF_C_CONTIGUOUS | ffi::PyBUF_FORMAT | if writable { ffi::PyBUF_WRITABLE } else { 0 };
        // SAFETY: the object is alive; the view has its final address.
        check(unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &mut *view, flags) })?;
        Ok(Contiguous(view))
    }
}

impl Drop for Contiguous {
    fn drop(&mut self) {
        // SAFETY: opened in `open`.
        unsafe { ffi::PyBuffer_Release(&mut *self.0) };
    }
}

/// Opens the Python side of a copy and checks that both sides fit.
fn opposite(buffer: Handle, flags: u32, object: Ref<'_>, writable: bool) -> PyResult<Contiguous> {
    let info = info(buffer)?;
    let view = Contiguous::open(object, writable)?;
    if view.0.len != info.length as Py_ssize_t {
        return Err(py::value_error(&format!(
            "The buffers differ in size: {} bytes in JavaScript, {} in Python",
            info.length, view.0.len
        )));
    }
    // An ArrayBuffer or DataView is only bytes.
    if flags & JS_IS_TYPED_ARRAY != 0 && view.0.itemsize != info.itemsize as Py_ssize_t {
        return Err(py::value_error(&format!(
            "The buffers differ in element size: {} bytes in JavaScript, {} in Python",
            info.itemsize, view.0.itemsize
        )));
    }
    // SAFETY: 0-terminated by the buffer protocol, or null for bytes.
    let format = if view.0.format.is_null() { b"B" } else { unsafe { core::ffi::CStr::from_ptr(view.0.format) }.to_bytes() };
    let code = format.last().copied().unwrap_or(b'B');
    if info.itemsize > 1 && is_float(code) != is_float(info.format) {
        return Err(py::value_error(&format!(
            "The buffers differ in element type: {:?} in JavaScript, {:?} in Python",
            char::from(info.format),
            String::from_utf8_lossy(format)
        )));
    }
    Ok(view)
}

fn is_float(code: u8) -> bool {
    matches!(code, b'e' | b'f' | b'd')
}

unsafe extern "C" fn assign(object: *mut PyObject, from: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes live objects; the view is open during the copy.
        unsafe {
            let js = this_fields(Ref::from_ptr(object))?;
            let view = opposite(js.handle, js.flags, Ref::from_ptr(from), false)?;
            check_import(pyox_js_buffer_write(js.handle, view.0.buf, view.0.len as u32))?;
        }
        Ok(Py::none().into_ptr())
    })
}

unsafe extern "C" fn assign_to(object: *mut PyObject, to: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes live objects; the view is open and writable during the copy.
        unsafe {
            let js = this_fields(Ref::from_ptr(object))?;
            let view = opposite(js.handle, js.flags, Ref::from_ptr(to), true)?;
            check_import(pyox_js_buffer_read(js.handle, view.0.buf, view.0.len as u32))?;
        }
        Ok(Py::none().into_ptr())
    })
}

unsafe extern "C" fn to_file(object: *mut PyObject, file: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes live objects.
        let js = this_fields(unsafe { Ref::from_ptr(object) })?;
        let view = to_memoryview(js.handle)?;
        // SAFETY: alive.
        unsafe { Ref::from_ptr(file) }.call_method(c"write", &[view.borrow()])?;
        Ok(Py::none().into_ptr())
    })
}

unsafe extern "C" fn from_file(object: *mut PyObject, file: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes live objects.
        let js = this_fields(unsafe { Ref::from_ptr(object) })?;
        let length = info(js.handle)?.length;
        // SAFETY: alive.
        let data = unsafe { Ref::from_ptr(file) }.call_method(c"read", &[Py::int(i64::from(length))?.borrow()])?;
        let view = Contiguous::open(data.borrow(), false)?;
        if view.0.len != length as Py_ssize_t {
            return Err(py::value_error(&format!(
                "The file ends too early: the buffer has {length} bytes, {} could be read",
                view.0.len
            )));
        }
        // SAFETY: the view is open; the handle is alive.
        check_import(unsafe { pyox_js_buffer_write(js.handle, view.0.buf, length) })?;
        Ok(Py::none().into_ptr())
    })
}

