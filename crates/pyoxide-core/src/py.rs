//! Owned and borrowed Python references, and the part of the C API that the core uses, with Rust types.
//!
//! Owns the `unsafe` around reference counts and error returns. Not here: what values mean (`wire`, `convert`).
//! Invariants: a `Py` owns exactly one reference; `Err(Raised)` means that the Python error indicator is set.
//! There is one thread, and it always holds the interpreter while this code runs, so no token proves it.

use core::ffi::CStr;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};

use pyo3_ffi as ffi;
use pyo3_ffi::{Py_ssize_t, PyObject, PyTypeObject};

/// The definition of a function, for a static.
pub struct Definition(pub ffi::PyMethodDef);
// SAFETY: constant data, one thread.
unsafe impl Sync for Definition {}

/// Puts a function in the place of a module's that has the same name: the original.
///
/// # Errors
/// There is no such module or function, or no memory.
pub fn replace_function(module: &CStr, definition: &'static Definition) -> PyResult<Py> {
    let owner = Py::import(module)?;
    let name = Py::string(module.to_str().unwrap_or_default())?;
    // SAFETY: the definition and its name live for ever; returns a new reference or null with an error.
    let (attribute, function) = unsafe {
        let function = ffi::PyCFunction_NewEx((&raw const definition.0).cast_mut(), owner.as_ptr(), name.as_ptr());
        (CStr::from_ptr(definition.0.ml_name), Py::owned_or_err(function)?)
    };
    let original = owner.borrow().attr(attribute)?;
    owner.borrow().set_attr(attribute, function.borrow())?;
    Ok(original)
}

/// The Python error indicator is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raised;

/// A result whose error is in the Python error indicator.
pub type PyResult<T> = Result<T, Raised>;

/// An owned reference.
#[derive(Debug)]
#[repr(transparent)]
pub struct Py(NonNull<PyObject>);

/// A borrowed reference: the object lives at least as long as `'a`.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Ref<'a>(NonNull<PyObject>, PhantomData<&'a PyObject>);

impl Drop for Py {
    fn drop(&mut self) {
        // SAFETY: `self` owns one reference, given up here.
        unsafe { ffi::Py_DECREF(self.0.as_ptr()) }
    }
}

impl Clone for Py {
    fn clone(&self) -> Self {
        self.borrow().to_owned()
    }
}

impl Py {
    /// Takes over a new reference as a C function returns it.
    ///
    /// # Safety
    /// `object` is a new reference, or null with the error indicator set.
    pub unsafe fn owned_or_err(object: *mut PyObject) -> PyResult<Py> {
        NonNull::new(object).map(Py).ok_or(Raised)
    }

    /// Takes over a new reference that may be null without an error.
    ///
    /// # Safety
    /// `object` is a new reference or null.
    pub unsafe fn owned_or_none(object: *mut PyObject) -> Option<Py> {
        NonNull::new(object).map(Py)
    }

    /// Borrows.
    pub fn borrow(&self) -> Ref<'_> {
        Ref(self.0, PhantomData)
    }

    /// The address, still owned by `self`.
    pub fn as_ptr(&self) -> *mut PyObject {
        self.0.as_ptr()
    }

    /// Gives the reference away.
    pub fn into_ptr(self) -> *mut PyObject {
        let object = self.0.as_ptr();
        core::mem::forget(self);
        object
    }

    /// `None`.
    pub fn none() -> Py {
        // SAFETY: None is immortal.
        unsafe { Ref::from_ptr(ffi::Py_None()) }.to_owned()
    }

    /// `None`, borrowed.
    pub fn none_ref() -> Ref<'static> {
        // SAFETY: None is immortal.
        unsafe { Ref::from_ptr(ffi::Py_None()) }
    }

    /// `True` or `False`.
    pub fn boolean(value: bool) -> Py {
        // SAFETY: both are immortal.
        unsafe { Ref::from_ptr(if value { ffi::Py_True() } else { ffi::Py_False() }) }.to_owned()
    }

    /// A `str`.
    pub fn string(text: &str) -> PyResult<Py> {
        // SAFETY: pointer and length are those of `text`; returns a new reference or null with an error.
        unsafe { Py::owned_or_err(ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as Py_ssize_t)) }
    }

    /// An `int`.
    pub fn int(value: i64) -> PyResult<Py> {
        // SAFETY: returns a new reference or null with an error.
        unsafe { Py::owned_or_err(ffi::PyLong_FromLongLong(value)) }
    }

    /// A `float`.
    pub fn float(value: f64) -> PyResult<Py> {
        // SAFETY: returns a new reference or null with an error.
        unsafe { Py::owned_or_err(ffi::PyFloat_FromDouble(value)) }
    }

    /// A tuple of the items.
    pub fn tuple<const N: usize>(items: [Py; N]) -> PyResult<Py> {
        // SAFETY: returns a new reference or null with an error.
        let tuple = unsafe { Py::owned_or_err(ffi::PyTuple_New(N as Py_ssize_t))? };
        for (index, item) in items.into_iter().enumerate() {
            // SAFETY: the tuple is new and `index` is below its length; PyTuple_SetItem takes the reference.
            unsafe { ffi::PyTuple_SetItem(tuple.as_ptr(), index as Py_ssize_t, item.into_ptr()) };
        }
        Ok(tuple)
    }

    /// An empty list.
    pub fn list() -> PyResult<Py> {
        // SAFETY: returns a new reference or null with an error.
        unsafe { Py::owned_or_err(ffi::PyList_New(0)) }
    }

    /// An empty dict.
    pub fn dict() -> PyResult<Py> {
        // SAFETY: returns a new reference or null with an error.
        unsafe { Py::owned_or_err(ffi::PyDict_New()) }
    }

    /// `import name`.
    pub fn import(name: &CStr) -> PyResult<Py> {
        // SAFETY: `name` is 0-terminated; returns a new reference or null with an error.
        unsafe { Py::owned_or_err(ffi::PyImport_ImportModule(name.as_ptr())) }
    }
}

impl<'a> Ref<'a> {
    /// Borrows what a pointer points to.
    ///
    /// # Safety
    /// `object` is not null and lives at least as long as `'a`.
    pub unsafe fn from_ptr(object: *mut PyObject) -> Ref<'a> {
        debug_assert!(!object.is_null());
        // SAFETY: not null by contract.
        Ref(unsafe { NonNull::new_unchecked(object) }, PhantomData)
    }

    /// The address.
    pub fn as_ptr(self) -> *mut PyObject {
        self.0.as_ptr()
    }

    /// A new reference to the same object.
    pub fn to_owned(self) -> Py {
        // SAFETY: the object is alive.
        unsafe { ffi::Py_INCREF(self.as_ptr()) };
        Py(self.0)
    }

    /// Its type.
    pub fn ty(self) -> *mut PyTypeObject {
        // SAFETY: the object is alive.
        unsafe { ffi::Py_TYPE(self.as_ptr()) }
    }

    /// Is it `None`?
    pub fn is_none(self) -> bool {
        // SAFETY: reads the address of a static object.
        self.as_ptr() == unsafe { ffi::Py_None() }
    }

    /// `isinstance` of a type, without `__instancecheck__`.
    pub fn is_instance_of(self, ty: *mut PyTypeObject) -> bool {
        // SAFETY: both are alive.
        unsafe { ffi::PyObject_TypeCheck(self.as_ptr(), ty) != 0 }
    }

    /// Is it a `str` (or a subclass)?
    pub fn is_string(self) -> bool {
        // SAFETY: the object is alive.
        unsafe { ffi::PyUnicode_Check(self.as_ptr()) != 0 }
    }

    /// `getattr(self, name)`.
    pub fn attr(self, name: &CStr) -> PyResult<Py> {
        // SAFETY: the object is alive, the name 0-terminated; returns a new reference or null with an error.
        unsafe { Py::owned_or_err(ffi::PyObject_GetAttrString(self.as_ptr(), name.as_ptr())) }
    }

    /// `getattr(self, name)` with a `str`.
    pub fn attr_str(self, name: Ref<'_>) -> PyResult<Py> {
        // SAFETY: both are alive; returns a new reference or null with an error.
        unsafe { Py::owned_or_err(ffi::PyObject_GetAttr(self.as_ptr(), name.as_ptr())) }
    }

    /// `getattr(self, name, None)` as an option: `AttributeError` is `None`.
    pub fn attr_opt(self, name: Ref<'_>) -> PyResult<Option<Py>> {
        let mut result = ptr::null_mut();
        // SAFETY: both are alive; stores a new reference or null, and returns -1 with an error set.
        match unsafe { ffi::PyObject_GetOptionalAttr(self.as_ptr(), name.as_ptr(), &mut result) } {
            -1 => Err(Raised),
            // SAFETY: a new reference or null.
            _ => Ok(unsafe { Py::owned_or_none(result) }),
        }
    }

    /// `setattr(self, name, value)`.
    pub fn set_attr(self, name: &CStr, value: Ref<'_>) -> PyResult<()> {
        // SAFETY: both are alive, the name 0-terminated.
        check(unsafe { ffi::PyObject_SetAttrString(self.as_ptr(), name.as_ptr(), value.as_ptr()) })
    }

    /// `self(*args)`.
    pub fn call(self, args: &[Ref<'_>]) -> PyResult<Py> {
        // SAFETY: `Ref` is a transparent pointer, so the slice is an array of object pointers, alive for the call.
        unsafe {
            Py::owned_or_err(ffi::PyObject_Vectorcall(
                self.as_ptr(),
                args.as_ptr().cast(),
                args.len(),
                ptr::null_mut(),
            ))
        }
    }

    /// `self.name(*args)`.
    pub fn call_method(self, name: &CStr, args: &[Ref<'_>]) -> PyResult<Py> {
        self.attr(name)?.borrow().call(args)
    }

    /// `str(self)`.
    pub fn str(self) -> PyResult<Py> {
        // SAFETY: alive; returns a new reference or null with an error.
        unsafe { Py::owned_or_err(ffi::PyObject_Str(self.as_ptr())) }
    }

    /// `repr(self)`.
    pub fn repr(self) -> PyResult<Py> {
        // SAFETY: alive; returns a new reference or null with an error.
        unsafe { Py::owned_or_err(ffi::PyObject_Repr(self.as_ptr())) }
    }

    /// `bool(self)`.
    pub fn is_true(self) -> PyResult<bool> {
        // SAFETY: alive.
        match unsafe { ffi::PyObject_IsTrue(self.as_ptr()) } {
            -1 => Err(Raised),
            truth => Ok(truth != 0),
        }
    }

    /// The text of a `str`, if it has no lone surrogates.
    pub fn utf8(self) -> PyResult<&'a str> {
        let mut length = 0;
        // SAFETY: alive; the buffer lives in the object, and the length is stored.
        let data = unsafe { ffi::PyUnicode_AsUTF8AndSize(self.as_ptr(), &mut length) };
        if data.is_null() {
            return Err(Raised);
        }
        // SAFETY: CPython gives valid UTF-8 of that length, which lives as long as the object.
        Ok(unsafe { core::str::from_utf8_unchecked(core::slice::from_raw_parts(data.cast(), length as usize)) })
    }
}

/// Turns a 0 / -1 return into a result.
pub fn check(status: i32) -> PyResult<()> {
    if status == -1 { Err(Raised) } else { Ok(()) }
}

/// Turns a 1 / 0 / -1 return into a result.
pub fn check_bool(status: i32) -> PyResult<bool> {
    match status {
        -1 => Err(Raised),
        other => Ok(other != 0),
    }
}

/// Raises an exception of a built-in class with a message.
pub fn raise(class: *mut PyObject, message: &str) -> Raised {
    if let Ok(text) = Py::string(message) {
        // SAFETY: the class is a static exception class, the text alive.
        unsafe { ffi::PyErr_SetObject(class, text.as_ptr()) };
    }
    Raised
}

macro_rules! raisers {
    ($($(#[$doc:meta])* $name:ident = $class:ident;)*) => { $(
        $(#[$doc])*
        pub fn $name(message: &str) -> Raised {
            // SAFETY: reads a static that CPython sets before any code of ours runs.
            raise(unsafe { ffi::$class }, message)
        }
    )* };
}

raisers! {
    /// Raises `TypeError`.
    type_error = PyExc_TypeError;
    /// Raises `ValueError`.
    value_error = PyExc_ValueError;
    /// Raises `IndexError`.
    index_error = PyExc_IndexError;
    /// Raises `RuntimeError`.
    runtime_error = PyExc_RuntimeError;
    /// Raises `RecursionError`.
    recursion_error = PyExc_RecursionError;
    /// Raises `NotImplementedError`.
    not_implemented = PyExc_NotImplementedError;
    /// Raises `OverflowError`.
    overflow_error = PyExc_OverflowError;
    /// Raises `BufferError`.
    buffer_error = PyExc_BufferError;
    /// Raises `MemoryError`.
    memory_error = PyExc_MemoryError;
    /// Raises `SystemError`.
    system_error = PyExc_SystemError;
}

/// Raises `KeyError(key)`.
pub fn key_error(key: Ref<'_>) -> Raised {
    // SAFETY: the class is static, the key alive.
    unsafe { ffi::PyErr_SetObject(ffi::PyExc_KeyError, key.as_ptr()) };
    Raised
}

/// Is the raised exception an instance of a built-in class?
pub fn raised_is(class: *mut PyObject) -> bool {
    // SAFETY: the class is static.
    unsafe { ffi::PyErr_ExceptionMatches(class) != 0 }
}

/// Takes the raised exception out of the error indicator.
pub fn take_raised() -> Option<Py> {
    // SAFETY: returns a new reference or null.
    unsafe { Py::owned_or_none(ffi::PyErr_GetRaisedException()) }
}

/// Raises an exception object.
pub fn restore(exception: Py) -> Raised {
    // SAFETY: takes the reference over.
    unsafe { ffi::PyErr_SetRaisedException(exception.into_ptr()) };
    Raised
}

/// Clears the error indicator.
pub fn clear() {
    // SAFETY: always allowed.
    unsafe { ffi::PyErr_Clear() };
}

/// Reports an exception that nobody can catch (`sys.unraisablehook`).
pub fn write_unraisable(context: Option<Ref<'_>>) {
    // SAFETY: the object is alive or null.
    unsafe { ffi::PyErr_WriteUnraisable(context.map_or(ptr::null_mut(), Ref::as_ptr)) };
}
