//! CPython's estimate of what is used of the engine's stack (`cpython/0010-*.patch`).
//!
//! Owns the two numbers that CPython and the core share. Not here: what changes hands with a suspended stack (`stacks`).

unsafe extern "C" {
    /// Estimated bytes.
    static mut _Py_stack_used: i32;
    /// The most that may be used of a stack that can be suspended: the engine cannot be asked about it. Else 0.
    static mut _Py_stack_max: i32;
}

/// Estimated bytes, and the most there may be or 0.
#[derive(Clone, Copy)]
pub struct StackUse {
    /// Estimated bytes.
    pub used: i32,
    /// The most there may be, or 0.
    pub max: i32,
}

/// What is used now.
pub fn get() -> StackUse {
    // SAFETY: one thread.
    unsafe { StackUse { used: _Py_stack_used, max: _Py_stack_max } }
}

/// Puts back what was used.
pub fn set(stack: StackUse) {
    // SAFETY: one thread.
    unsafe {
        _Py_stack_used = stack.used;
        _Py_stack_max = stack.max;
    }
}

/// More, or less, is used.
pub fn add(bytes: i32) {
    // SAFETY: one thread.
    unsafe { _Py_stack_used += bytes };
}

/// For the time of a plain export, which runs on the stack that JavaScript runs on, whatever called JavaScript. What calls have
/// not given back when it ends is given back then.
pub struct JavaScriptsStack(StackUse);

impl JavaScriptsStack {
    /// Enters the stack.
    pub fn enter() -> JavaScriptsStack {
        let outer = get();
        if outer.max != 0 {
            set(StackUse { used: 0, max: 0 });
        }
        JavaScriptsStack(outer)
    }
}

impl Drop for JavaScriptsStack {
    fn drop(&mut self) {
        set(self.0);
    }
}
