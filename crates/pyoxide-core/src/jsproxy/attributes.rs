//! Attributes, identity, text and truth of a JsProxy.
//!
//! Attributes of the Python class come first (`new`, `to_py`, ...), then properties of the JavaScript object, with a
//! trailing underscore taken off keywords (TT-018 to TT-023, TT-032, TT-033, TT-038, TT-039, TT-047).

use core::ffi::{c_int, c_void};
use core::ptr;

use pyo3_ffi as ffi;
use pyo3_ffi::{Py_hash_t, PyObject};

use super::{JsFields, Slots, method_noargs, this_fields};
use crate::boundary::*;
use crate::cells::Slot;
use crate::py::{Py, PyResult, Raised, Ref, check};
use crate::wire::{self, WireValue};
use crate::{jsproxy, state};

unsafe extern "C" {
    /// Borrowed, or null without an error. Part of the C API that CPython exports without documenting it.
    fn _PyType_Lookup(ty: *mut ffi::PyTypeObject, name: *mut PyObject) -> *mut PyObject;
}

pub(super) fn slots(slots: &mut Slots) {
    slots.add(ffi::Py_tp_getattro, getattro as *mut c_void);
    slots.add(ffi::Py_tp_setattro, setattro as *mut c_void);
    slots.add(ffi::Py_tp_richcompare, richcompare as *mut c_void);
    slots.add(ffi::Py_tp_hash, hash as *mut c_void);
    slots.add(ffi::Py_tp_repr, text as *mut c_void);
    slots.add(ffi::Py_tp_str, text as *mut c_void);
    slots.add(ffi::Py_nb_bool, truth as *mut c_void);
}

pub(super) fn methods() -> Vec<ffi::PyMethodDef> {
    vec![
        method_noargs(c"__dir__", dir, c"All property names along the prototype chain, and the attributes of the proxy itself."),
        method_noargs(c"object_keys", object_keys, c"object_keys() -> JsArray[str]\n\n`Object.keys` of the JavaScript object."),
        method_noargs(c"object_values", object_values, c"object_values() -> JsArray\n\n`Object.values` of the JavaScript object."),
        method_noargs(c"object_entries", object_entries, c"object_entries() -> JsArray[JsArray]\n\n`Object.entries` of the JavaScript object."),
    ]
}

pub(super) fn getset() -> *mut c_void {
    let entry = |name: &'static core::ffi::CStr, get: ffi::getter, doc: &'static core::ffi::CStr| ffi::PyGetSetDef {
        name: name.as_ptr(),
        get: Some(get),
        set: None,
        doc: doc.as_ptr(),
        closure: ptr::null_mut(),
    };
    let table = vec![
        entry(c"typeof", get_typeof, c"The result of JavaScript's `typeof`, a str."),
        entry(c"js_id", get_js_id, c"A number that is equal for proxies of the same JavaScript object, and only for those."),
        entry(c"__all__", super::methods::get_all, c"The names that `from ... import *` imports."),
        ffi::PyGetSetDef::default(),
    ];
    Box::leak(table.into_boxed_slice()).as_mut_ptr().cast()
}

/// What only an imported object has: the attributes that the import system wants. They follow from `__spec__`; `__path__` is empty,
/// which makes the object a package whose submodules are its members.
pub(super) fn module_getset() -> *mut c_void {
    let entry = |name: &'static core::ffi::CStr, of_spec: &'static core::ffi::CStr, set: ffi::setter| ffi::PyGetSetDef {
        name: name.as_ptr(),
        get: Some(get_of_spec),
        set: Some(set),
        doc: c"For the import system.".as_ptr(),
        closure: of_spec.as_ptr() as *mut c_void,
    };
    let table = vec![
        entry(c"__spec__", c"", set_spec),
        entry(c"__name__", c"name", ignore),
        entry(c"__package__", c"name", ignore),
        entry(c"__loader__", c"loader", ignore),
        entry(c"__path__", c"submodule_search_locations", ignore),
        ffi::PyGetSetDef::default(),
    ];
    Box::leak(table.into_boxed_slice()).as_mut_ptr().cast()
}

unsafe extern "C" fn get_of_spec(object: *mut PyObject, closure: *mut c_void) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; a module keeps its spec where functions keep `this`; the closure is a static text.
        unsafe {
            let spec = this_fields(Ref::from_ptr(object))?.this;
            if spec.is_null() {
                return Ok(Py::none().into_ptr());
            }
            let name = core::ffi::CStr::from_ptr(closure.cast());
            let spec = Ref::from_ptr(spec);
            if name.is_empty() { Ok(spec.to_owned().into_ptr()) } else { spec.attr(name).map(Py::into_ptr) }
        }
    })
}

unsafe extern "C" fn set_spec(object: *mut PyObject, value: *mut PyObject, _closure: *mut c_void) -> c_int {
    guard_slot(-1, || {
        // SAFETY: CPython passes live objects, the value being null for `del`; the field is replaced before the old value is freed.
        unsafe {
            let new = if value.is_null() { ptr::null_mut() } else { Ref::from_ptr(value).to_owned().into_ptr() };
            let old = super::replace_this(Ref::from_ptr(object), new)?;
            drop(Py::owned_or_none(old));
        }
        Ok(0)
    })
}

unsafe extern "C" fn ignore(_object: *mut PyObject, _value: *mut PyObject, _closure: *mut c_void) -> c_int {
    0
}

/// `self` and a name, borrowed from the caller of a slot.
///
/// # Safety
/// Both are alive for the call.
unsafe fn pair<'a>(object: *mut PyObject, name: *mut PyObject) -> (Ref<'a>, Ref<'a>) {
    // SAFETY: by contract.
    unsafe { (Ref::from_ptr(object), Ref::from_ptr(name)) }
}

pub(super) unsafe extern "C" fn getattro(object: *mut PyObject, name: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes live objects, the name being a str.
        unsafe {
            if !_PyType_Lookup(ffi::Py_TYPE(object), name).is_null() {
                return Py::owned_or_err(ffi::PyObject_GenericGetAttr(object, name)).map(Py::into_ptr);
            }
            let (this, name_ref) = pair(object, name);
            let Ok(js) = this_fields(this) else {
                crate::py::clear();
                return Py::owned_or_err(ffi::PyObject_GenericGetAttr(object, name)).map(Py::into_ptr);
            };
            let mut out = WireValue::undefined();
            let tag = pyox_js_object_get(js.handle, state::js_name(name_ref)?, &mut out);
            if tag == TAG_ABSENT {
                if js.flags & JS_IS_ERROR != 0 {
                    return match super::exception::missing_part(object, name_ref)? {
                        Some(found) => Ok(found.into_ptr()),
                        None => Py::owned_or_err(ffi::PyObject_GenericGetAttr(object, name)).map(Py::into_ptr),
                    };
                }
                if js.flags & JS_IS_PROMISE != 0 && super::promise::is_future_method(name_ref) {
                    return super::promise::future_for(this)?.borrow().attr_str(name_ref).map(Py::into_ptr);
                }
                return Err(missing(this, name_ref));
            }
            if js.flags & super::BOUND != 0 {
                let value = wire::read(tag, &out)?;
                return Ref::from_ptr(js.this).call_method(c"attribute", &[this, name_ref, value.borrow()]).map(Py::into_ptr);
            }
            match wire::read_parts(tag, &out) {
                Ok(value) => value,
                Err((handle, flags)) => {
                    // Whoever finds `keys` takes the object for a mapping: `dict(array)` would.
                    if super::is_array_like(js.flags) && flags & JS_IS_CALLABLE != 0 && name_ref.utf8() == Ok("keys") {
                        return Py::owned_or_err(ffi::PyObject_GenericGetAttr(object, name)).map(Py::into_ptr);
                    }
                    let bound = if flags & JS_IS_CALLABLE != 0 { Some(this) } else { None };
                    jsproxy::new(handle, flags, bound)
                }
            }
            .map(Py::into_ptr)
        }
    })
}

/// Raises AttributeError as CPython does: in its words, with the name and the object.
/// PERF: programs ask for what need not be there (ffi: py2js_has), so the text is made once for each name, and the exception without the
/// parsing of arguments that calling its class is.
fn missing(object: Ref<'_>, name: Ref<'_>) -> Raised {
    // SAFETY: both are alive. The class is static, and its members tell where its instances keep name and object: owned references, null at first.
    unsafe {
        let class: *mut ffi::PyTypeObject = ffi::PyExc_AttributeError.cast();
        let (Some(new), Some((name_at, object_at))) = ((*class).tp_new, attribute_error_members()) else {
            drop(Py::owned_or_none(ffi::PyObject_GenericGetAttr(object.as_ptr(), name.as_ptr())));
            return Raised;
        };
        let made = state::missing_text(name)
            .and_then(|text| Py::tuple([text]))
            .and_then(|arguments| Py::owned_or_err(new(class, arguments.as_ptr(), ptr::null_mut())));
        let Ok(exception) = made else { return Raised };
        let at = |offset: usize| exception.as_ptr().byte_add(offset).cast::<*mut PyObject>();
        ptr::write(at(name_at), name.to_owned().into_ptr());
        ptr::write(at(object_at), object.to_owned().into_ptr());
        ffi::PyErr_SetObject(class.cast(), exception.as_ptr());
        Raised
    }
}

/// Where an AttributeError keeps `name` and `obj`.
fn attribute_error_members() -> Option<(usize, usize)> {
    static FOUND: Slot<Option<(usize, usize)>> = Slot::new(None);
    if FOUND.get().is_none() {
        // SAFETY: a static class, whose table of members ends with a row without a name.
        unsafe {
            let (mut name, mut object) = (None, None);
            let mut member = (*ffi::PyExc_AttributeError.cast::<ffi::PyTypeObject>()).tp_members;
            while !member.is_null() && !(*member).name.is_null() {
                let found = Some((*member).offset as usize);
                match core::ffi::CStr::from_ptr((*member).name).to_bytes() {
                    b"name" => name = found,
                    b"obj" => object = found,
                    _ => {}
                }
                member = member.add(1);
            }
            FOUND.set(name.zip(object));
        }
    }
    FOUND.get()
}

fn is_dunder(name: Ref<'_>) -> bool {
    match name.utf8() {
        Ok(text) => text.len() > 4 && text.starts_with("__") && text.ends_with("__"),
        Err(Raised) => {
            crate::py::clear();
            false
        }
    }
}

pub(super) unsafe extern "C" fn setattro(object: *mut PyObject, name: *mut PyObject, value: *mut PyObject) -> c_int {
    guard_slot(-1, || {
        // SAFETY: CPython passes live objects, the value being null for `del`.
        unsafe {
            let (this, name_ref) = pair(object, name);
            // `__class__` and the like belong to Python, and of an exception also `__notes__`.
            let belongs_to_python = match this_fields(this) {
                Err(Raised) => {
                    crate::py::clear();
                    true
                }
                Ok(js) => is_dunder(name_ref) && (js.flags & JS_IS_ERROR != 0 || !_PyType_Lookup(ffi::Py_TYPE(object), name).is_null()),
            };
            if belongs_to_python {
                check(ffi::PyObject_GenericSetAttr(object, name, value))?;
                return Ok(0);
            }
            let js = this_fields(this)?;
            let js_name = state::js_name(name_ref)?;
            if value.is_null() {
                // As in JavaScript, it is no error when there is nothing to delete.
                check_import_bool(pyox_js_object_delete(js.handle, js_name))?;
                return Ok(0);
            }
            let mut out = WireValue::undefined();
            if js.flags & super::MODULE != 0 && is_member(js.handle, js_name, Ref::from_ptr(value))? {
                return Ok(0);
            }
            wire::write_argument(Ref::from_ptr(value), &mut out)?;
            // An object that is stored outlives this call: JavaScript owns the PyProxy from now on.
            check_import(pyox_js_object_set(js.handle, js_name, &mut out))?;
            Ok(0)
        }
    })
}

/// Is the value the property already? `import document.location` assigns the submodule to its parent, where it came from;
/// in JavaScript that assignment would load a page.
///
/// # Safety
/// The handles are alive.
unsafe fn is_member(object: Handle, name: Handle, value: Ref<'_>) -> PyResult<bool> {
    let Some(new) = jsproxy::handle_of(value) else { return Ok(false) };
    let mut out = WireValue::undefined();
    // SAFETY: by contract; the wire was just written.
    unsafe {
        match pyox_js_object_get(object, name, &mut out) {
            TAG_HANDLE_OWNED => {
                let old = JsRef::from_owned(out.aux());
                check_import_bool(pyox_js_value_equals(old.handle(), new))
            }
            TAG_ABSENT => Ok(false),
            tag => wire::read(tag, &out).map(|_| false),
        }
    }
}

/// Turns the status of an import into a result.
pub(super) fn check_import(status: i32) -> PyResult<()> {
    if status == -1 { Err(crate::error::raise_pending()) } else { Ok(()) }
}

/// Turns a yes or no of an import into a result.
pub(super) fn check_import_bool(tri: i32) -> PyResult<bool> {
    if tri == -1 { Err(crate::error::raise_pending()) } else { Ok(tri != 0) }
}

pub(super) unsafe extern "C" fn richcompare(object: *mut PyObject, other: *mut PyObject, operation: c_int) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes live objects.
        let (this, other) = unsafe { pair(object, other) };
        let handles = (jsproxy::handle_of(this), jsproxy::handle_of(other));
        let (Some(a), Some(b)) = handles else {
            // SAFETY: immortal.
            return Ok(unsafe { Ref::from_ptr(ffi::Py_NotImplemented()) }.to_owned().into_ptr());
        };
        if !matches!(operation, ffi::Py_EQ | ffi::Py_NE) {
            // SAFETY: both handles are alive.
            let is_so = check_import_bool(unsafe { pyox_js_value_compare(a, b, operation as u32) })?;
            return Ok(Py::boolean(is_so).into_ptr());
        }
        // SAFETY: both handles are alive.
        let equal = check_import_bool(unsafe { pyox_js_value_equals(a, b) })?;
        Ok(Py::boolean(equal == (operation == ffi::Py_EQ)).into_ptr())
    })
}

pub(super) unsafe extern "C" fn hash(object: *mut PyObject) -> Py_hash_t {
    guard_slot(-1, || {
        // SAFETY: CPython passes a live object; the handle is alive.
        let id = unsafe { pyox_js_value_id(this_fields(Ref::from_ptr(object))?.handle) };
        Ok(id as u32 as Py_hash_t & Py_hash_t::MAX)
    })
}

pub(super) unsafe extern "C" fn text(object: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the handle is alive; the wire was just written.
        unsafe {
            let js = this_fields(Ref::from_ptr(object))?;
            let mut out = WireValue::undefined();
            let tag = pyox_js_value_to_string(js.handle, &mut out);
            let text = wire::read(tag, &out)?;
            if !text.borrow().is_string() {
                return Ok(text.borrow().str()?.into_ptr());
            }
            Ok(text.into_ptr())
        }
    })
}

unsafe extern "C" fn truth(object: *mut PyObject) -> c_int {
    guard_slot(-1, || {
        // SAFETY: CPython passes a live object; the handle is alive.
        let truth = unsafe { pyox_js_value_truthy(this_fields(Ref::from_ptr(object))?.handle) };
        Ok(i32::from(check_import_bool(truth)?))
    })
}

unsafe extern "C" fn get_typeof(object: *mut PyObject, _closure: *mut c_void) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the handle is alive; the wire was just written.
        unsafe {
            let js = this_fields(Ref::from_ptr(object))?;
            let mut out = WireValue::undefined();
            let tag = pyox_js_value_typeof(js.handle, &mut out);
            wire::read(tag, &out).map(Py::into_ptr)
        }
    })
}

unsafe extern "C" fn get_js_id(object: *mut PyObject, _closure: *mut c_void) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the handle is alive.
        let id = unsafe { pyox_js_value_id(this_fields(Ref::from_ptr(object))?.handle) };
        Py::int(id as i64).map(Py::into_ptr)
    })
}

unsafe extern "C" fn dir(object: *mut PyObject, _unused: *mut PyObject) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the handle is alive; each wire was just written.
        unsafe {
            let this = Ref::from_ptr(object);
            let base = Ref::from_ptr((&raw mut ffi::PyBaseObject_Type).cast());
            let names = base.call_method(c"__dir__", &[this])?;
            let names = Py::owned_or_err(ffi::PySet_New(names.as_ptr()))?;
            let js = this_fields(this)?;
            let array = JsRef::owned_or_err(pyox_js_object_dir(js.handle))?;
            let count = pyox_js_object_length(array.handle(), JS_IS_ARRAY);
            if count < 0 {
                return Err(crate::error::raise_pending());
            }
            for index in 0..count as u32 {
                let mut out = WireValue::undefined();
                let tag = pyox_js_array_get(array.handle(), index as i32, &mut out);
                let mut name = wire::read(tag, &out)?;
                if let Ok(text) = name.borrow().utf8() {
                    if state::is_keyword_like(text) {
                        name = Py::string(&format!("{text}_"))?;
                    }
                } else {
                    crate::py::clear();
                }
                check(ffi::PySet_Add(names.as_ptr(), name.as_ptr()))?;
            }
            Ok(Py::owned_or_err(ffi::PySequence_List(names.as_ptr()))?.into_ptr())
        }
    })
}

fn object_list(object: *mut PyObject, what: u32) -> *mut PyObject {
    guard_slot(ptr::null_mut(), || {
        // SAFETY: CPython passes a live object; the handle is alive.
        unsafe {
            let js: &JsFields = this_fields(Ref::from_ptr(object))?;
            let array = JsRef::owned_or_err(pyox_js_object_list(js.handle, what))?;
            let flags = pyox_js_value_flags(array.handle());
            jsproxy::new(array, flags, None).map(Py::into_ptr)
        }
    })
}

unsafe extern "C" fn object_keys(object: *mut PyObject, _unused: *mut PyObject) -> *mut PyObject {
    object_list(object, 0)
}

unsafe extern "C" fn object_values(object: *mut PyObject, _unused: *mut PyObject) -> *mut PyObject {
    object_list(object, 1)
}

unsafe extern "C" fn object_entries(object: *mut PyObject, _unused: *mut PyObject) -> *mut PyObject {
    object_list(object, 2)
}
