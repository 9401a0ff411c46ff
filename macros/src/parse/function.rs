//! The annotated function. Its body is not looked into: what is wrong there the compiler says better.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Signature, Visibility};

/// A function as it was written.
pub struct Function {
    /// Its documentation and other attributes.
    pub attributes: Vec<Attribute>,
    /// Who sees it.
    pub visibility: Visibility,
    /// Its signature, with the attributes of its parameters until [`super::Parameter`]s take them.
    pub signature: Signature,
    /// The rest.
    pub body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        Ok(Function {
            attributes: input.call(Attribute::parse_outer)?,
            visibility: input.parse()?,
            signature: input.parse()?,
            body: input.parse()?,
        })
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Function { attributes, visibility, signature, body } = self;
        tokens.extend(quote! { #(#attributes)* #visibility #signature #body });
    }
}

impl Function {
    /// Its doc comment, line by line, without the blank that usually begins a line.
    pub fn doc(&self) -> String {
        doc(&self.attributes)
    }
}

/// The doc comment among `attributes`; empty without one.
pub fn doc(attributes: &[Attribute]) -> String {
    let line = |attribute: &Attribute| match &attribute.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    };
    let lines: Vec<String> = attributes
        .iter()
        .filter_map(line)
        .map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned())
        .collect();
    lines.join("\n").trim().to_owned()
}
