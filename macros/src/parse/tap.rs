//! `tokens(3)`, `cls`, `embedding`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::Expr;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};

/// Where a plugin reads.
pub struct Tap {
    /// One of the taps, if it is known.
    pub name: Ident,
    /// The layer, if one is given.
    pub layer: Option<Expr>,
}

impl Parse for Tap {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let name = Ident::parse_any(input)?;
        if !input.peek(syn::token::Paren) {
            return Ok(Tap { name, layer: None });
        }
        let content;
        syn::parenthesized!(content in input);
        let layer = content.parse()?;
        if !content.is_empty() {
            let error = content.error(crate::words::one_layer());
            content.parse::<TokenStream>()?; // or syn would speak of it too
            return Err(error);
        }
        Ok(Tap { name, layer: Some(layer) })
    }
}

impl Tap {
    /// All of it, as written.
    pub fn tokens(&self) -> TokenStream {
        let name = &self.name;
        match &self.layer {
            Some(layer) => quote! { #name (#layer) },
            None => name.to_token_stream(),
        }
    }

    /// As it is quoted in messages.
    pub fn text(&self) -> String {
        self.tokens().to_string().replace([' ', '\n'], "")
    }

    /// The place of its name.
    pub fn span(&self) -> Span {
        self.name.span()
    }
}
