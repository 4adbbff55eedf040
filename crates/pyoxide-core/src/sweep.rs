//! Sweeping the heap before it is saved.
//!
//! Owns the zeros in free memory: what was freed is of no use to anybody, and a snapshot compresses better without it. Not here: saving,
//! which JavaScript does. Invariant: every block that is taken is given back, so that the heap is as it was.

use core::ffi::c_void;
use core::ptr;

use pyo3_ffi as ffi;

unsafe extern "C" {
    fn malloc(bytes: usize) -> *mut c_void;
    fn free(address: *mut c_void);
    fn sbrk(bytes: isize) -> *mut c_void;
}

const LARGEST_BYTES: usize = 1 << 20;
const SMALLEST_BYTES: usize = 16;
/// What CPython's own allocator serves, in steps.
const SMALL_BYTES_MAX: usize = 512;
const SMALL_STEP_BYTES: usize = 16;
/// Pages of CPython's allocator, and where the first block of a new one is.
const POOL_BYTES: usize = 4096;
const POOL_OVERHEAD_BYTES: usize = 32;
/// Bound for one size, whatever the allocator does.
const BLOCKS_MAX: usize = 1 << 14;
/// Blocks of the largest small size: as many as fill the free pages of a few arenas.
const LARGE_BLOCKS: usize = 2048;

/// Blocks that were taken: each holds the address of the next in its first word.
struct Taken(*mut c_void);

impl Taken {
    /// # Safety
    /// `block` has `bytes` bytes that nobody else uses.
    unsafe fn clear_and_keep(&mut self, block: *mut c_void, bytes: usize) {
        // SAFETY: by contract; a block has room for an address.
        unsafe {
            ptr::write_bytes(block.cast::<u8>(), 0, bytes);
            block.cast::<*mut c_void>().write(self.0);
        }
        self.0 = block;
    }

    /// # Safety
    /// `give_back` takes blocks of where they came from.
    unsafe fn give_back(mut self, give_back: unsafe extern "C" fn(*mut c_void)) {
        while !self.0.is_null() {
            let block = self.0;
            // SAFETY: kept by `clear_and_keep`, and not used after.
            unsafe {
                self.0 = block.cast::<*mut c_void>().replace(ptr::null_mut());
                give_back(block);
            }
        }
    }
}

/// Fills free blocks with zeros: CPython's small ones first, for their pages may become free.
pub fn sweep() {
    // SAFETY: the blocks come from the function beside the one that they go back to.
    unsafe {
        sweep_small();
        sweep_heap();
    }
}

unsafe fn sweep_small() {
    let mut taken = Taken(ptr::null_mut());
    // SAFETY: the interpreter lives; every block has the size that was asked for.
    unsafe {
        for bytes in (SMALL_STEP_BYTES..=SMALL_BYTES_MAX).step_by(SMALL_STEP_BYTES) {
            for _ in 0..BLOCKS_MAX {
                let block = ffi::PyObject_Malloc(bytes);
                if block.is_null() {
                    break;
                }
                taken.clear_and_keep(block, bytes);
                // The first block of a page: those that were in use are full now.
                if block as usize % POOL_BYTES == POOL_OVERHEAD_BYTES {
                    break;
                }
            }
        }
        for _ in 0..LARGE_BLOCKS {
            let block = ffi::PyObject_Malloc(SMALL_BYTES_MAX);
            if block.is_null() {
                break;
            }
            taken.clear_and_keep(block, SMALL_BYTES_MAX);
        }
        taken.give_back(ffi::PyObject_Free);
    }
}

unsafe fn sweep_heap() {
    let mut taken = Taken(ptr::null_mut());
    let mut bytes = LARGEST_BYTES;
    // SAFETY: every block has the size that was asked for.
    unsafe {
        while bytes >= SMALLEST_BYTES {
            for _ in 0..BLOCKS_MAX {
                let end = sbrk(0);
                let block = malloc(bytes);
                if block.is_null() {
                    break;
                }
                taken.clear_and_keep(block, bytes);
                // The heap had to grow: there was no free block of this size any more.
                if sbrk(0) != end {
                    break;
                }
            }
            bytes /= 2;
        }
        taken.give_back(free);
    }
}
