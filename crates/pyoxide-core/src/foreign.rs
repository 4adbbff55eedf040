//! Calls through libffi: ctypes and cffi. libffi is JavaScript here, and the engine cannot suspend a stack with a frame of JavaScript on it.
//!
//! Owns how many such frames the running stack has. Not here: what a stack that cannot be suspended does instead (`stacks`).
//! The functions are linked in the place of libffi's own (`wrap` in `emscripten/link.toml`), which keep the names that begin with `__real_`.
//! Invariant: each call is left again, also when an exception passes through.

use core::ffi::{c_int, c_void};
use std::collections::BTreeMap;

use crate::cells::Slot;

static FRAMES: Slot<u32> = Slot::new(0);

/// How many calls through libffi the running stack is in.
pub fn frames() -> u32 {
    FRAMES.get()
}

/// Another stack runs.
pub fn set_frames(frames: u32) {
    FRAMES.set(frames);
}

/// The address of the function whose call an exception that is none of Rust's has left last, or 0.
static LEFT: Slot<usize> = Slot::new(0);

/// Why the frames of a call through libffi were lost, if they were: for the message of what ends the interpreter.
pub fn lost_call() -> Option<String> {
    match LEFT.get() {
        0 => None,
        address => Some(format!(
            "a call through ctypes or cffi of the function at address {address:#x} ended with an error of the engine; \
             is there a function with this type at that address?"
        )),
    }
}

/// One call, until it is dropped.
struct Call {
    /// What it calls; 0 once that has returned.
    function: usize,
}

impl Call {
    fn enter(function: usize) -> Call {
        FRAMES.set(FRAMES.get() + 1);
        LEFT.set(0);
        Call { function }
    }

    fn returned(mut self) {
        self.function = 0;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        FRAMES.set(FRAMES.get() - 1);
        if self.function != 0 && LEFT.get() == 0 {
            LEFT.set(self.function);
        }
    }
}

/// What a closure runs.
type Body = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, *mut *mut c_void, *mut c_void);

/// A closure's own function and its argument.
struct Closure {
    body: Body,
    argument: *mut c_void,
}

/// By the address of the closure.
static CLOSURES: Slot<BTreeMap<usize, Box<Closure>>> = Slot::new(BTreeMap::new());

unsafe extern "C-unwind" {
    fn __real_ffi_call(cif: *mut c_void, function: *const c_void, result: *mut c_void, arguments: *mut *mut c_void);
}

unsafe extern "C" {
    fn __real_ffi_closure_free(closure: *mut c_void);
    fn __real_ffi_prep_closure_loc(closure: *mut c_void, cif: *mut c_void, body: Body, argument: *mut c_void, code: *mut c_void) -> c_int;
}

/// `ffi_call`: calls a function of C.
///
/// # Safety
/// As libffi says.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __wrap_ffi_call(cif: *mut c_void, function: *const c_void, result: *mut c_void, arguments: *mut *mut c_void) {
    let call = Call::enter(function as usize);
    // SAFETY: the caller's.
    unsafe { __real_ffi_call(cif, function, result, arguments) };
    call.returned();
}

/// `ffi_prep_closure_loc`: makes a function of C that calls `body`.
///
/// # Safety
/// As libffi says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_ffi_prep_closure_loc(
    closure: *mut c_void,
    cif: *mut c_void,
    body: Body,
    argument: *mut c_void,
    code: *mut c_void,
) -> c_int {
    let own = Box::new(Closure { body, argument });
    let address: *const Closure = &raw const *own;
    // SAFETY: no reference into the map is kept; the box lives in it until the closure is freed or made anew.
    unsafe {
        (*CLOSURES.as_ptr()).insert(closure as usize, own);
        __real_ffi_prep_closure_loc(closure, cif, enter_closure, address.cast_mut().cast(), code)
    }
}

/// `ffi_closure_free`.
///
/// # Safety
/// As libffi says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_ffi_closure_free(closure: *mut c_void) {
    // SAFETY: no reference into the map is kept; nobody calls a closure that is freed.
    unsafe {
        drop((*CLOSURES.as_ptr()).remove(&(closure as usize)));
        __real_ffi_closure_free(closure);
    }
}

/// What every closure runs.
unsafe extern "C-unwind" fn enter_closure(cif: *mut c_void, result: *mut c_void, arguments: *mut *mut c_void, own: *mut c_void) {
    let _call = Call::enter(0);
    // SAFETY: libffi gives back what `ffi_prep_closure_loc` was given. The function is read before it runs, as it may free the closure.
    unsafe {
        let Closure { body, argument } = *own.cast::<Closure>();
        body(cif, result, arguments, argument);
    }
}
