//! The bytes of a tape: writing and reading entries, and who owns what is on it.
//!
//! Invariant: entries start at multiples of 4, doubles and wire values stand at multiples of 8 of the address.

use crate::boundary::*;
use crate::cells::Slot;
use crate::jsproxy;
use crate::py::{Py, PyResult, Ref};
use crate::wire::{self, WireValue};

/// A tape that Rust writes for JavaScript to play.
pub(super) struct Writer {
    words: Vec<u64>,
    /// Length in 4-byte units.
    length: usize,
    /// Where the wires stand that own something: an index of `words`. Freed unless JavaScript has taken them.
    owned: Vec<usize>,
    /// Objects whose characters or handles the tape borrows: converters run while it is played, and may free anything else.
    kept: Vec<Py>,
}

impl Writer {
    pub(super) fn new() -> Writer {
        Writer { words: Vec::new(), length: 0, owned: Vec::new(), kept: Vec::new() }
    }

    pub(super) fn u32(&mut self, value: u32) {
        let index = self.length / 2;
        if self.length % 2 == 0 {
            self.words.push(u64::from(value));
        } else if let Some(word) = self.words.get_mut(index) {
            *word |= u64::from(value) << 32;
        }
        self.length += 1;
    }

    fn align(&mut self) {
        if self.length % 2 == 1 {
            self.length += 1;
        }
    }

    fn u64(&mut self, value: u64) {
        self.words.push(value);
        self.length += 2;
    }

    pub(super) fn float(&mut self, value: f64) {
        self.u32(TAPE_FLOAT);
        self.align();
        self.u64(value.to_bits());
    }

    pub(super) fn ascii(&mut self, bytes: &[u8]) {
        self.u32(TAPE_ASCII);
        self.u32(bytes.len() as u32);
        for chunk in bytes.chunks(4) {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            self.u32(u32::from_le_bytes(word));
        }
    }

    pub(super) fn value(&mut self, wire: WireValue) {
        self.u32(TAPE_VALUE);
        self.align();
        if wire.owns() {
            self.owned.push(self.words.len());
        }
        let (low, high) = wire.words();
        self.u64(low);
        self.u64(high);
    }

    /// A value that refers to what `object` has.
    pub(super) fn value_of(&mut self, wire: WireValue, object: Ref<'_>) {
        if wire.borrows() {
            self.kept.push(object.to_owned());
        }
        self.value(wire);
    }

    /// Plays the tape in JavaScript, which takes over what is on it, and marks what it has taken.
    pub(super) fn play(mut self, options: Handle, out: &mut WireValue) -> Tag {
        // SAFETY: address and length are those of the tape, which lives for the call.
        unsafe { pyox_js_tape_play(self.words.as_mut_ptr().cast(), (self.length * 4) as u32, options, out) }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        for index in &self.owned {
            if let [low, high] = self.words[*index..*index + 2] {
                WireValue::from_words(low, high).release(); // one that was taken is absent, and owns nothing
            }
        }
    }
}

/// A tape that JavaScript has written. Freed when dropped; its entries must all have been read by then.
pub(super) struct Reader {
    start: Address,
    position: *const u32,
    end: *const u32,
}

/// What one entry is. Containers are followed by their elements.
pub(super) enum Entry {
    Object(PyResult<Py>),
    /// A JavaScript value that has no immediate counterpart, and its flags.
    Js(JsRef, u32),
    List(u32),
    Dict(u32),
    Set(u32),
    Reference(u32),
}

impl Reader {
    /// Records the tape of a JavaScript value.
    pub(super) fn record(value: Handle, depth: i32) -> PyResult<Reader> {
        let mut length = 0u32;
        // SAFETY: the handle is alive; the length is stored in a local.
        let start = unsafe { pyox_js_tape_record(value, depth, 0, (&raw mut length).cast()) };
        if start.is_null() {
            return Err(crate::error::raise_pending());
        }
        // SAFETY: the import gives that many bytes.
        let end = unsafe { start.cast::<u32>().cast_const().add(length as usize / 4) };
        Ok(Reader { start, position: start.cast(), end })
    }

    fn u32(&mut self) -> u32 {
        debug_assert!(self.position < self.end);
        // SAFETY: the two halves agree on the format, so there is a word to read.
        unsafe {
            let value = *self.position;
            self.position = self.position.add(1);
            value
        }
    }

    fn aligned(&mut self) -> *const u64 {
        if self.position as usize % 8 != 0 {
            self.u32();
        }
        self.position.cast()
    }

    fn skip(&mut self, words: usize) {
        // SAFETY: as in `u32`.
        self.position = unsafe { self.position.add(words) };
    }

    /// Reads the next entry.
    pub(super) fn next(&mut self) -> Entry {
        match self.u32() {
            TAPE_NONE => Entry::Object(Ok(Py::none())),
            TAPE_TRUE => Entry::Object(Ok(Py::boolean(true))),
            TAPE_FALSE => Entry::Object(Ok(Py::boolean(false))),
            TAPE_INT32 => {
                let value = self.u32() as i32;
                Entry::Object(Py::int(i64::from(value)))
            }
            TAPE_FLOAT => {
                let bits = self.aligned();
                self.skip(2);
                // SAFETY: a double stands there.
                Entry::Object(Py::float(f64::from_bits(unsafe { *bits })))
            }
            TAPE_ASCII => {
                let length = self.u32() as usize;
                let data = self.position.cast::<u8>();
                self.skip(length.div_ceil(4));
                // SAFETY: that many ASCII bytes stand there.
                Entry::Object(unsafe { crate::string::from_ascii(data, length) })
            }
            TAPE_UTF16 => {
                let length = self.u32() as usize;
                let data = self.position.cast::<u16>();
                self.skip(length.div_ceil(2));
                // SAFETY: that many code units stand there.
                Entry::Object(unsafe { crate::string::from_utf16(data, length) })
            }
            TAPE_LIST => Entry::List(self.u32()),
            TAPE_DICT => Entry::Dict(self.u32()),
            TAPE_SET => Entry::Set(self.u32()),
            TAPE_REFERENCE => Entry::Reference(self.u32()),
            TAPE_VALUE => {
                let wire = self.aligned().cast::<WireValue>();
                self.skip(4);
                // SAFETY: a wire value stands there, and is read once.
                match unsafe { wire::read_parts((*wire).tag(), &*wire) } {
                    Ok(object) => Entry::Object(object),
                    Err((handle, flags)) => Entry::Js(handle, flags),
                }
            }
            other => Entry::Object(Err(crate::py::system_error(&format!("Pyoxide has a bug: unexpected entry {other} on a tape")))),
        }
    }

    /// The next entry as a key, if it is a short ASCII string: the same object each time.
    pub(super) fn short_key(&mut self) -> Option<PyResult<Py>> {
        // SAFETY: an entry follows, whose words the two halves agree on.
        unsafe {
            if *self.position != TAPE_ASCII {
                return None;
            }
            let length = *self.position.add(1) as usize;
            if length > KEY_LENGTH_MAX {
                return None;
            }
            let data = self.position.add(2).cast::<u8>();
            self.position = self.position.add(2 + length.div_ceil(4));
            Some(key(core::slice::from_raw_parts(data, length)))
        }
    }

    /// The next entry; an object that cannot be made is an error.
    pub(super) fn take(&mut self) -> PyResult<Entry> {
        match self.next() {
            Entry::Object(Err(raised)) => Err(raised),
            entry => Ok(entry),
        }
    }

    /// Frees what the next `count` entries own. An error is set, so nothing is made that takes a call of Python.
    pub(super) fn discard(&mut self, count: u32) {
        for _ in 0..count {
            if self.skip_bigint() {
                continue;
            }
            match self.next() {
                Entry::List(count) | Entry::Set(count) => self.discard(count),
                Entry::Dict(count) => self.discard(count * 2),
                _ => {}
            }
        }
    }

    /// Passes over a BigInt, which owns nothing, if one follows.
    fn skip_bigint(&mut self) -> bool {
        let entry = self.position;
        if self.u32() == TAPE_VALUE {
            let wire = self.aligned().cast::<WireValue>();
            self.skip(4);
            // SAFETY: a wire value stands there.
            if matches!(unsafe { (*wire).tag() }, TAG_BIGINT64 | TAG_BIGINT_HEX) {
                return true;
            }
        }
        self.position = entry;
        false
    }
}

/// Keys of objects come again and again: those up to this length are kept, in a table in which a collision replaces the older one.
const KEY_LENGTH_MAX: usize = 24;
const KEYS: usize = 512;

static KEY_TABLE: Slot<[Option<Py>; KEYS]> = Slot::new([const { None }; KEYS]);

/// The `str` of some ASCII bytes.
/// PERF: neither memory nor a hash has to be made for a key that was seen before (ffi: topy_nested).
fn key(bytes: &[u8]) -> PyResult<Py> {
    let hash = bytes.iter().fold(bytes.len() as u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    let index = (hash ^ hash >> 15) as usize % KEYS;
    // SAFETY: one thread; the reference ends before anything else touches the table.
    let slot = unsafe { &mut (*KEY_TABLE.as_ptr())[index] };
    if let Some(known) = slot {
        if crate::string::ascii_of(known.borrow()) == bytes {
            return Ok(known.clone());
        }
    }
    // SAFETY: ASCII bytes, as the tape says.
    let made = unsafe { crate::string::from_ascii(bytes.as_ptr(), bytes.len())? };
    drop(slot.replace(made.clone())); // freeing a str runs no code
    Ok(made)
}

impl Drop for Reader {
    fn drop(&mut self) {
        // SAFETY: the memory is ours since `record`.
        unsafe { crate::state::free(self.start) }
    }
}

/// What a JavaScript value becomes when nothing converts it: buffers a memoryview of a copy, anything else a JsProxy.
pub(super) fn leave(handle: JsRef, flags: u32) -> PyResult<Py> {
    if flags & JS_IS_BUFFER != 0 {
        return jsproxy::to_memoryview(handle.handle());
    }
    jsproxy::new(handle, flags, None)
}
