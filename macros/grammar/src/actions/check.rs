//! What an action's text keeps to beside its grammar: the names there are, what each takes, and which scopes it can get.

use std::ops::RangeInclusive;

use super::parse::{Call, Factor, FactorKind};
use crate::text::Mistake;
use crate::vocabulary::{AUGMENTATIONS, COMPLEMENT, SCOPES};
use crate::{actions, unknown};

/// A group that a text can name.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature<'a> {
    /// Its name.
    pub name: &'a str,
    /// The range it takes in parentheses.
    pub range: Option<RangeOf<'a>>,
    /// The ranges it can be given by a call.
    pub options: &'a [RangeOf<'a>],
    /// Whether each element has a complement: a group of two.
    pub involutive: bool,
}

/// A range that a group takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RangeOf<'a> {
    /// What is drawn from it.
    pub name: &'a str,
    /// A number that it lies above.
    pub above: Option<f64>,
    /// A range that makes sense.
    pub example: &'a str,
}

/// How far a factor is declared.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Bare,
    Scoped,
    Complemented,
}

/// Everything wrong with a product, if `known` are the groups there are.
pub fn check(product: &[Factor], known: &[Signature<'_>]) -> Vec<Mistake> {
    let mut check = Check { known, mistakes: Vec::new() };
    product.iter().for_each(|factor| {
        check.factor(factor);
    });
    check.mistakes
}

struct Check<'a> {
    known: &'a [Signature<'a>],
    mistakes: Vec<Mistake>,
}

impl<'a> Check<'a> {
    fn say(&mut self, word: usize, message: String) {
        self.mistakes.push(Mistake { word, message });
    }

    fn factor(&mut self, factor: &Factor) -> Stage {
        let mut stage = Stage::Bare;
        let group = match &factor.kind {
            FactorKind::Group(name, range) => {
                let group = self.group(name, factor.word);
                if let Some(group) = group {
                    self.argument(name, group.range, range.as_ref(), factor.word);
                }
                group
            }
            FactorKind::Product(factors) => {
                for factor in factors {
                    let inner = self.factor(factor);
                    stage = if inner == Stage::Bare { stage } else { inner };
                }
                None
            }
        };
        for call in &factor.calls {
            stage = self.call(call, stage, factor, group);
        }
        stage
    }

    fn group(&mut self, name: &str, word: usize) -> Option<&'a Signature<'a>> {
        let found = self.known.iter().find(|group| group.name == name);
        if found.is_none() {
            let message = match AUGMENTATIONS.contains(&name) {
                true => actions::augmentation(name),
                false => unknown("action", name, self.known.iter().map(|group| group.name)),
            };
            self.say(word, message);
        }
        found
    }

    fn call(
        &mut self,
        call: &Call,
        stage: Stage,
        factor: &Factor,
        group: Option<&'a Signature<'a>>,
    ) -> Stage {
        let name = call.name.as_str();
        if SCOPES.contains(&name) {
            self.argument(name, None, call.range.as_ref(), call.word);
            if stage != Stage::Bare {
                self.say(call.word, actions::scope_twice());
            }
            return Stage::Scoped;
        }
        if name == COMPLEMENT {
            self.argument(name, None, call.range.as_ref(), call.word);
            match (stage, self.without_complement(factor)) {
                (Stage::Scoped, None) => {}
                (Stage::Scoped, Some(group)) => self.say(call.word, actions::no_complement(&group)),
                _ => self.say(call.word, actions::complement_without_scope()),
            }
            return Stage::Complemented;
        }
        let given = |option: &RangeOf<'_>| {
            factor.calls.iter().any(|earlier| earlier.word < call.word && earlier.name == option.name)
        };
        let options = group.filter(|_| stage == Stage::Bare).map_or(&[][..], |group| group.options);
        let left = options.iter().filter(|option| !given(option));
        match left.clone().find(|option| option.name == name) {
            Some(option) => self.argument(name, Some(*option), call.range.as_ref(), call.word),
            None => {
                let valid: Vec<&str> = left
                    .map(|option| option.name)
                    .chain(SCOPES.iter().copied())
                    .chain([COMPLEMENT])
                    .collect();
                self.say(call.word, unknown("call", name, valid));
            }
        }
        stage
    }

    /// A group or a call is given the range it takes.
    fn argument(
        &mut self,
        name: &str,
        takes: Option<RangeOf<'_>>,
        given: Option<&(RangeInclusive<f64>, usize)>,
        word: usize,
    ) {
        match (takes, given) {
            (None, None) => {}
            (None, Some((_, at))) => self.say(*at, actions::takes_nothing(name)),
            (Some(takes), None) => self.say(word, actions::missing_range(name, takes.name, takes.example)),
            (Some(takes), Some((range, at))) => {
                if let Err(message) = actions::range(takes.name, range, takes.above) {
                    self.say(*at, message);
                }
            }
        }
    }

    /// A group in a factor whose elements have no complement. Unknown ones were reported.
    fn without_complement(&self, factor: &Factor) -> Option<String> {
        match &factor.kind {
            FactorKind::Group(name, _) => {
                let group = self.known.iter().find(|group| group.name == name)?;
                (!group.involutive).then(|| name.clone())
            }
            FactorKind::Product(factors) => factors.iter().find_map(|factor| self.without_complement(factor)),
        }
    }
}
