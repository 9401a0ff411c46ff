//! Walks over the words of a text.

use super::ParseError;
use super::lexer::Token;

pub(super) struct Cursor<'a> {
    tokens: Vec<Token<'a>>,
    position: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(tokens: Vec<Token<'a>>) -> Self {
        Self { tokens, position: 0 }
    }

    pub fn at_end(&self) -> bool {
        self.position >= self.tokens.len()
    }

    /// The next word; empty at the end.
    pub fn peek(&self) -> &'a str {
        self.peek_after(0)
    }

    /// The word `skipped` words after the next.
    pub fn peek_after(&self, skipped: usize) -> &'a str {
        self.tokens.get(self.position + skipped).map_or("", |token| token.text)
    }

    /// Line of the next word, or of the last one.
    pub fn line(&self) -> u32 {
        self.tokens.get(self.position).or(self.tokens.last()).map_or(1, |token| token.line)
    }

    pub fn advance(&mut self) -> &'a str {
        let text = self.peek();
        self.position += 1;
        text
    }

    pub fn take(&mut self, text: &str) -> bool {
        let found = !self.at_end() && self.peek() == text;
        self.position += usize::from(found);
        found
    }

    pub fn expect(&mut self, text: &str) -> Result<(), ParseError> {
        if self.take(text) {
            return Ok(());
        }
        Err(self.error(format!("expected `{text}`, found `{}`", self.peek())))
    }

    pub fn skip_past(&mut self, text: &str) -> Result<(), ParseError> {
        while !self.take(text) {
            if self.at_end() {
                return Err(self.error(format!("the text ends before `{text}`")));
            }
            self.advance();
        }
        Ok(())
    }

    /// An integer or the bits of a float, perhaps with a sign.
    pub fn number(&mut self) -> Result<u64, ParseError> {
        let negative = self.take("-");
        let text = self.advance();
        let value = number(text).ok_or_else(|| self.error(format!("`{text}` is no number")))?;
        Ok(if negative { value.wrapping_neg() } else { value })
    }

    pub fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(self.line(), message)
    }
}

/// The value of a literal: `12`, `0x1F`, `0f3F800000` and `0d…` by their bits.
pub(super) fn number(text: &str) -> Option<u64> {
    let text = text.strip_suffix('U').unwrap_or(text);
    if let Some(digits) = text.strip_prefix("0f").or(text.strip_prefix("0F")) {
        return u32::from_str_radix(digits, 16).ok().map(u64::from);
    }
    if let Some(digits) = ["0d", "0D", "0x", "0X"].iter().find_map(|prefix| text.strip_prefix(prefix)) {
        return u64::from_str_radix(digits, 16).ok();
    }
    if text.len() > 1 && text.starts_with('0') {
        return u64::from_str_radix(&text[1..], 8).ok();
    }
    text.parse().ok()
}
