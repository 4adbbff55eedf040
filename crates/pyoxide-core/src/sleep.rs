//! `time.sleep`: the stack is suspended where it can be, else the thread sleeps, else it computes; signals are handled meanwhile.
//!
//! Owns the function that is put in the place of `time.sleep`. Arguments that are no plain number of seconds go to the original,
//! which knows how to refuse them.

use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use crate::boundary::{JsRef, guard_slot, pyox_js_host_sleep, pyox_js_promise_timer};
use crate::cells::Slot;
use crate::jsproxy;
use crate::py::{self, Definition, Py, PyResult, Ref, check};
use crate::stacks;

/// Longer times are left to the original.
const SECONDS_MAX: f64 = 1e9;
/// How long signals may have to wait.
pub const SLICE_MS: f64 = 20.0;

static ORIGINAL: Slot<*mut PyObject> = Slot::new(ptr::null_mut());

static SLEEP: Definition = Definition(ffi::PyMethodDef {
    ml_name: c"sleep".as_ptr(),
    ml_meth: ffi::PyMethodDefPointer { PyCFunction: sleep },
    ml_flags: ffi::METH_O,
    ml_doc: c"sleep($module, object, /)\n--\n\nsleep(seconds)\n\nDelay execution for a given number of seconds.  The argument may be\na floating-point number for subsecond precision.".as_ptr(),
});

unsafe extern "C" {
    fn emscripten_get_now() -> f64;
}

/// Replaces `time.sleep`.
///
/// # Errors
/// There is no module `time`.
pub fn install() -> PyResult<()> {
    ORIGINAL.set(py::replace_function(c"time", &SLEEP)?.into_ptr());
    Ok(())
}

unsafe extern "C" fn sleep(_module: *mut PyObject, seconds: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the original lives for ever.
        let (seconds, original) = unsafe { (Ref::from_ptr(seconds), Ref::from_ptr(ORIGINAL.get())) };
        match plain_seconds(seconds) {
            Some(seconds) => sleep_ms(seconds * 1000.0).map(|()| Py::none().into_ptr()),
            None => original.call(&[seconds]).map(Py::into_ptr),
        }
    })
}

/// A float or int that is a time to sleep.
fn plain_seconds(object: Ref<'_>) -> Option<f64> {
    // SAFETY: the object is alive and of the type that is read.
    let seconds = unsafe {
        if ffi::PyFloat_CheckExact(object.as_ptr()) != 0 {
            ffi::PyFloat_AS_DOUBLE(object.as_ptr())
        } else if ffi::PyLong_CheckExact(object.as_ptr()) != 0 {
            let mut overflow = 0;
            let value = ffi::PyLong_AsLongAndOverflow(object.as_ptr(), &mut overflow);
            if overflow != 0 {
                return None;
            }
            f64::from(value)
        } else {
            return None;
        }
    };
    (0.0..SECONDS_MAX).contains(&seconds).then_some(seconds)
}

fn sleep_ms(ms: f64) -> PyResult<()> {
    if stacks::can_wait() {
        // SAFETY: an import without references.
        let promise = JsRef::owned_or_err(unsafe { pyox_js_promise_timer(ms) })?;
        let promise = jsproxy::new(promise, crate::boundary::JS_IS_PROMISE, None)?;
        Py::import(c"_pyodide._hooks")?.borrow().call_method(c"block_on_promise", &[promise.borrow()])?;
        return Ok(());
    }
    // SAFETY: imports without references; signal handlers may run here.
    unsafe {
        let end = emscripten_get_now() + ms;
        loop {
            check(ffi::PyErr_CheckSignals())?;
            let left = end - emscripten_get_now();
            if left <= 0.0 {
                return Ok(());
            }
            block(left.min(SLICE_MS));
        }
    }
}

/// Lets a short time pass in which nothing else runs. The thread of a page must not block: it computes.
pub fn block(ms: f64) {
    // SAFETY: imports without references.
    unsafe {
        if pyox_js_host_sleep(ms) != 1 {
            let end = emscripten_get_now() + ms;
            while emscripten_get_now() < end {}
        }
    }
}
