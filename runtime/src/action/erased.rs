//! Actions as data: what a plugin's specification holds.

use std::any::Any;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::draw::Draw;
use super::grid_map::{Grid, GridMap};
use super::group::{GroupAction, Sampling, Validity};
use super::product::Scope;
use super::sampled::Interpolation;

/// A product of group actions, each with its scope. Cheap to clone; prints as it was declared.
#[derive(Clone)]
pub struct Action {
    /// As declared: the last acts first.
    terms: Vec<Term>,
}

/// Factors declared with one scope.
#[derive(Clone)]
struct Term {
    factors: Vec<Arc<dyn Group>>,
    scope: Option<Scope>,
    complementary: bool,
}

/// One group of an [`Action`].
#[derive(Clone, Serialize)]
pub struct Factor {
    #[serde(flatten, serialize_with = "as_data")]
    group: Arc<dyn Group>,
    /// How many elements a batch gets.
    scope: Scope,
    /// Whether the second view gets the complement of the first view's element.
    complementary: bool,
}

/// [`GroupAction`] without its element's type.
pub(super) trait Group: Send + Sync {
    fn name(&self) -> &str;
    fn declaration(&self) -> String;
    fn parameters(&self) -> Vec<(&'static str, RangeInclusive<f64>)>;
    fn check(&self) -> Result<(), String>;
    fn sampling(&self) -> Sampling;
    fn validity(&self) -> Validity;
    fn elements(&self) -> Vec<Element>;
    fn sample(&self, draw: &mut Draw<'_>) -> Element;
    fn as_any(&self) -> &dyn Any;
    fn equals(&self, other: &dyn Any) -> bool;
}

/// An element without its type.
pub(super) type Element = Arc<dyn Member>;

/// What can be asked of any group's element.
pub(super) trait Member: Send + Sync {
    fn map(&self, from: Grid) -> GridMap;
    fn label(&self) -> String;
    /// The other element of a group of two.
    fn complement(&self) -> Option<Element>;
}

struct Bound<A: GroupAction> {
    action: A,
    element: A::Element,
}

impl<A: GroupAction> Bound<A> {
    fn erased(action: &A, element: A::Element) -> Element {
        Arc::new(Bound { action: action.clone(), element })
    }
}

impl<A: GroupAction> Member for Bound<A> {
    fn map(&self, from: Grid) -> GridMap {
        self.action.map(&self.element, from)
    }

    fn label(&self) -> String {
        format!("{:?}", self.element)
    }

    fn complement(&self) -> Option<Element> {
        let other = match self.action.elements().as_slice() {
            [a, b] if *a == self.element => b.clone(),
            [a, b] if *b == self.element => a.clone(),
            _ => return None,
        };
        Some(Bound::erased(&self.action, other))
    }
}

impl<A: GroupAction> Group for A {
    fn name(&self) -> &str {
        GroupAction::name(self)
    }

    fn declaration(&self) -> String {
        GroupAction::declaration(self)
    }

    fn parameters(&self) -> Vec<(&'static str, RangeInclusive<f64>)> {
        GroupAction::parameters(self)
    }

    fn check(&self) -> Result<(), String> {
        GroupAction::check(self)
    }

    fn sampling(&self) -> Sampling {
        GroupAction::sampling(self)
    }

    fn validity(&self) -> Validity {
        GroupAction::validity(self)
    }

    fn elements(&self) -> Vec<Element> {
        GroupAction::elements(self).into_iter().map(|element| Bound::erased(self, element)).collect()
    }

    fn sample(&self, draw: &mut Draw<'_>) -> Element {
        Bound::erased(self, GroupAction::sample(self, draw))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<A>() == Some(self)
    }
}

impl Action {
    pub(super) fn of(action: impl GroupAction) -> Action {
        Action { terms: vec![Term { factors: vec![Arc::new(action)], scope: None, complementary: false }] }
    }

    pub(super) fn after(mut self, earlier: Action) -> Action {
        self.terms.extend(earlier.terms);
        self
    }

    /// All factors as one term of this scope.
    pub(super) fn with_scope(self, scope: Scope) -> Action {
        let factors = self.terms.into_iter().flat_map(|term| term.factors).collect();
        Action { terms: vec![Term { factors, scope: Some(scope), complementary: false }] }
    }

    pub(super) fn with_complements(mut self) -> Action {
        for term in &mut self.terms {
            term.complementary = true;
        }
        self
    }

    /// The factors as declared: the last acts first.
    pub fn factors(&self) -> Vec<Factor> {
        let of_term = |term: &Term| {
            let (scope, complementary) = (term.scope.unwrap_or(Scope::PerSample), term.complementary);
            let factor = move |group: &Arc<dyn Group>| Factor { group: group.clone(), scope, complementary };
            term.factors.iter().map(factor).collect::<Vec<_>>()
        };
        self.terms.iter().flat_map(of_term).collect()
    }

    /// Whether all its maps move cells to cells.
    pub fn is_permutation(&self) -> bool {
        self.factors().iter().all(|factor| factor.sampling() == Sampling::Permutation)
    }

    /// Whether every cell gets a value: no factor masks any.
    pub fn is_invertible(&self) -> bool {
        self.factors().iter().all(|factor| factor.validity() == Validity::Everywhere)
    }

    /// How its composed maps are sampled: as smoothly as its smoothest factor asks.
    pub fn interpolation(&self) -> Interpolation {
        let bicubic = |factor: &Factor| {
            let interpolation = Interpolation::Bicubic;
            matches!(factor.sampling(), Sampling::Interpolated { interpolation: i, .. } if i == interpolation)
        };
        match self.factors().iter().any(bicubic) {
            true => Interpolation::Bicubic,
            false => Interpolation::Bilinear,
        }
    }

    /// The most cells that a cell of a relative map is made of: what maps fed step by step are padded to.
    pub fn taps(&self) -> usize {
        if self.is_permutation() { 1 } else { self.interpolation().taps() }
    }
}

impl Factor {
    /// The group's name.
    pub fn name(&self) -> &str {
        self.group.name()
    }

    /// How many elements a batch gets.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether the second view gets the complement of the first view's element.
    pub fn is_complementary(&self) -> bool {
        self.complementary
    }

    /// How its maps are sampled.
    pub fn sampling(&self) -> Sampling {
        self.group.sampling()
    }

    /// Whether it masks cells.
    pub fn validity(&self) -> Validity {
        self.group.validity()
    }

    pub(super) fn group(&self) -> &dyn Group {
        &*self.group
    }
}

/// A factor as declared by itself.
impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (factors, scope) = (vec![self.group.clone()], Some(self.scope));
        Term { factors, scope, complementary: self.complementary }.fmt(f)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let declared: Vec<String> = self.factors.iter().map(|factor| factor.declaration()).collect();
        match declared.as_slice() {
            [single] => f.write_str(single)?,
            several => write!(f, "({})", several.join(" * "))?,
        }
        f.write_str(match self.scope.unwrap_or(Scope::PerSample) {
            Scope::PerBatch => ".per_batch()",
            Scope::PerSample => ".per_sample()",
        })?;
        f.write_str(if self.complementary { ".complementary()" } else { "" })
    }
}

/// The declaration, every scope written out.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<String> = self.terms.iter().map(Term::to_string).collect();
        f.write_str(&terms.join(" * "))
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Equal if they act alike: the same factors under the same scopes, however they were bracketed.
impl PartialEq for Action {
    fn eq(&self, other: &Action) -> bool {
        self.factors() == other.factors()
    }
}

impl PartialEq for Factor {
    fn eq(&self, other: &Factor) -> bool {
        let drawn = (self.scope, self.complementary) == (other.scope, other.complementary);
        drawn && self.group.equals(other.group.as_any())
    }
}

/// A list of factors, each `{"name": …, parameters as [low, high], "scope": …, "complementary": …}`.
impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.factors().serialize(serializer)
    }
}

fn as_data<S: Serializer>(group: &Arc<dyn Group>, serializer: S) -> Result<S::Ok, S::Error> {
    let parameters = group.parameters();
    let mut map = serializer.serialize_map(Some(1 + parameters.len()))?;
    map.serialize_entry("name", group.name())?;
    for (name, range) in parameters {
        map.serialize_entry(name, &[range.start(), range.end()])?;
    }
    map.end()
}
