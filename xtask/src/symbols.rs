//! Takes most exports from the main module: an engine makes an object of each when it makes an instance, and a start needs few of them.
//!
//! Owns: a function that JavaScript does not name gets a place in the function table instead, a constant address its value; a section of the
//! module says which name is where (`emscripten/library_lean.js` reads it when somebody asks). Not here: which names JavaScript needs.
//! INVARIANTS: a function has one address: one that is in the table already stays where it is. The name of a function that the core replaces
//! (`wrap` in `emscripten/link.toml`) is the core's, for side modules as for the main module.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use anyhow::{Context as _, Result, bail, ensure};
use wasmparser::{ConstExpr, ElementItems, ElementKind, ExternalKind, Operator, Parser, Payload, TypeRef};

/// This very file: what it does is an input of the link.
pub const SOURCE: &str = include_str!("symbols.rs");

/// What the linker puts before the name of a function that is replaced.
const REPLACEMENT: &str = "__wrap_";

/// Name of the section with the symbols.
const SECTION: &str = "pyoxide.symbols";

const TABLE_SECTION: u8 = 4;
const EXPORT_SECTION: u8 = 7;
const ELEMENT_SECTION: u8 = 9;

/// The module without the exports for which `is_kept` says no.
pub fn take_exports(wasm: &[u8], is_kept: impl Fn(&str) -> bool) -> Result<Vec<u8>> {
    let module = Module::read(wasm)?;
    if let Some(name) = module.replaced.keys().find(|name| is_kept(name)) {
        bail!("JavaScript names the export `{name}`, which the core replaces: it would call the one that is replaced");
    }
    // New places in the order of the functions: small differences, which compress.
    let mut places = module.places.clone();
    let mut new: Vec<u32> = module.functions.values().copied().filter(|function| !places.contains_key(function)).collect();
    new.sort_unstable();
    new.dedup();
    for (index, &function) in new.iter().enumerate() {
        places.insert(function, module.table_length + u32::try_from(index)?);
    }

    let mut result = wasm[..8].to_vec();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        let Some((id, range)) = payload.as_section() else { continue };
        let content = bytes_at(wasm, range);
        let changed = match id {
            TABLE_SECTION => longer_table(content, module.table_length + u32::try_from(new.len())?)?,
            EXPORT_SECTION => kept_exports(wasm, |name, kind, index| {
                let is_moved = match kind {
                    ExternalKind::Func => true,
                    ExternalKind::Global => module.constants.contains_key(&index),
                    _ => false,
                };
                !is_moved || is_kept(name)
            })?,
            ELEMENT_SECTION => {
                let (count, rest) = read_number(content)?;
                let mut section = number(count + 1);
                section.extend(&content[rest..]);
                // Active, in table 0, functions by index.
                section.extend([0, 0x41]);
                section.extend(signed_number(i64::from(module.table_length)));
                section.push(0x0b);
                section.extend(number(u32::try_from(new.len())?));
                section.extend(new.iter().flat_map(|&function| number(function)));
                section
            }
            _ => content.to_vec(),
        };
        push_section(&mut result, id, &changed)?;
    }
    let mut section = number(u32::try_from(SECTION.len())?);
    section.extend(SECTION.as_bytes());
    section.extend(module.symbols(&places, module.table_length + u32::try_from(new.len())?)?);
    push_section(&mut result, 0, &section)?;
    Ok(result)
}

/// What of the module is looked at.
#[derive(Default)]
struct Module {
    /// Exported functions and addresses, by name.
    functions: BTreeMap<String, u32>,
    addresses: BTreeMap<String, u32>,
    /// Functions that stand in the place of others, by the names of those.
    replaced: BTreeMap<String, u32>,
    /// Values of immutable globals, by index.
    constants: HashMap<u32, u32>,
    /// Where functions are in the table; the first place of each.
    places: HashMap<u32, u32>,
    table_length: u32,
}

impl Module {
    fn read(wasm: &[u8]) -> Result<Self> {
        let mut module = Self::default();
        let mut globals = 0;
        let mut tables = 0;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.context("The main module is no WebAssembly")? {
                Payload::ImportSection(reader) => {
                    for import in reader.into_imports() {
                        match import?.ty {
                            TypeRef::Global(_) => globals += 1,
                            TypeRef::Table(_) => bail!("The main module imports its table"),
                            _ => {}
                        }
                    }
                }
                Payload::TableSection(reader) => {
                    for table in reader {
                        tables += 1;
                        module.table_length = u32::try_from(table?.ty.initial)?;
                    }
                }
                Payload::GlobalSection(reader) => {
                    for global in reader {
                        let global = global?;
                        if let (false, Some(value)) = (global.ty.mutable, constant(&global.init_expr)?) {
                            module.constants.insert(globals, value);
                        }
                        globals += 1;
                    }
                }
                Payload::ExportSection(reader) => {
                    for export in reader {
                        let export = export?;
                        match export.kind {
                            ExternalKind::Func => {
                                module.functions.insert(export.name.to_owned(), export.index);
                            }
                            ExternalKind::Global => {
                                if let Some(&value) = module.constants.get(&export.index) {
                                    module.addresses.insert(export.name.to_owned(), value);
                                }
                            }
                            _ => {}
                        }
                    }
                }
                Payload::ElementSection(reader) => {
                    for element in reader {
                        let element = element?;
                        let ElementKind::Active { table_index: None | Some(0), offset_expr } = element.kind else { continue };
                        let offset = constant(&offset_expr)?.context("A part of the function table of the main module has no constant address")?;
                        let ElementItems::Functions(functions) = element.items else { bail!("The function table of the main module holds expressions") };
                        for (index, function) in functions.into_iter().enumerate() {
                            module.places.entry(function?).or_insert(offset + u32::try_from(index)?);
                        }
                    }
                }
                _ => {}
            }
        }
        ensure!(tables == 1, "The main module has {tables} tables instead of one");
        module.replaced = module.functions.iter().filter_map(|(name, &function)| Some((name.strip_prefix(REPLACEMENT)?.to_owned(), function))).collect();
        module.functions.extend(module.replaced.clone());
        Ok(module)
    }

    /// Content of the section: how many functions, addresses and places of the table there are; for each function its place, in the order of the places,
    /// and each address, in their order, as the difference to the one before; for each place of the table the function, as the zigzag difference
    /// to the one before; the names of functions and addresses, one a line. Numbers are LEB128.
    fn symbols(&self, places: &HashMap<u32, u32>, table_length: u32) -> Result<Vec<u8>> {
        let mut functions: Vec<(u32, &str)> = self.functions.iter().map(|(name, function)| (places[function], name.as_str())).collect();
        let mut addresses: Vec<(u32, &str)> = self.addresses.iter().map(|(name, &address)| (address, name.as_str())).collect();
        // Small differences, which compress; and what belongs together stays together.
        functions.sort_unstable();
        addresses.sort_unstable();
        let names: Vec<&str> = functions.iter().chain(&addresses).map(|(_, name)| *name).collect();
        ensure!(names.iter().all(|name| name.is_ascii() && !name.contains('\n')), "The main module exports a name that is not plain text");
        let mut table = vec![0i64; table_length as usize];
        for (&function, &place) in places {
            table[place as usize] = i64::from(function);
        }
        let mut content = number(u32::try_from(functions.len())?);
        content.extend(number(u32::try_from(addresses.len())?));
        content.extend(number(table_length));
        for list in [&functions, &addresses] {
            let mut before = 0;
            for &(value, _) in list {
                content.extend(number(value - before));
                before = value;
            }
        }
        let mut before = 0;
        for function in table {
            let difference = function - before;
            content.extend(number(u32::try_from(if difference < 0 { -2 * difference - 1 } else { 2 * difference })?));
            before = function;
        }
        content.extend(names.join("\n").bytes());
        Ok(content)
    }
}

/// The value of an expression that is one 32-bit constant.
fn constant(expression: &ConstExpr<'_>) -> Result<Option<u32>> {
    let mut operators = expression.get_operators_reader();
    let Operator::I32Const { value } = operators.read()? else { return Ok(None) };
    Ok(matches!(operators.read()?, Operator::End).then_some(value.cast_unsigned()))
}

/// The table section with another length of the one table.
fn longer_table(content: &[u8], length: u32) -> Result<Vec<u8>> {
    // One table, of functions; flags; its length; what may follow.
    let [1, 0x70, flags, limits @ ..] = content else { bail!("The main module has another function table than expected") };
    let (_, rest) = read_number(limits)?;
    let mut section = vec![1, 0x70, *flags];
    section.extend(number(length));
    section.extend(&limits[rest..]);
    Ok(section)
}

fn kept_exports(wasm: &[u8], is_kept: impl Fn(&str, ExternalKind, u32) -> bool) -> Result<Vec<u8>> {
    let mut kept: Vec<u8> = Vec::new();
    let mut count = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::ExportSection(reader) = payload? else { continue };
        let end = reader.range().end;
        let exports = reader.into_iter_with_offsets().collect::<Result<Vec<_>, _>>()?;
        for (index, (from, export)) in exports.iter().enumerate() {
            if is_kept(export.name, export.kind, export.index) {
                let to = exports.get(index + 1).map_or(end, |next| next.0);
                kept.extend(bytes_at(wasm, *from..to));
                count += 1;
            }
        }
    }
    let mut section = number(count);
    section.extend(kept);
    Ok(section)
}

fn bytes_at(wasm: &[u8], range: Range<u64>) -> &[u8] {
    &wasm[range.start as usize..range.end as usize]
}

/// Appends a section.
pub fn push_section(module: &mut Vec<u8>, id: u8, content: &[u8]) -> Result<()> {
    module.push(id);
    module.extend(number(u32::try_from(content.len())?));
    module.extend(content);
    Ok(())
}

/// Unsigned LEB128.
pub fn number(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 128 {
        bytes.push((value & 127) as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Signed LEB128.
fn signed_number(mut value: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 127) as u8;
        value >>= 7;
        if (value == 0 && low & 64 == 0) || (value == -1 && low & 64 != 0) {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 128);
    }
}

/// An unsigned LEB128 number and where what follows begins.
fn read_number(bytes: &[u8]) -> Result<(u32, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        value |= u32::from(byte & 127) << (7 * index);
        if byte & 128 == 0 {
            return Ok((value, index + 1));
        }
    }
    bail!("A number in the main module does not end");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of 3 with function 1 at place 2; functions 0 and 1 exported as `a` and `b`, 1 also as `c`; the constant 70000 as `d`.
    fn sample() -> Vec<u8> {
        with_exports(&[5, 1, b'a', 0, 0, 1, b'b', 0, 1, 1, b'c', 0, 1, 1, b'd', 3, 0, 1, b't', 1, 0])
    }

    fn with_exports(exports: &[u8]) -> Vec<u8> {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        let mut section = |id: u8, content: &[u8]| push_section(&mut module, id, content).expect("it is short");
        section(1, &[1, 0x60, 0, 0]);
        section(3, &[2, 0, 0]);
        section(TABLE_SECTION, &[1, 0x70, 0, 3]);
        section(6, &[1, 0x7f, 0, 0x41, 0xf0, 0xa2, 0x04, 0x0b]);
        section(EXPORT_SECTION, exports);
        section(ELEMENT_SECTION, &[1, 0, 0x41, 2, 0x0b, 1, 1]);
        section(10, &[2, 2, 0, 0x0b, 2, 0, 0x0b]);
        module
    }

    #[test]
    fn functions_move_into_the_table_and_constants_into_the_section() {
        let taken = take_exports(&sample(), |name| name == "c").expect("the sample is a module");
        let module = Module::read(&taken).expect("the result is one");
        assert_eq!(module.functions, BTreeMap::from([("c".to_string(), 1)]));
        assert_eq!(module.addresses, BTreeMap::new());
        assert_eq!(module.table_length, 4);
        assert_eq!(module.places, HashMap::from([(1, 2), (0, 3)]));
        // 3 functions, an address, 4 places; `b` and `c` at 2, `a` at 3; `d` is 70000; functions 0, 0, 1, 0.
        let mut section = vec![3, 1, 4, 2, 0, 1];
        section.extend(number(70_000));
        section.extend([0, 0, 2, 1]);
        section.extend(b"b\nc\na\nd");
        assert!(taken.ends_with(&section));
    }

    #[test]
    fn the_name_of_a_function_that_is_replaced_is_the_replacements() {
        let mut exports = vec![2, 1, b'b', 0, 1, 8];
        exports.extend(b"__wrap_b");
        exports.extend([0, 0]);
        let sample = with_exports(&exports);
        assert_eq!(Module::read(&sample).expect("the sample is a module").functions["b"], 0);
        assert!(take_exports(&sample, |name| name == "b").is_err());
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for value in [0, 1, 127, 128, 16_384, u32::MAX] {
            let bytes = number(value);
            assert_eq!(read_number(&bytes).expect("it ends"), (value, bytes.len()));
        }
        assert_eq!(signed_number(64), [0xc0, 0]);
        assert_eq!(signed_number(-1), [0x7f]);
    }
}
