//! What stands outside kernels: version, target, variables, files for line numbers.

use std::collections::HashMap;

use super::ParseError;
use super::body::{self, Surroundings};
use super::cursor::Cursor;
use super::declaration::declaration;
use super::lexer::tokens;
use crate::module::{DYNAMIC_SHARED_BASE, GlobalVariable, Module, RED_ZONE, SHARED_BASE, SharedVariable};

pub(super) fn parse(text: &str, variables: u64) -> Result<Module, ParseError> {
    let mut cursor = Cursor::new(tokens(text));
    let mut module = Module::default();
    let mut surroundings =
        Surroundings { symbols: HashMap::new(), shared: Vec::new(), shared_end: SHARED_BASE };
    let mut next_variable = variables.next_multiple_of(256);
    let mut files = HashMap::new();
    while !cursor.at_end() {
        match cursor.advance() {
            ".version" => module.version = cursor.advance().to_owned(),
            ".target" => {
                module.target = cursor.advance().to_owned();
                while cursor.take(",") {
                    cursor.advance();
                }
            }
            ".address_size" => {
                if cursor.number()? != 64 {
                    return Err(cursor.error("only addresses of 64 bits are supported"));
                }
            }
            ".extern" | ".visible" | ".weak" => {}
            ".shared" => shared(&mut cursor, &mut surroundings)?,
            space @ (".global" | ".const") => {
                let declared = declaration(&mut cursor)?;
                cursor.expect(";")?;
                surroundings.symbols.insert(declared.name, next_variable);
                module.variables.push(GlobalVariable {
                    name: declared.name.to_owned(),
                    address: next_variable,
                    bytes: declared.bytes,
                    initial: declared.initial,
                    constant: space == ".const",
                });
                next_variable = (next_variable + declared.bytes).next_multiple_of(256) + 256;
            }
            ".entry" => {
                let kernel = body::kernel(&mut cursor, &surroundings)?;
                module.kernels.insert(kernel.name.clone(), kernel);
            }
            ".func" => function_declaration(&mut cursor)?,
            ".file" => {
                let number = cursor.number()? as u32;
                files.insert(number, cursor.advance().trim_matches('"').to_owned());
                while cursor.take(",") {
                    cursor.number()?; // time and size of the file
                }
            }
            ".section" => cursor.skip_past("}")?,
            word => return Err(cursor.error(format!("`{word}` is not known outside kernels"))),
        }
    }
    name_files(&mut module, &files);
    Ok(module)
}

fn shared<'a>(cursor: &mut Cursor<'a>, surroundings: &mut Surroundings<'a>) -> Result<(), ParseError> {
    let declared = declaration(cursor)?;
    cursor.expect(";")?;
    if declared.unsized_array {
        surroundings.symbols.insert(declared.name, DYNAMIC_SHARED_BASE);
        return Ok(());
    }
    let address = surroundings.shared_end.next_multiple_of(declared.align.max(16));
    surroundings.symbols.insert(declared.name, address);
    surroundings.shared.push(SharedVariable {
        name: declared.name.to_owned(),
        address,
        bytes: declared.bytes,
    });
    surroundings.shared_end = address + declared.bytes + RED_ZONE;
    Ok(())
}

/// The declaration of a function without a body: a hook of the run time, such as `__assertfail`.
fn function_declaration(cursor: &mut Cursor<'_>) -> Result<(), ParseError> {
    loop {
        match cursor.advance() {
            ";" => return Ok(()),
            "{" => return Err(cursor.error("a function that is not inlined: mark it __forceinline__")),
            "" => return Err(cursor.error("the text ends inside a function")),
            _ => {}
        }
    }
}

/// Kernels hold the numbers of files, whose names come at the end of the text.
fn name_files(module: &mut Module, files: &HashMap<u32, String>) {
    for source in module.kernels.values_mut().flat_map(|kernel| kernel.sources.iter_mut()) {
        if let Some(name) = source.file.parse().ok().and_then(|number: u32| files.get(&number)) {
            source.file.clone_from(name);
        }
    }
}
