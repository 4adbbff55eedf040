//! The vocabulary of the table: what a parameter or result may be, and how it looks in wasm.

/// The kind of a parameter or result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A JavaScript value's number in the handle table. 0 is "none", and what a failed import returns.
    Handle,
    /// Address of a `PyObject`. 0 is "none", and what a failed export returns.
    PyPtr,
    /// Address of one `WireValue` (16 bytes), or of an array of them.
    Wire,
    /// What a `WireValue` holds, by the `TAG_*` constants; `TAG_FAILURE` says that an error is pending.
    Tag,
    /// 0 is success, -1 says that an error is pending.
    Status,
    /// 1 is yes, 0 is no, -1 says that an error is pending.
    Tri,
    /// A count or index; -1 says that an error is pending.
    Count,
    /// Address in linear memory of plain bytes.
    Address,
    /// Unsigned number.
    U32,
    /// Signed number.
    I32,
    /// Double.
    F64,
}

impl Type {
    /// The wasm value type.
    pub const fn wasm(self) -> &'static str {
        match self {
            Type::F64 => "f64",
            _ => "i32",
        }
    }

    /// The letter Emscripten uses for it in a `__sig`. Addresses are `i`, not `p`: with `p` Emscripten would wrap the
    /// function to make them unsigned, which the runtime does itself.
    pub const fn emscripten(self) -> char {
        match self {
            Type::F64 => 'd',
            _ => 'i',
        }
    }

    /// The name of the TypeScript type.
    pub const fn typescript(self) -> &'static str {
        match self {
            Type::Handle => "JsHandle",
            Type::PyPtr => "PyPtr",
            Type::Wire => "WirePtr",
            Type::Tag => "Tag",
            Type::Address => "Address",
            _ => "number",
        }
    }

    /// What a guarded JavaScript import returns after it has kept the thrown value.
    pub const fn failure(self) -> i32 {
        match self {
            Type::Status | Type::Tri | Type::Count => -1,
            _ => 0,
        }
    }

    const fn code(self) -> u32 {
        self as u32
    }
}

/// One crossing.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// `pyox_js_<noun>_<verb>` or `pyox_py_<noun>_<verb>`.
    pub name: &'static str,
    /// Its comment, one line per line.
    pub doc: &'static str,
    /// Names and types.
    pub params: &'static [(&'static str, Type)],
    /// `None` when it returns nothing and cannot fail.
    pub result: Option<Type>,
}

impl Row {
    pub(crate) const fn mix(&self, hash: u32) -> u32 {
        let mut hash = mix_str(hash, self.name);
        let mut i = 0;
        while i < self.params.len() {
            hash = mix(hash, self.params[i].1.code());
            i += 1;
        }
        mix(
            hash,
            match self.result {
                None => 255,
                Some(ty) => ty.code(),
            },
        )
    }
}

/// One shared number.
#[derive(Debug, Clone, Copy)]
pub struct Constant {
    /// Upper case, grouped by prefix.
    pub name: &'static str,
    /// Its comment.
    pub doc: &'static str,
    /// Its value.
    pub value: u32,
}

impl Constant {
    pub(crate) const fn mix(&self, hash: u32) -> u32 {
        mix(mix_str(hash, self.name), self.value)
    }
}

const fn mix(hash: u32, value: u32) -> u32 {
    (hash ^ value).wrapping_mul(0x0100_0193)
}

const fn mix_str(mut hash: u32, text: &str) -> u32 {
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        hash = mix(hash, bytes[i] as u32);
        i += 1;
    }
    hash
}
