//! `MocoV3 { temperature: 0.2 } + 1.0 * Ser at tokens(3)`.

use proc_macro2::{Ident, Span, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream};
use syn::{Expr, ExprStruct, Lit, Path, Token, token};

use super::Tap;
use crate::words;

/// An objective and its regularizers.
pub struct Method {
    /// All terms, the objective first; none in an empty method.
    pub terms: Vec<Term>,
}

/// A plugin with its weight and place.
pub struct Term {
    /// The weight, if one is given.
    pub weight: Option<Expr>,
    /// The plugin's type.
    pub plugin: Path,
    /// The plugin with some of its knobs, if any are given.
    pub knobs: Option<ExprStruct>,
    /// The tap, if one is given.
    pub at: Option<Tap>,
    /// Second taps, which are errors.
    pub surplus: Vec<Span>,
}

impl Parse for Method {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut terms = Vec::new();
        while !input.is_empty() {
            terms.push(input.parse()?);
            if input.is_empty() {
                break;
            }
            if !input.peek(Token![+]) {
                return Err(input.error(words::term()));
            }
            let plus: Token![+] = input.parse()?;
            if input.is_empty() {
                return Err(syn::Error::new(plus.span, words::plus_without_term()));
            }
        }
        Ok(Method { terms })
    }
}

impl Parse for Term {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let weight = weight(input)?;
        if !input.peek(Ident::peek_any) && !input.peek(Token![::]) {
            return Err(input.error(words::term()));
        }
        let ahead = input.fork();
        let plugin: Path = ahead.call(Path::parse_mod_style)?;
        let knobs = if ahead.peek(token::Brace) {
            Some(input.parse::<ExprStruct>()?)
        } else {
            input.advance_to(&ahead);
            None
        };
        refuse_weight_behind(input, &plugin)?;
        let mut at = None;
        let mut surplus = Vec::new();
        while input.peek(Ident::peek_any) && !input.peek2(token::Brace) {
            let keyword = Ident::parse_any(input)?;
            if keyword != "at" {
                return Err(syn::Error::new(keyword.span(), words::term()));
            }
            let tap: Tap = input.parse()?;
            match at {
                None => at = Some(tap),
                Some(_) => surplus.push(keyword.span()),
            }
        }
        Ok(Term { weight, plugin, knobs, at, surplus })
    }
}

/// A literal, a path or something in parentheses, if `*` follows.
fn weight(input: ParseStream) -> syn::Result<Option<Expr>> {
    let ahead = input.fork();
    let weight = if ahead.peek(Lit) || ahead.peek(Token![-]) {
        ahead.call(literal)?
    } else if ahead.peek(token::Paren) {
        Expr::Paren(ahead.parse()?)
    } else if ahead.peek(Ident::peek_any) || ahead.peek(Token![::]) {
        let path = ahead.call(Path::parse_mod_style)?;
        if !ahead.peek(Token![*]) || ahead.peek2(Lit) {
            return Ok(None);
        }
        syn::parse2(path.into_token_stream())?
    } else {
        return Ok(None);
    };
    input.advance_to(&ahead);
    if !input.peek(Token![*]) {
        return Err(syn::Error::new_spanned(&weight, words::weight_of_nothing()));
    }
    input.parse::<Token![*]>()?;
    Ok(Some(weight))
}

fn literal(input: ParseStream) -> syn::Result<Expr> {
    let sign: Option<TokenTree> = if input.peek(Token![-]) { Some(input.parse()?) } else { None };
    let literal: Lit = input.parse()?;
    syn::parse2(quote::quote! { #sign #literal })
}

fn refuse_weight_behind(input: ParseStream, plugin: &Path) -> syn::Result<()> {
    if !input.peek(Token![*]) {
        return Ok(());
    }
    input.parse::<Token![*]>()?;
    let weight: TokenTree = input.parse()?;
    let plugin = plugin.to_token_stream().to_string().replace(' ', "");
    Err(syn::Error::new(weight.span(), words::weight_behind(&plugin, &weight.to_string())))
}
