//! Words of a PTX text, with their lines.

/// A word and the line it is in, counted from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub text: &'a str,
    pub line: u32,
}

/// Cuts a text into words. A NUL ends it: NVRTC writes one.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() && bytes[at] != 0 {
        let rest = &bytes[at..];
        let length = if bytes[at].is_ascii_whitespace() {
            1
        } else if rest.starts_with(b"//") {
            rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            text[at + 2..].find("*/").map_or(rest.len(), |end| end + 4)
        } else {
            let length = word_length(rest);
            found.push(Token { text: &text[at..at + length], line });
            length
        };
        line += rest[..length].iter().filter(|&&byte| byte == b'\n').count() as u32;
        at += length;
    }
    found
}

/// Length of the word at the start of `rest`: a name, number or opcode with its modifiers; a string; one character.
fn word_length(rest: &[u8]) -> usize {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'%' | b'.');
    if rest[0] == b'"' {
        return rest[1..].iter().position(|&byte| byte == b'"').map_or(rest.len(), |end| end + 2);
    }
    let mut length = 0;
    while length < rest.len() {
        if is_word(rest[length]) {
            length += 1;
        } else if length > 0 && rest[length..].starts_with(b"::") {
            length += 2; // `L2::128B` is one word; the single colon of a label is none
        } else {
            break;
        }
    }
    length.max(utf8_length(rest[0]))
}

/// Bytes of the character that begins with `first`, so that no word ends inside one.
fn utf8_length(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_modifiers_and_lines() {
        let text = "ld.global.L2::128B.f32 %f1, [%rd1+-4];\n/* two\nlines */ $L_1: // end\n\"a b\" é\0rest";
        let words: Vec<_> = tokens(text).iter().map(|token| (token.text, token.line)).collect();
        assert_eq!(
            words,
            [
                ("ld.global.L2::128B.f32", 1),
                ("%f1", 1),
                (",", 1),
                ("[", 1),
                ("%rd1", 1),
                ("+", 1),
                ("-", 1),
                ("4", 1),
                ("]", 1),
                (";", 1),
                ("$L_1", 3),
                (":", 3),
                ("\"a b\"", 4),
                ("é", 4),
            ]
        );
    }
}
