//! One value on its way across the boundary, and the implicit conversions (features.md section 4.2).
//!
//! Owns what becomes a native value and what becomes a proxy. Not here: deep conversion (`convert`).
//! Invariant: a value that is written is written whole; who owns what is in it follows the tag (see the table).

use core::ffi::c_int;

use pyo3_ffi as ffi;

use crate::boundary::*;
use crate::cells::Slot;
use crate::py::{Py, PyResult, Raised, Ref};
use crate::{error, jsproxy, pyproxy, state, string};

/// 16 bytes: see the `TAG_*` constants of the table.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
pub struct WireValue {
    tag: u32,
    aux: u32,
    payload: u64,
}

/// The largest integer that a JavaScript number holds exactly with all below it: 2**53 - 1.
pub const SAFE_INTEGER_MAX: i64 = (1 << 53) - 1;

/// A result string up to this many characters is kept alive in a slot until JavaScript has read it; a longer one is
/// handed over as a JavaScript string, so that its memory is not held.
const KEPT_STRING_MAX: u32 = 4096;

static KEPT: Slot<Option<Py>> = Slot::new(None);

impl WireValue {
    /// `undefined`.
    pub const fn undefined() -> WireValue {
        WireValue { tag: TAG_UNDEFINED, aux: 0, payload: 0 }
    }

    /// The tag.
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// A string that lives in Rust memory for the duration of the import that reads it.
    pub fn utf8_ascii(text: &str) -> WireValue {
        debug_assert!(text.is_ascii());
        let mut wire = WireValue::undefined();
        wire.set_bytes(TAG_STRING_ASCII, text.len() as u32, text.as_ptr() as usize as u32);
        wire
    }

    /// An integer in the safe range.
    pub fn int(value: i64) -> WireValue {
        WireValue { tag: TAG_INT, aux: 0, payload: (value as f64).to_bits() }
    }

    /// Only a tag.
    pub fn set_tag(&mut self, tag: Tag) -> Tag {
        self.tag = tag;
        tag
    }

    /// A tag and a number in aux.
    pub fn set_aux(&mut self, tag: Tag, aux: u32, payload: u32) -> Tag {
        self.aux = aux;
        self.payload = u64::from(payload);
        self.set_tag(tag)
    }

    /// Bytes somewhere in memory.
    pub fn set_bytes(&mut self, tag: Tag, length: u32, address: u32) {
        self.aux = length;
        self.payload = u64::from(address);
        self.tag = tag;
    }

    /// The 16 bytes.
    pub fn words(&self) -> (u64, u64) {
        (u64::from(self.tag) | u64::from(self.aux) << 32, self.payload)
    }

    /// The value that has these 16 bytes.
    pub fn from_words(low: u64, high: u64) -> WireValue {
        WireValue { tag: low as u32, aux: (low >> 32) as u32, payload: high }
    }

    /// Does it refer to characters or a handle that an object owns?
    pub fn borrows(&self) -> bool {
        matches!(self.tag, TAG_HANDLE | TAG_STRING_ASCII | TAG_STRING_LATIN1 | TAG_STRING_UTF16 | TAG_STRING_UCS4)
    }

    /// Does it own a reference or handle?
    pub fn owns(&self) -> bool {
        matches!(self.tag, TAG_PYPROXY | TAG_HANDLE_OWNED)
    }

    /// Frees what a wire that was never handed over owns.
    pub fn release(&self) {
        match self.tag {
            TAG_PYPROXY => {
                state::uncount_reference();
                // SAFETY: the wire owns the reference.
                drop(unsafe { Py::owned_or_none(self.aux as usize as *mut ffi::PyObject) });
            }
            TAG_HANDLE_OWNED => drop(JsRef::from_owned(self.aux)),
            _ => {}
        }
    }

    fn set_f64(&mut self, tag: Tag, value: f64) -> Tag {
        self.payload = value.to_bits();
        self.set_tag(tag)
    }

    fn f64(&self) -> f64 {
        f64::from_bits(self.payload)
    }

    /// The address in the payload.
    pub fn payload_address(&self) -> u32 {
        self.payload as u32
    }

    /// The number in aux.
    pub fn aux(&self) -> u32 {
        self.aux
    }

    fn address<T>(&self) -> *const T {
        self.payload as usize as *const T
    }
}

/// Writes a native value; `None` when `object` has to be a proxy. Strings and handles stay owned by `object`.
fn write_immutable(object: Ref<'_>, out: &mut WireValue) -> PyResult<Option<Tag>> {
    let raw = object.as_ptr();
    // SAFETY: the object is alive; the checks read its type.
    unsafe {
        if object.is_none() {
            return Ok(Some(out.set_tag(TAG_UNDEFINED)));
        }
        if ffi::PyLong_Check(raw) != 0 {
            return write_int(object, out).map(Some);
        }
        if ffi::PyUnicode_Check(raw) != 0 {
            return Ok(Some(string::describe(object, out)));
        }
        if ffi::PyFloat_Check(raw) != 0 {
            return Ok(Some(out.set_f64(TAG_FLOAT, ffi::PyFloat_AS_DOUBLE(raw))));
        }
        if let Some(handle) = jsproxy::handle_of(object) {
            return Ok(Some(out.set_aux(TAG_HANDLE, handle, 0)));
        }
    }
    if state::is_js_null(object) {
        return Ok(Some(out.set_tag(TAG_NULL)));
    }
    Ok(None)
}

fn write_int(object: Ref<'_>, out: &mut WireValue) -> PyResult<Tag> {
    let raw = object.as_ptr();
    // SAFETY: `object` is an int, alive; True and False are statics.
    unsafe {
        if ffi::PyBool_Check(raw) != 0 {
            return Ok(out.set_tag(if raw == ffi::Py_True() { TAG_TRUE } else { TAG_FALSE }));
        }
        let mut overflow: c_int = 0;
        let value = ffi::PyLong_AsLongLongAndOverflow(raw, &mut overflow);
        if overflow == 0 {
            if value == -1 && !ffi::PyErr_Occurred().is_null() {
                return Err(Raised);
            }
            let safe = (-SAFE_INTEGER_MAX..=SAFE_INTEGER_MAX).contains(&value);
            if safe && !state::is_js_bigint(object) {
                return Ok(out.set_f64(TAG_INT, value as f64));
            }
            out.payload = value as u64;
            return Ok(out.set_tag(TAG_BIGINT64));
        }
        // Digits in base 16, without CPython's limit for decimal ones, and linear in both engines.
        let text = Py::owned_or_err(ffi::PyNumber_ToBase(raw, 16))?;
        let digits = text.borrow().utf8()?;
        let plain = digits.replacen("0x", "", 1);
        let mut hex = WireValue::utf8_ascii(&plain);
        hex.tag = TAG_BIGINT_HEX;
        let handle = JsRef::owned_or_err(pyox_js_value_new(&mut hex))?;
        Ok(out.set_aux(TAG_HANDLE_OWNED, handle.into_handle(), 0))
    }
}

/// Writes an argument for a call to JavaScript: strings and handles are borrowed from `object`, which outlives the call.
///
/// # Errors
/// No memory, or a failing conversion of a huge int.
pub fn write_argument(object: Ref<'_>, out: &mut WireValue) -> PyResult<Tag> {
    match write_immutable(object, out)? {
        Some(tag) => Ok(tag),
        None => Ok(write_proxy(object.to_owned(), out)),
    }
}

/// Asks for a PyProxy of the object, whatever it is.
pub fn write_proxy(object: Py, out: &mut WireValue) -> Tag {
    let flags = pyproxy::flags_of(object.borrow());
    state::count_reference();
    out.set_aux(TAG_PYPROXY, object.into_ptr() as usize as u32, flags)
}

/// Writes the result of an export: whatever it refers to stays alive until JavaScript has read it.
///
/// # Errors
/// As `write_argument`.
pub fn write_result(object: Py, out: &mut WireValue) -> PyResult<Tag> {
    match write_immutable(object.borrow(), out)? {
        Some(TAG_HANDLE) => {
            // SAFETY: the handle is alive as long as the object.
            let handle = unsafe { pyox_js_handle_clone(out.aux) };
            Ok(out.set_aux(TAG_HANDLE_OWNED, handle, 0))
        }
        Some(TAG_STRING_ASCII | TAG_STRING_LATIN1 | TAG_STRING_UTF16 | TAG_STRING_UCS4) => {
            if out.aux <= KEPT_STRING_MAX {
                drop(KEPT.replace(Some(object)));
                return Ok(out.tag);
            }
            // SAFETY: the string is alive; the import copies it.
            let handle = JsRef::owned_or_err(unsafe { pyox_js_value_new(out) })?;
            Ok(out.set_aux(TAG_HANDLE_OWNED, handle.into_handle(), 0))
        }
        Some(tag) => Ok(tag),
        None => Ok(write_proxy(object, out)),
    }
}

/// A handle to the JavaScript form of an object, as an argument of a call would get it (a PyProxy is made if need be).
///
/// # Errors
/// As `write_argument`.
pub fn to_handle(object: Ref<'_>) -> PyResult<JsRef> {
    let mut wire = WireValue::undefined();
    match write_argument(object, &mut wire)? {
        TAG_HANDLE_OWNED => Ok(JsRef::from_owned(wire.aux)),
        // SAFETY: what is on the wire is alive for the call.
        _ => JsRef::owned_or_err(unsafe { pyox_js_value_new(&mut wire) }),
    }
}

/// Reads what JavaScript has written: the other direction of the implicit conversions.
///
/// # Errors
/// No memory; or `TAG_FAILURE`, which raises the pending JavaScript error.
///
/// # Safety
/// `wire` was just written by JavaScript with this tag, so that its addresses and handles are good, and is read once.
pub unsafe fn read(tag: Tag, wire: &WireValue) -> PyResult<Py> {
    // SAFETY: by contract: each tag says what aux and payload are.
    unsafe {
        match tag {
            TAG_UNDEFINED => Ok(Py::none()),
            TAG_NULL => Ok(state::js_null()),
            TAG_FALSE => Ok(Py::boolean(false)),
            TAG_TRUE => Ok(Py::boolean(true)),
            TAG_INT => Py::int(wire.f64() as i64),
            TAG_FLOAT => Py::float(wire.f64()),
            TAG_BIGINT64 => state::js_bigint(Py::int(wire.payload as i64)?),
            TAG_BIGINT_HEX => {
                let text = string::from_ascii(wire.address(), wire.aux as usize)?;
                let value = Py::owned_or_err(ffi::PyLong_FromUnicodeObject(text.as_ptr(), 16))?;
                state::js_bigint(value)
            }
            TAG_HANDLE_OWNED => jsproxy::new(JsRef::from_owned(wire.aux), wire.payload as u32, None),
            TAG_STRING_ASCII => string::from_ascii(wire.address(), wire.aux as usize),
            TAG_STRING_LATIN1 => string::from_latin1(wire.address(), wire.aux as usize),
            TAG_STRING_UTF16 => string::from_utf16(wire.address(), wire.aux as usize),
            TAG_STRING_UTF16_OWNED => {
                let text = string::from_utf16(wire.address(), wire.aux as usize);
                state::free(wire.payload as usize as *mut _);
                text
            }
            TAG_PYOBJECT => Ok(Ref::from_ptr(wire.aux as usize as *mut _).to_owned()),
            TAG_PYOBJECT_OWNED => {
                state::uncount_reference();
                Py::owned_or_err(wire.aux as usize as *mut _)
            }
            TAG_FAILURE => Err(error::raise_pending()),
            other => Err(crate::py::system_error(&format!("Pyoxide has a bug: unexpected tag {other} on the wire"))),
        }
    }
}

/// As `read`, but a JavaScript value that would be a JsProxy is given as its handle and flags.
///
/// # Safety
/// As `read`.
pub unsafe fn read_parts(tag: Tag, wire: &WireValue) -> Result<PyResult<Py>, (JsRef, u32)> {
    if tag == TAG_HANDLE_OWNED {
        return Err((JsRef::from_owned(wire.aux), wire.payload as u32));
    }
    // SAFETY: by contract.
    Ok(unsafe { read(tag, wire) })
}

/// Reads an array of arguments. What cannot be read is freed before the error is returned.
///
/// # Safety
/// As `read`, for `count` values.
pub unsafe fn read_all(wires: *const WireValue, count: u32, into: &mut Vec<Py>) -> PyResult<()> {
    let mut result = Ok(());
    for index in 0..count as usize {
        // SAFETY: within the array. Every value is read even after a failure, because reading is what takes it over.
        let read = unsafe {
            let wire = &*wires.add(index);
            read(wire.tag, wire)
        };
        match read {
            Ok(object) if result.is_ok() => into.push(object),
            Ok(_) => {}
            Err(raised) => result = Err(raised),
        }
    }
    result
}

/// The text of a string on the wire before there is an interpreter; lone surrogates become U+FFFD.
///
/// # Safety
/// As `read`; the value is a string.
pub unsafe fn text_without_python(wire: &WireValue) -> String {
    let length = wire.aux as usize;
    // SAFETY: by contract: the tag says what is at the address.
    unsafe {
        match wire.tag {
            TAG_STRING_ASCII | TAG_STRING_LATIN1 => {
                core::slice::from_raw_parts(wire.address::<u8>(), length).iter().map(|byte| char::from(*byte)).collect()
            }
            TAG_STRING_UTF16 => String::from_utf16_lossy(core::slice::from_raw_parts(wire.address::<u16>(), length)),
            TAG_STRING_UTF16_OWNED => {
                let text = String::from_utf16_lossy(core::slice::from_raw_parts(wire.address::<u16>(), length));
                state::free(wire.payload as usize as *mut _);
                text
            }
            _ => String::new(),
        }
    }
}
