//! Waiting for locks (`threading`, `queue`, `concurrent.futures`): there is one thread, but other stacks and tasks may release what this one waits for.
//!
//! Owns what CPython's parking lot does when a lock is held: the stack is suspended where it can be, else the thread sleeps, else it is told that nobody
//! can ever release the lock. The functions are linked in the place of CPython's own (`wrap` in `emscripten/link.toml`). Not here: what a lock is.
//! Invariant: whoever waits for an address is woken by each release of it; those who find it taken wait again.

use core::ffi::{c_int, c_void};
use core::ptr;

use pyo3_ffi as ffi;

use crate::boundary::{JsRef, pyox_js_promise_timer};
use crate::cells::Slot;
use crate::py::{self, Py};
use crate::sleep::{SLICE_MS, block};
use crate::stacks::{self, StackId};

/// `Py_PARK_AGAIN`: the content of the address has changed.
const AGAIN: c_int = -1;
/// `Py_PARK_TIMEOUT`.
const TIMEOUT: c_int = -2;
/// `Py_PARK_INTR`: the caller looks for signals and pending calls, looks at its lock, and comes back if it has to.
const INTERRUPTED: c_int = -3;

const NS_PER_MS: f64 = 1e6;
/// The longest time that a timer is set for: one that is not needed any more keeps Node alive.
const TIMER_MS: f64 = 500.0;

const DEADLOCK: &str = "Deadlock: what this waits for can never come, because there is one thread and it would wait here. Where the engine has JavaScript \
                        Promise Integration, code that is entered with runPythonAsync or callPromising waits while other tasks run";

/// Who waits for what.
static WAITING: Slot<Vec<(usize, StackId)>> = Slot::new(Vec::new());
/// What the next pending call raises.
static PENDING: Slot<Option<Py>> = Slot::new(None);

type Unpark = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, c_int);

unsafe extern "C" {
    static Py_EMSCRIPTEN_SIGNAL_HANDLING: c_int;
    fn Py_AddPendingCall(function: unsafe extern "C" fn(*mut c_void) -> c_int, argument: *mut c_void) -> c_int;
}

unsafe extern "C-unwind" {
    fn __real__PyParkingLot_Unpark(address: *const c_void, function: Unpark, argument: *mut c_void);
    fn __real__PyParkingLot_UnparkAll(address: *const c_void);
}

/// `_PyParkingLot_Park`: waits until somebody unparks the address, if it holds what is expected.
///
/// # Safety
/// As CPython says: both point to `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __wrap__PyParkingLot_Park(
    address: *const c_void,
    expected: *const c_void,
    size: usize,
    timeout_ns: i64,
    _argument: *mut c_void,
    _detach: c_int,
) -> c_int {
    // SAFETY: by contract.
    let is_expected = unsafe { core::slice::from_raw_parts(address.cast::<u8>(), size) == core::slice::from_raw_parts(expected.cast::<u8>(), size) };
    if !is_expected {
        return AGAIN;
    }
    let left_ms = (timeout_ns >= 0).then_some(timeout_ns as f64 / NS_PER_MS);
    // SAFETY: asks only. Who takes a lock with an exception at hand keeps it.
    let is_clear = unsafe { !ffi::PyThreadState_GetUnchecked().is_null() && ffi::PyErr_Occurred().is_null() };
    if is_clear && stacks::can_wait() {
        suspend(address as usize, left_ms)
    } else {
        sleep(left_ms, is_clear)
    }
}

/// Waits on a stack that can be suspended.
fn suspend(address: usize, left_ms: Option<f64>) -> c_int {
    // Callbacks that are due run meanwhile.
    let prepared = Py::import(c"_pyodide._hooks").and_then(|hooks| hooks.borrow().call_method(c"before_suspension", &[]));
    let Ok(_) = prepared else {
        raise_later(py::take_raised());
        return INTERRUPTED;
    };
    // SAFETY: an import without references.
    let Ok(promise) = JsRef::owned_or_err(unsafe { pyox_js_promise_timer(left_ms.map_or(-1.0, |left| left.min(TIMER_MS))) }) else {
        raise_later(py::take_raised());
        return INTERRUPTED;
    };
    let stack = stacks::current();
    // SAFETY: no reference into the list is kept while others run.
    unsafe { (*WAITING.as_ptr()).push((address, stack)) };
    let outcome = stacks::pause(&promise);
    // SAFETY: as above.
    unsafe { (*WAITING.as_ptr()).retain(|&waiting| waiting != (address, stack)) };
    if let stacks::Pause::Throw(exception) = outcome {
        raise_later(Some(exception));
        return INTERRUPTED;
    }
    let is_over = matches!(outcome, stacks::Pause::Over) && left_ms.is_some_and(|left| left <= TIMER_MS);
    if is_over { TIMEOUT } else { INTERRUPTED }
}

/// Waits where nothing else can run but handlers of signals.
fn sleep(left_ms: Option<f64>, is_clear: bool) -> c_int {
    // SAFETY: one thread.
    if left_ms.is_none() && unsafe { Py_EMSCRIPTEN_SIGNAL_HANDLING } == 0 {
        // SAFETY: no reference into the slot is kept.
        if is_clear && unsafe { (*PENDING.as_ptr()).is_none() } {
            let _ = py::runtime_error(DEADLOCK);
            raise_later(py::take_raised());
        }
        return INTERRUPTED;
    }
    let slice = left_ms.map_or(SLICE_MS, |left| left.min(SLICE_MS));
    block(slice);
    if left_ms.is_some_and(|left| left <= SLICE_MS) { TIMEOUT } else { INTERRUPTED }
}

/// Raises an exception as soon as CPython looks for what has to be done, which who waits for a lock does when it was interrupted.
fn raise_later(exception: Option<Py>) {
    drop(PENDING.replace(exception));
    // SAFETY: the function takes what is in the slot, or nothing.
    unsafe { Py_AddPendingCall(raise_now, ptr::null_mut()) };
}

unsafe extern "C" fn raise_now(_nothing: *mut c_void) -> c_int {
    let Some(exception) = PENDING.replace(None) else { return 0 };
    // SAFETY: attached; an exception, or the class of one.
    unsafe {
        if ffi::PyExceptionInstance_Check(exception.as_ptr()) != 0 {
            ffi::PyErr_SetRaisedException(exception.into_ptr());
        } else {
            ffi::PyErr_SetNone(exception.as_ptr());
        }
    }
    -1
}

/// `_PyParkingLot_Unpark`: a lock was released.
///
/// # Safety
/// As CPython says.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __wrap__PyParkingLot_Unpark(address: *const c_void, function: Unpark, argument: *mut c_void) {
    // SAFETY: the caller's.
    unsafe { __real__PyParkingLot_Unpark(address, function, argument) };
    wake(address as usize);
}

/// `_PyParkingLot_UnparkAll`: what is waited for has come.
///
/// # Safety
/// As CPython says.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __wrap__PyParkingLot_UnparkAll(address: *const c_void) {
    // SAFETY: the caller's.
    unsafe { __real__PyParkingLot_UnparkAll(address) };
    wake(address as usize);
}

fn wake(address: usize) {
    // SAFETY: waking schedules only; no reference into the list is kept while others run.
    let stacks: Vec<StackId> = unsafe { (*WAITING.as_ptr()).iter().filter(|waiting| waiting.0 == address).map(|waiting| waiting.1).collect() };
    for stack in stacks {
        stacks::wake(stack);
    }
}
