//! Collecting errors, so that one compilation shows all of them.

use quote::ToTokens;

/// The errors found so far. The only way to one is [`collect`], which hands back what was put in: errors cannot be
/// forgotten.
pub struct Errors(Option<syn::Error>);

/// Runs `work` and returns its result with everything it found wrong.
pub fn collect<T>(work: impl FnOnce(&mut Errors) -> T) -> (T, Option<syn::Error>) {
    let mut errors = Errors(None);
    let result = work(&mut errors);
    (result, errors.0)
}

impl Errors {
    /// An error at all of `tokens`.
    pub fn at(&mut self, tokens: impl ToTokens, message: impl Into<String>) {
        self.push(syn::Error::new_spanned(tokens, message.into()));
    }

    /// An error that already has its place.
    pub fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// The value of a result, whose error is kept.
    pub fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }
}
