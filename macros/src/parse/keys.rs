//! Lists of `key = value`, as every attribute has them.

use equilayer_grammar::unknown;
use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::Token;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};

use crate::errors::Errors;
use crate::words;

/// Reads `key = value, ..`, and calls `read` for each known key with what follows the `=`.
///
/// Unknown keys and keys given twice are errors. Behind a mistake it goes on at the next key.
pub fn read(
    tokens: TokenStream,
    valid: &[&str],
    errors: &mut Errors,
    mut read: impl FnMut(&Ident, ParseStream) -> syn::Result<()>,
) {
    let mut seen: Vec<Ident> = Vec::new();
    let list = |input: ParseStream| {
        while !input.is_empty() {
            if let Err(error) = read_one(input, valid, &mut seen, errors, &mut read) {
                errors.push(error);
                skip_to_next_key(input)?;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    let result = list.parse2(tokens);
    errors.keep(result);
}

fn read_one(
    input: ParseStream,
    valid: &[&str],
    seen: &mut Vec<Ident>,
    errors: &mut Errors,
    read: &mut impl FnMut(&Ident, ParseStream) -> syn::Result<()>,
) -> syn::Result<()> {
    let key = Ident::parse_any(input)?;
    let name = key.to_string();
    if !valid.contains(&name.as_str()) {
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
    read(&key, input)?;
    if !input.is_empty() && !input.peek(Token![,]) {
        return Err(input.error(words::between_keys()));
    }
    Ok(())
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
