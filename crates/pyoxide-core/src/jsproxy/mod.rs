//! JsProxy: the Python object that stands for a JavaScript object.
//!
//! Owns the object layout, the capability classes, and the concrete types, made once per combination of capabilities.
//! A file per protocol beside this one. Invariant: a JsProxy owns its handle; the concrete type's slots fit its flags.
//!
//! The capability classes (`JsProxy`, `JsArray`, ...) have no fields of their own, so that `JsException` can derive from both
//! `JsProxy` and `Exception` without a layout conflict; the fields are added by the concrete types.

mod attributes;
mod buffer;
mod call;
mod methods;
mod exception;
mod item;
mod iterate;
mod promise;

use core::ffi::{CStr, c_int, c_void};
use core::mem::offset_of;
use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::{PyObject, PyType_Slot, PyTypeObject};

use crate::boundary::*;
use crate::cells::Slot;
use crate::py::{self, Py, PyResult, Ref, check};

pub use buffer::to_memoryview;
pub use call::method as call_method;
pub use exception::{exception_handle, install as install_exc_info, new_exception};

/// What every proxy has.
#[repr(C)]
pub struct JsFields {
    /// The JavaScript value; 0 in a `JsException` that Python code made.
    handle: Handle,
    /// `JS_IS_*`.
    flags: u32,
    /// For a function that was looked up on an object: that object (owned, or null).
    this: *mut PyObject,
    vectorcall: Option<ffi::vectorcallfunc>,
}

#[repr(C)]
struct JsProxyObject {
    base: PyObject,
    js: JsFields,
}

#[repr(C)]
struct JsExceptionObject {
    base: ffi::PyBaseExceptionObject,
    js: JsFields,
}

/// A capability class: index into `CLASSES`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Class {
    JsProxy,
    JsIterable,
    JsIterator,
    JsGenerator,
    JsAsyncIterable,
    JsAsyncIterator,
    JsAsyncGenerator,
    JsCallable,
    JsOnceCallable,
    JsDoubleProxy,
    JsPromise,
    JsBuffer,
    JsArray,
    JsTypedArray,
    JsMap,
    JsMutableMap,
    JsDomElement,
    JsFetchResponse,
    JsCallableDoubleProxy,
    JsWeakRef,
    JsDisposable,
    JsAsyncDisposable,
}

const CLASS_COUNT: usize = 22;

struct ClassSpec {
    class: Class,
    name: &'static CStr,
    bases: &'static [Class],
    doc: &'static CStr,
}

const fn class(class: Class, name: &'static CStr, bases: &'static [Class], doc: &'static CStr) -> ClassSpec {
    ClassSpec { class, name, bases, doc }
}

/// In an order in which bases come first.
const CLASSES: [ClassSpec; CLASS_COUNT] = [
    class(Class::JsProxy, c"pyodide.ffi.JsProxy", &[], c"A Python object that stands for a JavaScript object.\n\nWhich operators and methods a proxy has follows from what the JavaScript object can do.\nThe proxy keeps the JavaScript object alive; it may be used as a dict key, by identity."),
    class(Class::JsIterable, c"pyodide.ffi.JsIterable", &[Class::JsProxy], c"A proxy of an object with a method `Symbol.iterator`."),
    class(Class::JsIterator, c"pyodide.ffi.JsIterator", &[Class::JsProxy], c"A proxy of an object with a method `next`."),
    class(Class::JsGenerator, c"pyodide.ffi.JsGenerator", &[Class::JsIterable, Class::JsIterator], c"A proxy of a JavaScript generator: `send`, `throw` and `close` work as on a Python generator."),
    class(Class::JsAsyncIterable, c"pyodide.ffi.JsAsyncIterable", &[Class::JsProxy], c"A proxy of an object with a method `Symbol.asyncIterator`."),
    class(Class::JsAsyncIterator, c"pyodide.ffi.JsAsyncIterator", &[Class::JsProxy], c"A proxy of an object whose method `next` returns a promise."),
    class(Class::JsAsyncGenerator, c"pyodide.ffi.JsAsyncGenerator", &[Class::JsAsyncIterable, Class::JsAsyncIterator], c"A proxy of a JavaScript async generator: `asend`, `athrow` and `aclose` work as on a Python one."),
    class(Class::JsCallable, c"pyodide.ffi.JsCallable", &[Class::JsProxy], c"A proxy of a function or class; `new` makes an instance."),
    class(Class::JsOnceCallable, c"pyodide.ffi.JsOnceCallable", &[Class::JsCallable], c"The result of `create_once_callable`: may be called once, from JavaScript."),
    class(Class::JsDoubleProxy, c"pyodide.ffi.JsDoubleProxy", &[Class::JsProxy], c"A proxy of a PyProxy, made by `create_proxy`. Call `destroy` when JavaScript does not need it any more."),
    class(Class::JsPromise, c"pyodide.ffi.JsPromise", &[Class::JsProxy], c"A proxy of a promise, or of any object with a method `then`: can be awaited."),
    class(Class::JsBuffer, c"pyodide.ffi.JsBuffer", &[Class::JsProxy], c"A proxy of an ArrayBuffer or of a view of one."),
    class(Class::JsArray, c"pyodide.ffi.JsArray", &[Class::JsIterable], c"A proxy of an Array, NodeList, HTMLCollection or typed array: a Python sequence."),
    class(Class::JsTypedArray, c"pyodide.ffi.JsTypedArray", &[Class::JsBuffer, Class::JsArray], c"A proxy of a typed array."),
    class(Class::JsMap, c"pyodide.ffi.JsMap", &[Class::JsIterable], c"A proxy of an object with `get`, a size, and iteration over its keys: a Python mapping."),
    class(Class::JsMutableMap, c"pyodide.ffi.JsMutableMap", &[Class::JsMap], c"A proxy of a Map, or an object map: a Python mutable mapping."),
    class(Class::JsDomElement, c"pyodide.ffi.JsDomElement", &[Class::JsProxy], c"A proxy of a DOM element."),
    class(Class::JsCallableDoubleProxy, c"pyodide.ffi.JsCallableDoubleProxy", &[Class::JsDoubleProxy, Class::JsCallable], c"A JsDoubleProxy of something that can be called."),
    class(Class::JsWeakRef, c"pyodide.ffi.JsWeakRef", &[Class::JsProxy], c"A proxy of a WeakRef: `deref` gives the object while it is alive."),
    class(Class::JsDisposable, c"pyodide.ffi.JsDisposable", &[Class::JsProxy], c"A proxy of an object with a method `Symbol.dispose`: a context manager that disposes of it."),
    class(Class::JsAsyncDisposable, c"pyodide.ffi.JsAsyncDisposable", &[Class::JsProxy], c"A proxy of an object with a method `Symbol.asyncDispose`: an asynchronous context manager."),
    class(Class::JsFetchResponse, c"pyodide.ffi.JsFetchResponse", &[Class::JsProxy], c"A proxy of a Response, as `fetch` gives it."),
];

static CLASS_OBJECTS: Slot<[*mut PyTypeObject; CLASS_COUNT]> = Slot::new([ptr::null_mut(); CLASS_COUNT]);
static JS_EXCEPTION: Slot<*mut PyTypeObject> = Slot::new(ptr::null_mut());

/// The class object of a capability class.
pub fn class_object(class: Class) -> *mut PyTypeObject {
    CLASS_OBJECTS.get()[class as usize]
}

/// Collects slots for a type: the function pointers behind a `PyType_Spec`.
pub struct Slots(Vec<PyType_Slot>);

impl Slots {
    /// Adds a slot. `function` is a function pointer or table address that fits the slot.
    pub fn add(&mut self, slot: c_int, function: *mut c_void) {
        self.0.push(PyType_Slot { slot, pfunc: function });
    }
}

/// A table of methods that lives for ever, ended by a zeroed entry.
pub fn methods_forever(mut methods: Vec<ffi::PyMethodDef>) -> *mut c_void {
    methods.push(ffi::PyMethodDef::zeroed());
    Box::leak(methods.into_boxed_slice()).as_mut_ptr().cast()
}

/// A method with the `METH_NOARGS` convention.
pub fn method_noargs(name: &'static CStr, function: ffi::PyCFunction, doc: &'static CStr) -> ffi::PyMethodDef {
    ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: function },
        ml_flags: ffi::METH_NOARGS,
        ml_doc: doc.as_ptr(),
    }
}

/// A method with the `METH_O` convention.
pub fn method_o(name: &'static CStr, function: ffi::PyCFunction, doc: &'static CStr) -> ffi::PyMethodDef {
    ffi::PyMethodDef { ml_flags: ffi::METH_O, ..method_noargs(name, function, doc) }
}

/// A method with the `METH_FASTCALL | METH_KEYWORDS` convention.
pub fn method_keywords(
    name: &'static CStr,
    function: ffi::PyCFunctionFastWithKeywords,
    doc: &'static CStr,
) -> ffi::PyMethodDef {
    ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: function },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: doc.as_ptr(),
    }
}

/// Makes the classes and adds them to `_pyodide_core`.
pub fn init(module: Ref<'_>) -> PyResult<()> {
    for spec in &CLASSES {
        let mut slots = Slots(Vec::new());
        slots.add(ffi::Py_tp_doc, spec.doc.as_ptr() as *mut c_void);
        if let Some(methods) = methods_of(spec.class) {
            slots.add(ffi::Py_tp_methods, methods);
        }
        if let Some(getset) = getset_of(spec.class) {
            slots.add(ffi::Py_tp_getset, getset);
        }
        let bases = tuple_of_classes(spec.bases)?;
        let flags = ffi::Py_TPFLAGS_DEFAULT
            | ffi::Py_TPFLAGS_BASETYPE
            | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION
            | match spec.class {
                Class::JsArray => ffi::Py_TPFLAGS_SEQUENCE,
                Class::JsMap => ffi::Py_TPFLAGS_MAPPING,
                _ => 0,
            };
        let ty = make_type(spec.name, 0, flags, slots, bases.as_ref().map(Py::borrow))?;
        let name = spec.name.to_str().unwrap_or_default().rsplit('.').next().unwrap_or_default();
        let name = Py::string(name)?;
        // SAFETY: all are alive.
        check(unsafe { ffi::PyObject_SetAttr(module.as_ptr(), name.as_ptr(), ty.as_ptr()) })?;
        let mut classes = CLASS_OBJECTS.get();
        classes[spec.class as usize] = ty.into_ptr().cast();
        CLASS_OBJECTS.set(classes);
    }
    let exception = exception::make_class()?;
    check(unsafe_set_attr(module, c"JsException", exception.borrow()))?;
    JS_EXCEPTION.set(exception.into_ptr().cast());
    Ok(())
}

fn unsafe_set_attr(module: Ref<'_>, name: &CStr, value: Ref<'_>) -> i32 {
    // SAFETY: both are alive, the name is 0-terminated.
    unsafe { ffi::PyObject_SetAttrString(module.as_ptr(), name.as_ptr(), value.as_ptr()) }
}

fn methods_of(class: Class) -> Option<*mut c_void> {
    let mut methods = match class {
        Class::JsProxy => {
            let mut all = attributes::methods();
            all.extend(methods::object());
            all
        }
        Class::JsCallable => {
            let mut all = call::methods();
            all.extend(methods::callable());
            all
        }
        Class::JsPromise => promise::methods(),
        Class::JsBuffer => buffer::methods(),
        Class::JsDoubleProxy => methods::double_proxy(),
        Class::JsArray => methods::array(),
        Class::JsMap => methods::map(),
        Class::JsMutableMap => methods::mutable_map(),
        Class::JsIterator => methods::iterator(),
        Class::JsGenerator => methods::generator(),
        Class::JsAsyncGenerator => methods::async_generator(),
        Class::JsDisposable => methods::disposable(),
        Class::JsAsyncDisposable => methods::async_disposable(),
        _ => Vec::new(),
    };
    methods.push(methods::class_getitem());
    Some(methods_forever(methods))
}

fn getset_of(class: Class) -> Option<*mut c_void> {
    match class {
        Class::JsProxy => Some(attributes::getset()),
        _ => None,
    }
}

fn tuple_of_classes(classes: &[Class]) -> PyResult<Option<Py>> {
    if classes.is_empty() {
        return Ok(None);
    }
    // SAFETY: returns a new reference or null with an error; SetItem takes the references.
    unsafe {
        let tuple = Py::owned_or_err(ffi::PyTuple_New(classes.len() as ffi::Py_ssize_t))?;
        for (index, class) in classes.iter().enumerate() {
            let object = Ref::from_ptr(class_object(*class).cast()).to_owned();
            ffi::PyTuple_SetItem(tuple.as_ptr(), index as ffi::Py_ssize_t, object.into_ptr());
        }
        Ok(Some(tuple))
    }
}

fn make_type(
    name: &'static CStr,
    basicsize: usize,
    flags: core::ffi::c_ulong,
    mut slots: Slots,
    bases: Option<Ref<'_>>,
) -> PyResult<Py> {
    slots.add(0, ptr::null_mut());
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: basicsize as c_int,
        itemsize: 0,
        flags: flags as core::ffi::c_uint,
        slots: slots.0.as_mut_ptr(),
    };
    // SAFETY: the spec is complete and ended by a zero slot; CPython copies what it needs; tables live for ever.
    unsafe {
        Py::owned_or_err(ffi::PyType_FromMetaclass(
            ptr::null_mut(),
            ptr::null_mut(),
            &mut spec,
            bases.map_or(ptr::null_mut(), Ref::as_ptr),
        ))
    }
}

/// The mark in a type key of a JsOnceCallable, which no JavaScript value has.
const ONCE_CALLABLE: u32 = 1 << 31;

/// The mark in a type key of an object that was imported as a module.
pub(crate) const MODULE: u32 = 1 << 30;

/// The mark in a type key of a function or class with a signature: what it does goes through the object in `this`.
pub(crate) const BOUND: u32 = 1 << 29;

/// The flags that decide the concrete type. The others say more about the value, but give no other operators.
const TYPE_FLAGS: u32 = !(JS_IS_PLAIN_OBJECT | JS_IS_HEREDITARY | JS_IS_JSON);

static CONCRETE: Slot<Vec<(u32, *mut PyTypeObject)>> = Slot::new(Vec::new());
static LAST: Slot<(u32, *mut PyTypeObject)> = Slot::new((u32::MAX, ptr::null_mut()));

fn concrete_type(flags: u32) -> PyResult<*mut PyTypeObject> {
    let key = flags & TYPE_FLAGS;
    let last = LAST.get();
    if last.0 == key {
        return Ok(last.1);
    }
    // SAFETY: one thread; the reference ends with the expression.
    let found = unsafe { (*CONCRETE.as_ptr()).iter().find(|(flags, _)| *flags == key).map(|(_, ty)| *ty) };
    let ty = match found {
        Some(ty) => ty,
        None => {
            let ty = make_concrete(key)?.into_ptr().cast();
            // SAFETY: one thread; nothing else refers to the vector.
            unsafe { (*CONCRETE.as_ptr()).push((key, ty)) };
            ty
        }
    };
    LAST.set((key, ty));
    Ok(ty)
}

/// Is it one of the kinds with `array[index]`?
pub fn is_array_like(flags: u32) -> bool {
    flags & (JS_IS_ARRAY | JS_IS_NODE_LIST | JS_IS_TYPED_ARRAY) != 0
}

/// Is it a mapping (FFI-054), and if so, which?
fn mapping_class(flags: u32) -> Option<Class> {
    if flags & JS_IS_OBJECT_MAP != 0 {
        return Some(Class::JsMutableMap);
    }
    let map = JS_IS_GETTABLE | JS_IS_SIZED | JS_IS_ITERABLE;
    if is_array_like(flags) || flags & map != map {
        return None;
    }
    Some(if flags & (JS_IS_CONTAINER | JS_IS_SETTABLE) == JS_IS_CONTAINER | JS_IS_SETTABLE {
        Class::JsMutableMap
    } else {
        Class::JsMap
    })
}

fn classes_for(flags: u32) -> Vec<Class> {
    if flags & ONCE_CALLABLE != 0 {
        return vec![Class::JsOnceCallable];
    }
    let mut classes = Vec::new();
    let mut add = |flag: u32, class: Class| {
        if flags & flag != 0 {
            classes.push(class);
        }
    };
    add(JS_IS_TYPED_ARRAY, Class::JsTypedArray);
    if flags & JS_IS_TYPED_ARRAY == 0 {
        add(JS_IS_ARRAY | JS_IS_NODE_LIST, Class::JsArray);
        add(JS_IS_BUFFER, Class::JsBuffer);
    }
    if flags & (JS_IS_DOUBLE_PROXY | JS_IS_CALLABLE) == JS_IS_DOUBLE_PROXY | JS_IS_CALLABLE {
        add(JS_IS_CALLABLE, Class::JsCallableDoubleProxy);
    } else {
        add(JS_IS_DOUBLE_PROXY, Class::JsDoubleProxy);
        add(JS_IS_CALLABLE, Class::JsCallable);
    }
    add(JS_IS_WEAK_REF, Class::JsWeakRef);
    if flags & JS_IS_DOUBLE_PROXY == 0 {
        add(JS_IS_DISPOSABLE, Class::JsDisposable);
        add(JS_IS_ASYNC_DISPOSABLE, Class::JsAsyncDisposable);
    }
    add(JS_IS_PROMISE, Class::JsPromise);
    add(JS_IS_DOM_ELEMENT, Class::JsDomElement);
    add(JS_IS_FETCH_RESPONSE, Class::JsFetchResponse);
    add(JS_IS_ASYNC_GENERATOR, Class::JsAsyncGenerator);
    if flags & JS_IS_ASYNC_GENERATOR == 0 {
        add(JS_IS_ASYNC_ITERATOR, Class::JsAsyncIterator);
        add(JS_IS_ASYNC_ITERABLE, Class::JsAsyncIterable);
    }
    add(JS_IS_GENERATOR, Class::JsGenerator);
    let mapping = mapping_class(flags);
    classes.extend(mapping);
    if flags & JS_IS_GENERATOR == 0 {
        if flags & JS_IS_ITERATOR != 0 {
            classes.push(Class::JsIterator);
        }
        if flags & JS_IS_ITERABLE != 0 && mapping.is_none() && !is_array_like(flags) {
            classes.push(Class::JsIterable);
        }
    }
    if classes.is_empty() {
        classes.push(Class::JsProxy);
    }
    classes
}

fn make_concrete(flags: u32) -> PyResult<Py> {
    let mut slots = Slots(Vec::new());
    slots.add(ffi::Py_tp_dealloc, dealloc as *mut c_void);
    attributes::slots(&mut slots);
    let mut type_flags = ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION;
    if flags & JS_IS_CALLABLE != 0 {
        call::slots(&mut slots, offset_of!(JsProxyObject, js) + offset_of!(JsFields, vectorcall));
        type_flags |= ffi::Py_TPFLAGS_HAVE_VECTORCALL;
    }
    if flags & MODULE != 0 {
        slots.add(ffi::Py_tp_getset, attributes::module_getset());
    }
    iterate::slots(&mut slots, flags);
    item::slots(&mut slots, flags);
    methods::slots(&mut slots, flags);
    if flags & JS_IS_PROMISE != 0 {
        promise::slots(&mut slots);
        if flags & JS_IS_CALLABLE == 0 {
            // The future that it keeps may refer to frames that refer to the proxy.
            type_flags |= ffi::Py_TPFLAGS_HAVE_GC;
            slots.add(ffi::Py_tp_traverse, traverse as *mut c_void);
            slots.add(ffi::Py_tp_clear, clear as *mut c_void);
        }
    }
    if is_array_like(flags) {
        type_flags |= ffi::Py_TPFLAGS_SEQUENCE;
    } else if mapping_class(flags).is_some() {
        type_flags |= ffi::Py_TPFLAGS_MAPPING;
    }
    let bases = tuple_of_classes(&classes_for(flags))?;
    make_type(
        c"pyodide.ffi.JsProxy",
        size_of::<JsProxyObject>(),
        type_flags,
        slots,
        bases.as_ref().map(Py::borrow),
    )
}

/// A proxy for a JavaScript value; `this` is the object that a function was looked up on.
///
/// # Errors
/// No memory.
pub fn new(handle: JsRef, flags: u32, this: Option<Ref<'_>>) -> PyResult<Py> {
    if flags & JS_IS_ERROR != 0 {
        return new_exception(handle, false);
    }
    let ty = concrete_type(flags)?;
    // SAFETY: a type of ours, whose instances are JsProxyObjects; all fields are written before anyone sees the object.
    unsafe {
        let collected = ffi::PyType_HasFeature(ty, ffi::Py_TPFLAGS_HAVE_GC) != 0;
        let object = Py::owned_or_err(if collected { ffi::PyObject_GC_New::<PyObject>(ty) } else { ffi::PyObject_New::<PyObject>(ty) })?;
        ptr::write(
            &raw mut (*object.as_ptr().cast::<JsProxyObject>()).js,
            JsFields {
                handle: handle.into_handle(),
                flags,
                this: this.map_or(ptr::null_mut(), |this| this.to_owned().into_ptr()),
                vectorcall: Some(if flags & BOUND != 0 { call::vectorcall_bound } else { call::vectorcall }),
            },
        );
        if collected {
            ffi::PyObject_GC_Track(object.as_ptr().cast());
        }
        Ok(object)
    }
}

/// A proxy of the same value that works through a Python object: a function or class with a signature (ROAD-24).
///
/// # Errors
/// Not a JsProxy; no memory.
pub fn bound(object: Ref<'_>, through: Ref<'_>) -> PyResult<Py> {
    let js = this_fields(object)?;
    // SAFETY: the handle is alive; the clone is ours.
    let handle = JsRef::from_owned(unsafe { pyox_js_handle_clone(js.handle) });
    new(handle, (js.flags & !(MODULE | JS_IS_PROMISE)) | BOUND, Some(through))
}

/// Is it a view as JSON (`as_py_json`)?
pub fn is_json(object: Ref<'_>) -> bool {
    flags_of(object) & JS_IS_JSON != 0
}

/// The marks that an element of a JSON view gets.
fn json_marks(of: u32, element: u32) -> u32 {
    if of & JS_IS_JSON == 0 {
        return 0;
    }
    if element & JS_IS_PLAIN_OBJECT != 0 {
        return JS_IS_OBJECT_MAP | JS_IS_HEREDITARY | JS_IS_JSON;
    }
    if element & JS_IS_ARRAY != 0 { JS_IS_JSON } else { 0 }
}

/// A second proxy of the same JavaScript object, which the import system takes for a package.
///
/// # Errors
/// Not a JsProxy; no memory.
pub fn as_module(object: Ref<'_>) -> PyResult<Py> {
    let js = this_fields(object)?;
    // SAFETY: the handle is alive; the clone is ours.
    let handle = JsRef::from_owned(unsafe { pyox_js_handle_clone(js.handle) });
    new(handle, js.flags | MODULE, None)
}

/// A JsOnceCallable.
pub fn new_once_callable(handle: JsRef) -> PyResult<Py> {
    new(handle, JS_IS_CALLABLE | ONCE_CALLABLE, None)
}

unsafe extern "C" fn dealloc(object: *mut PyObject) {
    // SAFETY: CPython calls this once, with an object of a type of ours; heap types are owned by their instances.
    unsafe {
        let ty = ffi::Py_TYPE(object);
        let collected = ffi::PyType_HasFeature(ty, ffi::Py_TPFLAGS_HAVE_GC) != 0;
        if collected {
            ffi::PyObject_GC_UnTrack(object.cast());
        }
        let js = &(*object.cast::<JsProxyObject>()).js;
        pyox_js_handle_drop(js.handle);
        drop(Py::owned_or_none(js.this));
        if collected {
            ffi::PyObject_GC_Del(object.cast());
        } else {
            ffi::PyObject_Free(object.cast());
        }
        ffi::Py_DECREF(ty.cast());
    }
}

unsafe extern "C" fn traverse(object: *mut PyObject, visit: ffi::visitproc, argument: *mut c_void) -> c_int {
    // SAFETY: CPython passes a live object of a type of ours and a function to call for what it refers to; nothing else runs.
    unsafe {
        for referred in [(*object.cast::<JsProxyObject>()).js.this, ffi::Py_TYPE(object).cast()] {
            if !referred.is_null() {
                let stop = visit(referred, argument);
                if stop != 0 {
                    return stop;
                }
            }
        }
    }
    0
}

unsafe extern "C" fn clear(object: *mut PyObject) -> c_int {
    // SAFETY: CPython passes a live object of a type of ours; the field is empty before the old value is freed.
    unsafe {
        let this = core::mem::replace(&mut (*object.cast::<JsProxyObject>()).js.this, ptr::null_mut());
        drop(Py::owned_or_none(this));
    }
    0
}

/// The fields of a proxy, `JsException` included; `None` for any other object.
pub fn fields(object: Ref<'_>) -> Option<&JsFields> {
    let ty = object.ty();
    // SAFETY: the type is alive. Its dealloc function tells our concrete types from all others, as they have no
    // subclasses; a JsException (or a subclass) has the fields behind those of BaseException.
    unsafe {
        if (*ty).tp_dealloc.is_some_and(|function| function as usize == dealloc as *const () as usize) {
            return Some(&(*object.as_ptr().cast::<JsProxyObject>()).js);
        }
        if ffi::PyType_HasFeature(ty, ffi::Py_TPFLAGS_BASE_EXC_SUBCLASS) != 0
            && ffi::PyType_IsSubtype(ty, JS_EXCEPTION.get()) != 0
        {
            return Some(&(*object.as_ptr().cast::<JsExceptionObject>()).js);
        }
    }
    None
}

/// The handle of a proxy, borrowed; `None` for other objects.
pub fn handle_of(object: Ref<'_>) -> Option<Handle> {
    fields(object).map(|js| js.handle).filter(|handle| *handle != 0)
}

/// The flags of a proxy; 0 for other objects.
pub fn flags_of(object: Ref<'_>) -> u32 {
    fields(object).map_or(0, |js| js.flags)
}

/// Exchanges the object in the field `this`; both are owned.
fn replace_this(object: Ref<'_>, new: *mut PyObject) -> PyResult<*mut PyObject> {
    this_fields(object)?;
    // SAFETY: checked to be a proxy, and modules are never exceptions; one thread, and no reference to the field is held.
    unsafe {
        let js = &raw mut (*object.as_ptr().cast::<JsProxyObject>()).js;
        Ok(core::mem::replace(&mut (*js).this, new))
    }
}

/// The fields of `self` in a slot or method.
fn this_fields<'a>(object: Ref<'a>) -> PyResult<&'a JsFields> {
    match fields(object) {
        Some(js) if js.handle != 0 => Ok(js),
        None => Err(py::type_error("A JsProxy is needed")),
        Some(_) => Err(py::type_error("This JsException was made by Python and stands for no JavaScript error")),
    }
}
