//! Starting the interpreter.
//!
//! Owns the configuration of CPython and the arena. Not here: files and environment, which the loader prepares before.
//! Invariant: `start` runs once per instance.

use core::ffi::{CStr, c_char};

use pyo3_ffi as ffi;

use crate::boundary::{ARENA_BYTES, Address, START_COMMAND, START_TO_SAVE, Wire};
use crate::cells::Slot;
use crate::py::{Py, PyResult, check};
use crate::wire;
use crate::{jsproxy, module, sleep, stacks, state, sweep};

#[repr(align(16))]
struct Arena(#[expect(dead_code, reason = "JavaScript writes it")] [u8; ARENA_BYTES as usize]);

static ARENA: Slot<Arena> = Slot::new(Arena([0; ARENA_BYTES as usize]));
static PANIC_HOOK: Slot<bool> = Slot::new(false);

/// Address of the arena.
pub fn arena() -> Address {
    ARENA.as_ptr().cast()
}

const SEARCH_PATHS: [&CStr; 4] = [
    c"/lib/python314.zip",
    c"/lib/python3.14",
    c"/lib/python3.14/lib-dynload",
    c"/lib/python3.14/site-packages",
];

/// CPython keeps an option that is still to be decided as the `int` -1, and takes an unsigned 32-bit value for it.
const UNDECIDED: u64 = u32::MAX as u64;

/// Starts Python: 0, or an exit code plus 1 when there is nothing left to do.
///
/// # Errors
/// Raises only after the interpreter exists; a configuration that CPython refuses is a panic, that is, a fatal error with
/// CPython's message.
///
/// # Safety
/// `argv` points to `argv_count` strings on the wire.
pub unsafe fn start(argv: Wire, argv_count: u32, flags: u32) -> PyResult<i32> {
    if !PANIC_HOOK.get() {
        PANIC_HOOK.set(true);
        crate::boundary::report_panics();
    }
    state::set_start_flags(flags);
    // SAFETY: by contract.
    let argv = unsafe { read_texts(argv, argv_count) };
    if flags & START_TO_SAVE != 0 {
        // SAFETY: this is before the interpreter starts.
        unsafe { sweep::allocate_zeros() };
    }
    // SAFETY: the names are 0-terminated and live for ever; this is before the interpreter starts.
    unsafe {
        if ffi::PyImport_AppendInittab(c"_pyodide_core".as_ptr(), Some(module::init)) != 0 {
            panic!("no memory for the module table");
        }
        if let Some(code) = configure(&argv) {
            return Ok(code + 1);
        }
    }
    // Everything that later code looks up by name is there from here on.
    drop(Py::import(c"_pyodide_core")?);
    stacks::check_layout();
    crate::boundary::adopt_thread();
    prepare(flags)?;
    Ok(0)
}

/// What the interpreter itself does before anybody uses it.
fn prepare(flags: u32) -> PyResult<()> {
    sleep::install()?;
    jsproxy::install_exc_info()?;
    if flags & START_COMMAND == 0 {
        // The command's streams are descriptors of the host: they are as CPython makes them.
        Py::import(c"_pyodide._streams")?.borrow().call_method(c"install", &[])?;
        // Modules are found in the working directory, as by an interactive interpreter; the command sees to that itself.
        let path = Py::import(c"sys")?.borrow().attr(c"path")?;
        let here = Py::string("")?;
        // SAFETY: both are alive.
        check(unsafe { ffi::PyList_Insert(path.as_ptr(), 0, here.as_ptr()) })?;
    }
    Ok(())
}

/// Strings before there is an interpreter: ASCII, Latin-1 and UTF-16 as JavaScript writes them.
///
/// # Safety
/// As `start`.
pub unsafe fn read_texts(argv: Wire, count: u32) -> Vec<Vec<u8>> {
    (0..count as usize)
        .map(|index| {
            // SAFETY: within the array, written by JavaScript.
            let mut bytes = unsafe { wire::text_without_python(&*argv.add(index)) }.into_bytes();
            bytes.push(0);
            bytes
        })
        .collect()
}

/// Starts the interpreter; the exit code, if the arguments asked for something that ends at once.
///
/// # Safety
/// Once, before any other use of Python.
unsafe fn configure(arguments: &[Vec<u8>]) -> Option<i32> {
    // SAFETY: the configuration is ours until it is freed; all strings are 0-terminated and outlive the calls.
    unsafe {
        let config = ffi::PyInitConfig_Create();
        assert!(!config.is_null(), "no memory for the configuration of Python");
        let expect = |status: i32, what: &str| {
            if status < 0 {
                panic!("Python could not be configured ({what}): {}", config_error(config));
            }
        };
        let mut argv: Vec<*const c_char> = arguments.iter().map(|text| text.as_ptr().cast()).collect();
        expect(ffi::PyInitConfig_SetStrList(config, c"argv".as_ptr(), argv.len(), argv.as_mut_ptr()), "argv");
        let options = Options::read(arguments);
        // A given search path replaces the one that CPython makes, PYTHONPATH included.
        let python_path = std::env::var_os("PYTHONPATH").unwrap_or_default();
        let mut extra: Vec<Vec<u8>> = Vec::new();
        if !options.ignores_environment {
            for path in python_path.as_encoded_bytes().split(|byte| *byte == b':').filter(|path| !path.is_empty()) {
                extra.push([path, &b"\0"[..]].concat());
            }
        }
        let mut paths: Vec<*const c_char> = extra.iter().map(|path| path.as_ptr().cast()).collect();
        paths.extend(SEARCH_PATHS.iter().map(|path| path.as_ptr()));
        expect(
            ffi::PyInitConfig_SetStrList(config, c"module_search_paths".as_ptr(), paths.len(), paths.as_mut_ptr()),
            "module_search_paths",
        );
        for (name, value) in [
            (c"parse_argv", 1),
            // PyInitConfig_Create starts from the isolated configuration.
            (c"isolated", 0),
            (c"safe_path", 0),
            (c"use_environment", 1),
            // The names of the environment's locale are Python's, as they are for a program in a terminal. Text is UTF-8, whatever they are.
            (c"configure_locale", 1),
            (c"utf8_mode", 1),
            (c"buffered_stdio", 1),
            (c"install_signal_handlers", 1),
            (c"write_bytecode", 0),
            (c"user_site_directory", 0),
            // The isolated configuration decides these; arguments (`-X dev`) and environment shall.
            (c"use_hash_seed", UNDECIDED),
            // This one has a second place, which the isolated configuration decided too.
            (c"dev_mode", options.dev_mode.into()),
            (c"faulthandler", UNDECIDED),
            (c"tracemalloc", UNDECIDED),
            (c"int_max_str_digits", UNDECIDED),
        ] {
            expect(ffi::PyInitConfig_SetInt(config, name.as_ptr(), value), "options");
        }
        for name in [c"prefix", c"exec_prefix", c"base_prefix", c"base_exec_prefix"] {
            expect(ffi::PyInitConfig_SetStr(config, name.as_ptr(), c"/".as_ptr()), "prefix");
        }
        // Modules that are frozen into the program have a `__file__` only if Python knows where the others are.
        expect(ffi::PyInitConfig_SetStr(config, c"stdlib_dir".as_ptr(), SEARCH_PATHS[0].as_ptr()), "stdlib_dir");
        if ffi::Py_InitializeFromInitConfig(config) < 0 {
            let mut code = 0;
            if ffi::PyInitConfig_GetExitCode(config, &mut code) > 0 {
                ffi::PyInitConfig_Free(config);
                return Some(code);
            }
            panic!("Python could not start: {}", config_error(config));
        }
        ffi::PyInitConfig_Free(config);
    }
    None
}

/// The options before the program that have to be known before CPython reads them.
#[derive(Default)]
struct Options {
    /// `-E`, `-I`: `PYTHON*` variables do not count.
    ignores_environment: bool,
    /// `-X dev` or its variable.
    dev_mode: bool,
}

impl Options {
    /// Reads what CPython would: options end at the program, and several may stand in one argument (`-Es`).
    fn read(arguments: &[Vec<u8>]) -> Self {
        let mut options = Self::default();
        let mut arguments = arguments.iter().skip(1).map(|argument| argument.strip_suffix(b"\0").unwrap_or(argument));
        'arguments: while let Some(argument) = arguments.next() {
            if argument == b"--check-hash-based-pycs" {
                arguments.next();
                continue;
            }
            let Some(letters) = argument.strip_prefix(b"-").filter(|letters| !letters.is_empty() && *letters != b"-") else {
                break;
            };
            if letters[0] == b'-' {
                continue;
            }
            for (index, letter) in letters.iter().enumerate() {
                match letter {
                    b'E' | b'I' => options.ignores_environment = true,
                    // What follows belongs to the program.
                    b'c' | b'm' => break 'arguments,
                    b'W' | b'X' => {
                        let rest = &letters[index + 1..];
                        let value = if rest.is_empty() { arguments.next().unwrap_or_default() } else { rest };
                        options.dev_mode |= *letter == b'X' && value.split(|byte| *byte == b'=').next() == Some(b"dev");
                        break;
                    }
                    _ => {}
                }
            }
        }
        options.dev_mode |= !options.ignores_environment && std::env::var_os("PYTHONDEVMODE").is_some_and(|value| !value.is_empty());
        options
    }
}

/// # Safety
/// `config` is a live configuration.
unsafe fn config_error(config: *mut ffi::PyInitConfig) -> String {
    let mut message = core::ptr::null();
    // SAFETY: by contract; the message lives as long as the configuration.
    unsafe {
        if ffi::PyInitConfig_GetError(config, &mut message) == 0 || message.is_null() {
            return String::from("no reason given");
        }
        CStr::from_ptr(message).to_string_lossy().into_owned()
    }
}
