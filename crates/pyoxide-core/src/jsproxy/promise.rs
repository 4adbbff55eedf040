//! Awaiting promises (TT-036, FFI-065, ASYNC-07).

use core::ffi::c_void;
use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use super::attributes::check_import;
use super::{Slots, this_fields};
use crate::boundary::*;
use crate::py::{Py, PyResult, Ref};

pub(super) fn slots(slots: &mut Slots) {
    slots.add(ffi::Py_am_await, am_await as *mut c_void);
}

pub(super) fn methods() -> Vec<ffi::PyMethodDef> {
    Vec::new()
}

/// A future of the event loop that gets the outcome of a promise.
pub(super) fn future_of(promise: Handle) -> PyResult<Py> {
    let future = Py::import(c"_pyodide._hooks")?.borrow().call_method(c"new_future", &[])?;
    // SAFETY: the handle is alive; the import owns its reference to the future, whatever happens.
    check_import(unsafe { pyox_js_promise_watch(promise, future.clone().into_ptr()) })?;
    Ok(future)
}

unsafe extern "C" fn am_await(object: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object.
        let js = this_fields(unsafe { Ref::from_ptr(object) })?;
        let future = future_of(js.handle)?;
        future.borrow().call_method(c"__await__", &[]).map(Py::into_ptr)
    })
}
