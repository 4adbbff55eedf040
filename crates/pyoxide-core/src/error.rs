//! Errors across the boundary, both ways.
//!
//! Owns: raising what JavaScript threw (`JsException`, or the Python exception that a `PythonError` stands for), and throwing
//! what Python raised (`PythonError`, with the formatted traceback). Invariant: the Python exception itself is kept only in
//! `sys.last_exc`, so that a `PythonError` that somebody keeps does not keep frames alive (JS-135).

use core::ffi::{c_char, c_int};
use std::ffi::CString;

use pyo3_ffi as ffi;

use crate::boundary::*;
use crate::cells::Slot;
use crate::py::{self, Py, PyResult, Raised, Ref, check};
use crate::wire::{self, WireValue};
use crate::{jsproxy, string};

/// Serial number of the exception in `sys.last_exc`, as `PythonError` objects carry it.
static SERIAL: Slot<u32> = Slot::new(0);

/// Raises the pending JavaScript error.
pub fn raise_pending() -> Raised {
    // SAFETY: the import cannot fail; 0 says that nothing is pending.
    let handle = unsafe { pyox_js_error_take() };
    if handle == 0 {
        return py::system_error("Pyoxide has a bug: an import failed without an error");
    }
    raise_thrown(JsRef::from_owned(handle))
}

/// Raises the exception for a thrown JavaScript value.
/// PERF: engines make the text of a stack when somebody asks for it, which takes as long as all the rest. So a new JsException gets its
/// JavaScript frames when its traceback is read (ffi: exc_js2py).
pub fn raise_thrown(thrown: JsRef) -> Raised {
    match known_exception(&thrown) {
        Ok(Some(exception)) => {
            let frames = js_frames(thrown.handle());
            let raised = py::restore(exception);
            if let Some(frames) = frames {
                add_frames(&frames);
            }
            raised
        }
        Ok(None) => match jsproxy::new_exception(thrown, true) {
            Ok(exception) => py::restore(exception),
            Err(raised) => raised,
        },
        Err(raised) => raised,
    }
}

/// Puts the JavaScript functions that an error passed behind the innermost frame of the exception's traceback.
///
/// # Errors
/// No memory.
pub fn append_frames(exception: Ref<'_>, thrown: Handle) -> PyResult<()> {
    let Some(frames) = js_frames(thrown) else { return Ok(()) };
    // SAFETY: the class is static.
    py::restore(unsafe { Ref::from_ptr(ffi::PyExc_RuntimeError) }.call(&[])?);
    add_frames(&frames);
    let Some(carrier) = py::take_raised() else { return Ok(()) };
    // SAFETY: exceptions are alive; the results are new references or null.
    let (added, own) = unsafe {
        (Py::owned_or_none(ffi::PyException_GetTraceback(carrier.as_ptr())), Py::owned_or_none(ffi::PyException_GetTraceback(exception.as_ptr())))
    };
    let Some(added) = added else { return Ok(()) };
    let Some(mut last) = own else {
        // SAFETY: both are alive; the exception takes its own reference.
        return check(unsafe { ffi::PyException_SetTraceback(exception.as_ptr(), added.as_ptr()) });
    };
    loop {
        let next = last.borrow().attr(c"tb_next")?;
        if next.borrow().is_none() {
            // SAFETY: all three are alive; the name is 0-terminated.
            return check(unsafe { ffi::PyObject_SetAttrString(last.as_ptr(), c"tb_next".as_ptr(), added.as_ptr()) });
        }
        last = next;
    }
}

unsafe extern "C" {
    /// Puts a frame of foreign code onto the traceback of the raised exception. CPython exports it for its own XML parser.
    fn _PyTraceback_Add(function: *const c_char, file: *const c_char, line: c_int);
}

/// The JavaScript functions that an error passed, as `pyox_js_error_frames` lists them.
fn js_frames(thrown: Handle) -> Option<String> {
    let mut out = WireValue::undefined();
    // SAFETY: the handle is alive; the wire was just written.
    let frames = unsafe {
        let tag = pyox_js_error_frames(thrown, &mut out);
        wire::read(tag, &out)
    };
    match frames.and_then(|text| if text.borrow().is_none() { Ok(None) } else { text.borrow().utf8().map(|text| Some(text.to_owned())) }) {
        Ok(frames) => frames,
        Err(Raised) => {
            py::clear(); // a traceback with less in it, no other error
            None
        }
    }
}

/// Adds them to the traceback of the raised exception, where Python's own frames will follow (TT-112).
fn add_frames(frames: &str) {
    let mut lines = frames.lines();
    while let (Some(name), Some(file), Some(line)) = (lines.next(), lines.next(), lines.next()) {
        let (Ok(name), Ok(file)) = (CString::new(name), CString::new(file)) else { continue };
        // SAFETY: an exception is raised; the texts are 0-terminated.
        unsafe { _PyTraceback_Add(name.as_ptr(), file.as_ptr(), line.parse().unwrap_or(1)) };
    }
}

/// The exception for a thrown JavaScript value: the original one for a `PythonError` of the last exception, the object of a
/// PyProxy of an exception, a `JsException` otherwise.
pub fn thrown_to_exception(thrown: JsRef) -> PyResult<Py> {
    match known_exception(&thrown)? {
        Some(exception) => Ok(exception),
        None => jsproxy::new_exception(thrown, false),
    }
}

/// The exception that a thrown value stands for, if it is not an error of JavaScript's own.
fn known_exception(thrown: &JsRef) -> PyResult<Option<Py>> {
    // SAFETY: the handle is alive; these imports cannot fail.
    let serial = unsafe { pyox_js_error_serial(thrown.handle()) };
    if serial == ERROR_IS_RECURSION || serial == ERROR_IS_MEMORY {
        // SAFETY: the classes are static and alive.
        let class = unsafe { Ref::from_ptr(if serial == ERROR_IS_MEMORY { ffi::PyExc_MemoryError } else { ffi::PyExc_RecursionError }) };
        return same_words(class, thrown).map(Some);
    }
    if serial != 0 && serial == SERIAL.get() {
        // SAFETY: a borrowed reference or null; kept alive by `to_owned` at once.
        let last = unsafe { ffi::PySys_GetObject(c"last_exc".as_ptr()) };
        if !last.is_null() {
            // SAFETY: not null, alive in `sys`.
            return Ok(Some(unsafe { Ref::from_ptr(last) }.to_owned()));
        }
    }
    // SAFETY: the handle is alive; the pointer is borrowed from the proxy, which the handle keeps.
    let object = unsafe { pyox_js_proxy_unwrap(thrown.handle()) };
    if !object.is_null() {
        // SAFETY: alive, see above.
        let object = unsafe { Ref::from_ptr(object) };
        // SAFETY: reads the flags of its type.
        if unsafe { ffi::PyExceptionInstance_Check(object.as_ptr()) } != 0 {
            return Ok(Some(object.to_owned()));
        }
    }
    Ok(None)
}

/// Python's exception for what JavaScript has found to be too deep or too large, with its words.
fn same_words(class: Ref<'_>, thrown: &JsRef) -> PyResult<Py> {
    let mut out = WireValue::undefined();
    // SAFETY: the handle is alive; the wire was just written.
    let text = unsafe {
        let tag = pyox_js_value_to_string(thrown.handle(), &mut out);
        wire::read(tag, &out)?
    };
    let text = text.borrow().utf8()?;
    let text = text.strip_prefix("RangeError: ").unwrap_or(text);
    class.call(&[Py::string(text)?.borrow()])
}

/// What JavaScript sees of an exception.
struct Description {
    type_name: Py,
    message: Py,
    serial: u32,
    cause: Option<JsRef>,
}

fn describe(exception: Py) -> PyResult<Description> {
    let serial = SERIAL.get().wrapping_add(1) % ERROR_IS_MEMORY;
    let serial = serial.max(1);
    SERIAL.set(serial);
    let message = match format(exception.borrow()) {
        Ok(message) => message,
        Err(Raised) => {
            // What cannot be formatted still has a type.
            py::clear();
            Py::string("The exception cannot be formatted\n")?
        }
    };
    // SAFETY: the type is alive as long as the exception.
    let type_name = unsafe { Py::owned_or_err(ffi::PyType_GetName(exception.borrow().ty()))? };
    let cause = jsproxy::exception_handle(exception.borrow()).map(|handle| {
        // SAFETY: alive as long as the exception; the clone is ours.
        JsRef::from_owned(unsafe { pyox_js_handle_clone(handle) })
    });
    // SAFETY: `sys` takes its own references.
    unsafe {
        ffi::PySys_SetObject(c"last_exc".as_ptr(), exception.as_ptr());
        ffi::PySys_SetObject(c"last_type".as_ptr(), exception.borrow().ty().cast());
        ffi::PySys_SetObject(c"last_value".as_ptr(), exception.as_ptr());
        let traceback = Py::owned_or_none(ffi::PyException_GetTraceback(exception.as_ptr()));
        ffi::PySys_SetObject(
            c"last_traceback".as_ptr(),
            traceback.as_ref().map_or(ffi::Py_None(), Py::as_ptr),
        );
    }
    Ok(Description { type_name, message, serial, cause })
}

fn format(exception: Ref<'_>) -> PyResult<Py> {
    let text = Py::import(c"_pyodide._hooks")?.borrow().call_method(c"format_exception", &[exception])?;
    if text.borrow().is_string() { Ok(text) } else { Err(py::type_error("format_exception must return a str")) }
}

impl Description {
    fn wires(&self) -> (WireValue, WireValue) {
        let (mut name, mut message) = (WireValue::undefined(), WireValue::undefined());
        string::describe(self.type_name.borrow(), &mut name);
        string::describe(self.message.borrow(), &mut message);
        (name, message)
    }

    fn cause(&self) -> Handle {
        self.cause.as_ref().map_or(0, JsRef::handle)
    }
}

/// Makes the raised exception the error that JavaScript throws.
pub fn throw_raised() {
    let Some(exception) = py::take_raised() else {
        fatal_text("an export failed without a Python exception");
        return;
    };
    match describe(exception) {
        Ok(description) => {
            let (mut name, mut message) = description.wires();
            // SAFETY: the strings live in `description`.
            unsafe { pyox_js_error_set_python(&mut name, &mut message, description.serial, description.cause()) };
        }
        Err(Raised) => {
            py::clear();
            fatal_text("there was no memory left to report a Python exception");
        }
    }
}

/// Makes what JavaScript itself has thrown the error of the export, if that is what is raised: for exports that only look at
/// JavaScript values for JavaScript.
pub fn throw_own() -> bool {
    let Some(exception) = py::take_raised() else { return false };
    match jsproxy::exception_handle(exception.borrow()) {
        Some(handle) => {
            // SAFETY: the handle is alive as long as the exception.
            unsafe { pyox_js_error_set_thrown(handle) };
            true
        }
        None => {
            py::restore(exception);
            false
        }
    }
}

/// A JsProxy of the `PythonError` for an exception, without throwing it (`_pyodide_core.js_error`).
pub fn js_error(exception: Ref<'_>) -> PyResult<Py> {
    let description = describe(exception.to_owned())?;
    let (mut name, mut message) = description.wires();
    // SAFETY: the strings live in `description`.
    let error = JsRef::owned_or_err(unsafe {
        pyox_js_error_new(&mut name, &mut message, description.serial, description.cause())
    })?;
    jsproxy::new(error, JS_IS_ERROR, None)
}

fn fatal_text(text: &str) {
    // SAFETY: pointer and length are those of `text`; the import copies.
    unsafe { pyox_js_error_set_fatal(text.as_ptr() as Address, text.len() as u32) }
}
