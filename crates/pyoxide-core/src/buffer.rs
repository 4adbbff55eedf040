//! The buffer protocol for JavaScript (JS-077 to JS-092): opening and closing views.
//!
//! Invariant: a view that was opened stays at its address until it is closed.

use pyo3_ffi as ffi;

use crate::boundary::Address;
use crate::py::{PyResult, Ref, check};

/// What JavaScript reads: see `BUFFER_VIEW_BYTES`.
#[repr(C)]
struct BufferView {
    view: *mut ffi::Py_buffer,
    data: *mut core::ffi::c_void,
    nbytes: u32,
    itemsize: u32,
    ndim: u32,
    readonly: u32,
    c_contiguous: u32,
    f_contiguous: u32,
    format: *const core::ffi::c_char,
    shape: *const ffi::Py_ssize_t,
    strides: *const ffi::Py_ssize_t,
    suboffsets: *const ffi::Py_ssize_t,
}

#[cfg(target_arch = "wasm32")]
const _: () = assert!(size_of::<BufferView>() == crate::boundary::BUFFER_VIEW_BYTES as usize);

/// Opens a view and describes it.
///
/// # Errors
/// The object has no buffer, or refuses.
///
/// # Safety
/// `out` has room for a description.
pub unsafe fn open(object: Ref<'_>, out: Address) -> PyResult<()> {
    let mut view = Box::new(ffi::Py_buffer::new());
    // SAFETY: the object is alive; the view has its final address. It is leaked until `close`.
    unsafe {
        check(ffi::PyObject_GetBuffer(object.as_ptr(), &mut *view, ffi::PyBUF_FULL_RO))?;
        let contiguous = |order: u8| ffi::PyBuffer_IsContiguous(&*view, order as core::ffi::c_char) as u32;
        let description = BufferView {
            data: view.buf,
            nbytes: view.len as u32,
            itemsize: view.itemsize as u32,
            ndim: view.ndim as u32,
            readonly: view.readonly as u32,
            c_contiguous: contiguous(b'C'),
            f_contiguous: contiguous(b'F'),
            format: if view.format.is_null() { c"B".as_ptr() } else { view.format },
            shape: view.shape,
            strides: view.strides,
            suboffsets: view.suboffsets,
            view: Box::into_raw(view),
        };
        out.cast::<BufferView>().write(description);
    }
    Ok(())
}

/// Closes a view.
///
/// # Safety
/// `view` is the first word of a description that `open` wrote, and was not closed before.
pub unsafe fn close(view: Address) {
    // SAFETY: by contract.
    unsafe {
        let mut view = Box::from_raw(view.cast::<ffi::Py_buffer>());
        ffi::PyBuffer_Release(&mut *view);
    }
}
