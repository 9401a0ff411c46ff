//! What the compiler says about declarations: `ui/fail/NAME.rs` with the words in `NAME.stderr`, one rule each.
//!
//! `TRYBUILD=overwrite cargo test -p equilayer-tests --test ui` writes the expected words anew; read them before they
//! are committed. They are the words of the pinned toolchain.

use std::fs;
use std::path::Path;
use std::process::Command;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Item, ItemFn, Lit, Visibility};

#[test]
fn mistakes_are_named_and_remedied() {
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}

/// The declarations are formatted as a person would: keys aligned or not, parameters with their attributes.
#[test]
fn rustfmt_leaves_declarations_alone() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("rustfmt")
        .args(["--check", "--edition", "2024", "--config-path"])
        .arg(here.join("../rustfmt.toml"))
        .arg(here.join("declarations/main.rs"))
        .output()
        .expect("rustfmt is part of the toolchain");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// A message that no case shows is one that nobody has read.
#[test]
fn every_message_is_shown_by_a_case() {
    let macros = Path::new(env!("CARGO_MANIFEST_DIR")).join("../macros");
    let shown = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/fail"), "stderr");
    // Heads are read by the grammar's own parser, for macros and configurations alike.
    let readers = [macros.join("src"), macros.join("grammar/src/heads")];
    let source: String = readers.iter().flat_map(|folder| files(folder, "rs")).collect();
    let mut unseen = Vec::new();
    let mut check = |module: &str, function: &ItemFn| {
        for message in messages(function.block.to_token_stream()) {
            if !shown.iter().any(|stderr| says(stderr, &message)) {
                unseen.push(format!("{module}::{}: {message}", function.sig.ident));
            }
        }
    };
    for function in functions(&macros.join("src/words.rs")) {
        check("words", &function);
    }
    for module in ["actions/mod", "heads/mod", "knobs", "methods", "names", "placement"] {
        for function in functions(&macros.join(format!("grammar/src/{module}.rs"))) {
            let name = module.trim_end_matches("/mod");
            let called = source.contains(&format!("{name}::{}", function.sig.ident));
            if called || matches!(function.vis, Visibility::Inherited) {
                check(module, &function);
            }
        }
    }
    assert_eq!(unseen, Vec::<String>::new());
}

/// The contents of all files under `folder` that end so.
fn files(folder: &Path, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|is| is == extension) {
            found.push(fs::read_to_string(&path).expect("text"));
        }
    }
    assert!(!found.is_empty(), "nothing in {}", folder.display());
    found
}

fn functions(path: &Path) -> Vec<ItemFn> {
    let file = syn::parse_file(&fs::read_to_string(path).expect("a module")).expect("Rust");
    let functions = file.items.into_iter().filter_map(|item| match item {
        Item::Fn(function) => Some(function),
        _ => None,
    });
    functions.collect()
}

/// The string literals that are sentences: long, and not all placeholders.
fn messages(tokens: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => found.extend(messages(group.stream())),
            TokenTree::Literal(literal) => {
                if let Lit::Str(text) = Lit::new(literal)
                    && fragments(&text.value()).next().is_some()
                {
                    found.push(text.value());
                }
            }
            _ => {}
        }
    }
    found
}

/// What stands between a message's placeholders, where it is long enough to tell messages apart.
fn fragments(message: &str) -> impl Iterator<Item = &str> {
    message.split(['{', '}']).step_by(2).filter(|fragment| fragment.len() >= 12)
}

/// Whether all fragments of a message stand in a text, in order.
fn says(text: &str, message: &str) -> bool {
    fragments(message)
        .try_fold(text, |rest, fragment| rest.split_once(fragment).map(|(_, after)| after))
        .is_some()
}
