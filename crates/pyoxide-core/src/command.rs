//! The arguments of the `python` command when it starts from a snapshot.
//!
//! Owns what of CPython's configuration comes from the command line: what to run, `sys.argv`, the path of the program. Not here: options
//! that are decided while an interpreter starts (the runtime starts from nothing then), and the standard streams (`_pyodide._command`).
//! Invariant: afterwards `Py_RunMain` and `sys` find what they would after a start with these arguments.

use core::ffi::{c_char, c_int, c_void};

use pyo3_ffi as ffi;

use crate::boundary::Wire;
use crate::py::{Py, PyResult, check, runtime_error};
use crate::start::read_texts;

/// `wchar_t` of this platform.
#[expect(non_camel_case_types, reason = "the name that C gives it")]
type wchar_t = i32;

unsafe extern "C" {
    fn _Py_GetConfig() -> *mut ffi::PyConfig;
    fn _Py_abspath(path: *const wchar_t, absolute: *mut *mut wchar_t) -> c_int;
    fn setvbuf(stream: *mut c_void, buffer: *mut c_char, mode: c_int, size: usize) -> c_int;
    static stdin: *mut c_void;
    static stdout: *mut c_void;
    static stderr: *mut c_void;
    fn wcslen(text: *const wchar_t) -> usize;
}

/// `_IONBF`.
const UNBUFFERED: c_int = 2;

/// The letters of options that a running interpreter can still obey: `-u`. What `-B` and `-s` ask for is always so here.
fn option_letters(argument: &[u8]) -> Option<&[u8]> {
    let letters = argument.strip_prefix(b"-")?.strip_suffix(b"\0")?;
    (!letters.is_empty() && letters.iter().all(|letter| b"uBs".contains(letter))).then_some(letters)
}

/// Gives the running interpreter its arguments, argv[0] included.
///
/// # Errors
/// Raises RuntimeError for arguments that are no text for the C library; otherwise what `_pyodide._command.begin` raises.
///
/// # Safety
/// `argv` points to `argv_count` strings on the wire; the interpreter was started without arguments, and its main program has not run.
pub unsafe fn set_arguments(argv: Wire, argv_count: u32) -> PyResult<()> {
    // SAFETY: by contract.
    let arguments = unsafe { read_texts(argv, argv_count) };
    let text = |index: usize| arguments.get(index).map(Vec::as_slice);
    // Every text here ends with its 0.
    let mut at = 1;
    let mut is_unbuffered = std::env::var_os("PYTHONUNBUFFERED").is_some_and(|value| !value.is_empty());
    while let Some(letters) = text(at).and_then(option_letters) {
        is_unbuffered |= letters.contains(&b'u');
        at += 1;
    }
    let (what, arguments_from, first) = match text(at) {
        Some(b"-c\0") => (What::Command, at + 2, Some(&b"-c\0"[..])),
        Some(b"-m\0") => (What::Module, at + 2, Some(&b"-m\0"[..])),
        Some(b"-\0") => (What::Input, at, None),
        Some(_) => (What::File, at, None),
        None => (What::Input, at, Some(&b"\0"[..])),
    };
    // SAFETY: the configuration lives as long as the interpreter, and only this thread has it; every string in it is from `PyMem_RawMalloc`
    // and is replaced by such a one. Whoever reads it does so after this.
    unsafe {
        let config = &mut *_Py_GetConfig();
        let program = text(0).unwrap_or(b"python\0");
        for place in [&mut config.program_name, &mut config.executable, &mut config.base_executable] {
            replace(place, decode(program)?);
        }
        fill(&mut config.orig_argv, arguments.iter().map(Vec::as_slice))?;
        fill(&mut config.argv, first.into_iter().chain(arguments.iter().skip(arguments_from).map(Vec::as_slice)))?;
        match what {
            What::Command => {
                let mut command = text(at + 1).unwrap_or(b"\0").to_vec();
                // As CPython does, so that the last line ends.
                command.insert(command.len() - 1, b'\n');
                replace(&mut config.run_command, decode(&command)?);
            }
            What::Module => replace(&mut config.run_module, decode(text(at + 1).unwrap_or(b"\0"))?),
            What::File => {
                let path = decode(text(at).unwrap_or(b"\0"))?;
                let mut absolute = core::ptr::null_mut();
                let is_known = _Py_abspath(path, &mut absolute) == 0 && !absolute.is_null();
                replace(&mut config.run_filename, if is_known { absolute } else { path });
                if is_known {
                    ffi::PyMem_RawFree(path.cast());
                }
            }
            What::Input => {}
        }
        if is_unbuffered {
            config.buffered_stdio = 0;
            for stream in [stdin, stdout, stderr] {
                setvbuf(stream, core::ptr::null_mut(), UNBUFFERED, 0);
            }
        }
        let executable = string(config.executable)?;
        let orig_argv = list(&config.orig_argv)?;
        let argv = list(&config.argv)?;
        let module = Py::import(c"_pyodide._command")?;
        let unbuffered = Py::boolean(is_unbuffered);
        module.borrow().call_method(c"begin", &[executable.borrow(), orig_argv.borrow(), argv.borrow(), unbuffered.borrow()])?;
    }
    Ok(())
}

/// What the arguments ask for.
enum What {
    Command,
    Module,
    File,
    Input,
}

/// # Safety
/// `text` ends with a 0.
unsafe fn decode(text: &[u8]) -> PyResult<*mut wchar_t> {
    // SAFETY: by contract; the result is from `PyMem_RawMalloc`.
    let decoded = unsafe { ffi::Py_DecodeLocale(text.as_ptr().cast(), core::ptr::null_mut()) };
    if decoded.is_null() {
        return Err(runtime_error("The command line has an argument that cannot be decoded: write it in UTF-8"));
    }
    Ok(decoded)
}

/// # Safety
/// `place` holds null or a string from `PyMem_RawMalloc` that nobody else has.
unsafe fn replace(place: &mut *mut wchar_t, text: *mut wchar_t) {
    // SAFETY: by contract.
    unsafe { ffi::PyMem_RawFree((*place).cast()) };
    *place = text;
}

/// # Safety
/// As `replace`, for the strings of `list` and their array; the texts end with a 0.
unsafe fn fill<'a>(list: &mut ffi::PyWideStringList, texts: impl Iterator<Item = &'a [u8]>) -> PyResult<()> {
    // SAFETY: by contract; the list copies what is appended.
    unsafe {
        for index in 0..list.length as usize {
            ffi::PyMem_RawFree((*list.items.add(index)).cast());
        }
        ffi::PyMem_RawFree(list.items.cast());
        *list = ffi::PyWideStringList { length: 0, items: core::ptr::null_mut() };
        for text in texts {
            let decoded = decode(text)?;
            let status = ffi::PyWideStringList_Append(list, decoded);
            ffi::PyMem_RawFree(decoded.cast());
            if ffi::PyStatus_Exception(status) != 0 {
                return Err(runtime_error("There is no memory for the arguments of the command line: pass fewer, or read them from a file"));
            }
        }
    }
    Ok(())
}

/// # Safety
/// `text` ends with a 0.
unsafe fn string(text: *const wchar_t) -> PyResult<Py> {
    // SAFETY: by contract; a new reference or null with an error set.
    unsafe { Py::owned_or_err(ffi::PyUnicode_FromWideChar(text, wcslen(text) as isize)) }
}

/// # Safety
/// The list is as CPython keeps it.
unsafe fn list(texts: &ffi::PyWideStringList) -> PyResult<Py> {
    let result = Py::list()?;
    for index in 0..texts.length as usize {
        // SAFETY: by contract; appending takes a reference of its own.
        unsafe {
            let text = string(*texts.items.add(index))?;
            check(ffi::PyList_Append(result.as_ptr(), text.as_ptr()))?;
        }
    }
    Ok(result)
}
