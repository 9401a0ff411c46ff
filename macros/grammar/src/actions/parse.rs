//! From a text to a product of group actions: `Rot90.per_batch() * Rescale(0.7..=1.3) * (HalfTurn * HFlip).per_sample()`.
//!
//! ```text
//! action = factor , { "*" , factor } ;
//! factor = ( name , [ "(" , range , ")" ] | "(" , action , ")" ) , { "." , name , "(" , [ range ] , ")" } ;
//! range  = number , "..=" , number ;
//! ```
//!
//! It is the part of Rust in which actions are declared, numbers in place of other expressions.

use std::ops::RangeInclusive;

use crate::actions;
use crate::text::{Cursor, Mistake, is_name, unclosed};

/// A factor of a product.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    /// What it is a factor of.
    pub kind: FactorKind,
    /// What is called on it, in order.
    pub calls: Vec<Call>,
    /// Its first word.
    pub word: usize,
}

/// What a factor is.
#[derive(Clone, Debug, PartialEq)]
pub enum FactorKind {
    /// A group, by its name; its range, and the range's first word.
    Group(String, Option<(RangeInclusive<f64>, usize)>),
    /// A product in parentheses: the last acts first.
    Product(Vec<Factor>),
}

/// A call: `.per_batch()`, `.aspect(0.75..=1.33)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What is called.
    pub name: String,
    /// Its range, and the range's first word.
    pub range: Option<(RangeInclusive<f64>, usize)>,
    /// The name's word.
    pub word: usize,
}

/// The factors of a product, in the order they are written.
///
/// # Errors
/// The first word that is none of an action's.
pub fn parse(words: &[&str]) -> Result<Vec<Factor>, Mistake> {
    let mut cursor = Cursor::new(words);
    let factors = product(&mut cursor)?;
    match cursor.peek() {
        None => Ok(factors),
        Some(")") => Err(cursor.mistake(actions::unopened())),
        Some(_) => Err(cursor.mistake(actions::missing_product())),
    }
}

fn product(cursor: &mut Cursor<'_>) -> Result<Vec<Factor>, Mistake> {
    let mut factors = vec![factor(cursor)?];
    while cursor.accept("*") {
        factors.push(factor(cursor)?);
    }
    Ok(factors)
}

fn factor(cursor: &mut Cursor<'_>) -> Result<Factor, Mistake> {
    let word = cursor.place();
    let kind = match cursor.peek() {
        Some("(") => {
            cursor.advance();
            let factors = product(cursor)?;
            cursor.expect(")", actions::missing_product)?;
            FactorKind::Product(factors)
        }
        Some(name) if is_name(name) => {
            cursor.advance();
            let range = if cursor.peek() == Some("(") { argument(cursor)? } else { None };
            FactorKind::Group(name.into(), range)
        }
        _ => return Err(cursor.mistake(actions::missing_factor())),
    };
    let mut calls = Vec::new();
    while cursor.accept(".") {
        calls.push(call(cursor)?);
    }
    Ok(Factor { kind, calls, word })
}

fn call(cursor: &mut Cursor<'_>) -> Result<Call, Mistake> {
    let word = cursor.place();
    let name = match cursor.peek() {
        Some(name) if is_name(name) => name.to_owned(),
        _ => return Err(cursor.mistake(actions::missing_call())),
    };
    cursor.advance();
    if cursor.peek() != Some("(") {
        return Err(Mistake { word, message: actions::call_without_parentheses(&name) });
    }
    Ok(Call { range: argument(cursor)?, name, word })
}

/// A range in parentheses, or nothing in them.
fn argument(cursor: &mut Cursor<'_>) -> Result<Option<(RangeInclusive<f64>, usize)>, Mistake> {
    cursor.accept("(");
    if cursor.accept(")") {
        return Ok(None);
    }
    let word = cursor.place();
    let low = number(cursor)?;
    cursor.expect("..=", actions::not_a_range)?;
    let high = number(cursor)?;
    cursor.expect(")", actions::not_a_range)?;
    Ok(Some((low..=high, word)))
}

fn number(cursor: &mut Cursor<'_>) -> Result<f64, Mistake> {
    let word = cursor.peek().ok_or_else(|| cursor.mistake(unclosed()))?;
    // `inf` and `nan` are numbers to Rust's parser.
    let number = word.parse().ok().filter(|_| !is_name(word));
    let number = number.ok_or_else(|| cursor.mistake(actions::not_a_range()))?;
    cursor.advance();
    Ok(number)
}
