//! Digests and keys from passwords, for `hashlib`.
//!
//! Owns reading the arguments, which `_pyodide._digests` and `_pyodide._key_derivation` have checked and brought into one tuple.
//! Not here: the computation (crate `pyoxide-hash`), classes, argument rules and messages (Python).

use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::{Py_ssize_t, PyObject};
use pyoxide_hash::{Refusal, digests, key_derivation};

use crate::boundary::guard_slot;
use crate::py::{self, Py, PyResult, Raised, Ref};

/// The item of a tuple.
fn item<'a>(arguments: Ref<'a>, index: Py_ssize_t) -> PyResult<Ref<'a>> {
    // SAFETY: PyTuple_GetItem checks type and index; the item lives as long as the tuple.
    let item = unsafe { ffi::PyTuple_GetItem(arguments.as_ptr(), index) };
    // SAFETY: not null.
    if item.is_null() { Err(Raised) } else { Ok(unsafe { Ref::from_ptr(item) }) }
}

fn bytes<'a>(arguments: Ref<'a>, index: Py_ssize_t) -> PyResult<&'a [u8]> {
    let object = item(arguments, index)?;
    let (mut data, mut length) = (ptr::null_mut(), 0);
    // SAFETY: checks the type; the buffer of a bytes object never changes and lives as long as the object.
    unsafe {
        py::check(ffi::PyBytes_AsStringAndSize(object.as_ptr(), &mut data, &mut length))?;
        Ok(core::slice::from_raw_parts(data.cast(), length as usize))
    }
}

fn number<T: TryFrom<u64>>(arguments: Ref<'_>, index: Py_ssize_t) -> PyResult<T> {
    // SAFETY: alive; u64::MAX with an error set is the failure.
    let value = unsafe { ffi::PyLong_AsUnsignedLongLong(item(arguments, index)?.as_ptr()) };
    if value == u64::MAX && !unsafe { ffi::PyErr_Occurred() }.is_null() {
        return Err(Raised);
    }
    T::try_from(value).map_err(|_| py::overflow_error("a number is too large"))
}

/// A new bytes object that `fill` writes.
fn new_bytes(length: usize, fill: impl FnOnce(&mut [u8]) -> Result<(), Refusal>) -> PyResult<Py> {
    let length = Py_ssize_t::try_from(length).map_err(|_| py::overflow_error("a number is too large"))?;
    // SAFETY: a new object of that length or null with an error; nobody else sees it while it is written.
    let object = unsafe { Py::owned_or_err(ffi::PyBytes_FromStringAndSize(ptr::null(), length))? };
    // SAFETY: the object is a bytes object of that length.
    let key = unsafe { core::slice::from_raw_parts_mut(ffi::PyBytes_AsString(object.as_ptr()).cast::<u8>(), length as usize) };
    key.fill(0);
    match fill(key) {
        Ok(()) => Ok(object),
        Err(refusal) => Err(raise(refusal)),
    }
}

fn raise(refusal: Refusal) -> Raised {
    py::value_error(match refusal {
        Refusal::UnknownDigest => "unsupported hash type",
        Refusal::Parameters => "Invalid parameter combination for n, r, p, maxmem.",
        Refusal::State => "these bytes are no state of this digest",
    })
}

/// `bytes` as a Python object.
fn to_bytes(bytes: &[u8]) -> PyResult<Py> {
    // SAFETY: pointer and length are those of the slice; returns a new reference or null with an error.
    unsafe { Py::owned_or_err(ffi::PyBytes_FromStringAndSize(bytes.as_ptr().cast(), bytes.len() as Py_ssize_t)) }
}

/// `digest_update((name, state, data))`.
pub unsafe extern "C" fn digest_update(_module: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object.
        let arguments = unsafe { Ref::from_ptr(arguments) };
        let state = digests::update(item(arguments, 0)?.utf8()?, bytes(arguments, 1)?, bytes(arguments, 2)?).map_err(raise)?;
        to_bytes(&state).map(Py::into_ptr)
    })
}

/// `digest_finish((name, state))`.
pub unsafe extern "C" fn digest_finish(_module: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object.
        let arguments = unsafe { Ref::from_ptr(arguments) };
        let digest = digests::finish(item(arguments, 0)?.utf8()?, bytes(arguments, 1)?).map_err(raise)?;
        to_bytes(&digest).map(Py::into_ptr)
    })
}

/// `pbkdf2_hmac((digest, password, salt, rounds, length))`; a length of 0 is that of the digest.
pub unsafe extern "C" fn pbkdf2_hmac(_module: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object.
        let arguments = unsafe { Ref::from_ptr(arguments) };
        let digest = item(arguments, 0)?.utf8()?;
        let Some(digest_bytes) = key_derivation::digest_bytes(digest) else {
            return Err(py::value_error(&format!("unsupported hash type {digest}")));
        };
        let (password, salt) = (bytes(arguments, 1)?, bytes(arguments, 2)?);
        let (rounds, length) = (number(arguments, 3)?, number::<usize>(arguments, 4)?);
        let length = if length == 0 { digest_bytes } else { length };
        new_bytes(length, |key| key_derivation::pbkdf2_hmac(digest, password, salt, rounds, key)).map(Py::into_ptr)
    })
}

/// `scrypt((password, salt, n, r, p, memory_bytes_max, length))`.
pub unsafe extern "C" fn scrypt(_module: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object.
        let arguments = unsafe { Ref::from_ptr(arguments) };
        let (password, salt) = (bytes(arguments, 0)?, bytes(arguments, 1)?);
        let (n, r, p) = (number(arguments, 2)?, number(arguments, 3)?, number(arguments, 4)?);
        let memory = number(arguments, 5)?;
        new_bytes(number(arguments, 6)?, |key| key_derivation::scrypt(password, salt, n, r, p, memory, key)).map(Py::into_ptr)
    })
}
