//! `#[head(mlp(512, gelu, 512), ema)]` and `#[state([width], init = 0.0)]`.
//!
//! Their grammar is `equilayer-grammar`'s, which reads words; here tokens become words, and words keep their places.

use equilayer_grammar::heads::{self, Width};
use equilayer_grammar::text::Mistake;
use equilayer_grammar::unknown;
use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Expr, LitInt, Token};

use crate::words;

/// The layers a parameter learns.
pub struct Head {
    /// As written.
    pub syntax: heads::Head,
    /// Where its words stand.
    pub places: Places,
}

/// A parameter that persists.
pub struct State {
    /// Its axes.
    pub shape: Vec<Width>,
    /// Where the shape's words stand.
    pub places: Places,
    /// Its first value.
    pub init: Option<Expr>,
}

/// Where each word of some tokens stands.
pub struct Places {
    spans: Vec<Span>,
    /// Behind the last, or where one would have been.
    end: Span,
}

impl Places {
    /// Where a word stands, by its number.
    pub fn of(&self, word: usize) -> Span {
        self.spans.get(word).copied().unwrap_or(self.end)
    }

    /// A mistake at its word.
    pub fn error(&self, mistake: Mistake) -> syn::Error {
        syn::Error::new(self.of(mistake.word), mistake.message)
    }
}

impl Parse for Head {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let (words, places) = cut(input.parse()?, input.span());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match heads::parse(&words) {
            Ok(syntax) => Ok(Head { syntax, places }),
            Err(mistake) => Err(places.error(mistake)),
        }
    }
}

impl Parse for State {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if !input.peek(syn::token::Bracket) {
            return Err(input.error(words::state_shape()));
        }
        let (words, places) = cut(input.parse::<TokenTree>()?.into(), input.span());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let shape = heads::parse_shape(&words).map_err(|mistake| places.error(mistake))?;
        let mut init = None;
        if input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let key = Ident::parse_any(input)?;
            if key != "init" {
                return Err(syn::Error::new(key.span(), unknown("key", &key.to_string(), ["init"])));
            }
            input.parse::<Token![=]>()?;
            init = Some(input.parse()?);
        }
        if !input.is_empty() {
            return Err(input.error(words::state_shape()));
        }
        Ok(State { shape, places, init })
    }
}

/// The words of some tokens and where they stand.
fn cut(tokens: TokenStream, end: Span) -> (Vec<String>, Places) {
    let mut words = Vec::new();
    let mut spans = Vec::new();
    cut_into(tokens, &mut |word, span| {
        words.push(word);
        spans.push(span);
    });
    (words, Places { spans, end })
}

fn cut_into(tokens: TokenStream, word: &mut dyn FnMut(String, Span)) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    // What a macro by example passes on has no delimiters that anyone wrote.
                    Delimiter::None => {
                        cut_into(group.stream(), word);
                        continue;
                    }
                };
                word(open.into(), group.span_open());
                cut_into(group.stream(), word);
                word(close.into(), group.span_close());
            }
            TokenTree::Ident(ident) => word(ident.to_string(), ident.span()),
            TokenTree::Punct(punct) => word(punct.as_char().to_string(), punct.span()),
            // `4_096` and `0x1000` are numbers too.
            TokenTree::Literal(literal) => {
                let number = syn::parse_str::<LitInt>(&literal.to_string());
                let text =
                    number.map_or_else(|_| literal.to_string(), |number| number.base10_digits().into());
                word(text, literal.span());
            }
        }
    }
}
