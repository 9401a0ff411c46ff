//! The macros, on tokens that exist outside the compiler too.

use proc_macro2::TokenStream;
use quote::quote;

use crate::errors::collect;
use crate::parse::{ActionDeclaration, Declaration, Function, Kind, Method};
use crate::{check, expand, words};

/// `#[objective(keys)] item` and `#[regularizer(keys)] item`.
pub fn plugin(kind: Kind, keys: TokenStream, item: TokenStream) -> TokenStream {
    let function = match function(kind.name(), item) {
        Ok(function) => function,
        Err(tokens) => return tokens,
    };
    let (declaration, error) = collect(|errors| {
        let declaration = Declaration::read(kind, keys, function, errors);
        check::declaration(&declaration, errors);
        declaration
    });
    match error {
        None => expand::plugin(&declaration),
        Some(error) => with_errors(expand::stand_in(&declaration), &error),
    }
}

/// `#[group_action(keys)] item`.
pub fn action(keys: TokenStream, item: TokenStream) -> TokenStream {
    let function = match function("group_action", item) {
        Ok(function) => function,
        Err(tokens) => return tokens,
    };
    let (declaration, error) = collect(|errors| {
        let declaration = ActionDeclaration::read(keys, function, errors);
        check::action(&declaration, errors);
        declaration
    });
    match error {
        None => expand::action(&declaration),
        Some(error) => with_errors(expand::stand_in_action(&declaration), &error),
    }
}

/// `method! { input }`.
pub fn method(input: TokenStream) -> TokenStream {
    let (method, error) = collect(|errors| {
        let method = errors.keep(syn::parse2::<Method>(input))?;
        check::method(&method, errors);
        Some(method)
    });
    match (method, error) {
        (Some(method), None) => expand::method(&method),
        (_, error) => {
            let errors = error.map(|error| error.to_compile_error());
            let stand_in = expand::stand_in_method();
            quote! { { #errors #stand_in } }
        }
    }
}

/// The annotated function; or, for another item, the item as it is with the error.
fn function(attribute: &str, item: TokenStream) -> Result<Function, TokenStream> {
    syn::parse2(item.clone()).map_err(|_| {
        let first = item.clone().into_iter().find(|token| matches!(token, proc_macro2::TokenTree::Ident(_)));
        let error = syn::Error::new_spanned(first, words::not_a_function(attribute));
        with_errors(item, &error)
    })
}

fn with_errors(item: TokenStream, error: &syn::Error) -> TokenStream {
    let errors = error.to_compile_error();
    quote! { #item #errors }
}
