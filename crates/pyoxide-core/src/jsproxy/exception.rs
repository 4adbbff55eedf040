//! JsException: the proxy of a JavaScript error, which is an exception too (FFI-042 to FFI-047, TT-109).
//!
//! Invariant: the fields of the proxy stand behind those of `BaseException`; handle 0 means that Python code made it.

use core::ffi::{c_int, c_void};
use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::{Py_hash_t, PyObject};

use super::{Class, JS_EXCEPTION, JsExceptionObject, JsFields, Slots, attributes, class_object, fields, make_type, this_fields};
use crate::boundary::*;
use crate::cells::Slot;
use crate::py::{self, Definition, Py, PyResult, Raised, Ref};

pub(super) fn make_class() -> PyResult<Py> {
    let mut slots = Slots(Vec::new());
    slots.add(ffi::Py_tp_doc, c"A JavaScript error.\n\nBoth an exception and a proxy of the error: its properties are attributes.".as_ptr() as *mut c_void);
    slots.add(ffi::Py_tp_getattro, getattro as *mut c_void);
    slots.add(ffi::Py_tp_setattro, attributes::setattro as *mut c_void);
    slots.add(ffi::Py_tp_str, text as *mut c_void);
    slots.add(ffi::Py_tp_repr, text as *mut c_void);
    // BaseException stands before the proxy where types inherit how they compare.
    slots.add(ffi::Py_tp_richcompare, richcompare as *mut c_void);
    slots.add(ffi::Py_tp_hash, hash as *mut c_void);
    let methods = vec![super::method_noargs(c"__reduce__", super::methods::exception_reduce, c"For pickle: name, message and stack are kept.")];
    slots.add(ffi::Py_tp_methods, super::methods_forever(methods));
    slots.add(ffi::Py_tp_finalize, finalize as *mut c_void);
    // SAFETY: the classes are alive.
    let bases = unsafe {
        Py::tuple([
            Ref::from_ptr(class_object(Class::JsProxy).cast()).to_owned(),
            Ref::from_ptr(ffi::PyExc_Exception).to_owned(),
        ])?
    };
    make_type(
        c"pyodide.ffi.JsException",
        size_of::<JsExceptionObject>(),
        // Collection is inherited: the fields of the proxy hold no Python objects.
        ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE,
        slots,
        Some(bases.borrow()),
    )
}

/// Among the flags of an exception: its traceback lacks the functions of JavaScript that the error has passed.
const LACKS_FRAMES: u32 = 1 << 31;
const _: () = assert!(LACKS_FRAMES > 2 * JS_IS_WEAK_REF, "the flags of values end below");

/// A `JsException` for a thrown or passed JavaScript error.
///
/// # Errors
/// No memory.
pub fn new_exception(handle: JsRef, lacks_frames: bool) -> PyResult<Py> {
    // SAFETY: the class is set at start; its instances are zeroed when made and have the layout of JsExceptionObject.
    unsafe {
        let exception = Ref::from_ptr(JS_EXCEPTION.get().cast()).call(&[])?;
        let js = &raw mut (*exception.as_ptr().cast::<JsExceptionObject>()).js;
        ptr::write(
            js,
            JsFields { handle: handle.into_handle(), flags: JS_IS_ERROR | if lacks_frames { LACKS_FRAMES } else { 0 }, this: ptr::null_mut(), vectorcall: None },
        );
        Ok(exception)
    }
}

/// The handle of the JavaScript error behind an exception, borrowed.
pub fn exception_handle(exception: Ref<'_>) -> Option<Handle> {
    super::handle_of(exception)
}

/// `name`, `message` or `stack` of a thrown value that has none: anything can be thrown (FFI-043 to FFI-045).
///
/// # Errors
/// No memory.
///
/// # Safety
/// `object` is a live JsException that stands for a JavaScript value.
pub(super) unsafe fn missing_part(object: *mut PyObject, name: Ref<'_>) -> PyResult<Option<Py>> {
    match name.utf8() {
        Ok("name") => Py::string("Error").map(Some),
        // SAFETY: by contract.
        Ok("message") => unsafe { Py::owned_or_err(text(object)).map(Some) },
        Ok("stack") => Py::string("").map(Some),
        // COMPAT: exception and error are one object here.
        // SAFETY: by contract.
        Ok("js_error") => unsafe { Ok(Some(Ref::from_ptr(object).to_owned())) },
        Ok(_) => Ok(None),
        Err(Raised) => {
            py::clear();
            Ok(None)
        }
    }
}

/// Adds the frames that a traceback lacks, when somebody reads it for the first time.
///
/// # Safety
/// `object` is a live JsException.
unsafe fn complete_traceback(object: *mut PyObject) {
    // SAFETY: by contract; the reference ends before anything else runs.
    let (handle, flags) = unsafe {
        let js = &mut (*object.cast::<JsExceptionObject>()).js;
        let flags = js.flags;
        js.flags &= !LACKS_FRAMES;
        (js.handle, flags)
    };
    if flags & LACKS_FRAMES != 0 && handle != 0 {
        // SAFETY: by contract.
        if crate::error::append_frames(unsafe { Ref::from_ptr(object) }, handle).is_err() {
            py::clear(); // a traceback with less in it, no other error
        }
    }
}

/// As for any proxy; `args`, which programs written for all exceptions read, holds what `str` gives.
unsafe extern "C" fn getattro(object: *mut PyObject, name: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes live objects, the name being a str.
        unsafe {
            let this = Ref::from_ptr(object);
            let wanted = Ref::from_ptr(name).utf8();
            if matches!(wanted, Ok("__traceback__")) {
                complete_traceback(object);
            }
            if matches!(wanted, Ok("args")) && fields(this).is_some_and(|js| js.handle != 0) {
                let text = Py::owned_or_err(text(object))?;
                return Py::tuple([text]).map(Py::into_ptr);
            }
            py::clear();
            Ok(attributes::getattro(object, name))
        }
    })
}

/// Two exceptions of one JavaScript error are equal, as its proxies are; one that Python made is only itself.
unsafe extern "C" fn richcompare(object: *mut PyObject, other: *mut PyObject, operation: c_int) -> *mut PyObject {
    // SAFETY: CPython passes live objects; the default is for any two.
    unsafe {
        let stands_for_error = |exception| fields(Ref::from_ptr(exception)).is_some_and(|js| js.handle != 0);
        if matches!(operation, ffi::Py_EQ | ffi::Py_NE) && stands_for_error(object) && stands_for_error(other) {
            return attributes::richcompare(object, other, operation);
        }
        match ffi::PyBaseObject_Type.tp_richcompare {
            Some(usual) => usual(object, other, operation),
            None => Ref::from_ptr(ffi::Py_NotImplemented()).to_owned().into_ptr(),
        }
    }
}

unsafe extern "C" fn hash(object: *mut PyObject) -> Py_hash_t {
    // SAFETY: CPython passes a live object.
    unsafe {
        match fields(Ref::from_ptr(object)) {
            Some(js) if js.handle != 0 => attributes::hash(object),
            _ => ffi::PyObject_GenericHash(object),
        }
    }
}

unsafe extern "C" fn finalize(object: *mut PyObject) {
    // SAFETY: CPython passes a JsException, which may be revived and finalized again: the handle is dropped once.
    unsafe {
        let js = &raw mut (*object.cast::<JsExceptionObject>()).js;
        let handle = core::mem::replace(&mut (*js).handle, 0);
        if handle != 0 {
            pyox_js_handle_drop(handle);
        }
    }
}

unsafe extern "C" fn text(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython passes a live object.
    unsafe {
        let exception = Ref::from_ptr(object);
        if fields(exception).is_some_and(|js| js.handle != 0) {
            let text = attributes::text(object);
            // Anything can be thrown, and whoever reports an exception must get a text.
            if text.is_null() && py::raised_is(JS_EXCEPTION.get().cast()) {
                py::clear();
                return guard_slot(ptr::null_mut(), || Py::string("a JavaScript value whose toString() fails").map(Py::into_ptr));
            }
            return text;
        }
        let base: *mut ffi::PyTypeObject = ffi::PyExc_Exception.cast();
        match (*base).tp_str {
            Some(function) => function(object),
            None => guard_slot(ptr::null_mut(), || this_fields(exception).map(|_| ptr::null_mut())),
        }
    }
}

/// The original `sys.exc_info`.
static EXC_INFO: Slot<*mut PyObject> = Slot::new(ptr::null_mut());

static COMPLETE_EXC_INFO: Definition = Definition(ffi::PyMethodDef {
    ml_name: c"exc_info".as_ptr(),
    ml_meth: ffi::PyMethodDefPointer { PyCFunction: exc_info },
    ml_flags: ffi::METH_NOARGS,
    ml_doc: c"exc_info($module, /)\n--\n\nReturn current exception information: (type, value, traceback).\n\nReturn information about the most recent exception caught by an except\nclause in the current stack frame or in an older stack frame.".as_ptr(),
});

/// Replaces `sys.exc_info`, which takes the traceback without asking the exception for it.
///
/// # Errors
/// No memory.
pub fn install() -> PyResult<()> {
    EXC_INFO.set(py::replace_function(c"sys", &COMPLETE_EXC_INFO)?.into_ptr());
    Ok(())
}

unsafe extern "C" fn exc_info(_module: *mut PyObject, _unused: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: a new reference or null; only proxies of the class have the layout that is read; the original lives for ever.
        unsafe {
            if let Some(handled) = Py::owned_or_none(ffi::PyErr_GetHandledException())
                && ffi::PyObject_TypeCheck(handled.as_ptr(), JS_EXCEPTION.get()) != 0
            {
                complete_traceback(handled.as_ptr());
            }
            Ref::from_ptr(EXC_INFO.get()).call(&[]).map(Py::into_ptr)
        }
    })
}
