//! Declarations of variables: `.align 4 .b8 name[256] = {…}`.

use super::ParseError;
use super::cursor::Cursor;
use super::modifiers::Type;

/// A variable, after the word for its state space.
pub(super) struct Declaration<'a> {
    pub name: &'a str,
    pub align: u64,
    pub bytes: u64,
    /// `name[]`: the launch says how large it is.
    pub unsized_array: bool,
    pub initial: Vec<u8>,
}

pub(super) fn declaration<'a>(cursor: &mut Cursor<'a>) -> Result<Declaration<'a>, ParseError> {
    let (mut align, mut lanes) = (0, 1);
    let element = loop {
        match cursor.advance() {
            ".align" => align = cursor.number()?,
            ".v2" => lanes = 2,
            ".v4" => lanes = 4,
            word => match word.strip_prefix('.').and_then(Type::parse) {
                Some(element) => break element,
                None => return Err(cursor.error(format!("`{word}` is no type of a variable"))),
            },
        }
    };
    // A kernel's parameter may say what it points to: `.u64 .ptr .global .align 1 name`.
    while cursor.peek().starts_with('.') {
        match cursor.advance() {
            ".align" => _ = cursor.number()?,
            ".ptr" | ".global" | ".shared" | ".const" | ".local" => {}
            word => return Err(cursor.error(format!("`{word}` is not known in a declaration"))),
        }
    }
    let name = cursor.advance();
    let (count, unsized_array) = dimensions(cursor)?;
    let initial =
        if cursor.take("=") { initial_bytes(cursor, element.bytes() as usize)? } else { Vec::new() };
    let element_bytes = element.bytes() * lanes;
    Ok(Declaration {
        name,
        align: align.max(element_bytes.min(16)),
        bytes: element_bytes * count,
        unsized_array,
        initial,
    })
}

fn dimensions(cursor: &mut Cursor<'_>) -> Result<(u64, bool), ParseError> {
    let (mut count, mut unsized_array) = (1u64, false);
    while cursor.take("[") {
        if cursor.take("]") {
            unsized_array = true;
            continue;
        }
        let length = cursor.number()?;
        count =
            count.checked_mul(length).ok_or_else(|| cursor.error("an array of more than 2^64 elements"))?;
        cursor.expect("]")?;
    }
    Ok((count, unsized_array))
}

fn initial_bytes(cursor: &mut Cursor<'_>, element_bytes: usize) -> Result<Vec<u8>, ParseError> {
    let mut bytes = Vec::new();
    let braces = cursor.take("{");
    loop {
        bytes.extend_from_slice(&cursor.number()?.to_le_bytes()[..element_bytes]);
        if !cursor.take(",") {
            break;
        }
    }
    if braces {
        cursor.expect("}")?;
    }
    Ok(bytes)
}
