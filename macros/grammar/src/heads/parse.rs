//! From words to a head: `mlp(512, gelu, 512), ema`.
//!
//! ```text
//! head  = "mlp(" , [ layer , { "," , layer } ] , ")" , { "," , ( "ema" | "freeze_last" , "=" , name ) } ;
//! layer = width , [ "+" , "bias" ] | "prototypes(" , width , ")" | name ;
//! width = factor , [ "*" , factor ] ;
//! factor = integer | "width" | name ;
//! ```

use crate::text::{Cursor, Mistake, is_name, unclosed};
use crate::vocabulary::{HEAD_OPTIONS, HEADS};
use crate::{heads, unknown};

/// A head as it is written. Its words are known by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// From the tap to the loss.
    pub layers: Vec<Layer>,
    /// `ema`, where it was written.
    pub ema: Option<usize>,
    /// The knob of `freeze_last = KNOB`.
    pub freeze_last: Option<Knob>,
}

/// A knob of the plugin, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knob {
    /// What it is called.
    pub name: String,
    /// The name's word.
    pub word: usize,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// What it is.
    pub kind: LayerKind,
    /// Its first word.
    pub word: usize,
}

/// What a layer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// A width by itself: a linear layer.
    Linear {
        /// Channels out.
        width: Width,
        /// `bias`, where it was written.
        bias: Option<usize>,
    },
    /// `prototypes(n)`.
    Prototypes(Width),
    /// A layer without width, if the name is one; or the name of a knob.
    Named(String),
}

/// How many channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Width {
    /// How it is said.
    pub kind: WidthKind,
    /// The number's word, or the name's.
    pub word: usize,
}

/// How a width is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WidthKind {
    /// A number.
    Fixed(usize),
    /// `width` or `2 * width`: a multiple of the tap's.
    Tap(usize),
    /// A knob.
    Knob(String),
    /// `width * width`, `2 * hidden`: a product of two.
    Product(Box<[Width; 2]>),
}

/// A head of these words.
///
/// # Errors
/// The first word that is none of a head's.
pub fn parse(words: &[&str]) -> Result<Head, Mistake> {
    let mut cursor = Cursor::new(words);
    let kind = cursor.peek().ok_or_else(|| cursor.mistake(heads::without_layers()))?;
    if !HEADS.contains(&kind) {
        return Err(cursor.mistake(unknown("head", kind, HEADS.iter().copied())));
    }
    if cursor.peek_second() != Some("(") {
        return Err(cursor.mistake(heads::without_layers()));
    }
    cursor.advance();
    let layers = list(&mut cursor, "(", ")", layer)?;
    let mut head = Head { layers, ema: None, freeze_last: None };
    while cursor.accept(",") && cursor.peek().is_some() {
        option(&mut cursor, &mut head)?;
    }
    match cursor.peek() {
        None => Ok(head),
        Some(_) => Err(cursor.mistake(heads::behind())),
    }
}

/// The axes of a state: `[width, 2]`.
///
/// # Errors
/// The first word that is none of theirs.
pub fn parse_shape(words: &[&str]) -> Result<Vec<Width>, Mistake> {
    list(&mut Cursor::new(words), "[", "]", width)
}

/// Items between brackets, with commas between them and one behind, if one likes.
fn list<T>(
    cursor: &mut Cursor<'_>,
    open: &str,
    close: &str,
    item: fn(&mut Cursor<'_>) -> Result<T, Mistake>,
) -> Result<Vec<T>, Mistake> {
    cursor.accept(open);
    let mut items = Vec::new();
    while !cursor.accept(close) {
        items.push(item(cursor)?);
        if cursor.peek().is_some_and(|word| word != close) {
            cursor.expect(",", heads::missing_comma)?;
        }
    }
    Ok(items)
}

fn option(cursor: &mut Cursor<'_>, head: &mut Head) -> Result<(), Mistake> {
    let word = cursor.place();
    match cursor.peek() {
        Some("ema") => head.ema = Some(word),
        Some("freeze_last") => {
            let mistake = cursor.mistake(heads::frozen_by_nothing());
            cursor.advance();
            let name = if cursor.accept("=") { cursor.peek().filter(|name| is_name(name)) } else { None };
            let name = name.ok_or(mistake)?.into();
            head.freeze_last = Some(Knob { name, word: cursor.place() });
        }
        other => {
            let message = unknown("head option", other.unwrap_or_default(), HEAD_OPTIONS.iter().copied());
            return Err(cursor.mistake(message));
        }
    }
    cursor.advance();
    Ok(())
}

fn layer(cursor: &mut Cursor<'_>) -> Result<Layer, Mistake> {
    let word = cursor.place();
    let named = cursor.peek().filter(|name| is_name(name) && *name != "width");
    let kind = match named.filter(|_| !matches!(cursor.peek_second(), Some("*" | "+"))) {
        None => LayerKind::Linear { width: width(cursor)?, bias: bias(cursor)? },
        Some("prototypes") => prototypes(cursor)?,
        Some(name) if cursor.peek_second() == Some("(") => {
            return Err(cursor.mistake(heads::layer_with_parentheses(name)));
        }
        Some(name) => {
            cursor.advance();
            LayerKind::Named(name.into())
        }
    };
    Ok(Layer { kind, word })
}

fn prototypes(cursor: &mut Cursor<'_>) -> Result<LayerKind, Mistake> {
    let mistake = cursor.mistake(heads::prototypes_without_count());
    cursor.advance();
    if !cursor.accept("(") || cursor.peek() == Some(")") {
        return Err(mistake);
    }
    let count = width(cursor)?;
    cursor.expect(")", heads::not_a_width)?;
    Ok(LayerKind::Prototypes(count))
}

fn bias(cursor: &mut Cursor<'_>) -> Result<Option<usize>, Mistake> {
    if !cursor.accept("+") {
        return Ok(None);
    }
    let word = cursor.place();
    match cursor.peek() {
        Some("bias") => {
            cursor.advance();
            Ok(Some(word))
        }
        Some(other) => Err(cursor.mistake(heads::only_bias_is_added(other))),
        None => Err(cursor.mistake(unclosed())),
    }
}

fn width(cursor: &mut Cursor<'_>) -> Result<Width, Mistake> {
    let first = factor(cursor)?;
    if !cursor.accept("*") {
        return Ok(first);
    }
    let second = factor(cursor)?;
    let word = first.word;
    match (&first.kind, &second.kind) {
        (WidthKind::Fixed(number), WidthKind::Tap(_)) => Ok(Width { kind: WidthKind::Tap(*number), word }),
        (WidthKind::Tap(_), WidthKind::Fixed(number)) => {
            Ok(Width { kind: WidthKind::Tap(*number), word: second.word })
        }
        (WidthKind::Fixed(_), WidthKind::Fixed(_)) => {
            Err(Mistake { word: second.word, message: heads::not_a_width() })
        }
        _ => Ok(Width { kind: WidthKind::Product(Box::new([first, second])), word }),
    }
}

fn factor(cursor: &mut Cursor<'_>) -> Result<Width, Mistake> {
    let word = cursor.place();
    let said = cursor.peek().ok_or_else(|| cursor.mistake(unclosed()))?;
    let kind = match said.parse() {
        Ok(number) => WidthKind::Fixed(number),
        Err(_) if said == "width" => WidthKind::Tap(1),
        Err(_) if is_name(said) => WidthKind::Knob(said.into()),
        Err(_) => return Err(cursor.mistake(heads::not_a_width())),
    };
    cursor.advance();
    Ok(Width { kind, word })
}
