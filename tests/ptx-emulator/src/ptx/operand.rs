//! Operands as they are written, before anything is known of their names.

use super::ParseError;
use super::cursor::Cursor;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operand<'a> {
    /// A register, symbol or special register.
    Name(&'a str),
    /// `!name`
    Not(&'a str),
    /// A literal, by its bits.
    Number(u64),
    /// `[base + offset]`
    Address { base: &'a str, offset: u64 },
    /// `{a, b}`
    List(Vec<Operand<'a>>),
    /// `a|b`
    Pair(&'a str, &'a str),
    /// `_`
    Sink,
}

pub(super) fn operands<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Operand<'a>>, ParseError> {
    let mut found = Vec::new();
    while cursor.peek() != ";" {
        found.push(operand(cursor)?);
        if !cursor.take(",") {
            break;
        }
    }
    cursor.expect(";")?;
    Ok(found)
}

fn operand<'a>(cursor: &mut Cursor<'a>) -> Result<Operand<'a>, ParseError> {
    if cursor.peek() == "-" || cursor.peek().starts_with(|first: char| first.is_ascii_digit()) {
        return Ok(Operand::Number(cursor.number()?));
    }
    match cursor.advance() {
        "{" => {
            let mut list = Vec::new();
            while !cursor.take("}") {
                if cursor.at_end() {
                    return Err(cursor.error("the text ends inside `{`"));
                }
                list.push(operand(cursor)?);
                cursor.take(",");
            }
            Ok(Operand::List(list))
        }
        "[" => {
            let base = cursor.advance();
            let signed = cursor.take("+") || cursor.peek() == "-";
            let offset = if signed { cursor.number()? } else { 0 };
            cursor.expect("]")?;
            Ok(Operand::Address { base, offset })
        }
        "!" => Ok(Operand::Not(cursor.advance())),
        "_" => Ok(Operand::Sink),
        name if cursor.take("|") => Ok(Operand::Pair(name, cursor.advance())),
        name => Ok(Operand::Name(name)),
    }
}
