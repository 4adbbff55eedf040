//! The built-in module `_pyodide_core`: what the Python packages see of the core.

use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use crate::arguments::fastcall;
use crate::boundary::*;
use crate::jsproxy::{self, method_keywords, method_noargs, method_o};
use crate::py::{self, Py, PyResult, Raised, Ref, check};
use crate::wire::{self, WireValue};
use crate::{convert, error, hash, pyproxy, stacks, state};

/// What `PyInit__pyodide_core` is for an extension module.
pub unsafe extern "C" fn init() -> *mut PyObject {
    guard_slot(ptr::null_mut(), || make().map(Py::into_ptr))
}

fn make() -> PyResult<Py> {
    let definition = Box::leak(Box::new(ffi::PyModuleDef {
        m_base: ffi::PyModuleDef_HEAD_INIT,
        m_name: c"_pyodide_core".as_ptr(),
        m_doc: c"The wasm half of the interface between Python and JavaScript. Use `pyodide.ffi`.".as_ptr(),
        m_size: -1,
        m_methods: jsproxy::methods_forever(methods()).cast(),
        m_slots: ptr::null_mut(),
        m_traverse: None,
        m_clear: None,
        m_free: None,
    }));
    // SAFETY: the definition lives for ever.
    let module = unsafe { Py::owned_or_err(ffi::PyModule_Create(definition))? };
    jsproxy::init(module.borrow())?;
    special_objects(module.borrow())?;
    Ok(module)
}

/// `JsBigInt`, `ConversionError` and `jsnull`, which Python itself says best.
const SPECIAL: &core::ffi::CStr = c"
class JsBigInt(int):
    'A JavaScript BigInt: an int that goes back to JavaScript as a BigInt, whatever its size. What is computed with it is one too.'
    __slots__ = ()
    __module__ = 'pyodide.ffi'

def _keep(operation):
    def method(*operands):
        result = operation(*operands)
        return JsBigInt(result) if type(result) is int else result
    return method
for _name in 'add sub mul floordiv mod pow lshift rshift and or xor'.split():
    for _name in ('__%s__' % _name, '__r%s__' % _name):
        setattr(JsBigInt, _name, _keep(getattr(int, _name)))
for _name in ('__neg__', '__pos__', '__abs__', '__invert__'):
    setattr(JsBigInt, _name, _keep(getattr(int, _name)))

class ConversionError(Exception):
    'A value has no faithful counterpart in the other language.'
    __module__ = 'pyodide.ffi'

class JsNull:
    'The type of `jsnull`, JavaScript null where it is kept apart from undefined.'
    __slots__ = ()
    __module__ = 'pyodide.ffi'
    def __repr__(self): return 'jsnull'
    def __bool__(self): return False
    def __reduce__(self): return 'jsnull'
    @property
    def typeof(self): return 'object'

jsnull = JsNull()
";

fn special_objects(module: Ref<'_>) -> PyResult<()> {
    let namespace = Py::dict()?;
    // SAFETY: all are alive; the source is 0-terminated.
    unsafe {
        check(ffi::PyDict_SetItemString(namespace.as_ptr(), c"__builtins__".as_ptr(), ffi::PyEval_GetBuiltins()))?;
        Py::owned_or_err(ffi::PyRun_String(
            SPECIAL.as_ptr(),
            ffi::Py_file_input,
            namespace.as_ptr(),
            namespace.as_ptr(),
        ))?;
        for name in [c"JsBigInt", c"ConversionError", c"JsNull", c"jsnull"] {
            let object = ffi::PyDict_GetItemString(namespace.as_ptr(), name.as_ptr());
            if object.is_null() {
                return Err(py::system_error("Pyoxide has a bug: a special object is missing"));
            }
            module.set_attr(name, Ref::from_ptr(object))?;
        }
    }
    // A BigInt subclass cannot be subclassed by accident: only the exact type goes back as a BigInt.
    state::set_special(module.attr(c"JsBigInt")?, module.attr(c"jsnull")?);
    convert::set_conversion_error(module.attr(c"ConversionError")?);
    Ok(())
}

fn methods() -> Vec<ffi::PyMethodDef> {
    vec![
        method_keywords(c"create_proxy", create_proxy, c"create_proxy($module, obj, /, *, capture_this=False, roundtrip=True)\n--\n\nA JsProxy of a PyProxy of the object, for callbacks and objects that JavaScript keeps: destroy() it when it is no longer needed."),
        method_keywords(c"create_once_callable", create_once_callable, c"create_once_callable($module, obj, /, *, _may_syncify=False)\n--\n\nA JavaScript function that calls the object once and then frees it."),
        method_o(c"destroy_proxy", destroy_proxy, c"destroy_proxy(proxy, /): destroys the PyProxy of a JsDoubleProxy."),
        method_o(c"unwrap_proxy", unwrap_proxy, c"unwrap_proxy(proxy, /): the object behind a JsDoubleProxy."),
        method_keywords(c"bound", bound, c"bound(jsproxy, through, /): a proxy of the same value whose calls and attributes go through a Python object."),
        method_o(c"is_json", is_json, c"is_json(object, /): is it a view that as_py_json() has made?"),
        method_o(c"as_module", as_module, c"as_module(jsproxy, /): a proxy of the same object that is a package for the import system."),
        method_keywords(c"js_method", js_method, c"js_method(object, name, /, *args): calls a JavaScript method, whatever the proxy's own attributes are."),
        method_o(c"destroy_proxies", destroy_proxies, c"destroy_proxies($module, pyproxies, /)\n--\n\nDestroys all PyProxies in a JavaScript array."),
        method_keywords(c"to_js", to_js, c"to_js($module, obj, /, *, depth=-1, pyproxies=None, create_pyproxies=True, dict_converter=None, default_converter=None, eager_converter=None)\n--\n\nConverts the object to JavaScript, as deep as `depth` says. What has no counterpart becomes a PyProxy, which is added to the array `pyproxies`."),
        method_o(c"js_eval", js_eval, c"js_eval(source, /): JavaScript's eval, in the global scope."),
        method_keywords(c"schedule", schedule, c"schedule(callback, delay_ms, /) -> int: calls callback() from a macrotask."),
        method_o(c"cancel", cancel, c"cancel(id, /): forgets what schedule() gave the id for."),
        method_o(c"run_sync", run_sync, c"run_sync(promise, /): blocks until a promise settles."),
        method_noargs(c"can_run_sync", can_run_sync, c"can_run_sync($module)\n--\n\nWhether run_sync() can block here."),
        method_o(c"digest_update", hash::digest_update, c"digest_update((name, state, data), /) -> bytes: the state after more data."),
        method_o(c"digest_finish", hash::digest_finish, c"digest_finish((name, state), /) -> bytes"),
        method_o(c"pbkdf2_hmac", hash::pbkdf2_hmac, c"pbkdf2_hmac((digest, password, salt, rounds, length), /) -> bytes"),
        method_o(c"scrypt", hash::scrypt, c"scrypt((password, salt, n, r, p, memory_bytes_max, length), /) -> bytes"),
        method_keywords(
            c"throw_into_task",
            throw_into_task,
            c"throw_into_task(task, exception_class) -> bool: raises in the stack that waits while it runs the task; False if there is none.",
        ),
        method_noargs(
            c"share_running_loop",
            share_running_loop,
            c"share_running_loop(): makes the running loop and the asyncgen hooks of this stack those of the event loop, where it has none.",
        ),
        method_o(c"js_error", js_error, c"js_error(exception, /) -> JsException: a PythonError for an exception."),
    ]
}

fn truth(value: Option<Ref<'_>>, default: bool) -> PyResult<bool> {
    value.map_or(Ok(default), Ref::is_true)
}

fastcall! {
    fn create_proxy(_module, arguments) {
        let (object, [capture_this, roundtrip]) = arguments.one_and_named("create_proxy", ["capture_this", "roundtrip"])?;
        let mut flags = 0;
        if truth(capture_this, false)? {
            flags |= PYPROXY_CAPTURE_THIS;
        }
        if truth(roundtrip, true)? {
            flags |= PYPROXY_ROUNDTRIP;
        }
        double_proxy(object, flags)
    }

    fn create_once_callable(_module, arguments) {
        let (object, [may_syncify]) = arguments.one_and_named("create_once_callable", ["_may_syncify"])?;
        truth(may_syncify, false)?;
        // SAFETY: the object is alive.
        if unsafe { ffi::PyCallable_Check(object.as_ptr()) } == 0 {
            return Err(py::type_error("create_once_callable() needs a callable object"));
        }
        state::count_reference();
        // SAFETY: the import owns the reference that it is given.
        let proxy = JsRef::owned_or_err(unsafe { pyox_js_proxy_once(object.to_owned().into_ptr()) })?;
        jsproxy::new_once_callable(proxy)
    }

    fn bound(_module, arguments) {
        let [proxy, through] = arguments.exactly("bound() takes a JsProxy and an object")?;
        jsproxy::bound(proxy, through)
    }

    fn js_method(_module, arguments) {
        const WHAT: &str = "js_method() takes a JsProxy, a name and arguments";
        let [object, name, rest @ ..] = arguments.positional() else { return Err(py::type_error(WHAT)) };
        let Some(object) = jsproxy::handle_of(*object) else { return Err(py::type_error(WHAT)) };
        let name = wire::to_handle(*name)?;
        jsproxy::call_method(object, name.handle(), rest)
    }

    fn to_js(_module, arguments) {
        let names = ["depth", "pyproxies", "create_pyproxies", "dict_converter", "default_converter", "eager_converter"];
        let (object, options) = arguments.one_and_named("to_js", names)?;
        convert::to_js_from_python(object, options)
    }

    fn schedule(_module, arguments) {
        let [callback, delay] = arguments.exactly("schedule() takes a callback and a delay in milliseconds")?;
        // SAFETY: the object is alive; the import owns the callback.
        unsafe {
            let delay = ffi::PyFloat_AsDouble(delay.as_ptr());
            if delay == -1.0 && !ffi::PyErr_Occurred().is_null() {
                return Err(Raised);
            }
            Py::int(i64::from(pyox_js_callback_schedule(callback.to_owned().into_ptr(), delay)))
        }
    }
}

/// A JsDoubleProxy for an object, with these marks (`PYPROXY_*`).
///
/// # Errors
/// No memory.
pub fn double_proxy(object: Ref<'_>, marks: u32) -> PyResult<Py> {
    let flags = pyproxy::flags_of(object) | marks;
    state::count_reference();
    // SAFETY: the import owns the reference it is given.
    let proxy = JsRef::owned_or_err(unsafe { pyox_js_proxy_new(object.to_owned().into_ptr(), flags) })?;
    let callable = if flags & PY_HAS_CALL != 0 { JS_IS_CALLABLE } else { 0 };
    jsproxy::new(proxy, JS_IS_DOUBLE_PROXY | callable, None)
}

unsafe extern "C" fn destroy_proxy(_module: *mut PyObject, proxy: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the handle is alive.
        unsafe {
            let Some(handle) = jsproxy::handle_of(Ref::from_ptr(proxy)) else {
                return Err(py::type_error("destroy_proxy() needs a JsDoubleProxy"));
            };
            let mut message = WireValue::undefined();
            if pyox_js_proxy_destroy(handle, &mut message) == -1 {
                return Err(error::raise_pending());
            }
        }
        Ok(Py::none().into_ptr())
    })
}

unsafe extern "C" fn as_module(_module: *mut PyObject, object: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython passes a live object.
    guard_slot(ptr::null_mut(), || jsproxy::as_module(unsafe { Ref::from_ptr(object) }).map(Py::into_ptr))
}

unsafe extern "C" fn is_json(_module: *mut PyObject, object: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython passes a live object.
    guard_slot(ptr::null_mut(), || Ok(Py::boolean(jsproxy::is_json(unsafe { Ref::from_ptr(object) })).into_ptr()))
}

unsafe extern "C" fn unwrap_proxy(_module: *mut PyObject, proxy: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the pointer is borrowed from the proxy, which the handle keeps.
        unsafe {
            let handle = jsproxy::handle_of(Ref::from_ptr(proxy));
            let object = handle.map_or(ptr::null_mut(), |handle| pyox_js_proxy_unwrap(handle));
            if object.is_null() {
                return Err(py::value_error("Object has already been destroyed"));
            }
            Ok(Ref::from_ptr(object).to_owned().into_ptr())
        }
    })
}

unsafe extern "C" fn destroy_proxies(_module: *mut PyObject, proxies: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the handle is alive.
        unsafe {
            let proxies = Ref::from_ptr(proxies);
            let Some(handle) = jsproxy::handle_of(proxies) else {
                return Err(py::type_error("destroy_proxies() needs a JsProxy of an Array of PyProxies"));
            };
            if pyox_js_proxy_destroy_all(handle) == -1 {
                return Err(error::raise_pending());
            }
        }
        Ok(Py::none().into_ptr())
    })
}

unsafe extern "C" fn js_eval(_module: *mut PyObject, source: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the wire was just written.
        unsafe {
            let source = Ref::from_ptr(source);
            if !source.is_string() {
                let name = Py::owned_or_err(ffi::PyType_GetName(source.ty()))?;
                return Err(py::type_error(&format!("run_js() needs a str, not {}", name.borrow().utf8()?)));
            }
            let (mut code, mut out) = (WireValue::undefined(), WireValue::undefined());
            wire::write_argument(source, &mut code)?;
            let tag = pyox_js_code_eval(&mut code, &mut out);
            wire::read(tag, &out).map(Py::into_ptr)
        }
    })
}

unsafe extern "C" fn cancel(_module: *mut PyObject, id: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object.
        unsafe {
            let id = ffi::PyLong_AsUnsignedLongMask(id);
            if id == core::ffi::c_ulong::MAX && !ffi::PyErr_Occurred().is_null() {
                return Err(Raised);
            }
            pyox_js_callback_cancel(id as u32);
        }
        Ok(Py::none().into_ptr())
    })
}

unsafe extern "C" fn run_sync(_module: *mut PyObject, promise: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the handle is alive; the wire was just written.
        unsafe {
            let Some(handle) = jsproxy::handle_of(Ref::from_ptr(promise)) else {
                return Err(py::type_error("run_sync() needs a JsPromise"));
            };
            stacks::wait(handle).map(Py::into_ptr)
        }
    })
}

unsafe extern "C" fn can_run_sync(_module: *mut PyObject, _unused: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        Ok(Py::boolean(stacks::can_wait()).into_ptr())
    })
}

unsafe extern "C" fn throw_into_task(
    _module: *mut PyObject,
    args: *const *mut PyObject,
    count: ffi::Py_ssize_t,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython's fastcall protocol.
        unsafe {
            if count != 2 || !kwnames.is_null() {
                return Err(py::type_error("throw_into_task() takes a task and the class of an exception"));
            }
            Ok(Py::boolean(stacks::throw_into(Ref::from_ptr(*args), Ref::from_ptr(*args.add(1)))).into_ptr())
        }
    })
}

unsafe extern "C" fn share_running_loop(_module: *mut PyObject, _unused: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        stacks::share_with_starters();
        Ok(Py::none().into_ptr())
    })
}

unsafe extern "C" fn js_error(_module: *mut PyObject, exception: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object.
        unsafe {
            if ffi::PyExceptionInstance_Check(exception) == 0 {
                return Err(py::type_error("js_error() needs an exception"));
            }
            error::js_error(Ref::from_ptr(exception)).map(Py::into_ptr)
        }
    })
}
