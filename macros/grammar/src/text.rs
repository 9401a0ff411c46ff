//! Texts cut into words, and mistakes at words.
//!
//! Heads are written in declarations, where the compiler cuts them into tokens, and in configurations, where this module
//! does. Their parsers see words alone and name the word a mistake is about by its number; where that word stands is the
//! caller's to know.

use std::ops::Range;

/// A piece of a text: a name, a number or a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// The piece.
    pub text: &'a str,
    /// The bytes it stands at.
    pub at: Range<usize>,
}

/// What is wrong at a word, counted from 0; their number stands for the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Which word.
    pub word: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// What is wrong at some bytes of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextMistake {
    /// Which bytes.
    pub at: Range<usize>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Mistake {
    /// The mistake where its word stands among the `words` of `text`.
    pub fn in_text(self, text: &str, words: &[Word<'_>]) -> TextMistake {
        let at = words.get(self.word).map_or(text.len()..text.len(), |word| word.at.clone());
        TextMistake { at, message: self.message }
    }
}

/// A parenthesis is open at the end of a text.
pub fn unclosed() -> String {
    "a parenthesis is open at the end; close it with `)`".to_owned()
}

/// Cuts a text into words. `30epochs` is two words; `3e-4`, `->` and `..=` are one.
///
/// ```
/// # use equilayer_grammar::text::words;
/// let texts = |text| words(text).into_iter().map(|word| word.text).collect::<Vec<_>>();
/// assert_eq!(texts("mlp(512 + bias)"), ["mlp", "(", "512", "+", "bias", ")"]);
/// assert_eq!(texts("Rotate(-0.2..=.2)"), ["Rotate", "(", "-0.2", "..=", ".2", ")"]);
/// ```
pub fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        let length =
            if first.is_whitespace() { first.len_utf8() } else { word_length(&text[start..], first) };
        let at = start..start + length;
        if !first.is_whitespace() {
            words.push(Word { text: &text[at.clone()], at: at.clone() });
        }
        start = at.end;
    }
    words
}

/// Bytes of the word that `text`, which starts with `first`, begins with.
fn word_length(text: &str, first: char) -> usize {
    if let Some(symbol) = ["->", "..=", ".."].iter().find(|symbol| text.starts_with(**symbol)) {
        return symbol.len();
    }
    if first.is_alphabetic() || first == '_' {
        let belongs = |c: char| c.is_alphanumeric() || c == '_';
        return text.find(|c: char| !belongs(c)).unwrap_or(text.len());
    }
    number_length(text).unwrap_or(first.len_utf8())
}

/// Bytes of the number that `text` begins with, if it begins with one.
fn number_length(text: &str) -> Option<usize> {
    let byte = |at: usize| text.as_bytes().get(at).copied().unwrap_or(b' ');
    let digits = |from: usize| from + (from..).take_while(|&at| byte(at).is_ascii_digit()).count();
    let sign = usize::from(matches!(byte(0), b'-' | b'+'));
    let mut end = digits(sign);
    // The point of `1.` belongs to the number; those of `0..=1` and `1.per_batch` do not.
    if byte(end) == b'.' {
        let fraction = digits(end + 1);
        let whole = end > sign;
        let alone = whole && !matches!(byte(end + 1), b'.' | b'_') && !byte(end + 1).is_ascii_alphabetic();
        if fraction > end + 1 || alone {
            end = fraction;
        }
    }
    if end == sign {
        return None;
    }
    if matches!(byte(end), b'e' | b'E') {
        let sign = usize::from(matches!(byte(end + 1), b'-' | b'+'));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    Some(end)
}

/// Whether a word is a name, and no number or symbol.
pub(crate) fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words, and how far they were read.
pub(crate) struct Cursor<'a> {
    words: &'a [&'a str],
    next: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(words: &'a [&'a str]) -> Cursor<'a> {
        Cursor { words, next: 0 }
    }

    /// The number of the next word.
    pub fn place(&self) -> usize {
        self.next
    }

    pub fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).copied()
    }

    /// The word behind the next.
    pub fn peek_second(&self) -> Option<&'a str> {
        self.words.get(self.next + 1).copied()
    }

    pub fn advance(&mut self) -> Option<&'a str> {
        let word = self.peek();
        self.next += usize::from(word.is_some());
        word
    }

    /// Takes this word, if it is next.
    pub fn accept(&mut self, word: &str) -> bool {
        let there = self.peek() == Some(word);
        self.next += usize::from(there);
        there
    }

    /// Takes this word, or says at the one that stands there what `message` says; at the end that a parenthesis is open,
    /// where the word would close one.
    pub fn expect(&mut self, word: &str, message: impl FnOnce() -> String) -> Result<(), Mistake> {
        match self.accept(word) {
            true => Ok(()),
            false if word == ")" && self.peek().is_none() => Err(self.mistake(unclosed())),
            false => Err(self.mistake(message())),
        }
    }

    /// A mistake at the next word.
    pub fn mistake(&self, message: String) -> Mistake {
        Mistake { word: self.next, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        words(text).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn numbers_end_where_they_end() {
        for (text, expected) in [
            ("1..=2", vec!["1", "..=", "2"]),
            ("0.7..=1.3", vec!["0.7", "..=", "1.3"]),
            ("1. then", vec!["1.", "then"]),
            ("1.per_batch", vec!["1", ".", "per_batch"]),
            ("0->1", vec!["0", "->", "1"]),
            ("0.1->-.5", vec!["0.1", "->", "-.5"]),
            ("30epochs", vec!["30", "epochs"]),
            ("3e-4 3e4 3e", vec!["3e-4", "3e4", "3", "e"]),
            ("a-1 - b", vec!["a", "-1", "-", "b"]),
            (". .. -", vec![".", "..", "-"]),
            ("a_b2*è", vec!["a_b2", "*", "è"]),
            ("", vec![]),
        ] {
            assert_eq!(texts(text), expected, "{text}");
        }
    }

    #[test]
    fn words_know_their_bytes() {
        let text = " è(1) ";
        for word in words(text) {
            assert_eq!(&text[word.at.clone()], word.text);
        }
    }
}
