//! Compiling source on the stack that JavaScript runs on, and the end of the stack in linear memory.
//!
//! A stack that can be suspended has less room than CPython's parser and compiler may need for what other builds compile (200 nested
//! parentheses), and the engine does not tell how much is left. They never wait, so they run on the other one.
//!
//! Owns which functions of CPython that is about; they are linked in the place of CPython's own (`wrap` in `emscripten/link.toml`). Not here: estimates
//! of what is used (`stack_use`), what can be suspended (`stacks`).

use core::ffi::{CStr, c_char, c_int, c_void};

use crate::boundary::{Address, pyox_js_stack_leave};
use crate::py;
use crate::stack_use;

/// Something to do once.
struct Job<'a> {
    body: Option<&'a mut dyn FnMut()>,
}

/// Runs `body` where JavaScript runs, if that is another stack.
fn on_javascripts_stack(body: impl Fn() -> Pointer) -> Pointer {
    if stack_use::get().max == 0 {
        return body();
    }
    let mut result = None;
    let mut keep = || result = Some(body());
    let mut job = Job { body: Some(&mut keep) };
    // SAFETY: the job lives until the import returns, which calls `run_job` with it before.
    unsafe { pyox_js_stack_leave((&raw mut job) as Address) };
    if job.body.is_some() {
        return body(); // JavaScript had no room for it
    }
    result.unwrap_or_else(|| {
        let _ = py::system_error("The compiler did not come to its end");
        core::ptr::null_mut()
    })
}

/// The other half of `pyox_js_stack_leave`.
///
/// # Safety
/// The address is what that was called with.
pub unsafe fn run_job(job: Address) {
    // SAFETY: by contract.
    if let Some(body) = unsafe { (*(job as *mut Job<'_>)).body.take() } {
        body();
    }
}

type Pointer = *mut c_void;

unsafe extern "C-unwind" {
    fn __real__PyParser_ASTFromString(text: *const c_char, filename: Pointer, mode: c_int, flags: Pointer, arena: Pointer) -> Pointer;
    fn __real__PyAST_Compile(module: Pointer, filename: Pointer, flags: Pointer, optimize: c_int, arena: Pointer) -> Pointer;
    fn __real_Py_EnterRecursiveCall(place: *const c_char) -> c_int;
}

unsafe extern "C" {
    fn emscripten_stack_get_current() -> usize;
    fn emscripten_stack_get_base() -> usize;
    fn emscripten_stack_get_end() -> usize;
}

/// `_PyParser_ASTFromString`.
///
/// # Safety
/// As CPython says.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __wrap__PyParser_ASTFromString(
    text: *const c_char,
    filename: Pointer,
    mode: c_int,
    flags: Pointer,
    arena: Pointer,
) -> Pointer {
    // SAFETY: the caller's.
    on_javascripts_stack(|| unsafe { __real__PyParser_ASTFromString(text, filename, mode, flags, arena) })
}

/// `_PyAST_Compile`.
///
/// # Safety
/// As CPython says.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __wrap__PyAST_Compile(
    module: Pointer,
    filename: Pointer,
    flags: Pointer,
    optimize: c_int,
    arena: Pointer,
) -> Pointer {
    // SAFETY: the caller's.
    on_javascripts_stack(|| unsafe { __real__PyAST_Compile(module, filename, flags, optimize, arena) })
}

/// What must be left of the stack in linear memory for C that does not ask.
const MARGIN_BYTES: usize = 128 * 1024;

/// `Py_EnterRecursiveCall`, which C calls where it may call itself. CPython's estimate of what is used knows of its own calls only; the
/// compiler calls itself for statements without one, with frames of three kilobytes in linear memory, below which are CPython's variables.
///
/// # Safety
/// As CPython says.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __wrap_Py_EnterRecursiveCall(place: *const c_char) -> c_int {
    // SAFETY: asks for addresses; `place` is a string of C.
    unsafe {
        let here = emscripten_stack_get_current();
        if here < emscripten_stack_get_end() + MARGIN_BYTES {
            let used_kb = (emscripten_stack_get_base() - here) / 1024;
            let _ = py::recursion_error(&format!("Stack overflow (used {used_kb} kB){}", CStr::from_ptr(place).to_string_lossy()));
            return -1;
        }
        __real_Py_EnterRecursiveCall(place)
    }
}
