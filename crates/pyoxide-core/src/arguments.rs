//! Functions that CPython calls by its fastcall protocol, and their arguments.
//!
//! Owns the prologue that they share: borrowing what was passed, names of keyword arguments, and the guard.
//! Not here: what an argument means.

use core::slice;

use pyo3_ffi as ffi;
use pyo3_ffi::{Py_ssize_t, PyObject};

use crate::py::{self, Py, PyResult, Ref};

/// The arguments of one call: positional ones, then one for each name in `kwnames`.
#[derive(Clone, Copy)]
pub struct Arguments<'a> {
    positional: &'a [Ref<'a>],
    named: &'a [Ref<'a>],
    /// A tuple of `str`, as long as `named`.
    names: Option<Ref<'a>>,
}

impl<'a> Arguments<'a> {
    /// # Safety
    /// As CPython's fastcall protocol; all of it lives as long as `'a`.
    pub unsafe fn new(args: *const *mut PyObject, count: Py_ssize_t, kwnames: *mut PyObject) -> Arguments<'a> {
        // SAFETY: by contract; `Ref` is a transparent pointer. CPython may pass null where there are no arguments.
        unsafe {
            let names = if kwnames.is_null() { None } else { Some(Ref::from_ptr(kwnames)) };
            let keywords = if kwnames.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(kwnames) as usize };
            let count = count as usize;
            let all: &[Ref<'a>] = if count + keywords == 0 { &[] } else { slice::from_raw_parts(args.cast(), count + keywords) };
            let (positional, named) = all.split_at(count);
            Arguments { positional, named, names }
        }
    }

    /// The positional ones.
    pub fn positional(&self) -> &'a [Ref<'a>] {
        self.positional
    }

    /// Positional ones only; `what` says what the function takes.
    ///
    /// # Errors
    /// TypeError with `what`, for another number of arguments or any keyword.
    pub fn exactly<const N: usize>(&self, what: &str) -> PyResult<[Ref<'a>; N]> {
        match (self.named.is_empty(), self.positional.try_into()) {
            (true, Ok(arguments)) => Ok(arguments),
            _ => Err(py::type_error(what)),
        }
    }

    /// One positional-only argument and these keyword-only ones.
    ///
    /// # Errors
    /// TypeError as Python words it.
    pub fn one_and_named<const N: usize>(&self, function: &str, names: [&str; N]) -> PyResult<(Ref<'a>, [Option<Ref<'a>>; N])> {
        let [one] = self.positional else {
            return Err(py::type_error(&format!("{function}() takes exactly 1 positional argument ({} given)", self.positional.len())));
        };
        Ok((*one, self.named(function, names)?))
    }

    /// These keyword-only arguments and nothing else.
    ///
    /// # Errors
    /// TypeError as Python words it.
    pub fn only_named<const N: usize>(&self, function: &str, names: [&str; N]) -> PyResult<[Option<Ref<'a>>; N]> {
        if !self.positional.is_empty() {
            return Err(py::type_error(&format!("{function}() takes only keyword arguments: {}", names.join(", "))));
        }
        self.named(function, names)
    }

    fn named<const N: usize>(&self, function: &str, names: [&str; N]) -> PyResult<[Option<Ref<'a>>; N]> {
        let mut values = [None; N];
        let Some(given) = self.names else { return Ok(values) };
        for (index, value) in self.named.iter().enumerate() {
            // SAFETY: the tuple has a name for each value, and lives as long as the arguments.
            let name = unsafe { Ref::from_ptr(ffi::PyTuple_GET_ITEM(given.as_ptr(), index as Py_ssize_t)) }.utf8()?;
            let Some(position) = names.iter().position(|known| *known == name) else {
                return Err(py::type_error(&format!("{function}() got an unexpected keyword argument '{name}'")));
            };
            values[position] = Some(*value);
        }
        Ok(values)
    }
}

/// Arguments as CPython passed them, for what only hands them on.
#[derive(Clone, Copy)]
pub struct Passed {
    /// The positional ones, then one for each name.
    pub args: *const *mut PyObject,
    /// How many are positional.
    pub count: usize,
    /// A tuple of `str`, or null.
    pub kwnames: *mut PyObject,
}

impl Passed {
    /// How many have names.
    ///
    /// # Safety
    /// Within the call that they were passed for.
    pub unsafe fn named(self) -> usize {
        // SAFETY: a tuple, alive for the call.
        if self.kwnames.is_null() { 0 } else { unsafe { ffi::PyTuple_GET_SIZE(self.kwnames) as usize } }
    }

    /// Calls a function with them.
    ///
    /// # Safety
    /// Within the call that they were passed for.
    pub unsafe fn call(self, function: Ref<'_>) -> PyResult<Py> {
        // SAFETY: by contract. The place before the arguments is the caller's to lend, once, so it is not lent on.
        unsafe { Py::owned_or_err(ffi::PyObject_Vectorcall(function.as_ptr(), self.args, self.count, self.kwnames)) }
    }
}

/// Defines functions for `METH_FASTCALL | METH_KEYWORDS` (`Py_ssize_t`) or for vectorcall (`usize`) that hand their arguments on: bodies, with
/// unsafe code allowed, that give a `PyResult<Py>`.
macro_rules! passing {
    ($( $(#[$doc:meta])* fn $name:ident($this:ident, $passed:ident, $count:ty) $body:block )*) => { $(
        $(#[$doc])*
        pub(super) unsafe extern "C" fn $name(
            object: *mut pyo3_ffi::PyObject,
            args: *const *mut pyo3_ffi::PyObject,
            count: $count,
            kwnames: *mut pyo3_ffi::PyObject,
        ) -> *mut pyo3_ffi::PyObject {
            $crate::boundary::guard_slot(core::ptr::null_mut(), || {
                // SAFETY: CPython passes a live object, and arguments by its protocol, for the time of the call. A count of the fastcall
                // protocol has no flag for vectorcall's to take off.
                unsafe {
                    let $this = $crate::py::Ref::from_ptr(object);
                    let count = pyo3_ffi::PyVectorcall_NARGS(count as usize) as usize;
                    let $passed = $crate::arguments::Passed { args, count, kwnames };
                    let body = || -> $crate::py::PyResult<$crate::py::Py> { $body };
                    body().map($crate::py::Py::into_ptr)
                }
            })
        }
    )* };
}
pub(crate) use passing;

/// Defines functions for `METH_FASTCALL | METH_KEYWORDS` with a body that gives a `PyResult<Py>`.
macro_rules! fastcall {
    ($( $(#[$doc:meta])* fn $name:ident($this:pat_param, $arguments:ident) $body:block )*) => { $(
        $(#[$doc])*
        unsafe extern "C" fn $name(
            object: *mut pyo3_ffi::PyObject,
            args: *const *mut pyo3_ffi::PyObject,
            count: pyo3_ffi::Py_ssize_t,
            kwnames: *mut pyo3_ffi::PyObject,
        ) -> *mut pyo3_ffi::PyObject {
            $crate::boundary::guard_slot(core::ptr::null_mut(), || {
                // SAFETY: CPython passes a live object, and arguments by its fastcall protocol, for the time of the call.
                let ($this, $arguments) = unsafe {
                    ($crate::py::Ref::from_ptr(object), $crate::arguments::Arguments::new(args, count, kwnames))
                };
                let body = || -> $crate::py::PyResult<$crate::py::Py> { $body };
                body().map($crate::py::Py::into_ptr)
            })
        }
    )* };
}
pub(crate) use fastcall;
