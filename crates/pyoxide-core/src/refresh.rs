//! After a start from a snapshot: what belongs to a process is made fresh.
//!
//! Owns: environment, locale, time zone, random numbers and the few module variables that remember such things. Not here: linear memory and
//! handles, which the runtime has put back before.
//! Invariants: nothing of the process in which the snapshot was made is left that the user of another process could see; no Python code runs.
//! PERF: running any costs a start a tenth, because the engine has compiled nothing of the evaluation loop yet, and takes it for hot after some
//! forty instructions, which costs 15 MB (load: import + loadPyodide; memory: RSS after load).

use core::ffi::{CStr, c_char, c_int};
use core::ptr;

use pyo3_ffi as ffi;

use crate::boundary::Wire;
use crate::py::{Py, PyResult, Ref, check};
use crate::start::read_texts;

unsafe extern "C" {
    fn setenv(name: *const c_char, value: *const c_char, overwrite: c_int) -> c_int;
    fn unsetenv(name: *const c_char) -> c_int;
    fn setlocale(category: c_int, locale: *const c_char) -> *mut c_char;
}

/// `LC_CTYPE` of musl.
const LC_CTYPE: c_int = 0;
const LOCALE_VARIABLES: [&[u8]; 3] = [b"LC_ALL", b"LC_CTYPE", b"LANG"];
const YEAR_S: i64 = (365 * 24 + 6) * 3600;

/// A variable: name and value, each with its 0.
struct Variable {
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Variable {
    /// `NAME=value` with its 0.
    fn read(text: &[u8]) -> Option<Self> {
        let at = text.iter().position(|&byte| byte == b'=')?;
        (at > 0).then(|| Self { name: [&text[..at], &[0]].concat(), value: text[at + 1..].to_vec() })
    }

    fn name(&self) -> &[u8] {
        &self.name[..self.name.len() - 1]
    }

    fn value(&self) -> &[u8] {
        &self.value[..self.value.len() - 1]
    }
}

/// Makes fresh what belongs to this process. The texts are all its variables, as `NAME=value`.
///
/// # Errors
/// Raises what CPython raises when there is no memory, or when a module of the standard library has been made something else.
///
/// # Safety
/// `texts` points to `count` strings on the wire; the interpreter was put back and has run nothing.
pub unsafe fn refresh(texts: Wire, count: u32) -> PyResult<()> {
    // SAFETY: by contract.
    let variables: Vec<Variable> = unsafe { read_texts(texts, count) }.iter().filter_map(|text| Variable::read(text)).collect();
    refresh_environment(&variables)?;
    refresh_time_zone()?;
    refresh_modules()
}

fn refresh_environment(variables: &[Variable]) -> PyResult<()> {
    let os = Py::import(c"os")?;
    let first = Py::import(c"posix")?.borrow().attr(c"environ")?;
    // `os.environ` is a mapping of str above this dict of bytes, unless somebody has put another in its place.
    let data = Py::string("_data")?;
    let known = os.borrow().attr(c"environ")?.borrow().attr_opt(data.borrow())?.unwrap_or_else(|| first.clone());
    let (known, first) = (known.borrow(), first.borrow());
    let home = item(known, b"HOME")?;
    let locale = locale_of(known)?;

    // SAFETY: a new list, or null with an error.
    let names = unsafe { Py::owned_or_err(ffi::PyDict_Keys(known.as_ptr()))? };
    // SAFETY: it is a list.
    for index in 0..unsafe { ffi::PyList_Size(names.as_ptr()) } {
        // SAFETY: within the list, which lives and does not change.
        let name = unsafe { Ref::from_ptr(ffi::PyList_GetItem(names.as_ptr(), index)) };
        let bytes = bytes_of(name)?;
        if variables.iter().any(|variable| variable.name() == bytes) {
            continue;
        }
        let with_end = [bytes, &[0]].concat();
        // SAFETY: the name ends with its 0; both dicts are alive.
        unsafe {
            unsetenv(with_end.as_ptr().cast());
            check(ffi::PyDict_DelItem(known.as_ptr(), name.as_ptr()))?;
            if ffi::PyDict_Contains(first.as_ptr(), name.as_ptr()) == 1 {
                check(ffi::PyDict_DelItem(first.as_ptr(), name.as_ptr()))?;
            }
        }
    }
    for variable in variables {
        if item(known, variable.name())?.is_some_and(|value| bytes_of(value.borrow()).is_ok_and(|bytes| bytes == variable.value())) {
            continue;
        }
        let (name, value) = (new_bytes(variable.name())?, new_bytes(variable.value())?);
        // SAFETY: both texts end with their 0; dicts, name and value are alive.
        unsafe {
            setenv(variable.name.as_ptr().cast(), variable.value.as_ptr().cast(), 1);
            check(ffi::PyDict_SetItem(known.as_ptr(), name.as_ptr(), value.as_ptr()))?;
            check(ffi::PyDict_SetItem(first.as_ptr(), name.as_ptr(), value.as_ptr()))?;
        }
    }
    if !is_same(locale.as_ref(), locale_of(known)?.as_ref())? {
        // SAFETY: an empty name asks for what the environment says; an unknown locale is none, as at a normal start.
        unsafe { setlocale(LC_CTYPE, c"".as_ptr()) };
    }
    if !is_same(home.as_ref(), item(known, b"HOME")?.as_ref())?
        && let Some(site) = loaded(c"site")
    {
        for name in [c"USER_BASE", c"USER_SITE"] {
            site.borrow().set_attr(name, Py::none_ref())?;
        }
    }
    Ok(())
}

/// What `time` finds out when it is first imported: the zone in the middle of this winter and of this summer.
fn refresh_time_zone() -> PyResult<()> {
    let time = Py::import(c"time")?;
    let time = time.borrow();
    let now = time.call_method(c"time_ns", &[])?;
    // SAFETY: it is an int, which fits for the next 250 years.
    let seconds = unsafe { ffi::PyLong_AsLongLong(now.as_ptr()) } / 1_000_000_000;
    let january = seconds / YEAR_S * YEAR_S;
    let zone_at = |seconds: i64| -> PyResult<(i64, Py)> {
        let when = Py::int(seconds)?;
        let local = time.call_method(c"localtime", &[when.borrow()])?;
        let offset = local.borrow().attr(c"tm_gmtoff")?;
        // SAFETY: it is an int of less than a day.
        Ok((unsafe { ffi::PyLong_AsLongLong(offset.as_ptr()) }, local.borrow().attr(c"tm_zone")?))
    };
    // South of the equator summer is in January.
    let (one, other) = (zone_at(january)?, zone_at(january + YEAR_S / 2)?);
    let (standard, summer) = if one.0 <= other.0 { (one, other) } else { (other, one) };
    time.set_attr(c"timezone", Py::int(-standard.0)?.borrow())?;
    time.set_attr(c"altzone", Py::int(-summer.0)?.borrow())?;
    time.set_attr(c"daylight", Py::int(i64::from(standard.0 != summer.0))?.borrow())?;
    time.set_attr(c"tzname", Py::tuple([standard.1, summer.1])?.borrow())
}

/// Variables of modules that remember something of the process, where these are imported.
fn refresh_modules() -> PyResult<()> {
    if let Some(random) = loaded(c"random") {
        // `random.seed()`, without the Python code around it.
        let instance = random.borrow().attr(c"_inst")?;
        let base = Py::import(c"_random")?.borrow().attr(c"Random")?;
        base.borrow().call_method(c"seed", &[instance.borrow()])?;
        instance.borrow().set_attr(c"gauss_next", Py::none_ref())?;
    }
    if let Some(tempfile) = loaded(c"tempfile") {
        tempfile.borrow().set_attr(c"_name_sequence", Py::none_ref())?;
    }
    if let Some(logging) = loaded(c"logging") {
        let now = Py::import(c"time")?.borrow().call_method(c"time_ns", &[])?;
        logging.borrow().set_attr(c"_startTime", now.borrow())?;
    }
    Ok(())
}

/// A module if it is imported.
fn loaded(name: &CStr) -> Option<Py> {
    // SAFETY: the dict of modules lives as long as the interpreter; an item is borrowed from it, and no error is set without one.
    unsafe {
        let found = ffi::PyDict_GetItemString(ffi::PyImport_GetModuleDict(), name.as_ptr());
        (!found.is_null()).then(|| Ref::from_ptr(found).to_owned())
    }
}

fn locale_of(environ: Ref<'_>) -> PyResult<Option<Py>> {
    for name in LOCALE_VARIABLES {
        if let Some(value) = item(environ, name)?
            && !bytes_of(value.borrow())?.is_empty()
        {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

fn is_same(one: Option<&Py>, other: Option<&Py>) -> PyResult<bool> {
    Ok(match (one, other) {
        (Some(one), Some(other)) => bytes_of(one.borrow())? == bytes_of(other.borrow())?,
        (None, None) => true,
        _ => false,
    })
}

fn item(dict: Ref<'_>, name: &[u8]) -> PyResult<Option<Py>> {
    let name = new_bytes(name)?;
    let mut found = ptr::null_mut();
    // SAFETY: both are alive; stores a new reference or null, and returns -1 with an error set.
    unsafe {
        match ffi::PyDict_GetItemRef(dict.as_ptr(), name.as_ptr(), &mut found) {
            -1 => Err(crate::py::Raised),
            _ => Ok(Py::owned_or_none(found)),
        }
    }
}

fn new_bytes(bytes: &[u8]) -> PyResult<Py> {
    // SAFETY: reads so many bytes; returns a new reference or null with an error.
    unsafe { Py::owned_or_err(ffi::PyBytes_FromStringAndSize(bytes.as_ptr().cast(), bytes.len() as isize)) }
}

fn bytes_of(object: Ref<'_>) -> PyResult<&[u8]> {
    let (mut start, mut length) = (ptr::null_mut(), 0);
    // SAFETY: raises TypeError for what is no bytes object; the bytes live as long as the object and do not change.
    unsafe {
        check(ffi::PyBytes_AsStringAndSize(object.as_ptr(), &mut start, &mut length))?;
        Ok(core::slice::from_raw_parts(start.cast(), length as usize))
    }
}
