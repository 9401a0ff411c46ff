//! Actions by name: what a configuration's text stands for.
//!
//! The built-in groups are listed here, with the ranges they take; those of `#[group_action]` are registered where they
//! are linked in, and take none.

use std::fmt;
use std::ops::RangeInclusive;

use equilayer_grammar::actions::{self, Factor, FactorKind, RangeOf, Signature};
use equilayer_grammar::text::{Mistake, TextMistake, words};

use super::builtin::{D4, Displacement, HFlip, HalfTurn, Rescale, Rot90, Rotate, Translate, VFlip};
use super::erased::Action;
use super::product::Scope;

/// A group under its name; made by [`register!`](crate::action::register).
pub struct ActionRegistration {
    action: fn() -> Action,
    module: &'static str,
}

impl ActionRegistration {
    /// The group that `action` makes, declared in `module`.
    pub const fn of(action: fn() -> Action, module: &'static str) -> ActionRegistration {
        ActionRegistration { action, module }
    }
}

inventory::collect!(ActionRegistration);

/// Makes a group action known to configurations by its name. `#[group_action]` does it by itself; an action by hand needs
/// it, and a type without fields.
#[macro_export]
#[doc(hidden)]
macro_rules! __register_action {
    ($action:ident) => {
        $crate::plugin::inventory::submit! {
            $crate::action::ActionRegistration::of(|| $crate::action::Action::from($action), ::core::module_path!())
        }
    };
}

/// All group actions of a program, by name.
#[derive(Clone)]
pub struct KnownActions {
    known: Vec<Known>,
}

/// A group of its range, and of that of its option, where it is given.
type MakeRanged = fn(RangeInclusive<f64>, Option<RangeInclusive<f64>>) -> Action;

#[derive(Clone)]
struct Known {
    name: String,
    range: Option<RangeOf<'static>>,
    options: &'static [RangeOf<'static>],
    involutive: bool,
    make: Make,
    module: &'static str,
}

#[derive(Clone, Copy)]
enum Make {
    Unit(fn() -> Action),
    Ranged(MakeRanged),
}

const SCALE: RangeOf<'static> = RangeOf { name: "scale", above: Some(0.0), example: "0.7..=1.3" };
const ASPECT: RangeOf<'static> = RangeOf { name: "aspect", above: Some(0.0), example: "0.75..=1.3333" };
const ANGLE: RangeOf<'static> = RangeOf { name: "angle", above: None, example: "-0.2..=0.2" };
const SHIFT: RangeOf<'static> = RangeOf { name: "shift", above: None, example: "-0.2..=0.2" };

impl fmt::Debug for KnownActions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Known {
    fn unit(action: fn() -> Action, module: &'static str) -> Known {
        let made = action();
        let name = made.factors().first().map_or("", |factor| factor.name()).to_owned();
        let involutive = made.order() == Some(2);
        Known { name, range: None, options: &[], involutive, make: Make::Unit(action), module }
    }

    fn ranged(
        name: &str,
        range: RangeOf<'static>,
        options: &'static [RangeOf<'static>],
        make: MakeRanged,
    ) -> Known {
        let module = "equilayer::action";
        Known {
            name: name.into(),
            range: Some(range),
            options,
            involutive: false,
            make: Make::Ranged(make),
            module,
        }
    }

    fn signature(&self) -> Signature<'_> {
        let Known { name, range, options, involutive, .. } = self;
        Signature { name, range: *range, options, involutive: *involutive }
    }
}

impl KnownActions {
    /// The built-in ones and all that are linked in.
    pub fn linked() -> KnownActions {
        let unit: [fn() -> Action; 6] = [
            || Rot90.into(),
            || HFlip.into(),
            || VFlip.into(),
            || HalfTurn.into(),
            || D4.into(),
            || Displacement.into(),
        ];
        let mut known: Vec<Known> =
            unit.into_iter().map(|action| Known::unit(action, "equilayer::action")).collect();
        known.push(Known::ranged("Rescale", SCALE, &[ASPECT], |scale, aspect| match aspect {
            Some(aspect) => Rescale(scale).aspect(aspect).into(),
            None => Rescale(scale).into(),
        }));
        known.push(Known::ranged("Rotate", ANGLE, &[], |angle, _| Rotate(angle).into()));
        known.push(Known::ranged("Translate", SHIFT, &[], |shift, _| Translate(shift).into()));
        let mut own: Vec<Known> = inventory::iter::<ActionRegistration>()
            .map(|registration| Known::unit(registration.action, registration.module))
            .collect();
        own.sort_by(|a, b| (&a.name, a.module).cmp(&(&b.name, b.module)));
        known.extend(own);
        KnownActions { known }
    }

    /// Their names, the built-in ones first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|known| known.name.as_str())
    }

    /// The action that a text declares, as Rust would:
    /// `Rot90.per_batch() * Rescale(0.7..=1.3).aspect(0.75..=1.3333) * (HalfTurn * HFlip).per_sample()`.
    ///
    /// # Errors
    /// Everything wrong with the text, each at its word.
    ///
    /// ```
    /// use equilayer::action::{Action, HFlip, KnownActions, Rot90, Symmetry};
    ///
    /// let known = KnownActions::linked();
    /// assert_eq!(known.read("Rot90.per_batch() * HFlip")?, Action::from(Rot90.per_batch() * HFlip));
    /// let mistakes = known.read("Rot90.per_batch() * HFlap").unwrap_err();
    /// assert_eq!(mistakes[0].at, 20..25);
    /// assert!(mistakes[0].message.starts_with("unknown action `HFlap`; did you mean `HFlip`?"));
    /// # Ok::<(), Vec<equilayer::config::TextMistake>>(())
    /// ```
    pub fn read(&self, text: &str) -> Result<Action, Vec<TextMistake>> {
        let words = words(text);
        let texts: Vec<&str> = words.iter().map(|word| word.text).collect();
        let in_text = |mistakes: Vec<Mistake>| -> Vec<TextMistake> {
            mistakes.into_iter().map(|mistake| mistake.in_text(text, &words)).collect()
        };
        let product = actions::parse(&texts).map_err(|mistake| in_text(vec![mistake]))?;
        let signatures: Vec<Signature<'_>> = self.known.iter().map(Known::signature).collect();
        let mut mistakes = actions::check(&product, &signatures);
        self.ambiguous(&product, &mut mistakes);
        let action = if mistakes.is_empty() { self.product(&product) } else { None };
        action.ok_or_else(|| in_text(mistakes))
    }

    /// Names that two crates have given to a group.
    fn ambiguous(&self, product: &[Factor], mistakes: &mut Vec<Mistake>) {
        for factor in product {
            match &factor.kind {
                FactorKind::Product(factors) => self.ambiguous(factors, mistakes),
                FactorKind::Group(name, _) => {
                    let mut modules =
                        self.known.iter().filter(|known| known.name == *name).map(|known| known.module);
                    if let (Some(first), Some(second)) = (modules.next(), modules.next()) {
                        let message = actions::declared_twice(name, first, second);
                        mistakes.push(Mistake { word: factor.word, message });
                    }
                }
            }
        }
    }

    fn product(&self, factors: &[Factor]) -> Option<Action> {
        factors.iter().map(|factor| self.factor(factor)).reduce(|a, b| Some(a?.after(b?)))?
    }

    fn factor(&self, factor: &Factor) -> Option<Action> {
        let action = match &factor.kind {
            FactorKind::Product(factors) => self.product(factors)?,
            FactorKind::Group(name, range) => {
                let known = self.known.iter().find(|known| known.name == *name)?;
                match known.make {
                    Make::Unit(make) => make(),
                    Make::Ranged(make) => {
                        let option = known.options.first();
                        let call = option
                            .and_then(|option| factor.calls.iter().find(|call| call.name == option.name));
                        let given = call.and_then(|call| call.range.clone()).map(|(range, _)| range);
                        make(range.clone()?.0, given)
                    }
                }
            }
        };
        Some(factor.calls.iter().fold(action, |action, call| match call.name.as_str() {
            "per_batch" => action.with_scope(Scope::PerBatch),
            "per_sample" => action.with_scope(Scope::PerSample),
            "complementary" => action.with_complements(),
            _ => action,
        }))
    }
}
