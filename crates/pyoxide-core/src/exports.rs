//! The rows of `for_each_py_export`: what JavaScript calls.
//!
//! Owns the translation of each row into C API calls. Every body runs in `guard`, so nothing unwinds out.

use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::Py_ssize_t;

use crate::boundary::*;
use crate::py::{self, Py, PyResult, Raised, Ref, check, check_bool};
use crate::wire::{self, WireValue};
use crate::{buffer, command, compile, convert, jsproxy, pyproxy, refresh, stacks, start, state, sweep};

/// Borrows a parameter.
///
/// # Safety
/// `object` is a live object that JavaScript holds for the call.
unsafe fn arg<'a>(object: PyPtr) -> Ref<'a> {
    // SAFETY: by contract.
    unsafe { Ref::from_ptr(object) }
}

/// Takes a parameter for as long as Python code may run: JavaScript that this calls may destroy the very proxy whose object is
/// used here, and with it the reference that the call was made with.
///
/// # Safety
/// As for `arg`.
unsafe fn held(object: PyPtr) -> Py {
    // SAFETY: by contract.
    unsafe { arg(object) }.to_owned()
}

/// Reads a parameter on the wire.
///
/// # Safety
/// `value` points to a value that JavaScript wrote for this call.
unsafe fn value<'a>(value: Wire) -> PyResult<Py> {
    // SAFETY: by contract; the value is read once.
    unsafe { wire::read((*value).tag(), &*value) }
}

/// Writes a result.
///
/// # Safety
/// `out` points to room for one value.
unsafe fn result(object: Py, out: Wire) -> PyResult<Tag> {
    // SAFETY: by contract.
    wire::write_result(object, unsafe { &mut *out })
}

macro_rules! exports {
    ($( fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block )*) => { $(
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($arg: $ty),*) $(-> $ret)? {
            guard(move || {
                // SAFETY: JavaScript calls with what the table says: live objects, written wires, room for results.
                #[allow(unused_unsafe, reason = "not every body needs it")]
                unsafe { $body }
            })
        }
    )* };
}

exports! {
    fn pyox_py_table_hash() -> u32 { Ok(pyoxide_boundary::TABLE_HASH) }

    fn pyox_py_arena_address() -> Address { Ok(start::arena()) }

    fn pyox_py_memory_alloc(bytes: u32) -> Address { Ok(state::alloc(bytes as usize)) }

    fn pyox_py_memory_free(address: Address) { state::free(address); Ok(()) }

    fn pyox_py_interpreter_start(argv: Wire, argv_count: u32, flags: u32) -> Status {
        start::start(argv, argv_count, flags)
    }

    fn pyox_py_interpreter_resume(flags: u32, references: u32) {
        state::set_start_flags(flags);
        state::set_references(references);
        Ok(())
    }

    fn pyox_py_interpreter_refresh(variables: Wire, count: u32) -> Status {
        refresh::refresh(variables, count)?;
        Ok(0)
    }

    fn pyox_py_interpreter_set_arguments(argv: Wire, argv_count: u32) -> Status {
        command::set_arguments(argv, argv_count)?;
        Ok(0)
    }

    fn pyox_py_memory_sweep() { sweep::sweep(); Ok(()) }

    fn pyox_py_interpreter_run_main() -> i32 { Ok(ffi::Py_RunMain()) }

    fn pyox_py_interpreter_references() -> u32 { Ok(state::references()) }

    fn pyox_py_interpreter_cached_names() -> u32 { Ok(state::cached_names()) }

    fn pyox_py_object_clone(object: PyPtr) -> PyPtr {
        state::count_reference();
        Ok(arg(object).to_owned().into_ptr())
    }

    fn pyox_py_object_drop(object: PyPtr) {
        state::uncount_reference();
        drop(Py::owned_or_none(object));
        Ok(())
    }

    fn pyox_py_object_flags(object: PyPtr) -> u32 { Ok(pyproxy::flags_of(arg(object))) }

    fn pyox_py_name_intern(name: Wire) -> PyPtr {
        let mut text = value(name)?.into_ptr();
        ffi::PyUnicode_InternInPlace(&mut text);
        Ok(text)
    }

    fn pyox_py_string_alloc(length: u32) -> PyPtr {
        let text = Py::owned_or_err(ffi::PyUnicode_New(length as Py_ssize_t, 127))?;
        state::count_reference();
        Ok(text.into_ptr())
    }

    fn pyox_py_attribute_get(object: PyPtr, name: PyPtr, out: Wire) -> Tag {
        let (object, name) = (held(object), held(name));
        match object.borrow().attr_opt(name.borrow())? {
            Some(found) => result(found, out),
            None => Ok((*out).set_tag(TAG_ABSENT)),
        }
    }

    fn pyox_py_attribute_set(object: PyPtr, name: PyPtr, new: Wire) -> Status {
        let (object, name, new) = (held(object), held(name), value(new)?);
        check(ffi::PyObject_SetAttr(object.as_ptr(), name.as_ptr(), new.as_ptr()))?;
        Ok(0)
    }

    fn pyox_py_attribute_delete(object: PyPtr, name: PyPtr) -> Tri {
        let (object, name) = (held(object), held(name));
        match check(ffi::PyObject_SetAttr(object.as_ptr(), name.as_ptr(), ptr::null_mut())) {
            Ok(()) => Ok(1),
            Err(Raised) if py::raised_is(ffi::PyExc_AttributeError) => { py::clear(); Ok(0) }
            Err(Raised) => Err(Raised),
        }
    }

    fn pyox_py_attribute_has(object: PyPtr, name: PyPtr) -> Tri {
        let (object, name) = (held(object), held(name));
        Ok(i32::from(object.borrow().attr_opt(name.borrow())?.is_some()))
    }

    fn pyox_py_item_get(object: PyPtr, key: Wire, out: Wire) -> Tag {
        let (object, key) = (held(object), value(key)?);
        match Py::owned_or_err(ffi::PyObject_GetItem(object.as_ptr(), key.as_ptr())) {
            Ok(found) => result(found, out),
            Err(Raised) if py::raised_is(ffi::PyExc_KeyError) || py::raised_is(ffi::PyExc_IndexError) => {
                py::clear();
                Ok((*out).set_tag(TAG_ABSENT))
            }
            Err(Raised) => Err(Raised),
        }
    }

    fn pyox_py_item_set(object: PyPtr, key: Wire, new: Wire) -> Status {
        let (object, key, new) = (held(object), value(key), value(new));
        check(ffi::PyObject_SetItem(object.as_ptr(), key?.as_ptr(), new?.as_ptr()))?;
        Ok(0)
    }

    fn pyox_py_item_delete(object: PyPtr, key: Wire) -> Status {
        let (object, key) = (held(object), value(key)?);
        check(ffi::PyObject_DelItem(object.as_ptr(), key.as_ptr()))?;
        Ok(0)
    }

    fn pyox_py_item_has(object: PyPtr, key: Wire) -> Tri {
        let (object, key) = (held(object), value(key)?);
        Ok(i32::from(check_bool(ffi::PySequence_Contains(object.as_ptr(), key.as_ptr()))?))
    }

    fn pyox_py_slice_splice(object: PyPtr, start: u32, stop: u32, values: Wire, values_count: u32, out: Wire) -> Tag {
        let mut items = Vec::with_capacity(values_count as usize);
        wire::read_all(values, values_count, &mut items)?;
        let (start, stop) = (start as Py_ssize_t, stop as Py_ssize_t);
        let object = held(object);
        if !takes_slices(object.borrow()) {
            return Ok(wire::write_proxy(splice_one_by_one(object.borrow(), start, stop, &items)?, &mut *out));
        }
        let list = Py::list()?;
        for item in items {
            check(ffi::PyList_Append(list.as_ptr(), item.as_ptr()))?;
        }
        let removed = Py::owned_or_err(ffi::PySequence_GetSlice(object.as_ptr(), start, stop))?;
        let removed = Py::owned_or_err(ffi::PySequence_List(removed.as_ptr()))?;
        check(ffi::PySequence_SetSlice(object.as_ptr(), start, stop, list.as_ptr()))?;
        Ok(wire::write_proxy(removed, &mut *out))
    }

    fn pyox_py_object_length(object: PyPtr) -> Count {
        let object = held(object);
        let length = ffi::PyObject_Size(object.as_ptr());
        check(length.min(0) as i32)?;
        Ok(length as Count)
    }

    fn pyox_py_object_text(object: PyPtr, what: u32, out: Wire) -> Tag {
        let object = held(object);
        let text = match what {
            0 => object.borrow().str()?,
            1 => object.borrow().repr()?,
            _ => type_name(object.borrow())?,
        };
        result(text, out)
    }

    fn pyox_py_object_names(object: PyPtr, what: u32) -> Handle {
        let object = held(object);
        let names = if what == 0 { Py::owned_or_err(ffi::PyObject_Dir(object.as_ptr()))? } else { property_keys(object.borrow())? };
        let mut out = WireValue::undefined();
        match convert::to_js(names.borrow(), -1, 0, &mut out)? {
            TAG_HANDLE_OWNED => Ok(out.aux()),
            _ => Err(py::system_error("Pyoxide has a bug: a list of names did not become an Array")),
        }
    }

    fn pyox_py_object_call(object: PyPtr, args: Wire, args_count: u32, kwnames: Wire, kwargs_count: u32, out: Wire) -> Tag {
        let object = held(object);
        result(call(object.borrow(), args, args_count, kwnames, kwargs_count)?, out)
    }

    fn pyox_py_iterator_new(object: PyPtr, asynchronous: u32, out: Wire) -> Tag {
        let object = held(object);
        let iterator = if asynchronous == 0 { ffi::PyObject_GetIter(object.as_ptr()) } else { ffi::PyObject_GetAIter(object.as_ptr()) };
        result(Py::owned_or_err(iterator)?, out)
    }

    fn pyox_py_iterator_next(object: PyPtr, sent: Wire, out: Wire) -> Tri {
        let (object, sent) = (held(object), value(sent)?);
        step(object.as_ptr(), sent.borrow(), &mut *out)
    }

    fn pyox_py_iterator_finish(object: PyPtr, how: u32, given: Wire, out: Wire) -> Tri {
        let (object, given) = (held(object), value(given)?);
        let thrown = if how == 0 {
            to_exception(given.borrow())
        } else {
            Py::owned_or_err(ffi::PyObject_CallNoArgs(ffi::PyExc_GeneratorExit))?
        };
        match object.borrow().call_method(c"throw", &[thrown.borrow()]) {
            Ok(yielded) => {
                result(yielded, out)?;
                Ok(1)
            }
            Err(Raised) if py::raised_is(ffi::PyExc_StopIteration) => {
                result(stop_value()?, out)?;
                Ok(0)
            }
            Err(Raised) if how == 1 && py::raised_is(ffi::PyExc_GeneratorExit) => {
                py::clear();
                result(given, out)?;
                Ok(0)
            }
            Err(Raised) => Err(Raised),
        }
    }

    fn pyox_py_async_step(object: PyPtr, how: u32, given: Wire, out: Wire) -> Tag {
        let (held, given) = (held(object), value(given)?);
        let object = held.borrow();
        let awaitable = match how {
            0 => object.call_method(c"athrow", &[to_exception(given.borrow()).borrow()])?,
            1 => {
                let exit = Py::owned_or_err(ffi::PyObject_CallNoArgs(ffi::PyExc_GeneratorExit))?;
                object.call_method(c"athrow", &[exit.borrow()])?
            }
            _ if given.borrow().is_none() => object.call_method(c"__anext__", &[])?,
            _ => object.call_method(c"asend", &[given.borrow()])?,
        };
        result(awaitable, out)
    }

    fn pyox_py_awaitable_watch(awaitable: PyPtr, settle: Handle) -> Status {
        let settle = jsproxy::new(JsRef::from_owned(pyox_js_handle_clone(settle)), JS_IS_CALLABLE, None)?;
        Py::import(c"_pyodide._hooks")?
            .borrow()
            .call_method(c"watch_awaitable", &[held(awaitable).borrow(), settle.borrow()])?;
        Ok(0)
    }

    fn pyox_py_module_import(name: Wire, out: Wire) -> Tag {
        let name = value(name)?;
        let found = Py::import(c"_pyodide._hooks")?.borrow().call_method(c"import_dotted", &[name.borrow()])?;
        result(found, out)
    }

    fn pyox_py_future_settle(future: PyPtr, ok: u32, settled: Wire) -> Status {
        let future = Py::owned_or_err(future)?;
        let settled = if ok != 0 { value(settled)? } else { thrown(settled)? };
        // A future that was cancelled in the meantime stays cancelled.
        if !future.borrow().call_method(c"done", &[])?.borrow().is_true()? {
            let method = if ok != 0 { c"set_result" } else { c"set_exception" };
            future.borrow().call_method(method, &[settled.borrow()])?;
        }
        Ok(0)
    }

    fn pyox_py_callback_run(callback: PyPtr) -> Status {
        Py::owned_or_err(callback)?.borrow().call(&[])?;
        Ok(0)
    }

    fn pyox_py_job_run(job: Address) -> Status {
        compile::run_job(job);
        Ok(0)
    }

    fn pyox_py_callback_drop(callback: PyPtr) {
        drop(Py::owned_or_none(callback));
        Ok(())
    }

    fn pyox_py_signals_raise(signal: u32, always: u32) -> Tri {
        if signal == 0 {
            stacks::look_soon();
            return Ok(0);
        }
        let is_running = stacks::python_is_running();
        if (is_running || always != 0) && ffi::PyErr_SetInterruptEx(signal as i32) == -1 {
            return Err(py::value_error("The number of a signal is from 1 to 64"));
        }
        Ok(i32::from(is_running))
    }

    fn pyox_py_signals_check(signal: u32) -> Status {
        if signal != 0 {
            ffi::PyErr_SetInterruptEx(signal as i32);
        }
        check(ffi::PyErr_CheckSignals())?;
        Ok(0)
    }

    fn pyox_py_buffer_open(object: PyPtr, out: Address) -> Status {
        buffer::open(held(object).borrow(), out)?;
        Ok(0)
    }

    fn pyox_py_buffer_close(view: Address) {
        buffer::close(view);
        Ok(())
    }

    fn pyox_py_object_to_js(object: PyPtr, depth: i32, options: Handle, out: Wire) -> Tag {
        convert::to_js(held(object).borrow(), depth, options, &mut *out)
    }

    fn pyox_py_value_to_py(js: Handle, depth: i32, converter: Handle, out: Wire) -> Tag {
        match convert::to_py(js, depth, converter) {
            Ok(converted) => result(converted, out),
            // What a getter or a converter threw is thrown on as it is; the error is stored already.
            Err(Raised) if crate::error::throw_own() => Ok(TAG_FAILURE),
            Err(Raised) => Err(Raised),
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn pyox_py_object_call_suspendable(
    object: PyPtr,
    args: Wire,
    args_count: u32,
    kwnames: Wire,
    kwargs_count: u32,
    out: Wire,
) -> Tag {
    // SAFETY: as for `pyox_py_object_call`; the wires are in memory that stays while the stack waits.
    stacks::run(|| unsafe {
        let object = held(object);
        stacks::enter_own_context()?;
        result(call(object.borrow(), args, args_count, kwnames, kwargs_count)?, out)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn pyox_py_interpreter_run_main_suspendable() -> i32 {
    // SAFETY: the interpreter runs; nothing of it is used afterwards.
    stacks::run(|| Ok(unsafe { ffi::Py_RunMain() }))
}

#[unsafe(no_mangle)]
pub extern "C" fn pyox_py_callback_run_suspendable(callback: PyPtr) -> Status {
    stacks::run(|| {
        // SAFETY: JavaScript gives its reference away.
        unsafe { Py::owned_or_err(callback)? }.borrow().call(&[])?;
        Ok(0)
    })
}

/// A call with arguments from the wire, the keyword names being strings on the wire too.
///
/// # Safety
/// As the row says.
unsafe fn call(function: Ref<'_>, args: Wire, args_count: u32, kwnames: Wire, kwargs_count: u32) -> PyResult<Py> {
    // SAFETY: by contract.
    unsafe {
        if args_count == 0 && kwargs_count == 0 {
            return Py::owned_or_err(ffi::PyObject_CallNoArgs(function.as_ptr()));
        }
        if args_count == 1 && kwargs_count == 0 {
            let argument = value(args)?;
            return Py::owned_or_err(ffi::PyObject_CallOneArg(function.as_ptr(), argument.as_ptr()));
        }
        let mut all = Vec::with_capacity((args_count + kwargs_count) as usize);
        wire::read_all(args, args_count + kwargs_count, &mut all)?;
        let names = if kwargs_count == 0 {
            None
        } else {
            let mut names = Vec::with_capacity(kwargs_count as usize);
            wire::read_all(kwnames, kwargs_count, &mut names)?;
            let tuple = Py::owned_or_err(ffi::PyTuple_New(kwargs_count as Py_ssize_t))?;
            for (index, name) in names.into_iter().enumerate() {
                let mut name = name.into_ptr();
                ffi::PyUnicode_InternInPlace(&mut name);
                ffi::PyTuple_SetItem(tuple.as_ptr(), index as Py_ssize_t, name);
            }
            Some(tuple)
        };
        // `Py` is a transparent pointer, so the vector is an array of object pointers.
        Py::owned_or_err(ffi::PyObject_Vectorcall(
            function.as_ptr(),
            all.as_ptr().cast(),
            args_count as usize,
            names.as_ref().map_or(ptr::null_mut(), Py::as_ptr),
        ))
    }
}

/// The keys of a dict that can be names of properties, as a list of `str`.
fn property_keys(dict: Ref<'_>) -> PyResult<Py> {
    let names = Py::list()?;
    // SAFETY: the object is a dict, alive; nothing here runs code that could change it; borrowed keys live in it.
    unsafe {
        if ffi::PyDict_Check(dict.as_ptr()) == 0 {
            return Err(py::type_error("Only a dict has keys that are properties"));
        }
        let (mut position, mut key, mut value) = (0, ptr::null_mut(), ptr::null_mut());
        while ffi::PyDict_Next(dict.as_ptr(), &mut position, &mut key, &mut value) != 0 {
            if ffi::PyUnicode_CheckExact(key) != 0 {
                check(ffi::PyList_Append(names.as_ptr(), key))?;
            } else if ffi::PyLong_CheckExact(key) != 0 {
                let mut overflow = 0;
                let number = ffi::PyLong_AsLongLongAndOverflow(key, &mut overflow);
                // SPEC: ECMA-262 array index, which ends below 2**32 - 1.
                if overflow == 0 && (0..i64::from(u32::MAX)).contains(&number) {
                    check(ffi::PyList_Append(names.as_ptr(), Py::string(&number.to_string())?.as_ptr()))?;
                }
            }
        }
    }
    Ok(names)
}

/// Is it one of the built-in sequences that take assignments to slices?
fn takes_slices(object: Ref<'_>) -> bool {
    // SAFETY: reads the flags of the type.
    unsafe { ffi::PyList_Check(object.as_ptr()) != 0 || ffi::PyByteArray_Check(object.as_ptr()) != 0 }
}

/// `object[start:stop] = values` with what every MutableSequence has (a deque knows no slices); the removed elements as a list.
fn splice_one_by_one(object: Ref<'_>, start: Py_ssize_t, stop: Py_ssize_t, values: &[Py]) -> PyResult<Py> {
    let raw = object.as_ptr();
    let removed = Py::list()?;
    // SAFETY: all objects are alive; indices are those of the caller, and Python checks them.
    unsafe {
        for index in start..stop {
            let item = Py::owned_or_err(ffi::PySequence_GetItem(raw, index))?;
            check(ffi::PyList_Append(removed.as_ptr(), item.as_ptr()))?;
        }
        let count = values.len() as Py_ssize_t;
        let kept = count.min(stop - start);
        for index in 0..kept {
            check(ffi::PySequence_SetItem(raw, start + index, values[index as usize].as_ptr()))?;
        }
        for _ in kept..stop - start {
            check(ffi::PySequence_DelItem(raw, start + kept))?;
        }
        let at_end = start + kept == ffi::PyObject_Size(raw);
        for (offset, value) in values.iter().enumerate().skip(kept as usize) {
            if at_end {
                object.call_method(c"append", &[value.borrow()])?;
            } else {
                let at = Py::int((start + offset as Py_ssize_t) as i64)?;
                object.call_method(c"insert", &[at.borrow(), value.borrow()])?;
            }
        }
    }
    Ok(removed)
}

/// `next` or `send`.
fn step(object: PyPtr, sent: Ref<'_>, out: &mut WireValue) -> PyResult<Tri> {
    // SAFETY: the object is alive; what is stored is a new reference or null.
    unsafe {
        if sent.is_none() || !has_send(object) {
            let Some(next) = (*ffi::Py_TYPE(object)).tp_iternext else {
                let mut message = String::from("The object is no iterator");
                if let Ok(name) = type_name(Ref::from_ptr(object)) {
                    message = format!("'{}' object is not an iterator", name.borrow().utf8().unwrap_or("?"));
                }
                return Err(py::type_error(&message));
            };
            if let Some(item) = Py::owned_or_none(next(object)) {
                result(item, out)?;
                return Ok(1);
            }
            if ffi::PyErr_Occurred().is_null() {
                out.set_tag(TAG_UNDEFINED);
                return Ok(0);
            }
            if !py::raised_is(ffi::PyExc_StopIteration) {
                return Err(Raised);
            }
            result(stop_value()?, out)?;
            return Ok(0);
        }
        let mut item = ptr::null_mut();
        let sent_result = ffi::PyIter_Send(object, sent.as_ptr(), &mut item);
        let item = Py::owned_or_err(item);
        if sent_result == ffi::PySendResult::PYGEN_ERROR {
            return Err(Raised);
        }
        result(item?, out)?;
        Ok(i32::from(sent_result == ffi::PySendResult::PYGEN_NEXT))
    }
}

fn has_send(object: PyPtr) -> bool {
    // SAFETY: the object is alive.
    unsafe {
        ffi::PyGen_CheckExact(object) != 0
            || ffi::PyCoro_CheckExact(object) != 0
            || ffi::PyObject_HasAttrString(object, c"send".as_ptr()) == 1
    }
}

/// The value of the raised StopIteration, which is cleared.
fn stop_value() -> PyResult<Py> {
    match py::take_raised() {
        Some(stop) => stop.borrow().attr(c"value"),
        None => Ok(Py::none()),
    }
}

/// An exception for what JavaScript threw into a generator: exceptions as they are, anything else as a RuntimeError with its text.
fn to_exception(given: Ref<'_>) -> Py {
    // SAFETY: reads the flags of the type.
    if unsafe { ffi::PyExceptionInstance_Check(given.as_ptr()) != 0 || ffi::PyExceptionClass_Check(given.as_ptr()) != 0 } {
        return given.to_owned();
    }
    // SAFETY: the class is static.
    let class = unsafe { Ref::from_ptr(ffi::PyExc_RuntimeError) };
    class.call(&[given]).unwrap_or_else(|_| {
        py::clear();
        class.to_owned()
    })
}

/// A thrown value on the wire as an exception.
///
/// # Safety
/// `wire` is a value that JavaScript wrote for this call.
unsafe fn thrown(wire: Wire) -> PyResult<Py> {
    // SAFETY: by contract.
    if unsafe { (*wire).tag() } == TAG_NULL {
        // Python's `None` would be `undefined`.
        // SAFETY: a constant handle is always alive; the clone is ours.
        return crate::error::thrown_to_exception(JsRef::from_owned(unsafe { pyox_js_handle_clone(HANDLE_NULL) }));
    }
    // SAFETY: by contract.
    match unsafe { wire::read_parts((*wire).tag(), &*wire) } {
        Err((handle, _)) => crate::error::thrown_to_exception(handle),
        Ok(other) => {
            let other = other?;
            // SAFETY: reads the flags of the type.
            if unsafe { ffi::PyExceptionInstance_Check(other.as_ptr()) } != 0 {
                return Ok(other);
            }
            crate::error::thrown_to_exception(wire::to_handle(other.borrow())?)
        }
    }
}

/// The name of a type as `PyProxy.type` has it: `module.name`, without the module for built-ins and `__main__` (JS-051).
fn type_name(object: Ref<'_>) -> PyResult<Py> {
    // SAFETY: the type is alive; both return a new reference or null with an error.
    let (name, module) = unsafe {
        (
            Py::owned_or_err(ffi::PyType_GetName(object.ty()))?,
            Py::owned_or_err(ffi::PyType_GetModuleName(object.ty())),
        )
    };
    let Ok(module) = module else {
        py::clear();
        return Ok(name);
    };
    match module.borrow().utf8() {
        Ok("builtins" | "__main__") => Ok(name),
        Ok(module) => {
            let full = format!("{module}.{}", name.borrow().utf8()?);
            Py::string(&full)
        }
        Err(Raised) => {
            py::clear();
            Ok(name)
        }
    }
}
