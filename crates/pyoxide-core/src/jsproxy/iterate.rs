//! Iteration over JavaScript objects, synchronous and not (TT-034, TT-035, FFI-027, FFI-028, FFI-052, FFI-053).

use core::ffi::c_void;
use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use super::{Slots, this_fields};
use crate::boundary::*;
use crate::py::{Py, PyResult, Ref};
use crate::wire::{self, WireValue};

pub(super) fn slots(slots: &mut Slots, flags: u32) {
    if flags & JS_IS_OBJECT_MAP != 0 {
        // Its keys: see `methods`.
    } else if super::mapping_class(flags).is_some() {
        slots.add(ffi::Py_tp_iter, iter_keys as *mut c_void);
    } else if flags & JS_IS_ITERABLE != 0 {
        slots.add(ffi::Py_tp_iter, iter as *mut c_void);
    } else if flags & JS_IS_ITERATOR != 0 {
        slots.add(ffi::Py_tp_iter, ffi::PyObject_SelfIter as *mut c_void);
    }
    if flags & JS_IS_ITERATOR != 0 {
        slots.add(ffi::Py_tp_iternext, iternext as *mut c_void);
    }
    if flags & JS_IS_ASYNC_ITERATOR != 0 {
        slots.add(ffi::Py_am_anext, super::methods::anext as *mut c_void);
    }
    if flags & JS_IS_ASYNC_ITERABLE != 0 {
        slots.add(ffi::Py_am_aiter, aiter as *mut c_void);
    } else if flags & JS_IS_ASYNC_ITERATOR != 0 {
        slots.add(ffi::Py_am_aiter, ffi::PyObject_SelfIter as *mut c_void);
    }
}

fn new_iterator(object: *mut PyObject, asynchronous: u32) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the handle is alive; the wire was just written.
        unsafe {
            let js = this_fields(Ref::from_ptr(object))?;
            let mut out = WireValue::undefined();
            let tag = pyox_js_iterator_new(js.handle, asynchronous, &mut out);
            match wire::read_parts(tag, &out) {
                Ok(iterator) => iterator.map(Py::into_ptr),
                Err((iterator, flags)) => {
                    // `iter(iterator) is iterator`, as Python has it.
                    if js.flags & (JS_IS_ITERATOR | JS_IS_ASYNC_ITERATOR) != 0
                        && pyox_js_value_equals(iterator.handle(), js.handle) == 1
                    {
                        return Ok(Ref::from_ptr(object).to_owned().into_ptr());
                    }
                    crate::jsproxy::new(iterator, flags, None).map(Py::into_ptr)
                }
            }
        }
    })
}

unsafe extern "C" fn iter(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython passes a live object.
    if super::is_json(unsafe { Ref::from_ptr(object) }) {
        // JavaScript's own iterator would give elements that are no views.
        // SAFETY: alive; returns a new reference or null with an error.
        return unsafe { ffi::PySeqIter_New(object) };
    }
    new_iterator(object, 0)
}

/// A mapping iterates over its keys, which JavaScript's own iteration of a Map does not.
unsafe extern "C" fn iter_keys(object: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the handles are alive; the wire was just written.
        unsafe {
            let js = this_fields(Ref::from_ptr(object))?;
            let mut text = WireValue::utf8_ascii("keys");
            let name = JsRef::owned_or_err(pyox_js_value_new(&mut text))?;
            let mut out = WireValue::undefined();
            let tag = pyox_js_object_get(js.handle, name.handle(), &mut out);
            let is_method = match tag {
                TAG_ABSENT => false,
                _ => crate::jsproxy::flags_of(wire::read(tag, &out)?.borrow()) & JS_IS_CALLABLE != 0,
            };
            let tag = if is_method {
                pyox_js_method_call(js.handle, name.handle(), ptr::null_mut(), 0, &mut out)
            } else {
                pyox_js_iterator_new(js.handle, 0, &mut out)
            };
            wire::read(tag, &out).map(Py::into_ptr)
        }
    })
}

unsafe extern "C" fn aiter(object: *mut PyObject) -> *mut PyObject {
    new_iterator(object, 1)
}

/// The outcome of one step.
pub(super) enum Step {
    /// A value was yielded.
    Yield(Py),
    /// The iterator is done, with this return value.
    Done(Py),
}

/// Reads the outcome of an import that steps an iterator.
///
/// # Safety
/// `out` was just written by that import.
pub(super) unsafe fn read_step(outcome: i32, out: &WireValue) -> PyResult<Step> {
    if outcome == -1 {
        return Err(crate::error::raise_pending());
    }
    // SAFETY: by contract.
    let value = unsafe { wire::read(out.tag(), out)? };
    Ok(if outcome == 0 { Step::Done(value) } else { Step::Yield(value) })
}

/// Raises `StopIteration(value)`; without a value nothing is raised, which means the same to CPython.
pub(super) fn stop(value: Py) -> *mut PyObject {
    if !value.borrow().is_none() {
        // A tuple would be taken for the arguments of the exception.
        // SAFETY: the class is static, the value alive.
        unsafe {
            if let Ok(stop) = Ref::from_ptr(ffi::PyExc_StopIteration).call(&[value.borrow()]) {
                ffi::PyErr_SetObject(ffi::PyExc_StopIteration, stop.as_ptr());
            }
        }
    }
    ptr::null_mut()
}

pub(super) unsafe extern "C" fn iternext(object: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the handle is alive; the wire was just written.
        unsafe {
            let js = this_fields(Ref::from_ptr(object))?;
            let (mut sent, mut out) = (WireValue::undefined(), WireValue::undefined());
            let outcome = pyox_js_iterator_next(js.handle, &mut sent, &mut out);
            Ok(match read_step(outcome, &out)? {
                Step::Yield(value) => value.into_ptr(),
                Step::Done(value) => stop(value),
            })
        }
    })
}
