//! The function itself.

use equilayer_grammar::vocabulary::MOST_PARAMETERS;
use quote::ToTokens;
use syn::{ReturnType, Signature, Type};

use crate::errors::Errors;
use crate::words;

pub(super) fn check(signature: &Signature, errors: &mut Errors) {
    plain(signature, errors);
    returns(signature, "Loss", errors);
    let count = signature.inputs.len();
    if let Some(first_too_many) = signature.inputs.iter().nth(MOST_PARAMETERS) {
        errors.at(first_too_many, words::too_many(count));
    }
}

/// No keywords, no generics.
pub fn plain(signature: &Signature, errors: &mut Errors) {
    let qualified = |keyword: &dyn ToTokens, text: &str, errors: &mut Errors| {
        errors.at(keyword.to_token_stream(), words::qualified(text));
    };
    if let Some(keyword) = &signature.constness {
        qualified(keyword, "const", errors);
    }
    if let Some(keyword) = &signature.asyncness {
        qualified(keyword, "async", errors);
    }
    if let Some(keyword) = &signature.unsafety {
        qualified(keyword, "unsafe", errors);
    }
    if let Some(abi) = &signature.abi {
        qualified(abi, "extern", errors);
    }
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        errors.at(&signature.generics, words::generic());
    }
}

/// The return type, by its last segment.
pub fn returns(signature: &Signature, expected: &str, errors: &mut Errors) {
    match &signature.output {
        ReturnType::Default => errors.at(&signature.ident, words::returns(expected)),
        ReturnType::Type(_, ty) => {
            let last = match &**ty {
                Type::Path(path) => path.path.segments.last(),
                _ => None,
            };
            if last.is_none_or(|segment| segment.ident != expected) {
                errors.at(ty, words::returns(expected));
            }
        }
    }
}
