//! Deep conversion both ways (`to_js`, `to_py`).

use pyo3_ffi as ffi;

use crate::boundary::*;
use crate::cells::Slot;
use crate::py::{self, Py, PyResult, Ref};
use crate::wire::WireValue;

static CONVERSION_ERROR: Slot<*mut ffi::PyObject> = Slot::new(core::ptr::null_mut());

/// Keeps the class.
pub fn set_conversion_error(class: Py) {
    CONVERSION_ERROR.set(class.into_ptr());
}

/// `to_js`.
pub fn to_js(object: Ref<'_>, depth: i32, options: Handle, out: &mut WireValue) -> PyResult<Tag> {
    let _ = (object, depth, options, out);
    Err(py::not_implemented("to_js"))
}

/// `to_js` called from Python; the options in the order of its signature.
pub fn to_js_from_python(object: Ref<'_>, options: [Option<Ref<'_>>; 5]) -> PyResult<Py> {
    let _ = (object, options);
    Err(py::not_implemented("to_js"))
}

/// `to_py`.
pub fn to_py(js: Handle, depth: i32, converter: Handle) -> PyResult<Py> {
    let _ = (js, depth, converter);
    Err(py::not_implemented("to_py"))
}
