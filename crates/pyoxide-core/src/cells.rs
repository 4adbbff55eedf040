//! State that lives as long as the interpreter.
//!
//! One wasm instance is one interpreter on one thread, so statics are per interpreter. `Slot` is the only kind used.

use core::cell::UnsafeCell;

/// A static slot for a value.
pub struct Slot<T>(UnsafeCell<T>);

// SAFETY: there is one thread (no pthreads; design.md section 2).
unsafe impl<T> Sync for Slot<T> {}

impl<T> Slot<T> {
    /// A slot that holds `value`.
    pub const fn new(value: T) -> Self {
        Slot(UnsafeCell::new(value))
    }

    /// Stores a value and gives the old one back (drop it after the call: dropping may run Python code).
    pub fn replace(&self, value: T) -> T {
        // SAFETY: one thread, and no reference into the slot outlives `with`.
        unsafe { core::mem::replace(&mut *self.0.get(), value) }
    }

    /// The address of the content.
    pub const fn as_ptr(&self) -> *mut T {
        self.0.get()
    }
}

impl<T: Copy> Slot<T> {
    /// A copy of the value.
    pub fn get(&self) -> T {
        // SAFETY: one thread; a copy is taken.
        unsafe { *self.0.get() }
    }

    /// Stores a value.
    pub fn set(&self, value: T) {
        // SAFETY: one thread; no reference into the slot exists.
        unsafe { *self.0.get() = value }
    }
}
