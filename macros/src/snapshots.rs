//! What canonical declarations expand to, in `snapshots/`: `NAME.rs` beside `NAME.expanded.rs`.
//!
//! `UPDATE_EXPECT=1 cargo test -p equilayer-macros` writes the expansions anew.

use std::fs;
use std::path::PathBuf;

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::{Item, Meta};

use crate::entry;
use crate::parse::Kind;

/// What the compiler would make of a source that is one macro call or one annotated function.
fn expand(source: &str) -> syn::Result<TokenStream> {
    let file = syn::parse_file(source)?;
    let mut expanded = TokenStream::new();
    for item in file.items {
        expanded.extend(match item {
            Item::Macro(call) => {
                let value = entry::method(call.mac.tokens);
                quote! { fn value() -> Method { #value } }
            }
            Item::Fn(mut function) => {
                let own = |attribute: &syn::Attribute| !attribute.path().is_ident("doc");
                let position = function.attrs.iter().position(own).expect("an annotated function");
                let attribute = function.attrs.remove(position);
                let name = attribute.path().require_ident()?.to_string();
                let keys = match attribute.meta {
                    Meta::List(list) => list.tokens,
                    _ => TokenStream::new(),
                };
                match name.as_str() {
                    "objective" => entry::plugin(Kind::Objective, keys, quote! { #function }),
                    "regularizer" => entry::plugin(Kind::Regularizer, keys, quote! { #function }),
                    _ => entry::action(keys, quote! { #function }),
                }
            }
            other => quote! { #other },
        });
    }
    Ok(expanded)
}

fn check(name: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("snapshots");
    let source = fs::read_to_string(folder.join(format!("{name}.rs"))).expect("a declaration");
    let tokens = expand(&source).expect("Rust");
    let text = prettyplease::unparse(&syn::parse2(tokens).expect("an expansion is Rust"));
    let path = folder.join(format!("{name}.expanded.rs"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &text).expect("a writable folder");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name} expands to something else; if that is meant, set UPDATE_EXPECT=1");
}

#[test]
fn declarations_expand_to_builder_calls() {
    for name in ["ser", "moco_v3", "dino", "essl", "method", "rot90", "tilt"] {
        check(name);
    }
}

/// Any tokens at all give tokens back: what the macros cannot read is an error in the output, and no panic.
#[test]
fn torn_declarations_are_errors() {
    let sources = ["ser", "moco_v3", "dino", "rot90", "method"];
    for name in sources {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(format!("{name}.rs"));
        let tokens: TokenStream = fs::read_to_string(path).expect("a declaration").parse().expect("tokens");
        for torn in removals(&tokens) {
            for kind in [Kind::Objective, Kind::Regularizer] {
                entry::plugin(kind, torn.clone(), quote! { fn f(z: Pair<Tokens>) -> Loss {} });
                entry::plugin(kind, quote! { name = "f", at = tokens(3) }, torn.clone());
            }
            entry::action(torn.clone(), torn.clone());
            entry::method(torn);
        }
    }
}

/// Names that are none for a struct give one nevertheless: an error is no panic.
#[test]
fn strange_names_are_errors() {
    for name in ["r#move", "__", "_1", "r#type"] {
        let function: TokenStream =
            format!("fn {name}(k: u8, from: Grid) -> GridMap {{}}").parse().expect("tokens");
        entry::action(quote! {}, function.clone());
        entry::plugin(Kind::Objective, quote! {}, function.clone());
        entry::plugin(Kind::Regularizer, quote! { name = "1" }, function);
    }
}

/// `tokens` with each token left out in turn, inside groups too, and the contents of each group by themselves.
fn removals(tokens: &TokenStream) -> Vec<TokenStream> {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut found = Vec::new();
    for (index, tree) in trees.iter().enumerate() {
        let with = |replacement: Option<TokenTree>| -> TokenStream {
            let rest = trees[index + 1..].iter().cloned();
            trees[..index].iter().cloned().chain(replacement).chain(rest).collect()
        };
        found.push(with(None));
        if let TokenTree::Group(group) = tree {
            found.push(group.stream());
            let torn = removals(&group.stream()).into_iter().map(|inner| {
                let group = proc_macro2::Group::new(group.delimiter(), inner);
                with(Some(TokenTree::Group(group)))
            });
            found.extend(torn.collect::<Vec<_>>());
        }
    }
    found
}
