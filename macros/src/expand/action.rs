//! A group action: its function, its type, and the test of its laws.

use equilayer_grammar::names;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned;

use super::{documentation, root, struct_name};
use crate::check::element_type;
use crate::parse::ActionDeclaration;

/// Everything a sound declaration stands for.
pub fn action(action: &ActionDeclaration) -> TokenStream {
    let root = root(action.krate.as_ref());
    let map = &action.function.signature.ident;
    let name = struct_name(&map.to_string(), map.span());
    let text = name.to_string();
    let element = element_type(action);
    let methods = methods(action, &root);
    let test = format_ident!("{map}_keeps_the_group_laws");
    let items = implementation(
        action,
        &root,
        &quote! {
            fn name(&self) -> &str {
                #text
            }

            fn map(&self, element: &#element, from: #root::action::Grid) -> #root::action::GridMap {
                #map(::core::clone::Clone::clone(element), from)
            }

            #methods
        },
    );
    quote! {
        #items

        #root::action::register!(#name);

        #[cfg(test)]
        #[test]
        fn #test() -> ::core::result::Result<(), #root::action::laws::LawViolation> {
            #root::action::laws::check_group_laws(&#name)
        }
    }
}

/// What stands in for a declaration with errors: the function, and the type with its trait, so that code that uses them
/// has no errors of its own.
pub fn stand_in_action(action: &ActionDeclaration) -> TokenStream {
    let root = root(action.krate.as_ref());
    let Some(element) = element_type(action) else {
        let function = &action.function;
        return quote! { #function };
    };
    let unreachable = quote! { ::core::unreachable!() };
    implementation(
        action,
        &root,
        &quote! {
            fn name(&self) -> &str {
                #unreachable
            }

            fn identity(&self) -> #element {
                #unreachable
            }

            fn compose(&self, _: &#element, _: &#element) -> #element {
                #unreachable
            }

            fn inverse(&self, _: &#element) -> ::core::option::Option<#element> {
                #unreachable
            }

            fn map(&self, _: &#element, _: #root::action::Grid) -> #root::action::GridMap {
                #unreachable
            }
        },
    )
}

/// The function, the type, and its trait with `methods`.
fn implementation(action: &ActionDeclaration, root: &TokenStream, methods: &TokenStream) -> TokenStream {
    let function = &action.function;
    let (map, visibility) = (&function.signature.ident, &function.visibility);
    let name = struct_name(&map.to_string(), map.span());
    let element = element_type(action);
    let docs = documentation(
        &function.doc(),
        &format!("The group action whose elements move cells as [`{map}`] says."),
    );
    quote! {
        #function

        #docs
        #[derive(Clone, Copy, Debug, PartialEq)]
        #visibility struct #name;

        #[automatically_derived]
        impl #root::action::GroupAction for #name {
            type Element = #element;

            #methods
        }

        #root::group_action_operators!(#name);
    }
}

fn methods(action: &ActionDeclaration, root: &TokenStream) -> TokenStream {
    let element = element_type(action);
    let pass = |ty: TokenStream, key: &str| {
        let value = action.expression(key)?;
        Some(quote_spanned! { value.span()=> let #ty = #value; })
    };
    let identity = action.expression("identity").map_or_else(
        || quote! { ::core::default::Default::default() },
        |identity: &Expr| quote! { #identity },
    );
    let compose = pass(quote! { compose: fn(#element, #element) -> #element }, "compose");
    let inverse = pass(quote! { inverse: fn(#element) -> #element }, "inverse");
    let elements = action.expression("elements").map(|elements| {
        quote! {
            fn elements(&self) -> ::std::vec::Vec<#element> {
                ::core::iter::Iterator::collect(::core::iter::IntoIterator::into_iter(#elements))
            }
        }
    });
    let sample =
        pass(quote! { sample: fn(&mut #root::action::Draw<'_>) -> #element }, "sample").map(|sample| {
            quote! {
                fn sample(&self, draw: &mut #root::action::Draw<'_>) -> #element {
                    #sample
                    sample(draw)
                }
            }
        });
    let sampling = sampling(action, root);
    quote! {
        fn identity(&self) -> #element {
            #identity
        }

        fn compose(&self, a: &#element, b: &#element) -> #element {
            #compose
            compose(::core::clone::Clone::clone(a), ::core::clone::Clone::clone(b))
        }

        fn inverse(&self, element: &#element) -> ::core::option::Option<#element> {
            #inverse
            ::core::option::Option::Some(inverse(::core::clone::Clone::clone(element)))
        }

        #elements
        #sample
        #sampling
    }
}

fn sampling(action: &ActionDeclaration, root: &TokenStream) -> TokenStream {
    let variant =
        |word: &Ident| format_ident!("{}", names::camel_case(&word.to_string()), span = word.span());
    let sampling = action.interpolation.as_ref().map(|interpolation| {
        let interpolation = variant(interpolation);
        let floor = action.expression("floor");
        quote! {
            fn sampling(&self) -> #root::action::Sampling {
                #root::action::Sampling::Interpolated {
                    interpolation: #root::action::Interpolation::#interpolation,
                    floor: #floor,
                }
            }
        }
    });
    let validity = action.validity.as_ref().map(|validity| {
        let validity = variant(validity);
        quote! {
            fn validity(&self) -> #root::action::Validity {
                #root::action::Validity::#validity
            }
        }
    });
    quote! { #sampling #validity }
}
