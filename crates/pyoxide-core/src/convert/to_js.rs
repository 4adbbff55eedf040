//! Python to JavaScript.

use core::cell::RefCell;
use core::ffi::{CStr, c_char, c_void};
use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::{Py_ssize_t, PyObject};

use super::tape::Writer;
use super::{AddressMap, Callback, Definition, Level, cached_pair, conversion_error, running, short_repr, type_name};
use crate::boundary::*;
use crate::jsproxy;
use crate::py::{self, Py, PyResult, Raised, Ref, check};
use crate::state;
use crate::wire::{self, WireValue};

/// Strings up to this length stand on the tape itself; longer ones are read where they are.
const INLINE_STRING_MAX: usize = 64;

/// `toJs`: `options` is a handle to the options object, or 0.
///
/// # Errors
/// `ConversionError`; what a converter or buffer raised; no memory.
pub fn to_js(object: Ref<'_>, depth: i32, options: Handle, out: &mut WireValue) -> PyResult<Tag> {
    if !needs_proxy(object) {
        return wire::write_result(object.to_owned(), out);
    }
    let handle = convert(object, depth, options)?;
    Ok(out.set_aux(TAG_HANDLE_OWNED, handle.into_handle(), 0))
}

/// The JavaScript value of an object, as a handle.
fn convert(object: Ref<'_>, depth: i32, options: Handle) -> PyResult<JsRef> {
    let create_pyproxies = creates_pyproxies(options)?;
    let (default, eager) = (option(options, c"default_converter")?, option(options, c"eager_converter")?);
    if default.is_some() || eager.is_some() {
        return by_level(object, depth, options, create_pyproxies, default, eager);
    }
    let names_only = state::start_flag(START_PLAIN_DICTS) && option(options, c"dict_converter")?.is_none();
    let mut recorder = Recorder { tape: Writer::new(), seen: AddressMap::default(), containers: 0, create_pyproxies, names_only };
    recorder.value(object, depth)?;
    play(recorder.tape, options)
}

fn play(tape: Writer, options: Handle) -> PyResult<JsRef> {
    let mut out = WireValue::undefined();
    match tape.play(options, &mut out) {
        TAG_FAILURE => Err(crate::error::raise_pending()),
        TAG_HANDLE_OWNED => Ok(JsRef::from_owned(out.aux())),
        _ => Err(py::system_error("Pyoxide has a bug: a tape gave no handle")),
    }
}

/// A property of the options object; `None` when there is none, or it is undefined or null.
fn option(options: Handle, name: &CStr) -> PyResult<Option<Py>> {
    if options == 0 {
        return Ok(None);
    }
    let mut text = WireValue::utf8_ascii(name.to_str().unwrap_or_default());
    // SAFETY: the handle is alive; the wires were just written.
    unsafe {
        let name = JsRef::owned_or_err(pyox_js_value_new(&mut text))?;
        let mut out = WireValue::undefined();
        match pyox_js_object_get(options, name.handle(), &mut out) {
            TAG_ABSENT | TAG_UNDEFINED | TAG_NULL => Ok(None),
            tag => wire::read(tag, &out).map(Some),
        }
    }
}

fn creates_pyproxies(options: Handle) -> PyResult<bool> {
    option(options, c"create_pyproxies")?.map_or(Ok(true), |value| value.borrow().is_true())
}

fn no_conversion(object: Ref<'_>) -> Raised {
    conversion_error(&format!(
        "No conversion to JavaScript for {} (of type {}), and create_pyproxies is false",
        short_repr(object),
        type_name(object)
    ))
}

/// Is it neither immutable nor a JavaScript value?
fn needs_proxy(object: Ref<'_>) -> bool {
    // SAFETY: reads the flags of its type.
    let native = unsafe {
        object.is_none()
            || ffi::PyLong_Check(object.as_ptr()) != 0
            || ffi::PyFloat_Check(object.as_ptr()) != 0
            || ffi::PyUnicode_Check(object.as_ptr()) != 0
    };
    !native && jsproxy::handle_of(object).is_none() && !state::is_js_null(object)
}

fn is_container(object: Ref<'_>) -> bool {
    // SAFETY: reads the flags of its type.
    unsafe {
        let raw = object.as_ptr();
        ffi::PyList_Check(raw) != 0
            || ffi::PyTuple_Check(raw) != 0
            || ffi::PyDict_Check(raw) != 0
            || ffi::PyAnySet_Check(raw) != 0
            || ffi::PyObject_CheckBuffer(raw) != 0
    }
}

struct Recorder {
    tape: Writer,
    /// Address of a container -> its number on the tape.
    seen: AddressMap<u32>,
    containers: u32,
    create_pyproxies: bool,
    /// Dicts become plain objects, whose keys are strings.
    names_only: bool,
}

impl Recorder {
    fn value(&mut self, object: Ref<'_>, depth: i32) -> PyResult<()> {
        let raw = object.as_ptr();
        // SAFETY: the object is alive; the checks read its type.
        unsafe {
            if ffi::PyUnicode_CheckExact(raw) != 0 {
                return self.string(object);
            }
            if ffi::PyLong_CheckExact(raw) != 0 {
                let mut overflow = 0;
                let value = ffi::PyLong_AsLongAndOverflow(raw, &mut overflow);
                if overflow == 0 && value >= core::ffi::c_long::from(i32::MIN) && value <= core::ffi::c_long::from(i32::MAX) {
                    self.tape.u32(TAPE_INT32);
                    self.tape.u32(value as u32);
                    return Ok(());
                }
                return self.wire(object);
            }
            if object.is_none() {
                self.tape.u32(TAPE_NONE);
                return Ok(());
            }
            if raw == ffi::Py_True() || raw == ffi::Py_False() {
                self.tape.u32(if raw == ffi::Py_True() { TAPE_TRUE } else { TAPE_FALSE });
                return Ok(());
            }
            if ffi::PyFloat_CheckExact(raw) != 0 {
                self.tape.float(ffi::PyFloat_AS_DOUBLE(raw));
                return Ok(());
            }
            if !needs_proxy(object) {
                return self.wire(object);
            }
            if depth == 0 {
                // What is converted in one place is no proxy in another, or JavaScript would see two things.
                return if self.seen.contains_key(&(raw as usize)) {
                    self.again(object);
                    Ok(())
                } else {
                    self.wire(object)
                };
            }
            if ffi::PyList_Check(raw) != 0 || ffi::PyTuple_Check(raw) != 0 {
                return self.sequence(object, depth);
            }
            if ffi::PyDict_Check(raw) != 0 {
                return self.dict(object, depth);
            }
            if ffi::PyAnySet_Check(raw) != 0 {
                return self.set(object);
            }
            if ffi::PyObject_CheckBuffer(raw) != 0 {
                return self.buffer(object);
            }
        }
        self.wire(object)
    }

    fn string(&mut self, text: Ref<'_>) -> PyResult<()> {
        let mut wire = WireValue::undefined();
        if crate::string::describe(text, &mut wire) == TAG_STRING_ASCII && wire.aux() as usize <= INLINE_STRING_MAX {
            // SAFETY: the characters of `text`, which is alive.
            let bytes = unsafe { core::slice::from_raw_parts(wire.payload_address() as usize as *const u8, wire.aux() as usize) };
            self.tape.ascii(bytes);
        } else {
            self.tape.value_of(wire, text);
        }
        Ok(())
    }

    /// A value as an argument of a call would be: native, handle, or PyProxy.
    fn wire(&mut self, object: Ref<'_>) -> PyResult<()> {
        if !self.create_pyproxies && needs_proxy(object) {
            return Err(no_conversion(object));
        }
        let mut wire = WireValue::undefined();
        wire::write_argument(object, &mut wire)?;
        self.tape.value_of(wire, object);
        Ok(())
    }

    /// Writes a reference if the container is on the tape already, else gives it a number.
    fn again(&mut self, object: Ref<'_>) -> bool {
        if let Some(number) = self.seen.get(&(object.as_ptr() as usize)) {
            self.tape.u32(TAPE_REFERENCE);
            self.tape.u32(*number);
            return true;
        }
        self.seen.insert(object.as_ptr() as usize, self.containers);
        self.containers += 1;
        false
    }

    fn sequence(&mut self, object: Ref<'_>, depth: i32) -> PyResult<()> {
        if self.again(object) {
            return Ok(());
        }
        let _level = Level::enter()?;
        let _kept = object.to_owned(); // its container may lose it while a buffer of it is opened
        let raw = object.as_ptr();
        // SAFETY: the object is a list or tuple; indices are checked against the present size, as reading a buffer may run code.
        unsafe {
            let is_list = ffi::PyList_Check(raw) != 0;
            let size = || if is_list { ffi::PyList_GET_SIZE(raw) } else { ffi::PyTuple_GET_SIZE(raw) };
            let count = size();
            self.tape.u32(TAPE_LIST);
            self.tape.u32(count as u32);
            for index in 0..count {
                if index >= size() {
                    return Err(py::runtime_error("list changed size during conversion"));
                }
                let item = if is_list { ffi::PyList_GET_ITEM(raw, index) } else { ffi::PyTuple_GET_ITEM(raw, index) };
                self.value(Ref::from_ptr(item), depth - 1)?;
            }
        }
        Ok(())
    }

    fn dict(&mut self, object: Ref<'_>, depth: i32) -> PyResult<()> {
        if self.again(object) {
            return Ok(());
        }
        let _level = Level::enter()?;
        let _kept = object.to_owned();
        let raw = object.as_ptr();
        // SAFETY: the object is a dict; its size is checked after whatever may run code.
        unsafe {
            let count = ffi::PyDict_Size(raw);
            self.tape.u32(TAPE_DICT);
            self.tape.u32(count as u32);
            let (mut position, mut key, mut value) = (0, ptr::null_mut(), ptr::null_mut());
            while ffi::PyDict_Next(raw, &mut position, &mut key, &mut value) != 0 {
                let _value = if self.names_only && ffi::PyUnicode_CheckExact(key) == 0 {
                    let kept = (Ref::from_ptr(key).to_owned(), Ref::from_ptr(value).to_owned()); // comparing keys is anybody's code
                    check_name(object, kept.0.borrow())?;
                    Some(kept)
                } else {
                    None
                };
                self.key(Ref::from_ptr(key))?;
                self.value(Ref::from_ptr(value), depth - 1)?;
                if ffi::PyDict_Size(raw) != count {
                    return Err(py::runtime_error("dict changed size during conversion"));
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, object: Ref<'_>) -> PyResult<()> {
        if self.again(object) {
            return Ok(());
        }
        let _kept = object.to_owned();
        // SAFETY: alive; returns a new reference or null with an error. The list keeps the elements alive, as those of a subclass may be made just now.
        unsafe {
            let items = Py::owned_or_err(ffi::PySequence_List(object.as_ptr()))?;
            let count = ffi::PyList_GET_SIZE(items.as_ptr());
            self.tape.u32(TAPE_SET);
            self.tape.u32(count as u32);
            for index in 0..count {
                self.key(Ref::from_ptr(ffi::PyList_GET_ITEM(items.as_ptr(), index)))?;
            }
        }
        Ok(())
    }

    fn key(&mut self, key: Ref<'_>) -> PyResult<()> {
        if needs_proxy(key) {
            return Err(bad_key(key));
        }
        self.value(key, 0)
    }

    fn buffer(&mut self, object: Ref<'_>) -> PyResult<()> {
        let _kept = object.to_owned(); // `__buffer__` is anybody's code
        let view = View::open(object)?;
        view.write(&mut self.tape, 0, view.0.buf.cast(), &mut self.containers)
    }
}

/// `1` and `"1"` are two keys of a dict, and one property of an object: neither may get lost.
fn check_name(dict: Ref<'_>, key: Ref<'_>) -> PyResult<()> {
    // SAFETY: both are alive; the calls return new references, or null with an error.
    unsafe {
        let raw = key.as_ptr();
        let name = if key.is_none() {
            Py::string("undefined")?
        } else if ffi::PyBool_Check(raw) != 0 {
            Py::string(if raw == ffi::Py_True() { "true" } else { "false" })?
        } else if ffi::PyLong_Check(raw) != 0 {
            Py::owned_or_err(ffi::PyNumber_ToBase(raw, 10))?
        } else {
            return Ok(());
        };
        if !py::check_bool(ffi::PyDict_Contains(dict.as_ptr(), name.as_ptr()))? {
            return Ok(());
        }
        Err(conversion_error(&format!(
            "The keys {} and {} of a dict would be one property of a JavaScript object: make all of them strings, or pass dict_converter",
            short_repr(key),
            short_repr(name.borrow())
        )))
    }
}

fn bad_key(key: Ref<'_>) -> Raised {
    conversion_error(&format!(
        "Cannot use {} as a key of a Map or Set: JavaScript would compare it by identity, Python does not",
        short_repr(key)
    ))
}

/// An open buffer.
struct View(Box<ffi::Py_buffer>);

impl View {
    fn open(object: Ref<'_>) -> PyResult<View> {
        let mut view = Box::new(ffi::Py_buffer::new());
        // SAFETY: the object is alive; the view has its final address.
        check(unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &mut *view, ffi::PyBUF_FULL_RO) })?;
        Ok(View(view))
    }

    /// Byte order mark and type character.
    fn format(&self) -> PyResult<(bool, u8)> {
        if self.0.format.is_null() {
            return Ok((false, b'B'));
        }
        // SAFETY: 0-terminated by the buffer protocol.
        let format = unsafe { CStr::from_ptr(self.0.format as *const c_char) }.to_bytes();
        let (swapped, code) = match format {
            [code] | [b'@' | b'=' | b'<', code] => (false, *code),
            [b'>' | b'!', code] => (self.0.itemsize > 1, *code),
            _ => (false, 0),
        };
        // `l` and `L` have 4 bytes here, natively and in standard size; n, N and P are word-sized.
        let code = match code {
            b'l' | b'n' => b'i',
            b'L' | b'N' | b'P' => b'I',
            other => other,
        };
        if !b"bBhHiIqQefdc?s".contains(&code) {
            return Err(conversion_error(&format!(
                "No typed array for a buffer with format {:?}: use getBuffer with an explicit type",
                String::from_utf8_lossy(format)
            )));
        }
        Ok((swapped, code))
    }

    /// Writes dimension `dim` and those below it.
    fn write(&self, tape: &mut Writer, dim: i32, at: *const u8, containers: &mut u32) -> PyResult<()> {
        let (swapped, code) = self.format()?;
        let itemsize = self.0.itemsize as usize;
        // SAFETY: shape, strides and suboffsets have `ndim` entries, or are null.
        let extent = |table: *const Py_ssize_t| if table.is_null() { None } else { Some(unsafe { *table.offset(dim as isize) }) };
        let count = if self.0.ndim == 0 { 1 } else { extent(self.0.shape).unwrap_or(self.0.len / self.0.itemsize.max(1)) };
        let stride = if self.0.ndim == 0 { 0 } else { extent(self.0.strides).unwrap_or(self.0.itemsize) };
        let step = |index: Py_ssize_t| {
            // SAFETY: within the buffer, by the buffer protocol.
            unsafe {
                let item = at.offset(index * stride);
                match extent(self.0.suboffsets) {
                    Some(offset) if offset >= 0 => (*item.cast::<*const u8>()).offset(offset),
                    _ => item,
                }
            }
        };
        if dim + 1 < self.0.ndim {
            tape.u32(TAPE_LIST);
            tape.u32(count as u32);
            *containers += 1;
            for index in 0..count {
                self.write(tape, dim + 1, step(index), containers)?;
            }
            return Ok(());
        }
        let gather = || {
            let mut bytes = Vec::with_capacity(count as usize * itemsize);
            for index in 0..count {
                // SAFETY: an item within the buffer.
                let item = unsafe { core::slice::from_raw_parts(step(index), itemsize) };
                if swapped {
                    bytes.extend(item.iter().rev());
                } else {
                    bytes.extend_from_slice(item);
                }
            }
            bytes
        };
        if code == b'?' {
            tape.u32(TAPE_LIST);
            tape.u32(count as u32);
            *containers += 1;
            for byte in gather() {
                tape.u32(if byte != 0 { TAPE_TRUE } else { TAPE_FALSE });
            }
            return Ok(());
        }
        if code == b's' {
            let bytes = gather();
            // SAFETY: the bytes are a local.
            let text = unsafe { crate::string::from_latin1(bytes.as_ptr(), bytes.len())? };
            let handle = wire::to_handle(text.borrow())?;
            let mut wire = WireValue::undefined();
            wire.set_aux(TAG_HANDLE_OWNED, handle.into_handle(), 0);
            tape.value(wire);
            return Ok(());
        }
        let contiguous = !swapped && stride == self.0.itemsize && extent(self.0.suboffsets).is_none_or(|offset| offset < 0);
        let gathered;
        let (data, length) = if contiguous {
            (at, count as usize * itemsize)
        } else {
            gathered = gather();
            (gathered.as_ptr(), gathered.len())
        };
        // SAFETY: that many bytes are there; the import copies.
        let handle = JsRef::owned_or_err(unsafe {
            pyox_js_buffer_new(data as Address, length as u32, u32::from(code))
        })?;
        let mut wire = WireValue::undefined();
        wire.set_aux(TAG_HANDLE_OWNED, handle.into_handle(), 0);
        tape.value(wire);
        Ok(())
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: opened in `open`.
        unsafe { ffi::PyBuffer_Release(&mut *self.0) };
    }
}

/// A conversion with a default converter, one level at a time.
struct ByLevel {
    /// First, so that they are over before anything else is freed, which may run code.
    callbacks: Option<(Callback, Callback)>,
    /// For what has no conversion of its own.
    converter: Option<Py>,
    /// For everything that is no immediate value, before its own conversion.
    eager: Option<Py>,
    dict_converter: Option<Py>,
    /// Address of a Python object -> what it became; the object is kept so that the address stays its own.
    made: RefCell<AddressMap<(Py, JsRef)>>,
    options: Handle,
    create_pyproxies: bool,
}

static CONVERT: Definition = Definition::convert(convert_again);
static CACHE: Definition = Definition::cache(cache);

fn by_level(
    object: Ref<'_>,
    depth: i32,
    options: Handle,
    create_pyproxies: bool,
    converter: Option<Py>,
    eager: Option<Py>,
) -> PyResult<JsRef> {
    let mut state = Box::new(ByLevel {
        converter,
        eager,
        dict_converter: option(options, c"dict_converter")?,
        made: RefCell::default(),
        options,
        create_pyproxies,
        callbacks: None,
    });
    let address: *mut c_void = (&raw mut *state).cast();
    // SAFETY: the box outlives the callbacks, which it owns.
    let callbacks = unsafe { (Callback::new(&CONVERT, address)?, Callback::new(&CACHE, address)?) };
    state.callbacks = Some(callbacks);
    state.value(object, depth)
}

impl ByLevel {
    /// An object without elements, as the tape makes it.
    fn leaf(&self, object: Ref<'_>) -> PyResult<JsRef> {
        let mut recorder = Recorder {
            tape: Writer::new(),
            seen: AddressMap::default(),
            containers: 0,
            create_pyproxies: self.create_pyproxies,
            names_only: false,
        };
        recorder.value(object, 0)?;
        play(recorder.tape, self.options)
    }

    fn empty(&self, kind: u32) -> PyResult<JsRef> {
        let mut tape = Writer::new();
        tape.u32(kind);
        tape.u32(0);
        play(tape, 0)
    }

    fn value(&self, object: Ref<'_>, depth: i32) -> PyResult<JsRef> {
        let _level = Level::enter()?;
        if let Some((_, made)) = self.made.borrow().get(&(object.as_ptr() as usize)) {
            return Ok(made.clone());
        }
        if !needs_proxy(object) || depth == 0 {
            return self.leaf(object);
        }
        match self.eager.clone() {
            Some(eager) => self.convert_by(&eager, object),
            None => self.usual(object, depth),
        }
    }

    /// The conversion that an object has, without asking an eager converter about the object itself.
    fn usual(&self, object: Ref<'_>, depth: i32) -> PyResult<JsRef> {
        if !needs_proxy(object) || depth == 0 {
            return self.leaf(object);
        }
        let raw = object.as_ptr();
        // SAFETY: the object is alive; elements are owned while they are converted.
        unsafe {
            if ffi::PyList_Check(raw) != 0 || ffi::PyTuple_Check(raw) != 0 {
                let array = self.empty(TAPE_LIST)?;
                self.keep(object, &array);
                let items = Py::owned_or_err(ffi::PySequence_Tuple(raw))?;
                for index in 0..ffi::PyTuple_GET_SIZE(items.as_ptr()) {
                    let item = self.value(Ref::from_ptr(ffi::PyTuple_GET_ITEM(items.as_ptr(), index)), depth - 1)?;
                    call_js(&array, "push", &[&item])?;
                }
                return Ok(array);
            }
            if ffi::PyDict_Check(raw) != 0 {
                return self.dict(object, depth);
            }
            if ffi::PyAnySet_Check(raw) != 0 {
                let set = self.empty(TAPE_SET)?;
                self.keep(object, &set);
                let items = Py::owned_or_err(ffi::PySequence_Tuple(raw))?;
                for index in 0..ffi::PyTuple_GET_SIZE(items.as_ptr()) {
                    let item = self.key(Ref::from_ptr(ffi::PyTuple_GET_ITEM(items.as_ptr(), index)))?;
                    call_js(&set, "add", &[&item])?;
                }
                return Ok(set);
            }
            if ffi::PyObject_CheckBuffer(raw) != 0 {
                return convert(object, depth, 0);
            }
        }
        match self.converter.clone() {
            Some(converter) => self.convert_by(&converter, object),
            None => self.leaf(object),
        }
    }

    fn keep(&self, object: Ref<'_>, js: &JsRef) {
        let old = self.made.borrow_mut().insert(object.as_ptr() as usize, (object.to_owned(), js.clone()));
        drop(old); // freeing it may run code that converts
    }

    fn key(&self, key: Ref<'_>) -> PyResult<JsRef> {
        if needs_proxy(key) { Err(bad_key(key)) } else { self.leaf(key) }
    }

    fn dict(&self, object: Ref<'_>, depth: i32) -> PyResult<JsRef> {
        // SAFETY: alive; returns a new reference or null with an error.
        let items = unsafe { Py::owned_or_err(ffi::PyDict_Items(object.as_ptr()))? };
        // With a dict_converter the result exists only at the end: a cycle through it cannot be kept.
        let converter = self.dict_converter.clone();
        let target = self.empty(if converter.is_some() { TAPE_LIST } else { TAPE_DICT })?;
        if converter.is_none() {
            self.keep(object, &target);
        }
        // SAFETY: `items` is a list of pairs.
        unsafe {
            for index in 0..ffi::PyList_GET_SIZE(items.as_ptr()) {
                let pair = Ref::from_ptr(ffi::PyList_GET_ITEM(items.as_ptr(), index)).to_owned();
                let key = self.key(Ref::from_ptr(ffi::PyTuple_GET_ITEM(pair.as_ptr(), 0)))?;
                let value = self.value(Ref::from_ptr(ffi::PyTuple_GET_ITEM(pair.as_ptr(), 1)), depth - 1)?;
                if converter.is_some() {
                    let entry = self.empty(TAPE_LIST)?;
                    call_js(&entry, "push", &[&key, &value])?;
                    call_js(&target, "push", &[&entry])?;
                } else if state::start_flag(START_PLAIN_DICTS) {
                    check_name(object, Ref::from_ptr(ffi::PyTuple_GET_ITEM(pair.as_ptr(), 0)))?;
                    set_js(&target, &key, &value)?;
                } else {
                    call_js(&target, "set", &[&key, &value])?;
                }
            }
        }
        let Some(converter) = converter else { return Ok(target) };
        let entries = jsproxy::new(target, JS_IS_ARRAY | JS_IS_ITERABLE | JS_IS_SIZED, None)?;
        let result = converter.borrow().call(&[entries.borrow()])?;
        let result = wire::to_handle(result.borrow())?;
        self.keep(object, &result);
        Ok(result)
    }

    fn convert_by(&self, converter: &Py, object: Ref<'_>) -> PyResult<JsRef> {
        let Some((convert, cache)) = &self.callbacks else {
            return self.leaf(object);
        };
        let (convert, cache) = (convert.function.clone(), cache.function.clone());
        let result = converter.borrow().call(&[object, convert.borrow(), cache.borrow()])?;
        let js = self.leaf(result.borrow())?;
        self.keep(object, &js);
        Ok(js)
    }
}

/// `object[key] = value` with handles.
fn set_js(object: &JsRef, key: &JsRef, value: &JsRef) -> PyResult<()> {
    let mut wire = WireValue::undefined();
    wire.set_aux(TAG_HANDLE, value.handle(), 0);
    // SAFETY: the handles are alive.
    if unsafe { pyox_js_object_set(object.handle(), key.handle(), &mut wire) } == -1 {
        return Err(crate::error::raise_pending());
    }
    Ok(())
}

/// `object.name(...args)` with handles.
fn call_js(object: &JsRef, name: &str, args: &[&JsRef]) -> PyResult<()> {
    let mut text = WireValue::utf8_ascii(name);
    let mut wires: Vec<WireValue> = args
        .iter()
        .map(|arg| {
            let mut wire = WireValue::undefined();
            wire.set_aux(TAG_HANDLE, arg.handle(), 0);
            wire
        })
        .collect();
    // SAFETY: the handles are alive; the wires were just written.
    unsafe {
        let name = JsRef::owned_or_err(pyox_js_value_new(&mut text))?;
        let mut out = WireValue::undefined();
        let tag = pyox_js_method_call(object.handle(), name.handle(), wires.as_mut_ptr(), wires.len() as u32, &mut out);
        drop(wire::read(tag, &out)?);
    }
    Ok(())
}

unsafe extern "C" fn convert_again(capsule: *mut PyObject, value: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: the capsule is that of a `ByLevel`, the value alive.
        unsafe {
            let state = running::<ByLevel>(capsule)?;
            let value = Ref::from_ptr(value);
            // An eager converter that asks for an object's conversion means the one that the object has.
            let handle = if state.eager.is_some() { state.usual(value, -1)? } else { state.value(value, -1)? };
            let mut out = WireValue::undefined();
            let tag = pyox_js_value_read(handle.handle(), &mut out);
            wire::read(tag, &out).map(Py::into_ptr)
        }
    })
}

unsafe extern "C" fn cache(capsule: *mut PyObject, args: *mut *mut PyObject, count: Py_ssize_t) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: the capsule is that of a `ByLevel`; the arguments are alive.
        unsafe {
            let state = running::<ByLevel>(capsule)?;
            let (value, result) = cached_pair(args, count)?;
            let js = wire::to_handle(result)?;
            state.keep(value, &js);
            Ok(Py::none().into_ptr())
        }
    })
}

/// `to_js` called from Python; the options in the order of its signature.
///
/// # Errors
/// As `to_js`.
pub fn to_js_from_python(object: Ref<'_>, options: [Option<Ref<'_>>; 6]) -> PyResult<Py> {
    let [depth, pyproxies, create_pyproxies, dict_converter, default_converter, eager_converter] =
        options.map(|value| value.filter(|value| !value.is_none()));
    let depth = super::to_py::parse_depth(depth)?;
    if pyproxies.is_some_and(|list| jsproxy::handle_of(list).is_none()) {
        // A list of Python would get the objects themselves, and nobody could destroy their proxies.
        return Err(crate::py::type_error("to_js(): `pyproxies` must be a JavaScript Array, for example `js.Array.new()`"));
    }
    if !needs_proxy(object) {
        return Ok(object.to_owned());
    }
    let create = create_pyproxies.map_or(Ok(true), Ref::is_true)?;
    if default_converter.is_none() && eager_converter.is_none() && (!is_container(object) || depth == 0) {
        if !create {
            return Err(no_conversion(object));
        }
        let proxy = crate::module::double_proxy(object, 0)?;
        if let (Some(list), Some(handle)) = (pyproxies, jsproxy::handle_of(proxy.borrow())) {
            push(list, handle)?;
        }
        return Ok(proxy);
    }
    // An empty LiteralMap carries the options as properties: there is no other way to an object without JavaScript code.
    let mut tape = Writer::new();
    tape.u32(TAPE_DICT);
    tape.u32(0);
    let carrier = play(tape, 0)?;
    let mut proxies = Proxies(Vec::new());
    if let Some(list) = pyproxies {
        proxies.set(&carrier, "pyproxies", list)?;
    }
    if !create {
        proxies.set(&carrier, "create_pyproxies", Py::boolean(false).borrow())?;
    }
    if let Some(converter) = dict_converter {
        proxies.set(&carrier, "dict_converter", converter)?;
    }
    if let Some(converter) = default_converter {
        proxies.set(&carrier, "default_converter", converter)?;
    }
    if let Some(converter) = eager_converter {
        proxies.set(&carrier, "eager_converter", converter)?;
    }
    let handle = convert(object, depth, carrier.handle())?;
    // SAFETY: the handle is alive.
    let flags = unsafe { pyox_js_value_flags(handle.handle()) };
    let mut out = WireValue::undefined();
    // SAFETY: the handle is alive; the wire was just written.
    unsafe {
        if !pyox_js_proxy_unwrap(handle.handle()).is_null() {
            return jsproxy::new(handle, flags | JS_IS_DOUBLE_PROXY, None);
        }
        let tag = pyox_js_value_read(handle.handle(), &mut out);
        wire::read(tag, &out)
    }
}

fn push(list: Ref<'_>, handle: Handle) -> PyResult<()> {
    let Some(array) = jsproxy::handle_of(list) else {
        return Err(py::type_error("pyproxies must be a JsArray"));
    };
    // SAFETY: both are alive; the clones are ours.
    let (array, item) = unsafe { (JsRef::from_owned(pyox_js_handle_clone(array)), JsRef::from_owned(pyox_js_handle_clone(handle))) };
    call_js(&array, "push", &[&item])
}

/// PyProxies made for the options of one conversion, destroyed after it.
struct Proxies(Vec<JsRef>);

impl Proxies {
    fn set(&mut self, carrier: &JsRef, name: &str, value: Ref<'_>) -> PyResult<()> {
        let handle = wire::to_handle(value)?;
        let mut text = WireValue::utf8_ascii(name);
        let mut wire = WireValue::undefined();
        wire.set_aux(TAG_HANDLE, handle.handle(), 0);
        // SAFETY: the handles are alive.
        unsafe {
            let name = JsRef::owned_or_err(pyox_js_value_new(&mut text))?;
            if needs_proxy(value) {
                self.0.push(handle.clone());
            }
            if pyox_js_object_set(carrier.handle(), name.handle(), &mut wire) == -1 {
                return Err(crate::error::raise_pending());
            }
        }
        Ok(())
    }
}

impl Drop for Proxies {
    fn drop(&mut self) {
        for proxy in &self.0 {
            let mut message = WireValue::undefined();
            // SAFETY: the handle is alive; a failure means that it is destroyed already, and its error is freed.
            unsafe {
                if pyox_js_proxy_destroy(proxy.handle(), &mut message) == -1 {
                    drop(JsRef::from_owned(pyox_js_error_take()));
                }
            }
        }
    }
}
