//! Strings across the boundary.
//!
//! Owns the mapping between `str` (1, 2 or 4 bytes per character, lone surrogates allowed) and JavaScript strings
//! (UTF-16, lone surrogates allowed). Nothing is lost or replaced, in either direction.

use core::slice;

use pyo3_ffi as ffi;
use pyo3_ffi::Py_ssize_t;

use crate::boundary::{TAG_STRING_ASCII, TAG_STRING_LATIN1, TAG_STRING_UCS4, TAG_STRING_UTF16, Tag};
use crate::py::{Py, PyResult, Ref};
use crate::wire::WireValue;

/// The state word of a `str`. pyo3-ffi declares no accessors for the bit field of 3.14, and the C functions are calls.
/// The field is `interned:2 kind:3 compact:1 ascii:1 statically_allocated:1`, from the lowest bit on (clang, little endian).
#[derive(Clone, Copy)]
struct State(u32);

impl State {
    /// # Safety
    /// `text` is a `str`.
    unsafe fn of(text: Ref<'_>) -> State {
        // SAFETY: by contract; the state is the last word of PyASCIIObject.
        unsafe { State((*text.as_ptr().cast::<ffi::PyASCIIObject>()).state) }
    }

    fn kind(self) -> u32 {
        self.0 >> 2 & 7
    }

    fn is_ascii(self) -> bool {
        self.0 & 1 << 6 != 0
    }

    fn is_compact_ascii(self) -> bool {
        self.0 & (1 << 6 | 1 << 5) == 1 << 6 | 1 << 5
    }
}

/// Describes a `str` on the wire; the characters stay in the object.
pub fn describe(text: Ref<'_>, out: &mut WireValue) -> Tag {
    // SAFETY: `text` is a `str` (callers check), and alive.
    let (length, kind, ascii, data) = unsafe {
        let state = State::of(text);
        (
            ffi::PyUnicode_GET_LENGTH(text.as_ptr()),
            state.kind(),
            state.is_ascii(),
            if state.is_compact_ascii() {
                text.as_ptr().cast::<ffi::PyASCIIObject>().add(1).cast()
            } else {
                ffi::PyUnicode_DATA(text.as_ptr())
            },
        )
    };
    // A `str` of kind 2 has no characters above 0xffff, so its characters are UTF-16 code units: a surrogate in it is
    // a lone one, except that two lone ones in a row make a pair in JavaScript. That is as near as the types allow.
    let tag = match kind {
        ffi::PyUnicode_1BYTE_KIND if ascii => TAG_STRING_ASCII,
        ffi::PyUnicode_1BYTE_KIND => TAG_STRING_LATIN1,
        ffi::PyUnicode_2BYTE_KIND => TAG_STRING_UTF16,
        _ => TAG_STRING_UCS4,
    };
    out.set_bytes(tag, length as u32, data as usize as u32);
    tag
}

/// Makes a `str` of ASCII bytes.
///
/// # Safety
/// `data` points to `length` bytes below 128.
pub unsafe fn from_ascii(data: *const u8, length: usize) -> PyResult<Py> {
    if length == 1 {
        // CPython keeps one object for each of these.
        // SAFETY: by contract; returns a new reference or null with an error.
        return unsafe { Py::owned_or_err(ffi::PyUnicode_FromStringAndSize(data.cast(), 1)) };
    }
    // SAFETY: a new compact ASCII object has room for `length` bytes at its data address.
    unsafe {
        let text = Py::owned_or_err(ffi::PyUnicode_New(length as Py_ssize_t, 127))?;
        if length > 0 {
            core::ptr::copy_nonoverlapping(data, ffi::PyUnicode_DATA(text.as_ptr()).cast(), length);
        }
        Ok(text)
    }
}

/// The characters of a `str` that `from_ascii` made.
pub fn ascii_of<'a>(text: Ref<'a>) -> &'a [u8] {
    // SAFETY: `from_ascii` makes compact ASCII objects, whose characters follow the header; they live as long as the object.
    unsafe {
        let length = ffi::PyUnicode_GET_LENGTH(text.as_ptr()) as usize;
        slice::from_raw_parts(text.as_ptr().cast::<ffi::PyASCIIObject>().add(1).cast(), length)
    }
}

/// Makes a `str` of Latin-1 bytes.
///
/// # Safety
/// `data` points to `length` bytes.
pub unsafe fn from_latin1(data: *const u8, length: usize) -> PyResult<Py> {
    // SAFETY: by contract.
    unsafe {
        Py::owned_or_err(ffi::PyUnicode_FromKindAndData(
            ffi::PyUnicode_1BYTE_KIND as i32,
            data.cast(),
            length as Py_ssize_t,
        ))
    }
}

/// Makes a `str` of UTF-16 code units; pairs become one character, lone surrogates stay.
///
/// # Safety
/// `data` points to `length` code units, aligned to 2.
pub unsafe fn from_utf16(data: *const u16, length: usize) -> PyResult<Py> {
    // SAFETY: by contract.
    let units = if length == 0 { &[][..] } else { unsafe { slice::from_raw_parts(data, length) } };
    let seen = survey(units);
    if !seen.has_surrogates && seen.all >= 0x100 {
        // SAFETY: a new object with 2-byte characters has room for exactly these; some character needs the second byte.
        return unsafe {
            let text = Py::owned_or_err(ffi::PyUnicode_New(length as Py_ssize_t, 0xffff))?;
            core::ptr::copy_nonoverlapping(data, ffi::PyUnicode_DATA(text.as_ptr()).cast(), length);
            Ok(text)
        };
    }
    let pairs = if seen.has_surrogates { count_pairs(units) } else { 0 };
    if pairs == 0 {
        // SAFETY: `units` is an array of that many 2-byte characters.
        return unsafe {
            Py::owned_or_err(ffi::PyUnicode_FromKindAndData(
                ffi::PyUnicode_2BYTE_KIND as i32,
                data.cast(),
                length as Py_ssize_t,
            ))
        };
    }
    // SAFETY: a new object with 4-byte characters has room for exactly the characters counted.
    unsafe {
        let text = Py::owned_or_err(ffi::PyUnicode_New((length - pairs) as Py_ssize_t, 0x10_ffff))?;
        let mut to: *mut u32 = ffi::PyUnicode_DATA(text.as_ptr()).cast();
        let mut rest = units;
        loop {
            // PERF: both units of a pair in one comparison (ffi: str_astral_10k_js2py).
            rest = match rest {
                [first, second, behind @ ..] if is_pair(*first, *second) => {
                    to.write(0x1_0000 + ((u32::from(*first) & 0x3ff) << 10 | u32::from(*second) & 0x3ff));
                    behind
                }
                [unit, behind @ ..] => {
                    to.write(u32::from(*unit));
                    behind
                }
                [] => break,
            };
            to = to.add(1);
        }
        Ok(text)
    }
}

/// What stands in some code units.
struct Survey {
    /// All of them, or-ed.
    all: u16,
    has_surrogates: bool,
}

/// PERF: four units at a time (ffi: str1m_js2py_ucs2).
fn survey(units: &[u16]) -> Survey {
    const ONES: u64 = 0x0001_0001_0001_0001;
    const SIGNS: u64 = 0x8000_8000_8000_8000;
    // SAFETY: any eight bytes are a u64.
    let (before, words, after) = unsafe { units.align_to::<u64>() };
    let (mut all, mut found) = (0u64, 0u64);
    for word in words {
        all |= word;
        // A unit of which the upper five bits are those of a surrogate becomes 0, and borrows into its sign bit below.
        let rest = (word ^ (0xd800 * ONES)) & (0xf800 * ONES);
        found |= rest.wrapping_sub(ONES) & !rest & SIGNS;
    }
    let mut all = (all | all >> 16 | all >> 32 | all >> 48) as u16;
    let mut has_surrogates = found != 0;
    for unit in before.iter().chain(after) {
        all |= unit;
        has_surrogates |= unit & 0xf800 == 0xd800;
    }
    Survey { all, has_surrogates }
}

fn is_pair(first: u16, second: u16) -> bool {
    (u32::from(first) | u32::from(second) << 16) & 0xfc00_fc00 == 0xdc00_d800
}

/// How many pairs there are. Pairs cannot overlap, so each unit is compared with the one before it.
/// PERF: four at a time (ffi: str_astral_10k_js2py).
fn count_pairs(units: &[u16]) -> usize {
    const ONES: u64 = 0x0001_0001_0001_0001;
    const SIGNS: u64 = 0x8000_8000_8000_8000;
    let word = |units: &[u16]| units.iter().rev().fold(0u64, |word, unit| word << 16 | u64::from(*unit));
    let mut pairs = 0;
    let mut rest = units;
    while let [_, _, _, _, _, ..] = rest {
        // A lane becomes 0 where the upper six bits are those of the first, or second, half of a pair. A lane that is not 0 is at least
        // 0x400, so what is borrowed from it sets no sign.
        let first = (word(&rest[..4]) ^ (0xd800 * ONES)) & (0xfc00 * ONES);
        let second = (word(&rest[1..5]) ^ (0xdc00 * ONES)) & (0xfc00 * ONES);
        let either = first | second;
        pairs += (either.wrapping_sub(ONES) & !either & SIGNS).count_ones() as usize;
        rest = &rest[4..];
    }
    pairs + rest.windows(2).filter(|two| is_pair(two[0], two[1])).count()
}
