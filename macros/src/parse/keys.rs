//! Lists of `key = value`, as every attribute has them.

use equilayer_grammar::vocabulary::{OBJECTIVE_KEYS, REGULARIZER_KEYS};
use equilayer_grammar::{nearest, unknown};
use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{LitStr, Token};

use crate::errors::Errors;
use crate::words;

/// Reads `key = value, ..`, and calls `read` for each known key with what follows the `=`.
///
/// Unknown keys and keys given twice are errors. Behind a mistake it goes on at the next key. Returns the keys that are
/// there, or are meant by a mistyped one: what is wrong with them was said, and they are not missing.
pub fn read(
    tokens: TokenStream,
    valid: &[&str],
    errors: &mut Errors,
    mut read: impl FnMut(&Ident, ParseStream) -> syn::Result<()>,
) -> Vec<String> {
    let mut seen: Vec<Ident> = Vec::new();
    let mut meant: Vec<String> = Vec::new();
    let list = |input: ParseStream| {
        while !input.is_empty() {
            if let Err(error) = read_one(input, valid, &mut seen, &mut meant, errors, &mut read) {
                errors.push(error);
                skip_to_next_key(input)?;
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    };
    let result = list.parse2(tokens);
    errors.keep(result);
    meant.extend(seen.iter().map(Ident::to_string));
    meant
}

fn read_one(
    input: ParseStream,
    valid: &[&str],
    seen: &mut Vec<Ident>,
    meant: &mut Vec<String>,
    errors: &mut Errors,
    read: &mut impl FnMut(&Ident, ParseStream) -> syn::Result<()>,
) -> syn::Result<()> {
    let key = Ident::parse_any(input)?;
    let name = key.to_string();
    if !valid.contains(&name.as_str()) {
        meant.extend(nearest(&name, valid.iter().copied()).map(str::to_owned));
        if let Some(attribute) = attribute_of(&name) {
            return Err(syn::Error::new(key.span(), words::key_of_another(&name, attribute, valid)));
        }
        return Err(syn::Error::new(key.span(), unknown("key", &name, valid.iter().copied())));
    }
    if let Some(first) = seen.iter().find(|earlier| **earlier == key) {
        errors.at(&key, words::key_twice(&name));
        errors.at(first, words::key_first_given(&name));
        return skip_to_next_key(input);
    }
    seen.push(key.clone());
    if !input.peek(Token![=]) {
        return Err(syn::Error::new(key.span(), words::key_without_value(&name)));
    }
    input.parse::<Token![=]>()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(syn::Error::new(key.span(), words::key_without_value(&name)));
    }
    read(&key, input)?;
    if !input.is_empty() && !input.peek(Token![,]) {
        errors.push(input.error(words::between_keys()));
        let comma_forgotten = input.peek(Ident::peek_any) && input.peek2(Token![=]);
        if !comma_forgotten {
            skip_to_next_key(input)?;
        }
    }
    Ok(())
}

/// The attribute of a plugin that has such a key.
fn attribute_of(key: &str) -> Option<&'static str> {
    let attributes = [("objective", OBJECTIVE_KEYS), ("regularizer", REGULARIZER_KEYS)];
    attributes.into_iter().find(|(_, keys)| keys.contains(&key)).map(|(attribute, _)| attribute)
}

/// The text of a key.
pub fn text(key: &Ident, input: ParseStream) -> syn::Result<LitStr> {
    if input.peek(LitStr) {
        return input.parse();
    }
    let found: TokenTree = input.parse()?;
    Err(syn::Error::new(found.span(), words::text(&key.to_string(), &found.to_string())))
}

/// Skips to a comma with `key =` behind it, or to the end.
fn skip_to_next_key(input: ParseStream) -> syn::Result<()> {
    while !input.is_empty() {
        let at_key = input.peek(Token![,]) && input.peek2(Ident::peek_any) && input.peek3(Token![=]);
        if at_key {
            break;
        }
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
