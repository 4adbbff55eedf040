//! What JavaScript may do with a Python object: its capabilities.
//!
//! Owns the `PY_HAS_*` flags of an object. The operations themselves are in `exports`.

use core::mem::offset_of;

use pyo3_ffi as ffi;

use crate::boundary::*;
use crate::cells::Slot;
use crate::py::{self, Py, PyResult, Ref};

/// What is known of a type: its address, its version, which changes when the type does, and the flags of its instances.
#[derive(Clone, Copy)]
struct Known {
    ty: *mut ffi::PyTypeObject,
    version: u32,
    flags: u32,
}

/// Types by address; a collision replaces the older one.
const KNOWN_TYPES: usize = 128;

static KNOWN: Slot<[Known; KNOWN_TYPES]> = Slot::new([Known { ty: core::ptr::null_mut(), version: 0, flags: 0 }; KNOWN_TYPES]);

/// The flags of an object, by its type.
/// PERF: a look at every slot, and at attributes for iterators, costs more than the rest of a crossing (ffi: py2js_call_arg).
pub fn flags_of(object: Ref<'_>) -> u32 {
    let ty = object.ty();
    // SAFETY: the type is alive; one thread, and the reference ends before anything else runs.
    let (version, known) = unsafe { ((*ty).tp_version_tag as u32, &mut (*KNOWN.as_ptr())[(ty as usize >> 4) % KNOWN_TYPES]) };
    if known.ty == ty && known.version == version && version != 0 {
        return known.flags;
    }
    let flags = look_at(object);
    // Whether a class counts as a mutable sequence can change without the class: those are looked at each time. Version 0 means none.
    // SAFETY: as above; looking may have run Python code, so the slot is looked up again.
    unsafe {
        let version = (*ty).tp_version_tag as u32;
        if version != 0 && (flags & PY_HAS_SEQUENCE == 0 || ffi::PyType_HasFeature(ty, ffi::Py_TPFLAGS_HEAPTYPE) == 0) {
            (*KNOWN.as_ptr())[(ty as usize >> 4) % KNOWN_TYPES] = Known { ty, version, flags };
        }
    }
    flags
}

fn look_at(object: Ref<'_>) -> u32 {
    let ty = object.ty();
    let mut flags = 0;
    let mut set = |flag: u32, present: bool| {
        if present {
            flags |= flag;
        }
    };
    // SAFETY: the type is alive; its slot tables are null or valid.
    unsafe {
        let t = &*ty;
        if let Some(mapping) = t.tp_as_mapping.as_ref() {
            set(PY_HAS_LENGTH, mapping.mp_length.is_some());
            set(PY_HAS_GET, mapping.mp_subscript.is_some());
            set(PY_HAS_SET, mapping.mp_ass_subscript.is_some());
        }
        if let Some(sequence) = t.tp_as_sequence.as_ref() {
            set(PY_HAS_LENGTH, sequence.sq_length.is_some());
            set(PY_HAS_GET, sequence.sq_item.is_some());
            set(PY_HAS_SET, sequence.sq_ass_item.is_some());
            set(PY_HAS_CONTAINS, sequence.sq_contains.is_some());
        }
        if let Some(asynchronous) = t.tp_as_async.as_ref() {
            set(PY_HAS_AWAIT, asynchronous.am_await.is_some());
            set(PY_HAS_AITER, asynchronous.am_aiter.is_some());
            set(PY_HAS_ANEXT, asynchronous.am_anext.is_some());
        }
        if let Some(buffer) = t.tp_as_buffer.as_ref() {
            set(PY_HAS_BUFFER, buffer.bf_getbuffer.is_some());
        }
        set(PY_HAS_CALL, t.tp_call.is_some());
        // Without `__iter__`, `iter()` counts up indices.
        set(PY_HAS_ITER, t.tp_iter.is_some() || ffi::PySequence_Check(object.as_ptr()) != 0);
        set(PY_HAS_NEXT, ffi::PyIter_Check(object.as_ptr()) != 0);
        if ffi::PyGen_CheckExact(object.as_ptr()) != 0 {
            set(PY_HAS_GENERATOR, true);
        } else if ffi::PyAsyncGen_CheckExact(object.as_ptr()) != 0 {
            set(PY_HAS_ASYNC_GENERATOR, true);
        } else if ffi::PyCoro_CheckExact(object.as_ptr()) == 0 {
            if flags & PY_HAS_NEXT != 0 && has_methods(ty, [c"send", c"throw", c"close"]) {
                flags |= PY_HAS_GENERATOR;
            }
            if flags & PY_HAS_ANEXT != 0 && has_methods(ty, [c"asend", c"athrow", c"aclose"]) {
                flags |= PY_HAS_ASYNC_GENERATOR;
            }
        }
        // Awaiting a generator-based coroutine is as rare as it is legal; its type says nothing, so it is left out.
        flags | container_flags(object)
    }
}

/// Where variable-sized objects and dicts have their length, which JavaScript reads there.
const _: () = assert!(offset_of!(ffi::PyVarObject, ob_size) == COUNT_OFFSET as usize && offset_of!(ffi::PyDictObject, ma_used) == COUNT_OFFSET as usize);

fn container_flags(object: Ref<'_>) -> u32 {
    // SAFETY: reads the object's type.
    let is_counted = unsafe {
        let raw = object.as_ptr();
        ffi::PyList_CheckExact(raw) != 0
            || ffi::PyDict_CheckExact(raw) != 0
            || ffi::PyTuple_CheckExact(raw) != 0
            || ffi::PyBytes_CheckExact(raw) != 0
            || ffi::PyByteArray_CheckExact(raw) != 0
    };
    kind_flags(object) | if is_counted { PY_HAS_COUNT } else { 0 }
}

fn kind_flags(object: Ref<'_>) -> u32 {
    let raw = object.as_ptr();
    // SAFETY: reads flags of the object's type.
    unsafe {
        if ffi::PyDict_Check(raw) != 0 {
            return if ffi::PyDict_CheckExact(raw) != 0 { PY_HAS_DICT | PY_IS_PLAIN_DICT } else { PY_HAS_DICT };
        }
        if ffi::PyList_Check(raw) != 0 {
            return PY_HAS_SEQUENCE | PY_HAS_MUTABLE_SEQUENCE;
        }
        if ffi::PyTuple_Check(raw) != 0 || ffi::PyBytes_Check(raw) != 0 {
            return PY_HAS_SEQUENCE;
        }
        if ffi::PyByteArray_Check(raw) != 0 {
            return PY_HAS_SEQUENCE | PY_HAS_MUTABLE_SEQUENCE;
        }
        // `collections.abc` sets this flag on whatever is registered with or derived from Sequence.
        if ffi::PyType_HasFeature(object.ty(), ffi::Py_TPFLAGS_SEQUENCE) != 0 {
            return PY_HAS_SEQUENCE
                | if is_mutable_sequence(object) { PY_HAS_MUTABLE_SEQUENCE } else { 0 };
        }
    }
    0
}

static MUTABLE_SEQUENCE: Slot<Option<Py>> = Slot::new(None);

fn is_mutable_sequence(object: Ref<'_>) -> bool {
    let found = (|| -> PyResult<bool> {
        // SAFETY: one thread; the reference is not used across the import.
        if unsafe { (*MUTABLE_SEQUENCE.as_ptr()).is_none() } {
            let class = Py::import(c"collections.abc")?.borrow().attr(c"MutableSequence")?;
            MUTABLE_SEQUENCE.replace(Some(class));
        }
        // SAFETY: set above and never cleared.
        let class = unsafe { (*MUTABLE_SEQUENCE.as_ptr()).as_ref() }.map_or(core::ptr::null_mut(), Py::as_ptr);
        // SAFETY: both are alive.
        py::check_bool(unsafe { ffi::PyObject_IsInstance(object.as_ptr(), class) })
    })();
    found.unwrap_or_else(|_| {
        // An object that cannot say what it is has fewer methods; nothing else is wrong.
        py::clear();
        false
    })
}

fn has_methods<const N: usize>(ty: *mut ffi::PyTypeObject, names: [&core::ffi::CStr; N]) -> bool {
    names.into_iter().all(|name| {
        // SAFETY: the type is alive, the name 0-terminated.
        let found = unsafe { ffi::PyObject_HasAttrString(ty.cast(), name.as_ptr()) };
        found == 1
    })
}
