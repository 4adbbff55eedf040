//! Awaiting promises (TT-036, TT-099, FFI-065, ASYNC-07).
//!
//! Invariant: the proxy of a promise keeps the future that gets its outcome, so that awaiting it a second time gives the same
//! result, although a PyProxy that the promise gave is freed when it has been converted.

use core::ffi::c_void;
use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use super::attributes::check_import;
use super::{Slots, this_fields};
use crate::boundary::*;
use crate::cells::Slot;
use crate::py::{self, Py, PyResult, Raised, Ref};

pub(super) fn slots(slots: &mut Slots) {
    slots.add(ffi::Py_am_await, am_await as *mut c_void);
}

pub(super) fn methods() -> Vec<ffi::PyMethodDef> {
    Vec::new()
}

/// `_pyodide._hooks`, which lives as long as the interpreter. PERF: an import per await is a tenth of it (ffi: await).
static HOOKS: Slot<Option<Py>> = Slot::new(None);

/// A future of the event loop that gets the outcome of a promise.
pub(super) fn future_of(promise: Handle) -> PyResult<Py> {
    // SAFETY: one thread; the reference is not used across the import.
    if unsafe { (*HOOKS.as_ptr()).is_none() } {
        drop(HOOKS.replace(Some(Py::import(c"_pyodide._hooks")?)));
    }
    // SAFETY: set above and never cleared.
    let hooks = unsafe { (*HOOKS.as_ptr()).as_ref() }.ok_or(Raised)?.clone();
    let future = hooks.borrow().call_method(c"new_future", &[])?;
    // SAFETY: the handle is alive; the import owns its reference to the future, whatever happens.
    check_import(unsafe { pyox_js_promise_watch(promise, future.clone().into_ptr()) })?;
    Ok(future)
}

/// The future that the proxy keeps, or a new one; a new one too for a thenable function, whose field is taken.
pub(super) fn future_for(object: Ref<'_>) -> PyResult<Py> {
    let js = this_fields(object)?;
    if js.flags & JS_IS_CALLABLE != 0 {
        return future_of(js.handle);
    }
    if !js.this.is_null() {
        // SAFETY: owned by the proxy; the clone is ours.
        let kept = unsafe { Ref::from_ptr(js.this) }.to_owned();
        // A waiter that was cancelled has cancelled its future, not the promise.
        if !kept.borrow().call_method(c"cancelled", &[])?.borrow().is_true()? {
            return Ok(kept);
        }
    }
    let future = future_of(js.handle)?;
    let old = super::replace_this(object, future.clone().into_ptr())?;
    // SAFETY: the field owned it.
    drop(unsafe { Py::owned_or_none(old) });
    Ok(future)
}

/// What the proxy of a promise has of a future (TT-099), where the promise itself has no such property.
pub(super) fn is_future_method(name: Ref<'_>) -> bool {
    match name.utf8() {
        Ok(name) => matches!(
            name,
            "add_done_callback" | "remove_done_callback" | "done" | "result" | "exception" | "cancelled" | "cancel" | "get_loop"
        ),
        Err(Raised) => {
            py::clear();
            false
        }
    }
}

unsafe extern "C" fn am_await(object: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object.
        let future = future_for(unsafe { Ref::from_ptr(object) })?;
        future.borrow().call_method(c"__await__", &[]).map(Py::into_ptr)
    })
}
