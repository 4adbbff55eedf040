//! Deep conversion both ways (`to_js`, `to_py`; features.md sections 4.5 and 4.6).
//!
//! Owns which types have a counterpart, the rules for keys, and cycles. Without a default converter a whole value crosses as
//! one tape (see `TAPE_*`); with one, level by level, because the converter must be able to see what exists so far.
//! Invariant: what a failed conversion made is freed.

mod tape;
mod to_js;
mod to_py;

use core::ffi::c_void;
use core::ptr;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use crate::cells::Slot;
use crate::stack_use;
use crate::py::{self, Py, PyResult, Raised, Ref};

pub use to_js::{to_js, to_js_from_python};
pub use to_py::{parse_depth, to_py, to_py_from_python};

static CONVERSION_ERROR: Slot<*mut PyObject> = Slot::new(ptr::null_mut());

/// Keeps the class `ConversionError`.
pub fn set_conversion_error(class: Py) {
    CONVERSION_ERROR.set(class.into_ptr());
}

fn conversion_error(message: &str) -> Raised {
    py::raise(CONVERSION_ERROR.get(), message)
}

/// `repr`, shortened, for messages.
fn short_repr(object: Ref<'_>) -> String {
    let text = object.repr().and_then(|text| text.borrow().utf8().map(str::to_owned));
    match text {
        Ok(text) if text.chars().count() > 80 => text.chars().take(77).collect::<String>() + "...",
        Ok(text) => text,
        Err(Raised) => {
            py::clear();
            String::from("an object")
        }
    }
}

fn type_name(object: Ref<'_>) -> String {
    // SAFETY: the type is alive; returns a new reference or null with an error.
    let name = unsafe { Py::owned_or_err(ffi::PyType_GetName(object.ty())) };
    name.and_then(|name| name.borrow().utf8().map(str::to_owned)).unwrap_or_else(|_| {
        py::clear();
        String::from("object")
    })
}

/// Hashes addresses and ids: one multiplication.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }
    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}

type AddressMap<V> = HashMap<usize, V, BuildHasherDefault<AddressHasher>>;

/// Guards against structures deeper than the stack.
struct Level;

/// What a level may take of the engine's stack in unoptimised code, beyond what CPython reckons for any call.
const LEVEL_BYTES: i32 = 6 * 1024;

impl Level {
    fn enter() -> PyResult<Level> {
        // SAFETY: the text is 0-terminated; left again on drop.
        let entered = unsafe { ffi::Py_EnterRecursiveCall(c"".as_ptr()) };
        if entered != 0 {
            // CPython's own text tells an estimate of bytes, which for these calls is far too large.
            return Err(py::recursion_error("maximum recursion depth exceeded while converting between Python and JavaScript"));
        }
        stack_use::add(LEVEL_BYTES);
        Ok(Level)
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        stack_use::add(-LEVEL_BYTES);
        // SAFETY: pairs with `enter`.
        unsafe { ffi::Py_LeaveRecursiveCall() };
    }
}

/// A Python function that is valid while a conversion runs: `convert` and `cache_conversion` of default converters.
///
/// The function's self is a capsule with the address of the running conversion; `end` takes the address out, so that a function
/// that somebody keeps raises instead of touching what is gone.
struct Callback {
    function: Py,
    capsule: Py,
}

const CAPSULE: &core::ffi::CStr = c"pyoxide.conversion";

struct Definition(ffi::PyMethodDef);
// SAFETY: constant data, one thread.
unsafe impl Sync for Definition {}

impl Definition {
    /// `convert` of a default converter.
    const fn convert(function: ffi::PyCFunction) -> Definition {
        Definition(ffi::PyMethodDef {
            ml_name: c"convert".as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunction: function },
            ml_flags: ffi::METH_O,
            ml_doc: c"convert(value): converts with the same options.".as_ptr(),
        })
    }

    /// `cache_conversion` of a default converter.
    const fn cache(function: ffi::PyCFunctionFast) -> Definition {
        Definition(ffi::PyMethodDef {
            ml_name: c"cache_conversion".as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionFast: function },
            ml_flags: ffi::METH_FASTCALL,
            ml_doc: c"cache_conversion(value, result): what `value` becomes, should it be met again.".as_ptr(),
        })
    }
}

/// The two arguments of `cache_conversion`.
///
/// # Safety
/// As CPython's fastcall protocol.
unsafe fn cached_pair<'a>(args: *mut *mut PyObject, count: ffi::Py_ssize_t) -> PyResult<(Ref<'a>, Ref<'a>)> {
    if count != 2 {
        return Err(py::type_error(&format!("cache_conversion() takes exactly 2 arguments ({count} given)")));
    }
    // SAFETY: by contract.
    unsafe { Ok((Ref::from_ptr(*args), Ref::from_ptr(*args.add(1)))) }
}

impl Callback {
    /// # Safety
    /// `state` is what `function` expects and lives until the callback is dropped; `definition` lives for ever.
    unsafe fn new(definition: &'static Definition, state: *mut c_void) -> PyResult<Callback> {
        // SAFETY: by contract; both return new references or null with an error.
        unsafe {
            let capsule = Py::owned_or_err(ffi::PyCapsule_New(state, CAPSULE.as_ptr(), None))?;
            let function = Py::owned_or_err(ffi::PyCFunction_NewEx(
                (&raw const definition.0).cast_mut(),
                capsule.as_ptr(),
                ptr::null_mut(),
            ))?;
            Ok(Callback { function, capsule })
        }
    }
}

static OVER: u8 = 0;

impl Drop for Callback {
    fn drop(&mut self) {
        // SAFETY: the capsule is alive; OVER is never dereferenced, only compared.
        unsafe { ffi::PyCapsule_SetPointer(self.capsule.as_ptr(), (&raw const OVER).cast_mut().cast()) };
    }
}

/// The running conversion behind a callback's self.
///
/// # Safety
/// `capsule` is the self of a function made by `Callback::new` with a `T`.
unsafe fn running<'a, T>(capsule: *mut PyObject) -> PyResult<&'a T> {
    // SAFETY: by contract.
    let state = unsafe { ffi::PyCapsule_GetPointer(capsule, CAPSULE.as_ptr()) };
    if state.is_null() {
        return Err(Raised);
    }
    if state.cast_const() == (&raw const OVER).cast() {
        return Err(py::runtime_error("This conversion is over: convert and cache_conversion work only during the call of default_converter"));
    }
    // SAFETY: by contract; the callback, and so its state, is alive. Calls are nested, so the state is only shared: what changes is in cells.
    Ok(unsafe { &*state.cast::<T>() })
}
