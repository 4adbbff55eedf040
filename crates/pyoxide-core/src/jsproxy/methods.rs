//! Methods of the capability classes that are best said in Python.
//!
//! The bodies are in `_pyodide._jsproxy_methods`, imported when one is first used; what has to be fast, or needs the handle,
//! is in the other files. `to_py`, `as_object_map`, and the steps of generators are here.

use core::ffi::{CStr, c_void};
use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::{Py_ssize_t, PyObject};

use super::iterate::{Step, read_step, stop};
use super::{Slots, method_keywords, method_noargs, method_o, this_fields};
use crate::arguments::{Passed, fastcall, passing};
use crate::boundary::*;
use crate::cells::Slot;
use crate::py::{self, Py, PyResult, Ref};
use crate::wire::{self, WireValue};
use crate::{convert, jsproxy};

static MODULE: Slot<Option<Py>> = Slot::new(None);

/// Calls a function of `_pyodide._jsproxy_methods` with `self` and the arguments.
///
/// # Safety
/// Within the call that the arguments were passed for.
unsafe fn delegate(name: &CStr, object: Ref<'_>, passed: Passed) -> PyResult<Py> {
    // SAFETY: by contract; the module stays alive in its slot.
    unsafe {
        if (*MODULE.as_ptr()).is_none() {
            MODULE.replace(Some(Py::import(c"_pyodide._jsproxy_methods")?));
        }
        let module = (*MODULE.as_ptr()).as_ref().ok_or(py::Raised)?.clone();
        let function = module.borrow().attr(name)?;
        let count = passed.count + passed.named();
        let mut all = Vec::with_capacity(count + 1);
        all.push(object.as_ptr());
        for index in 0..count {
            // Never reached with a null `args`: then there are none.
            all.push(*passed.args.add(index));
        }
        Passed { args: all.as_ptr(), count: passed.count + 1, ..passed }.call(function.borrow())
    }
}

/// As `delegate`, for a slot with these arguments.
///
/// # Safety
/// All are alive.
unsafe fn delegate_slot(name: &CStr, object: *mut PyObject, args: &[*mut PyObject]) -> *mut PyObject {
    let passed = Passed { args: args.as_ptr(), count: args.len(), kwnames: ptr::null_mut() };
    // SAFETY: by contract.
    guard_slot(ptr::null_mut(), || unsafe { delegate(name, Ref::from_ptr(object), passed).map(Py::into_ptr) })
}

macro_rules! cstr {
    ($text:literal) => {
        const {
            match CStr::from_bytes_with_nul(concat!($text, "\0").as_bytes()) {
                Ok(text) => text,
                Err(_) => panic!("a name or text has a zero byte"),
            }
        }
    };
}

macro_rules! concat_name {
    ($table:ident, $text:literal) => {
        const {
            match CStr::from_bytes_with_nul(concat!(stringify!($table), "_", $text, "\0").as_bytes()) {
                Ok(text) => text,
                Err(_) => panic!("a name has a zero byte"),
            }
        }
    };
}

macro_rules! delegated {
    ($($table:ident { $($name:ident $text:literal $doc:literal;)* })*) => { $(
        pub(super) fn $table() -> Vec<ffi::PyMethodDef> {
            $(
                passing! {
                    fn $name(this, passed, Py_ssize_t) { delegate(concat_name!($table, $text), this, passed) }
                }
            )*
            vec![$( method_keywords(cstr!($text), $name, cstr!($doc)) ),*]
        }
    )* };
}

delegated! {
    double_proxy {
        enter "__enter__" "Gives the proxy itself.";
        exit "__exit__" "Destroys the PyProxy.";
        destroy "destroy" "destroy()\n\nDestroys the PyProxy: JavaScript cannot use it any more.";
        unwrap "unwrap" "unwrap()\n\nThe Python object behind the proxy.";
    }
    disposable {
        enter "__enter__" "Gives the object itself.";
        exit "__exit__" "Disposes of the object.";
    }
    async_disposable {
        aenter "__aenter__" "Gives the object itself.";
        aexit "__aexit__" "Disposes of the object, and waits for it.";
    }
    object_signatures {
        bind_sig "bind_sig" "bind_sig(signature, /)\n\nThe same function, called as a Python signature says: keyword arguments become an object of options.";
        bind_class "bind_class" "bind_class(cls, /)\n\nThe same class or object, whose methods and constructor have the signatures of a Python class.";
    }
    callable {
        bind "bind" "bind(this, /, *args)\n\nJavaScript's bind; bind(SignatureClass) gives the function or class Python signatures.";
    }
    async_generator {
        asend "asend" "asend(value, /)\n\nResumes with a value: an awaitable of what is yielded next, or StopAsyncIteration.";
        athrow "athrow" "athrow(error, /)\n\nRaises the error where the generator is paused: an awaitable of what is yielded next.";
        aclose "aclose" "aclose()\n\nEnds the generator: an awaitable.";
    }
    array {
        append "append" "append(object, /)\n\nAdds an element at the end.";
        extend "extend" "extend(iterable, /)\n\nAdds all elements of an iterable at the end.";
        insert "insert" "insert(index, object, /)\n\nInserts before the index, as list.insert does.";
        pop "pop" "pop(index=-1, /)\n\nRemoves and returns an element. Raises IndexError when there is none.";
        remove "remove" "remove(object, /)\n\nRemoves the first equal element. Raises ValueError when there is none.";
        index "index" "index(value, start=0, stop=..., /) -> int\n\nThe first position of an equal element. Raises ValueError when there is none.";
        count "count" "count(value, /) -> int\n\nNumber of equal elements.";
        reverse "reverse" "reverse()\n\nReverses in place.";
        clear "clear" "clear()\n\nRemoves all elements.";
        copy "copy" "copy() -> JsArray\n\nA shallow copy.";
        reversed "__reversed__" "Iterates from the end.";
    }
    map {
        get "get" "get(key, default=None, /)\n\nself[key] if there is such a key, else the default.";
        keys "keys" "keys() -> KeysView";
        values "values" "values() -> ValuesView";
        items "items" "items() -> ItemsView";
    }
    mutable_map {
        clear "clear" "clear()\n\nRemoves all keys.";
        pop "pop" "pop(key, default=..., /)\n\nRemoves a key and returns its value, or the default.";
        popitem "popitem" "popitem() -> tuple\n\nRemoves and returns some (key, value).";
        setdefault "setdefault" "setdefault(key, default=None, /)\n\nThe value of the key, which is set to the default if it is missing.";
        update "update" "update(other=(), /, **kwargs)\n\nSets keys from a mapping or from pairs, then from keyword arguments.";
    }
}

/// Operators of arrays, and iteration over object maps.
pub(super) fn slots(slots: &mut Slots, flags: u32) {
    if jsproxy::is_array_like(flags) {
        slots.add(ffi::Py_sq_concat, array_concat as *mut c_void);
        slots.add(ffi::Py_sq_inplace_concat, array_inplace_concat as *mut c_void);
        slots.add(ffi::Py_sq_repeat, array_repeat as *mut c_void);
        slots.add(ffi::Py_sq_inplace_repeat, array_inplace_repeat as *mut c_void);
    }
    if flags & JS_IS_OBJECT_MAP != 0 {
        slots.add(ffi::Py_tp_iter, object_map_iter as *mut c_void);
    }
}

unsafe extern "C" fn array_concat(object: *mut PyObject, other: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython passes live objects.
    unsafe { delegate_slot(c"array_concat", object, &[other]) }
}

unsafe extern "C" fn array_inplace_concat(object: *mut PyObject, other: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython passes live objects.
    unsafe { delegate_slot(c"array_inplace_concat", object, &[other]) }
}

unsafe extern "C" fn array_repeat(object: *mut PyObject, count: Py_ssize_t) -> *mut PyObject {
    let Ok(count) = Py::int(count as i64) else { return ptr::null_mut() };
    // SAFETY: CPython passes a live object.
    unsafe { delegate_slot(c"array_repeat", object, &[count.as_ptr()]) }
}

unsafe extern "C" fn array_inplace_repeat(object: *mut PyObject, count: Py_ssize_t) -> *mut PyObject {
    let Ok(count) = Py::int(count as i64) else { return ptr::null_mut() };
    // SAFETY: CPython passes a live object.
    unsafe { delegate_slot(c"array_inplace_repeat", object, &[count.as_ptr()]) }
}

unsafe extern "C" fn object_map_iter(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython passes a live object.
    unsafe { delegate_slot(c"object_map_iter", object, &[]) }
}

/// `anext`.
pub(super) unsafe extern "C" fn anext(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython passes a live object.
    unsafe { delegate_slot(c"async_iterator_anext", object, &[]) }
}

/// `JsArray[int]` and the like, for annotations (FFI-070).
pub(super) fn class_getitem() -> ffi::PyMethodDef {
    ffi::PyMethodDef {
        ml_flags: ffi::METH_O | ffi::METH_CLASS,
        ..method_o(c"__class_getitem__", generic_alias, c"For type annotations.")
    }
}

unsafe extern "C" fn generic_alias(class: *mut PyObject, item: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython passes live objects.
    unsafe { ffi::Py_GenericAlias(class, item) }
}

/// `__all__`, for `from module import *` (TT-050).
pub(super) unsafe extern "C" fn get_all(object: *mut PyObject, _closure: *mut c_void) -> *mut PyObject {
    // SAFETY: CPython passes a live object.
    unsafe { delegate_slot(c"object_all", object, &[]) }
}

/// `JsException.__reduce__`.
pub(super) unsafe extern "C" fn exception_reduce(object: *mut PyObject, _unused: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython passes a live object.
    unsafe { delegate_slot(c"exception_reduce", object, &[]) }
}

/// Methods of JsProxy itself that need conversions.
pub(super) fn object() -> Vec<ffi::PyMethodDef> {
    let mut all = object_signatures();
    all.extend([
        method_keywords(c"to_py", to_py, c"to_py($self, /, *, depth=-1, default_converter=None)\n--\n\nConverts to native Python objects as well as possible; depth 1 converts one level."),
        method_noargs(c"as_py_json", as_py_json, c"as_py_json()\n\nA view of JSON as Python reads it: plain objects are mappings, Arrays are sequences, at every depth; nothing is copied."),
        method_noargs(c"to_weakref", to_weakref, c"to_weakref() -> JsWeakRef\n\nA WeakRef to the JavaScript object."),
        method_keywords(c"as_object_map", as_object_map, c"as_object_map($self, /, *, hereditary=False)\n--\n\nA view of the own properties as a mapping; with hereditary, plain objects among the values are views too."),
    ]);
    all
}

fastcall! {
    fn to_py(this, arguments) {
        let js = this_fields(this)?;
        let [depth, converter] = arguments.only_named("to_py", ["depth", "default_converter"])?;
        let depth = convert::parse_depth(depth)?;
        convert::to_py_from_python(js.handle, depth, converter.filter(|value| !value.is_none()))
    }

    fn as_object_map(this, arguments) {
        let js = this_fields(this)?;
        let [hereditary] = arguments.only_named("as_object_map", ["hereditary"])?;
        let mut flags = js.flags | JS_IS_OBJECT_MAP;
        if hereditary.map_or(Ok(false), Ref::is_true)? {
            flags |= JS_IS_HEREDITARY;
        }
        // SAFETY: the handle is alive; the clone is ours.
        let handle = JsRef::from_owned(unsafe { pyox_js_handle_clone(js.handle) });
        jsproxy::new(handle, flags, None)
    }

    fn throw(this, arguments) {
        // The old signature is (type, value, traceback).
        let (given, value) = match arguments.positional() {
            [error] => (*error, Py::none_ref()),
            [error, value] | [error, value, _] => (*error, *value),
            other => return Err(py::type_error(&format!("throw() takes 1 to 3 arguments ({} given)", other.len()))),
        };
        // SAFETY: reads flags of live objects and of their types.
        let (is_class, is_instance) =
            unsafe { (ffi::PyExceptionClass_Check(given.as_ptr()) != 0, ffi::PyExceptionInstance_Check(value.as_ptr()) != 0) };
        let error = match (is_class, is_instance) {
            (false, _) => given.to_owned(),
            (true, true) => value.to_owned(),
            (true, false) if value.is_none() => given.call(&[])?,
            (true, false) => given.call(&[value])?,
        };
        // SAFETY: as above.
        if unsafe { ffi::PyExceptionInstance_Check(error.as_ptr()) } == 0 {
            return Err(py::type_error("throw() needs an exception"));
        }
        // JavaScript catches an Error: the JavaScript one behind a JsException, a PythonError for any other.
        let error = if jsproxy::handle_of(error.borrow()).is_some() { error } else { crate::error::js_error(error.borrow())? };
        // SAFETY: the proxy is alive; a result is a new reference, or null with an error or at the end.
        unsafe {
            let given = step(this.as_ptr(), error.borrow(), |handle, given, out| pyox_js_iterator_finish(handle, 0, given, out))?;
            Py::owned_or_err(given)
        }
    }
}

unsafe extern "C" fn as_py_json(object: *mut PyObject, _unused: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the handle is alive.
        unsafe {
            let js = this_fields(Ref::from_ptr(object))?;
            // `json.dumps` learns to take such views with the first of them.
            Py::owned_or_err(delegate_slot(c"object_as_py_json", object, &[]))?;
            let marks = match js.flags {
                flags if flags & JS_IS_ARRAY != 0 => JS_IS_JSON,
                flags if flags & (JS_IS_CALLABLE | JS_IS_ERROR) == 0 => JS_IS_OBJECT_MAP | JS_IS_HEREDITARY | JS_IS_JSON,
                _ => return Err(py::type_error("as_py_json() needs an object or an Array, as JSON has them")),
            };
            let handle = JsRef::from_owned(pyox_js_handle_clone(js.handle));
            jsproxy::new(handle, js.flags | marks, None).map(Py::into_ptr)
        }
    })
}

unsafe extern "C" fn to_weakref(object: *mut PyObject, _unused: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the handle is alive.
        unsafe {
            let js = this_fields(Ref::from_ptr(object))?;
            let weak = JsRef::owned_or_err(pyox_js_value_weak(js.handle))?;
            let flags = pyox_js_value_flags(weak.handle());
            jsproxy::new(weak, flags, None).map(Py::into_ptr)
        }
    })
}

/// Methods of iterators.
pub(super) fn iterator() -> Vec<ffi::PyMethodDef> {
    vec![method_o(c"send", send, c"send(value, /)\n\nResumes with a value; StopIteration at the end.")]
}

/// Methods of generators.
pub(super) fn generator() -> Vec<ffi::PyMethodDef> {
    vec![
        method_keywords(c"throw", throw, c"throw(error, /)\n\nRaises the error where the generator is paused, and gives what it yields next."),
        method_noargs(c"close", close, c"close()\n\nEnds the generator."),
    ]
}

/// Takes one step and gives what CPython expects of `send`.
///
/// # Safety
/// `object` is a live proxy of an iterator.
unsafe fn step(object: *mut PyObject, value: Ref<'_>, import: impl FnOnce(Handle, Wire, Wire) -> i32) -> PyResult<*mut PyObject> {
    // SAFETY: by contract; the wires were just written.
    unsafe {
        let js = this_fields(Ref::from_ptr(object))?;
        let (mut given, mut out) = (WireValue::undefined(), WireValue::undefined());
        wire::write_argument(value, &mut given)?;
        Ok(match read_step(import(js.handle, &mut given, &mut out), &out)? {
            Step::Yield(value) => value.into_ptr(),
            Step::Done(value) => {
                if value.borrow().is_none() {
                    ffi::PyErr_SetNone(ffi::PyExc_StopIteration);
                }
                stop(value)
            }
        })
    }
}

unsafe extern "C" fn send(object: *mut PyObject, value: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes live objects.
        unsafe { step(object, Ref::from_ptr(value), |handle, given, out| pyox_js_iterator_next(handle, given, out)) }
    })
}

unsafe extern "C" fn close(object: *mut PyObject, _unused: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the wires were just written.
        unsafe {
            let js = this_fields(Ref::from_ptr(object))?;
            let (mut given, mut out) = (WireValue::undefined(), WireValue::undefined());
            match read_step(pyox_js_iterator_finish(js.handle, 1, &mut given, &mut out), &out)? {
                Step::Done(_) => Ok(Py::none().into_ptr()),
                Step::Yield(_) => Err(py::runtime_error("JavaScript generator ignored return")),
            }
        }
    })
}
