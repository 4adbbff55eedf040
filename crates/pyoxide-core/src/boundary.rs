//! The two directions of the boundary as Rust sees them: declarations from the table, and the guard around exports.
//!
//! Owns `extern` blocks, `JsRef`, and the type check of exports against the table. Everything else goes through here.
//! Invariant: nothing unwinds out of an export.

use core::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3_ffi::PyObject;

use crate::cells::Slot;
use crate::py::{PyResult, Raised};
use crate::stack_use;
use crate::wire::WireValue;

/// Number of a JavaScript value in the handle table.
pub type Handle = u32;
/// Address of a Python object.
pub type PyPtr = *mut PyObject;
/// Address of wire values.
pub type Wire = *mut WireValue;
/// One of the `TAG_*` constants.
pub type Tag = u32;
/// 0, or -1 for a failure.
pub type Status = i32;
/// 1, 0, or -1 for a failure.
pub type Tri = i32;
/// A count, or -1 for a failure.
pub type Count = i32;
/// Address of bytes.
pub type Address = *mut c_void;
type U32 = u32;
type I32 = i32;
type F64 = f64;

macro_rules! declare_imports {
    ($( $(#[doc = $doc:literal])* $name:ident ( $($arg:ident : $ty:ident),* $(,)? ) $(-> $ret:ident)? ; )*) => {
        unsafe extern "C" {
            $( $(#[doc = $doc])* pub fn $name($($arg: $ty),*) $(-> $ret)?; )*
        }
    };
}
pyoxide_boundary::for_each_js_import!(declare_imports);

macro_rules! check_exports {
    ($( $(#[doc = $doc:literal])* $name:ident ( $($arg:ident : $ty:ident),* $(,)? ) $(-> $ret:ident)? ; )*) => {
        $( const _: extern "C" fn($($ty),*) $(-> $ret)? = crate::exports::$name; )*
    };
}
pyoxide_boundary::for_each_py_export!(check_exports);

macro_rules! declare_constants {
    ($( $(#[doc = $doc:literal])* $name:ident = $value:expr ; )*) => {
        $( $(#[doc = $doc])* pub const $name: u32 = $value; )*
    };
}
pyoxide_boundary::for_each_constant!(declare_constants);

#[cfg(target_arch = "wasm32")]
const _: () = {
    assert!(size_of::<WireValue>() == WIRE_BYTES as usize);
    assert!(size_of::<pyo3_ffi::PyASCIIObject>() == ASCII_DATA_OFFSET as usize);
};

/// Owns a handle.
#[derive(Debug)]
pub struct JsRef(Handle);

impl JsRef {
    /// Takes a handle over; 0 means that an import has failed.
    pub fn owned_or_err(handle: Handle) -> PyResult<JsRef> {
        if handle == 0 { Err(crate::error::raise_pending()) } else { Ok(JsRef(handle)) }
    }

    /// Takes a handle over that is not 0.
    pub fn from_owned(handle: Handle) -> JsRef {
        JsRef(handle)
    }

    /// The number, still owned by `self`.
    pub fn handle(&self) -> Handle {
        self.0
    }

    /// Gives the handle away.
    pub fn into_handle(self) -> Handle {
        let handle = self.0;
        core::mem::forget(self);
        handle
    }
}

impl Clone for JsRef {
    fn clone(&self) -> Self {
        // SAFETY: the handle is alive; the import gives a new one and cannot fail.
        JsRef(unsafe { pyox_js_handle_clone(self.0) })
    }
}

impl Drop for JsRef {
    fn drop(&mut self) {
        // SAFETY: `self` owns the handle, given up here.
        unsafe { pyox_js_handle_drop(self.0) }
    }
}

/// What an export returns when it fails.
pub trait Failure {
    /// The failure value of the type.
    const FAILURE: Self;
}
impl Failure for u32 {
    const FAILURE: u32 = 0;
}
impl Failure for i32 {
    const FAILURE: i32 = -1;
}
impl<T> Failure for *mut T {
    const FAILURE: *mut T = core::ptr::null_mut();
}
impl Failure for () {
    const FAILURE: () = ();
}

/// The thread state of the interpreter that JavaScript knows; null before it has started.
static MAIN_THREAD: Slot<*mut pyo3_ffi::PyThreadState> = Slot::new(core::ptr::null_mut());

/// Remembers the thread state that is attached as the one that JavaScript's calls run in.
pub fn adopt_thread() {
    // SAFETY: always allowed.
    MAIN_THREAD.set(unsafe { pyo3_ffi::PyThreadState_GetUnchecked() });
}

/// Is the interpreter that JavaScript knows the one that is running, and not a subinterpreter?
pub fn is_attached() -> bool {
    // SAFETY: always allowed.
    unsafe { pyo3_ffi::PyThreadState_GetUnchecked() == MAIN_THREAD.get() }
}

/// Attaches the interpreter where CPython has detached it, or a subinterpreter: around system calls, which end in JavaScript handlers of streams
/// and files that may call Python.
struct Attached(bool);

impl Attached {
    fn ensure() -> Attached {
        // SAFETY: always allowed; a thread state is asked for only when there is an interpreter.
        unsafe {
            if !pyo3_ffi::PyThreadState_GetUnchecked().is_null() || MAIN_THREAD.get().is_null() || pyo3_ffi::Py_IsInitialized() == 0 {
                return Attached(false);
            }
            pyo3_ffi::PyThreadState_Swap(MAIN_THREAD.get());
            Attached(true)
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if self.0 {
            // SAFETY: pairs with `ensure`: nothing was attached.
            unsafe { pyo3_ffi::PyThreadState_Swap(core::ptr::null_mut()) };
        }
    }
}

/// The body of every export: a Python error becomes the error that JavaScript throws, a panic a fatal error.
pub fn guard<T: Failure>(body: impl FnOnce() -> PyResult<T>) -> T {
    let _attached = Attached::ensure();
    let _stack = stack_use::JavaScriptsStack::enter();
    guard_attached(body)
}

/// As `guard`, where the interpreter is attached and the stack is known.
pub fn guard_attached<T: Failure>(body: impl FnOnce() -> PyResult<T>) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(Raised)) => {
            crate::error::throw_raised();
            T::FAILURE
        }
        // The hook has told JavaScript.
        Err(_) => T::FAILURE,
    }
}

/// The body of a slot or function that CPython calls: a panic becomes a fatal error for JavaScript, and a Python
/// exception here, so that the frames between unwind in an orderly way.
pub fn guard_slot<T>(failure: T, body: impl FnOnce() -> PyResult<T>) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(Raised)) => failure,
        Err(_) => {
            crate::py::system_error("Pyoxide has a bug: its core panicked; please report the message in the console");
            failure
        }
    }
}

/// Makes every panic a fatal error with its message and its place. To be called once.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.payload_as_str().unwrap_or("no message");
        let text = match panic.location() {
            Some(place) if panic.can_unwind() => format!("{text} (in the core, {}, line {})", place.file(), place.line()),
            // An exception of JavaScript has come to the edge of the core.
            _ => crate::foreign::lost_call().unwrap_or_else(|| text.to_owned()),
        };
        // The first reason stays: what unwinds through the core without being a panic, as an exit does, has told its own before.
        fatal(&text);
        if !panic.can_unwind() {
            // Rust would print to stderr and abort. The frames of the interpreter are lost either way.
            core::arch::wasm32::unreachable();
        }
    }));
}

fn fatal(text: &str) {
    // SAFETY: pointer and length are those of `text`; the import copies.
    unsafe { pyox_js_error_set_fatal(text.as_ptr() as Address, text.len() as u32) }
}
