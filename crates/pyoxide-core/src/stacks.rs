//! Stacks that may be suspended: what of the interpreter belongs to a stack, and changes hands with it.
//!
//! JavaScript starts such a stack with `WebAssembly.promising`. It runs until it ends or waits for a promise; then whoever started it goes on,
//! and later the engine resumes it, from the event loop, when nothing else runs. CPython knows of one stack only: what it keeps per
//! thread (frames, handled exceptions, context, recursion, the running task) is taken out and put back here, and so is what lies on
//! the stack in linear memory, of which there is one for all: it is copied away while its owner waits, and back to the same place, as there are
//! pointers into it.
//!
//! Owns the mirror of CPython's thread state. Not here: whether JavaScript frames are in the way (runtime, `stacks.ts`).
//! Invariants: a suspended stack leaves the interpreter as its starter left it; nothing reachable from Python points into memory that
//! was copied away.

use core::ffi::{c_int, c_void};
use core::ptr;
use std::collections::BTreeSet;

use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use crate::boundary::{
    Address, Failure, Handle, JsRef, TAG_ABSENT, guard, guard_attached, is_attached, pyox_js_stack_can_suspend, pyox_js_stack_end, pyox_js_stack_result,
    pyox_js_stack_suspend, pyox_js_stack_turn, pyox_js_stack_wake,
};
use crate::cells::Slot;
use crate::foreign;
use crate::py::{self, Py, PyResult, Raised, Ref, check};
use crate::stack_use::{self, StackUse};
use crate::state;
use crate::wire::{self, WireValue};

/// What CPython may use of a suspendable stack, by its own estimate: engines cannot be asked about these. V8 gives them 984 KB. In its
/// unoptimised code that is an estimate of 1400 KB for what needs most (`repr` of nested deques) and of much more for most recursion.
const STACK_MAX: i32 = 1200 * 1024;
/// More than an export's own part of the stack in linear memory, which lies outside of where `run` begins.
const EXPORT_BYTES: usize = 512;
/// Ended stacks that are kept for the next, and how large their copies may be.
const SPARE_STACKS: usize = 32;
const SPARE_BYTES: usize = 16 * 1024;

// ---- CPython 3.14 ---------------------------------------------------------------------------------------------------------

/// `_PyErr_StackItem`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Handled {
    exception: *mut PyObject,
    previous: *mut Handled,
}

/// `_PyStackChunk`, without its data.
#[repr(C)]
struct Chunk {
    previous: *mut Chunk,
    size: usize,
    top: usize,
}

/// Where the data of a chunk begins.
const CHUNK_DATA: usize = size_of::<Chunk>();
/// Room for some fifty frames; CPython adds chunks when there are more.
const CHUNK_BYTES: usize = 8 * 1024 - 64;

/// `_PyInterpreterFrame`, up to what is needed.
#[repr(C)]
struct Frame {
    executable: usize,
    previous: *mut Frame,
    unused: [usize; 7],
    return_offset: u16,
    owner: i8,
}

/// `FRAME_OWNED_BY_INTERPRETER`: not of a function, but of an activation of the evaluation loop, and on the stack in linear memory.
const OWNED_BY_INTERPRETER: i8 = 3;

/// `_PyThreadStateImpl`, up to what is needed. `check_layout` compares it with the interpreter.
#[repr(C)]
struct Thread {
    links: [usize; 2],
    interp: *mut c_void,
    eval_breaker: usize,
    status: [i32; 4],
    py_recursion_remaining: i32,
    py_recursion_limit: i32,
    recursion_headroom: i32,
    tracing: i32,
    what_event: i32,
    current_frame: *mut Frame,
    profiling: [usize; 4],
    current_exception: *mut PyObject,
    exc_info: *mut Handled,
    dict: *mut PyObject,
    gilstate_counter: i32,
    async_exc: *mut PyObject,
    thread_id: core::ffi::c_long,
    native_thread_id: core::ffi::c_ulong,
    delete_later: *mut PyObject,
    critical_section: usize,
    coroutine_origin_tracking_depth: i32,
    async_gen_firstiter: *mut PyObject,
    async_gen_finalizer: *mut PyObject,
    context: *mut PyObject,
    context_ver: u64,
    id: u64,
    datastack_chunk: *mut Chunk,
    datastack_top: *mut c_void,
    datastack_limit: *mut c_void,
    exc_state: Handled,
    current_executor: *mut PyObject,
    dict_global_version: u64,
    threading_local: [*mut PyObject; 2],
    debugger: [u8; 516],
    datastack_cached_chunk: *mut Chunk,
    refcount: isize,
    c_stack_top: usize,
    c_stack_limits: [usize; 2],
    asyncio_running_loop: *mut PyObject,
    asyncio_running_task: *mut PyObject,
}

unsafe extern "C" {
    static mut _Py_dealloc_depth: i32;
    fn _PyObject_VirtualFree(memory: *mut c_void, size: usize);
    fn emscripten_stack_get_current() -> usize;
    fn emscripten_stack_get_base() -> usize;
    fn _emscripten_stack_restore(pointer: usize);
}

fn thread() -> *mut Thread {
    // SAFETY: the interpreter runs and is attached.
    unsafe { ffi::PyThreadState_Get().cast() }
}

/// Compares the mirror of the thread state with the interpreter.
///
/// # Panics
/// If they differ: the core was built for another CPython.
pub fn check_layout() {
    let thread = thread();
    // SAFETY: the thread state is alive and at least as large as the mirror, or the first comparisons fail.
    let fits = unsafe {
        (*thread).interp == ffi::PyInterpreterState_Get().cast()
            && (*thread).py_recursion_limit == ffi::Py_GetRecursionLimit()
            && (*thread).exc_info == &raw mut (*thread).exc_state
            && (*thread).c_stack_top == emscripten_stack_get_base()
    };
    assert!(fits, "the core knows another layout of CPython's thread state");
}

// ---- what belongs to a stack ----------------------------------------------------------------------------------------------

/// What of the interpreter belongs to the stack that is running. Objects are owned.
struct State {
    current: *mut Stack,
    stack_pointer: usize,
    stack_use: StackUse,
    /// Calls through libffi, which the engine cannot suspend.
    foreign_frames: u32,
    dealloc_depth: i32,
    recursion: i32,
    recursion_headroom: i32,
    tracing: i32,
    what_event: i32,
    frame: *mut Frame,
    /// Null for the thread state's own.
    exc_info: *mut Handled,
    exc_state: Handled,
    async_gen_firstiter: *mut PyObject,
    async_gen_finalizer: *mut PyObject,
    context: *mut PyObject,
    running_loop: *mut PyObject,
    running_task: *mut PyObject,
    data: Data,
}

/// The stack of Python's frames.
#[derive(Clone, Copy)]
struct Data {
    chunk: *mut Chunk,
    top: *mut c_void,
    limit: *mut c_void,
}

const NO_DATA: Data = Data { chunk: ptr::null_mut(), top: ptr::null_mut(), limit: ptr::null_mut() };

/// A stack that may be suspended.
struct Stack {
    /// Where it begins in linear memory: its highest address.
    base: usize,
    /// What goes on when it ends or waits: its starter's state, later that of the event loop.
    outer: Option<State>,
    /// Its own state while it waits.
    own: Option<State>,
    /// Its part of the stack in linear memory while it waits.
    copy: Vec<u8>,
    /// Frames and what they had as `previous`, an entry frame in that part, which nobody may look at meanwhile.
    unlinked: Vec<(*mut Frame, *mut Frame)>,
    /// Was it suspended in the middle of a computation?
    had_turn: bool,
    /// The class of an exception to raise when it goes on.
    thrown: Option<Py>,
}

static CURRENT: Slot<*mut Stack> = Slot::new(ptr::null_mut());
static SPARE: Slot<Vec<Box<Stack>>> = Slot::new(Vec::new());
static SPARE_CHUNKS: Slot<Vec<*mut Chunk>> = Slot::new(Vec::new());
/// Addresses of the stacks that wait.
static SUSPENDED: Slot<BTreeSet<usize>> = Slot::new(BTreeSet::new());

/// # Safety
/// The thread state is attached; what is taken is put back or replaced by `put`.
unsafe fn take(stack_pointer: usize) -> State {
    let thread = thread();
    // SAFETY: by contract; statics have one thread.
    unsafe {
        let own = &raw mut (*thread).exc_state;
        State {
            current: CURRENT.get(),
            stack_pointer,
            stack_use: stack_use::get(),
            foreign_frames: foreign::frames(),
            dealloc_depth: _Py_dealloc_depth,
            recursion: (*thread).py_recursion_limit - (*thread).py_recursion_remaining,
            recursion_headroom: (*thread).recursion_headroom,
            tracing: (*thread).tracing,
            what_event: (*thread).what_event,
            frame: (*thread).current_frame,
            exc_info: if (*thread).exc_info == own { ptr::null_mut() } else { (*thread).exc_info },
            exc_state: *own,
            async_gen_firstiter: (*thread).async_gen_firstiter,
            async_gen_finalizer: (*thread).async_gen_finalizer,
            context: (*thread).context,
            running_loop: (*thread).asyncio_running_loop,
            running_task: (*thread).asyncio_running_task,
            data: Data { chunk: (*thread).datastack_chunk, top: (*thread).datastack_top, limit: (*thread).datastack_limit },
        }
    }
}

/// # Safety
/// The thread state is attached, and what it held before was taken.
unsafe fn put(state: State) {
    let thread = thread();
    // SAFETY: by contract; statics have one thread.
    unsafe {
        CURRENT.set(state.current);
        stack_use::set(state.stack_use);
        foreign::set_frames(state.foreign_frames);
        _Py_dealloc_depth = state.dealloc_depth;
        (*thread).py_recursion_remaining = (*thread).py_recursion_limit - state.recursion;
        (*thread).recursion_headroom = state.recursion_headroom;
        (*thread).tracing = state.tracing;
        (*thread).what_event = state.what_event;
        (*thread).current_frame = state.frame;
        (*thread).exc_info = if state.exc_info.is_null() { &raw mut (*thread).exc_state } else { state.exc_info };
        (*thread).exc_state = state.exc_state;
        (*thread).async_gen_firstiter = state.async_gen_firstiter;
        (*thread).async_gen_finalizer = state.async_gen_finalizer;
        (*thread).context = state.context;
        (*thread).context_ver += 1;
        (*thread).asyncio_running_loop = state.running_loop;
        (*thread).asyncio_running_task = state.running_task;
        (*thread).datastack_chunk = state.data.chunk;
        (*thread).datastack_top = state.data.top;
        (*thread).datastack_limit = state.data.limit;
    }
}

/// Another reference to what may be null.
///
/// # Safety
/// The object is alive or null.
unsafe fn again(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: by contract.
    unsafe { ffi::Py_XINCREF(object) };
    object
}

/// A stack for frames, with nothing on it. CPython's own would take 64 KB each, a page of wasm.
fn new_data() -> Data {
    // SAFETY: the spare ones are free; the block is large enough for the header and the first word, which CPython leaves out of a root chunk.
    unsafe {
        let chunk = match (*SPARE_CHUNKS.as_ptr()).pop() {
            Some(chunk) => chunk,
            None => state::alloc(CHUNK_BYTES).cast::<Chunk>(),
        };
        if chunk.is_null() {
            return NO_DATA; // CPython tries itself, and raises MemoryError
        }
        chunk.write(Chunk { previous: ptr::null_mut(), size: CHUNK_BYTES, top: 0 });
        Data { chunk, top: chunk.cast::<u8>().add(CHUNK_DATA + size_of::<usize>()).cast(), limit: chunk.cast::<u8>().add(CHUNK_BYTES).cast() }
    }
}

/// Frees the frames' stack of a stack that ended.
///
/// # Safety
/// No frame is on it.
unsafe fn free_data(data: Data) {
    // SAFETY: by contract, only the root chunk is left, made here if it has that size: CPython's are powers of two.
    unsafe {
        if data.chunk.is_null() {
            return;
        }
        if (*data.chunk).size != CHUNK_BYTES {
            _PyObject_VirtualFree(data.chunk.cast(), (*data.chunk).size);
        } else if (*SPARE_CHUNKS.as_ptr()).len() < SPARE_STACKS {
            (*SPARE_CHUNKS.as_ptr()).push(data.chunk);
        } else {
            state::free(data.chunk.cast());
        }
    }
}

// ---- a stack's life ---------------------------------------------------------------------------------------------------------

/// Runs `body`, the guarded body of an export that JavaScript calls through `WebAssembly.promising`: it may wait for promises.
pub fn run<T: Failure>(body: impl FnOnce() -> PyResult<T>) -> T {
    // SAFETY: see each step; the export is called by JavaScript, with the interpreter running.
    unsafe {
        if !is_attached() {
            // CPython has left the interpreter for a system call or a subinterpreter; the guard enters it again. Such a stack cannot wait.
            return guard(body);
        }
        let stack = begin();
        let result = guard_attached(body);
        // The `python` command ends Python on such a stack.
        if ffi::Py_IsInitialized() != 0 {
            end(stack);
        }
        result
    }
}

/// # Safety
/// The interpreter is attached.
unsafe fn begin() -> *mut Stack {
    // SAFETY: by contract; the list is not used while it is borrowed.
    unsafe {
        let mut stack = (*SPARE.as_ptr()).pop().unwrap_or_else(|| {
            Box::new(Stack { base: 0, outer: None, own: None, copy: Vec::new(), unlinked: Vec::new(), had_turn: false, thrown: None })
        });
        let here = emscripten_stack_get_current();
        // What is too much in the copy does no harm: when it is put back, the starter has ended.
        stack.base = (*thread()).c_stack_top.min(here + EXPORT_BYTES);
        let mut outer = take(here);
        let is_nested = !outer.frame.is_null();
        let fresh = State {
            current: ptr::null_mut(),
            stack_pointer: 0,
            stack_use: StackUse { used: 0, max: STACK_MAX },
            foreign_frames: 0,
            dealloc_depth: 0,
            recursion: 0,
            recursion_headroom: 0,
            tracing: outer.tracing,
            what_event: outer.what_event,
            frame: ptr::null_mut(),
            exc_info: ptr::null_mut(),
            exc_state: Handled { exception: ptr::null_mut(), previous: ptr::null_mut() },
            async_gen_firstiter: again(outer.async_gen_firstiter),
            async_gen_finalizer: again(outer.async_gen_finalizer),
            context: again(outer.context),
            running_loop: again(outer.running_loop),
            running_task: ptr::null_mut(),
            // Frames of the starter lie on its own; the event loop has none.
            data: if is_nested { new_data() } else { core::mem::replace(&mut outer.data, NO_DATA) },
        };
        stack.outer = Some(outer);
        restart_clock();
        let stack = Box::into_raw(stack);
        put(State { current: stack, ..fresh });
        stack
    }
}

/// # Safety
/// `stack` is the one that is running, with no frame left on it.
unsafe fn end(stack: *mut Stack) {
    // SAFETY: by contract; the box came from `begin`.
    unsafe {
        let mut stack = Box::from_raw(stack);
        let own = take(0);
        let Some(mut outer) = stack.outer.take() else { return };
        if core::mem::take(&mut stack.had_turn) {
            pyox_js_stack_end((&raw mut *stack).cast());
        }
        if outer.data.chunk.is_null() {
            outer.data = own.data;
        } else if own.data.chunk != outer.data.chunk {
            free_data(own.data);
        }
        put(outer);
        for object in [own.async_gen_firstiter, own.async_gen_finalizer, own.context, own.running_loop, own.running_task, own.exc_state.exception] {
            drop(Py::owned_or_none(object));
        }
        drop(stack.thrown.take());
        stack.copy.clear();
        stack.copy.shrink_to(SPARE_BYTES);
        let spare = &mut *SPARE.as_ptr();
        if spare.len() < SPARE_STACKS {
            spare.push(stack);
        }
    }
}

/// Gives the running stack a context (`contextvars`) of its own, as a thread has one: what it sets meanwhile, and before it ends, others do not see.
///
/// # Errors
/// No memory.
pub fn enter_own_context() -> PyResult<()> {
    let thread = thread();
    // SAFETY: the thread state owns its context. Where there is none, CPython makes one that goes with the stack.
    unsafe {
        if CURRENT.get().is_null() || (*thread).context.is_null() {
            return Ok(());
        }
        let copy = Py::owned_or_err(ffi::PyContext_CopyCurrent())?;
        let shared = core::mem::replace(&mut (*thread).context, copy.into_ptr());
        (*thread).context_ver += 1;
        drop(Py::owned_or_none(shared));
    }
    Ok(())
}

/// Can this stack wait for a promise?
pub fn can_wait() -> bool {
    // What a subinterpreter has on the stack stays where it is: its thread state does not change hands.
    // SAFETY: an import without parameters.
    !CURRENT.get().is_null() && foreign::frames() == 0 && is_attached() && unsafe { pyox_js_stack_can_suspend() } == 1
}

/// Gives the event loop, and stacks that started this one, the running loop and the hooks of asyncio that have been set here, where they have none:
/// asyncio is installed by whoever imports it first.
pub fn share_with_starters() {
    let thread = thread();
    let mut stack = CURRENT.get();
    // SAFETY: running stacks and their starters are alive; the objects are alive in the thread state.
    unsafe {
        while !stack.is_null() {
            let Some(outer) = &mut (*stack).outer else { return };
            for (theirs, ours) in [
                (&mut outer.running_loop, (*thread).asyncio_running_loop),
                (&mut outer.async_gen_firstiter, (*thread).async_gen_firstiter),
                (&mut outer.async_gen_finalizer, (*thread).async_gen_finalizer),
            ] {
                if theirs.is_null() {
                    *theirs = again(ours);
                }
            }
            stack = outer.current;
        }
    }
}

/// Is Python code running that has called JavaScript?
pub fn python_is_running() -> bool {
    // SAFETY: the thread state is alive, and attached by the guard.
    unsafe { !(*thread()).current_frame.is_null() }
}

/// Raises an exception (its class) in the stack that waits while it runs this task of asyncio, in the middle of a computation or for a promise.
/// False if there is none.
pub fn throw_into(task: Ref<'_>, exception: Ref<'_>) -> bool {
    // SAFETY: suspended stacks are alive; no reference into the set is kept while JavaScript runs.
    unsafe {
        let is_it = |stack: *mut Stack| (*stack).own.as_ref().is_some_and(|own| own.running_task == task.as_ptr());
        let found = (*SUSPENDED.as_ptr()).iter().map(|address| *address as *mut Stack).find(|stack| is_it(*stack));
        let Some(stack) = found else { return false };
        drop((*stack).thrown.replace(exception.to_owned()));
        pyox_js_stack_wake(stack.cast());
        true
    }
}

/// Suspends the running stack until a promise settles: its value.
///
/// # Errors
/// What the promise was rejected with; a RuntimeError if the stack cannot be suspended.
pub fn wait(promise: Handle) -> PyResult<Py> {
    // The engine itself would end the instance, before the import could object.
    if foreign::frames() != 0 && !CURRENT.get().is_null() {
        return Err(py::runtime_error("Cannot wait for a promise in a call through ctypes or cffi, which the engine cannot suspend"));
    }
    if !can_wait() {
        return Err(py::runtime_error(
            "Cannot wait for a promise here: it needs an engine with JavaScript Promise Integration, and an entry into Python that may be suspended (callPromising)",
        ));
    }
    let stack = CURRENT.get();
    // SAFETY: the stack is the running one; `park` returns on it, with its part of linear memory in place.
    unsafe {
        loop {
            park(promise, stack);
            let mut out = WireValue::undefined();
            match pyox_js_stack_result(stack as Address, &mut out) {
                // An interrupt: its handler may raise an exception, or let the wait go on.
                TAG_ABSENT => {
                    if let Some(exception) = (*stack).thrown.take() {
                        ffi::PyErr_SetNone(exception.as_ptr());
                        return Err(Raised);
                    }
                    check(ffi::PyErr_CheckSignals())?;
                }
                tag => return wire::read(tag, &out),
            }
        }
    }
}

/// A stack that can be suspended, for as long as it lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StackId(usize);

/// How a pause has ended.
pub enum Pause {
    /// The promise has settled.
    Over,
    /// The stack was woken, perhaps for a signal.
    Woken,
    /// This is to be raised.
    Throw(Py),
}

/// The running stack. It can wait (`can_wait`).
pub fn current() -> StackId {
    StackId(CURRENT.get() as usize)
}

/// Suspends the running stack, which can wait, until a promise settles that has no value, or until it is woken.
pub fn pause(promise: &JsRef) -> Pause {
    let stack = CURRENT.get();
    // SAFETY: the stack is the running one; `park` returns on it, with its part of linear memory in place.
    unsafe {
        park(promise.handle(), stack);
        let mut out = WireValue::undefined();
        let is_woken = pyox_js_stack_result(stack as Address, &mut out) == TAG_ABSENT;
        match (*stack).thrown.take() {
            Some(exception) => Pause::Throw(exception),
            None if is_woken => Pause::Woken,
            None => Pause::Over,
        }
    }
}

/// Wakes a stack that pauses.
pub fn wake(stack: StackId) {
    // SAFETY: schedules only.
    unsafe { pyox_js_stack_wake(stack.0 as Address) }
}

/// How long Python may compute before the host gets a turn, where the stack can be suspended. An interrupt is noticed within about twice that.
const TURN_MS: f64 = 20.0;

/// When the host is to have its next turn. 0 if it has just had one.
static NEXT_TURN: Slot<f64> = Slot::new(0.0);

/// Steps (starts of functions, jumps back) until the clock is looked at first, and at most. A step is nanoseconds or, where it calls C that
/// computes, much more.
const STEPS_FIRST: i32 = 16;
const STEPS_MAX: i32 = 1000;
/// How often the clock is to be looked at.
const LOOK_MS: f64 = 5.0;

/// When the clock was looked at last, and how many steps later it was to be looked at again.
static LOOKED_AT: Slot<f64> = Slot::new(0.0);
static STEPS: Slot<i32> = Slot::new(STEPS_MAX);

unsafe extern "C" {
    fn emscripten_get_now() -> f64;
    /// Steps until the evaluation loop calls `pyoxide_host_turn` (`cpython/0002-*.patch`).
    static mut _Py_emscripten_signal_clock: i32;
}

/// How long an import may go on without a turn of the host. Modules that compute for longer can be stopped.
const IMPORT_MS_MAX: f64 = 2000.0;
/// The nearest frames that are looked at for an import.
const IMPORT_FRAMES_MAX: usize = 200;
/// Since when an import has been found running. 0 if none.
static IMPORTING_SINCE: Slot<f64> = Slot::new(0.0);

/// When to ask again, if the stack is importing a module: what JavaScript calls in a turn of the host would find it half done, because the locks of
/// imports know of one thread only.
fn after_import(now: f64) -> Option<f64> {
    if !is_importing() {
        IMPORTING_SINCE.set(0.0);
        return None;
    }
    if IMPORTING_SINCE.get() == 0.0 {
        IMPORTING_SINCE.set(now);
    }
    (now - IMPORTING_SINCE.get() < IMPORT_MS_MAX).then_some(now + TURN_MS)
}

fn is_importing() -> bool {
    // SAFETY: the frames of the running stack are alive, and so is what they execute; the lowest bits of a reference are tags.
    unsafe {
        let mut frame = (*thread()).current_frame;
        for _ in 0..IMPORT_FRAMES_MAX {
            if frame.is_null() {
                return false;
            }
            let code = ((*frame).executable & !3) as *mut PyObject;
            if !code.is_null() && ffi::PyCode_Check(code) != 0 {
                let name = Py::owned_or_none(ffi::PyObject_GetAttrString(code, c"co_filename".as_ptr()));
                if name.is_some_and(|name| ffi::PyUnicode_CompareWithASCIIString(name.as_ptr(), c"<frozen importlib._bootstrap>".as_ptr()) == 0) {
                    return true;
                }
            }
            frame = (*frame).previous;
        }
        false
    }
}

/// The stack begins, or goes on: what its steps take is not known yet.
fn restart_clock() {
    NEXT_TURN.set(0.0);
    IMPORTING_SINCE.set(0.0);
    STEPS.set(STEPS_FIRST);
    // SAFETY: one thread.
    unsafe { _Py_emscripten_signal_clock = _Py_emscripten_signal_clock.min(STEPS_FIRST) };
}

/// The evaluation loop looks for signals at its next step.
pub fn look_soon() {
    // SAFETY: one thread.
    unsafe { _Py_emscripten_signal_clock = 0 };
}

/// Sets how many steps later the clock is looked at again, from what the last ones took.
fn adapt_steps(now: f64) {
    let steps = STEPS.get();
    let next = if NEXT_TURN.get() == 0.0 {
        STEPS_FIRST
    } else {
        // The result is between the bounds, and small enough for the type.
        (f64::from(steps) * LOOK_MS / (now - LOOKED_AT.get()).max(0.001)).min(f64::from(steps) * 4.0).clamp(1.0, f64::from(STEPS_MAX)) as i32
    };
    LOOKED_AT.set(now);
    STEPS.set(next);
    // SAFETY: one thread. With an interrupt buffer the loop has its own, smaller, number.
    unsafe { _Py_emscripten_signal_clock = _Py_emscripten_signal_clock.min(next) };
}

/// Called by the evaluation loop now and then (`cpython/0010-*.patch`): gives the host a turn, if it is time for that.
#[unsafe(no_mangle)]
pub extern "C" fn pyoxide_host_turn() {
    if let Some(exception) = give_turn() {
        // SAFETY: attached. The evaluation loop raises it at once: it looks for what has to be done after this.
        unsafe { ffi::PyThreadState_SetAsyncExc((*thread()).thread_id, exception.as_ptr()) };
    }
}

/// How often `PyErr_CheckSignals` is called before it looks at the clock.
const CHECKS_PER_LOOK: u32 = 32;

static CHECKS: Slot<u32> = Slot::new(0);

unsafe extern "C-unwind" {
    fn __real_PyErr_CheckSignals() -> c_int;
}

/// `PyErr_CheckSignals`, which C that computes for long calls so that it can be interrupted: regular expressions, large integers. It is linked in
/// the place of CPython's own (`wrap` in `emscripten/link.toml`), and gives the host a turn first, if it is time for that.
///
/// # Safety
/// The interpreter is attached.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __wrap_PyErr_CheckSignals() -> c_int {
    // SAFETY: by contract.
    unsafe {
        let checks = CHECKS.get() + 1;
        if checks < CHECKS_PER_LOOK {
            CHECKS.set(checks);
            return __real_PyErr_CheckSignals();
        }
        CHECKS.set(0);
        // Who checks with an exception at hand keeps it.
        if (*thread()).current_exception.is_null() {
            if let Some(exception) = give_turn() {
                ffi::PyErr_SetNone(exception.as_ptr());
                return -1;
            }
        }
        __real_PyErr_CheckSignals()
    }
}

/// Suspends the stack for one turn of the host's event loop, if it is time for that, so that an interrupt can be delivered. Nothing else of
/// Python runs meanwhile but what JavaScript calls. Returns the class of an exception that is to be raised.
fn give_turn() -> Option<Py> {
    let stack = CURRENT.get();
    if stack.is_null() {
        return None;
    }
    // SAFETY: imports without parameters; the stack is the running one and can be suspended. No exception is raised, by those who call this.
    unsafe {
        let now = emscripten_get_now();
        adapt_steps(now);
        if NEXT_TURN.get() == 0.0 {
            NEXT_TURN.set(now + TURN_MS);
        }
        if now < NEXT_TURN.get() || !can_wait() {
            return None;
        }
        if let Some(later) = after_import(now) {
            NEXT_TURN.set(later);
            return None;
        }
        let mut thrown = None;
        if pyox_js_stack_turn(stack as Address) == 1 {
            (*stack).had_turn = true;
            park(0, stack);
            let mut out = WireValue::undefined();
            pyox_js_stack_result(stack as Address, &mut out);
            thrown = (*stack).thrown.take();
        }
        restart_clock();
        thrown
    }
}

/// Leaves the stack and comes back to it.
///
/// INVARIANT: between the two stack pointer changes nothing is read from or written to this function's part of the stack in linear
/// memory: it has no variables there, only two numbers in locals of wasm.
///
/// # Safety
/// `stack` is the running one, and it may be suspended.
#[inline(never)]
unsafe extern "C" fn park(promise: Handle, stack: *mut Stack) {
    // SAFETY: by contract. What the import runs before it suspends, or fails, uses the part that was copied.
    unsafe {
        let here = emscripten_stack_get_current();
        let outer = leave(stack, here);
        _emscripten_stack_restore(outer);
        pyox_js_stack_suspend(promise, stack as Address);
        _emscripten_stack_restore(here);
        come_back(stack, here);
    }
}

/// Takes the stack's state out and puts in what is to go on. Returns the stack pointer for that.
#[inline(never)]
unsafe extern "C" fn leave(stack: *mut Stack, here: usize) -> usize {
    // SAFETY: as for `park`; the part between `here` and the base belongs to the stack.
    unsafe {
        let own = take(here);
        let mut frame = own.frame;
        while !frame.is_null() {
            let previous = (*frame).previous;
            if !previous.is_null() && (*previous).owner == OWNED_BY_INTERPRETER {
                (*stack).unlinked.push((frame, previous));
                (*frame).previous = (*previous).previous;
                continue;
            }
            frame = previous;
        }
        (*stack).own = Some(own);
        (*SUSPENDED.as_ptr()).insert(stack as usize);
        (*stack).copy.clear();
        (*stack).copy.extend_from_slice(core::slice::from_raw_parts(here as *const u8, (*stack).base - here));
        match (*stack).outer.take() {
            Some(mut outer) => {
                let pointer = outer.stack_pointer;
                if outer.data.chunk.is_null() {
                    outer.data = new_data();
                }
                put(outer);
                pointer
            }
            None => here,
        }
    }
}

/// Takes the state of the event loop out and puts the stack's in.
#[inline(never)]
unsafe extern "C" fn come_back(stack: *mut Stack, here: usize) {
    // SAFETY: as for `leave`: the part is free again, because stacks are resumed when nothing else runs.
    unsafe {
        ptr::copy_nonoverlapping((*stack).copy.as_ptr(), here as *mut u8, (*stack).copy.len());
        restart_clock();
        // The event loop has nothing on the stack in linear memory.
        (*stack).outer = Some(take((*thread()).c_stack_top));
        (*SUSPENDED.as_ptr()).remove(&(stack as usize));
        if let Some(own) = (*stack).own.take() {
            put(own);
        }
        // In the order of the chain, so that an entry frame that came after another is found again.
        while let Some((frame, previous)) = (*stack).unlinked.pop() {
            (*frame).previous = previous;
        }
    }
}
