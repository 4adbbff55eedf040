//! Calling a JavaScript function (TT-024 to TT-026, TT-096, FFI-005, FFI-011).
//!
//! Owns the way of the arguments onto the wire. Lifetimes of the PyProxies made for them are JavaScript's
//! business (see `pyox_js_function_call`).

use core::ffi::c_void;
use core::mem::offset_of;
use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::{Py_ssize_t, PyObject};

use super::{Slots, this_fields};
use crate::arguments::{Passed, passing};
use crate::boundary::*;
use crate::jsproxy;
use crate::py::{Py, PyResult, Ref};
use crate::string;
use crate::wire::{self, WireValue};

pub(super) fn slots(slots: &mut Slots, vectorcall_offset: usize) {
    slots.add(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void);
    slots.add(ffi::Py_tp_descr_get, descr_get as *mut c_void);
    let member = |name: &'static core::ffi::CStr, offset: usize| ffi::PyMemberDef {
        name: name.as_ptr(),
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset as Py_ssize_t,
        flags: ffi::Py_READONLY,
        doc: ptr::null(),
    };
    let members = vec![member(c"__vectorcalloffset__", vectorcall_offset), ffi::PyMemberDef::default()];
    slots.add(ffi::Py_tp_members, Box::leak(members.into_boxed_slice()).as_mut_ptr().cast());
}

pub(super) fn methods() -> Vec<ffi::PyMethodDef> {
    vec![super::method_keywords(
        c"new",
        new,
        c"new($self, /, *args, **kwargs)\n--\n\nMakes an instance, as JavaScript's `new` does. Keyword arguments become one object, the last argument.",
    )]
}

/// Arguments on the wire. Frees what was not handed over.
struct Arguments {
    wires: Vec<WireValue>,
    handed_over: bool,
}

impl Drop for Arguments {
    fn drop(&mut self) {
        if self.handed_over {
            return;
        }
        for wire in &self.wires {
            wire.release();
        }
    }
}

/// Puts positional arguments, keyword values and keyword names on the wire, calls `import`, and reads the result.
///
/// # Safety
/// Within the call that the arguments were passed for.
unsafe fn invoke(passed: Passed, import: impl FnOnce(Wire, u32, Wire, u32, Wire) -> Tag) -> PyResult<Py> {
    // SAFETY: by contract: `args` points to `count` live objects and one more for each name.
    unsafe {
        let Passed { args, count, kwnames } = passed;
        let kwargs = passed.named();
        let mut out = WireValue::undefined();
        // PERF: most calls have few arguments; those need no allocation (ffi: py2js_noop, py2js_int).
        if kwargs == 0 && count <= 1 {
            let mut wire = WireValue::undefined();
            if count == 1 {
                wire::write_argument(Ref::from_ptr(*args), &mut wire)?;
            }
            let tag = import(&mut wire, count as u32, ptr::null_mut(), 0, &mut out);
            return wire::read(tag, &out);
        }
        let mut arguments = Arguments { wires: Vec::with_capacity(count + 2 * kwargs), handed_over: false };
        for index in 0..count + kwargs {
            let mut wire = WireValue::undefined();
            wire::write_argument(Ref::from_ptr(*args.add(index)), &mut wire)?;
            arguments.wires.push(wire);
        }
        for index in 0..kwargs {
            let mut wire = WireValue::undefined();
            string::describe(Ref::from_ptr(ffi::PyTuple_GET_ITEM(kwnames, index as Py_ssize_t)), &mut wire);
            arguments.wires.push(wire);
        }
        arguments.handed_over = true;
        let wires = arguments.wires.as_mut_ptr();
        let tag = import(wires, count as u32, wires.add(count + kwargs), kwargs as u32, &mut out);
        wire::read(tag, &out)
    }
}

/// What `this` is for a call: a handle to borrow, or one that was made for it.
enum This {
    Borrowed(Handle),
    Made(JsRef),
}

impl This {
    fn of(this: *mut PyObject) -> PyResult<This> {
        if this.is_null() {
            return Ok(This::Borrowed(HANDLE_UNDEFINED));
        }
        // SAFETY: owned by the function's proxy, which is alive during the call.
        let this = unsafe { Ref::from_ptr(this) };
        match jsproxy::handle_of(this) {
            Some(handle) => Ok(This::Borrowed(handle)),
            None => wire::to_handle(this).map(This::Made),
        }
    }

    fn handle(&self) -> Handle {
        match self {
            This::Borrowed(handle) => *handle,
            This::Made(made) => made.handle(),
        }
    }
}

impl Drop for This {
    fn drop(&mut self) {
        if let This::Made(made) = self {
            let mut message = WireValue::undefined();
            // A failure here means that JavaScript has destroyed the proxy already, which is what is wanted.
            // SAFETY: the handle is alive.
            if unsafe { pyox_js_proxy_destroy(made.handle(), &mut message) } == -1 {
                // SAFETY: takes the error out and frees it.
                drop(JsRef::from_owned(unsafe { pyox_js_error_take() }));
            }
        }
    }
}

passing! {
    fn vectorcall(function, passed, usize) {
        let js = this_fields(function)?;
        // A module that is a function keeps its spec there.
        let this = This::of(if js.flags & super::MODULE != 0 { ptr::null_mut() } else { js.this })?;
        invoke(passed, |args, count, names, kwargs, out| {
            pyox_js_function_call(js.handle, this.handle(), args, count, names, kwargs, out)
        })
    }

    /// A call of a function with a signature: of what the signature makes of it.
    fn vectorcall_bound(function, passed, usize) {
        // A bound proxy keeps what it works through.
        let through = Ref::from_ptr(this_fields(function)?.this).to_owned();
        passed.call(through.borrow())
    }

    fn new(function, passed, Py_ssize_t) {
        let js = this_fields(function)?;
        if js.flags & super::BOUND != 0 {
            let construct = Ref::from_ptr(js.this).attr(c"new")?;
            return passed.call(construct.borrow());
        }
        invoke(passed, |args, count, names, kwargs, out| {
            pyox_js_function_construct(js.handle, args, count, names, kwargs, out)
        })
    }
}

/// `object.name(*args)`, past the attributes of the proxy itself.
///
/// # Errors
/// What the method throws.
pub fn method(object: Handle, name: Handle, args: &[Ref<'_>]) -> PyResult<Py> {
    // SAFETY: `Ref` is a transparent pointer; both handles are alive.
    unsafe {
        let passed = Passed { args: args.as_ptr().cast(), count: args.len(), kwnames: ptr::null_mut() };
        invoke(passed, |args, count, _names, _kwargs, out| {
            pyox_js_method_call(object, name, args, count, out)
        })
    }
}

unsafe extern "C" fn descr_get(callable: *mut PyObject, object: *mut PyObject, _owner: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes live objects; the object is null or None for access on the class.
        unsafe {
            let function = Ref::from_ptr(callable);
            if object.is_null() || Ref::from_ptr(object).is_none() {
                return Ok(function.to_owned().into_ptr());
            }
            let js = this_fields(function)?;
            let handle = JsRef::from_owned(pyox_js_handle_clone(js.handle));
            jsproxy::new(handle, js.flags, Some(Ref::from_ptr(object))).map(Py::into_ptr)
        }
    })
}

const _: () = assert!(offset_of!(super::JsProxyObject, js) % align_of::<super::JsFields>() == 0);
