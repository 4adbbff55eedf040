//! Sweeping the heap before it is saved.
//!
//! Owns the zeros in memory that holds nothing: free blocks, and the parts of used ones that their owners never write (buffers of files,
//! rests of blocks). What was there is of no use to anybody, and a snapshot compresses better without it. Not here: saving, which
//! JavaScript does. Invariant: every block that is taken is given back, so that the heap is as it was.

use core::ffi::c_void;
use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::{PyMemAllocatorDomain, PyMemAllocatorEx};

use crate::cells::Slot;

unsafe extern "C" {
    fn malloc(bytes: usize) -> *mut c_void;
    fn free(address: *mut c_void);
    fn sbrk(bytes: isize) -> *mut c_void;
    fn malloc_usable_size(block: *mut c_void) -> usize;
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

const DOMAINS: [PyMemAllocatorDomain; 3] =
    [PyMemAllocatorDomain::PYMEM_DOMAIN_RAW, PyMemAllocatorDomain::PYMEM_DOMAIN_MEM, PyMemAllocatorDomain::PYMEM_DOMAIN_OBJ];

/// CPython's allocators as they were before `allocate_zeros`, in the order of [`DOMAINS`].
static ORIGINALS: [Slot<PyMemAllocatorEx>; 3] =
    [const { Slot::new(PyMemAllocatorEx { ctx: ptr::null_mut(), malloc: None, calloc: None, realloc: None, free: None }) }; 3];
static IS_ZEROING: Slot<bool> = Slot::new(false);

/// From now on, until `sweep`, what CPython allocates is full of zeros.
///
/// # Safety
/// Before the interpreter starts.
pub unsafe fn allocate_zeros() {
    for (domain, original) in DOMAINS.into_iter().zip(&ORIGINALS) {
        // SAFETY: `original` lives for ever; the functions that are set give to the ones before them what those gave.
        unsafe {
            ffi::PyMem_GetAllocator(domain, original.as_ptr());
            let mut zeroing = PyMemAllocatorEx {
                ctx: original.as_ptr().cast(),
                malloc: Some(malloc_zeros),
                calloc: Some(calloc_zeros),
                realloc: Some(if matches!(domain, PyMemAllocatorDomain::PYMEM_DOMAIN_RAW) { realloc_zeros } else { realloc_as_before }),
                free: Some(free_as_before),
            };
            ffi::PyMem_SetAllocator(domain, &mut zeroing);
        }
    }
    IS_ZEROING.set(true);
}

fn allocate_as_before() {
    if IS_ZEROING.get() {
        IS_ZEROING.set(false);
        for (domain, original) in DOMAINS.into_iter().zip(&ORIGINALS) {
            // SAFETY: what CPython itself had; every block came from it.
            unsafe { ffi::PyMem_SetAllocator(domain, original.as_ptr()) };
        }
    }
}

fn original(context: *mut c_void) -> PyMemAllocatorEx {
    // SAFETY: the context of these functions is one of `ORIGINALS`.
    unsafe { *context.cast::<PyMemAllocatorEx>() }
}

extern "C" fn malloc_zeros(context: *mut c_void, bytes: usize) -> *mut c_void {
    calloc_zeros(context, 1, bytes)
}

/// To the end of the block, which is longer than what was asked for.
extern "C" fn calloc_zeros(context: *mut c_void, count: usize, bytes: usize) -> *mut c_void {
    let its = original(context);
    let whole = count.checked_mul(bytes).and_then(|sum| sum.max(1).checked_next_multiple_of(SMALL_STEP_BYTES));
    match (its.calloc, whole) {
        (Some(calloc), Some(whole)) => calloc(its.ctx, 1, whole),
        _ => ptr::null_mut(),
    }
}

/// Of the C library's blocks it is known how long they are.
extern "C" fn realloc_zeros(context: *mut c_void, block: *mut c_void, bytes: usize) -> *mut c_void {
    if block.is_null() {
        return malloc_zeros(context, bytes);
    }
    // SAFETY: the block is of this allocator, that is, the C library's, as is the new one.
    unsafe {
        let before = malloc_usable_size(block);
        let grown = realloc_as_before(context, block, bytes);
        if !grown.is_null() {
            let after = malloc_usable_size(grown);
            if after > before {
                ptr::write_bytes(grown.cast::<u8>().add(before), 0, after - before);
            }
        }
        grown
    }
}

extern "C" fn realloc_as_before(context: *mut c_void, block: *mut c_void, bytes: usize) -> *mut c_void {
    let its = original(context);
    match its.realloc {
        Some(realloc) if !block.is_null() => realloc(its.ctx, block, bytes),
        _ => malloc_zeros(context, bytes),
    }
}

extern "C" fn free_as_before(context: *mut c_void, block: *mut c_void) {
    let its = original(context);
    if let Some(free) = its.free {
        free(its.ctx, block);
    }
}

/// Fills free blocks with zeros: CPython's small ones first, for their pages may become free. Forgets which attributes of types were looked up:
/// CPython finds them again, one by one.
pub fn sweep() {
    allocate_as_before();
    // SAFETY: the interpreter lives; the blocks come from the function beside the one that they go back to.
    unsafe {
        ffi::PyType_ClearCache();
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
