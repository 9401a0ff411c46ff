//! Declaring actions: products with `*`, scopes, complements.
//!
//! Declarations keep their types until they become an [`Action`], so that what makes no sense does not compile: a scope
//! within a scope, or the complement of something that has none.

use serde::Serialize;

use super::erased::Action;
use super::group::GroupAction;

/// How many elements a batch gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One for each view of the batch.
    PerBatch,
    /// One for each view of each sample.
    PerSample,
}

/// A group action or a product of them, not yet told how often to draw.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a group action without a scope",
    label = "cannot be given a scope",
    note = "give each part its scope once: `(A * B).per_batch()`, or `A.per_batch() * B.per_sample()`",
    note = "random crop, colour jitter and blur are augmentations: put them into the recipe's augmentations"
)]
pub trait Symmetry: IntoAction + Sized {
    /// One element for each view of the batch.
    fn per_batch(self) -> Scoped<Self> {
        Scoped { of: self, scope: Scope::PerBatch }
    }

    /// One element for each view of each sample. What has no scope has this one.
    fn per_sample(self) -> Scoped<Self> {
        Scoped { of: self, scope: Scope::PerSample }
    }
}

impl<A: GroupAction> Symmetry for A {}
impl<L: Symmetry, R: Symmetry> Symmetry for Product<L, R> {}

/// A group of two elements, the identity and one that undoes itself, or a product of such: each element has a
/// complement, the other one.
#[diagnostic::on_unimplemented(
    message = "elements of `{Self}` have no complement",
    label = "not a flip or a half turn",
    note = "`complementary()` is for groups of two and their products, as `HalfTurn * HFlip`; other factors go outside \
            of it: `Rot90.per_batch() * HFlip.per_sample().complementary()`"
)]
pub trait Involutive: Symmetry {}

impl<L: Involutive, R: Involutive> Involutive for Product<L, R> {}

/// Two actions, one after the other: the right one acts first.
#[derive(Clone, Debug, PartialEq)]
pub struct Product<L, R> {
    left: L,
    right: R,
}

impl<L, R> Product<L, R> {
    /// `right` first, then `left`; the same as `left * right`.
    pub fn new(left: L, right: R) -> Product<L, R> {
        Product { left, right }
    }
}

/// An action that knows how often to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Scoped<T> {
    of: T,
    scope: Scope,
}

impl<T> Scoped<T> {
    /// The second view gets the complements of the first view's elements instead of elements of its own: flipped if the
    /// other is not. The action between the views then is the same for all samples, as in SER (arXiv 2603.06693).
    pub fn complementary(self) -> Action
    where
        T: Involutive,
    {
        self.into_action().with_complements()
    }
}

/// What can be declared as an action: a group action, with a scope or without, a product of such, or an [`Action`].
///
/// Beside `Into<Action>`, which says no more, because a compiler's message about this one is in words: take
/// `impl IntoAction` where users hand actions in.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a group action",
    label = "not a group action",
    note = "random crop, colour jitter and blur are augmentations: put them into the recipe's augmentations",
    note = "a symmetry of your own is a function under `#[group_action]`"
)]
pub trait IntoAction {
    /// The action as data.
    fn into_action(self) -> Action;
}

impl IntoAction for Action {
    fn into_action(self) -> Action {
        self
    }
}

impl<A: GroupAction> IntoAction for A {
    fn into_action(self) -> Action {
        Action::of(self)
    }
}

impl<L: IntoAction, R: IntoAction> IntoAction for Product<L, R> {
    fn into_action(self) -> Action {
        self.left.into_action().after(self.right.into_action())
    }
}

impl<T: Symmetry> IntoAction for Scoped<T> {
    fn into_action(self) -> Action {
        self.of.into_action().with_scope(self.scope)
    }
}

impl<A: GroupAction> From<A> for Action {
    fn from(action: A) -> Action {
        action.into_action()
    }
}

impl<L: IntoAction, R: IntoAction> From<Product<L, R>> for Action {
    fn from(product: Product<L, R>) -> Action {
        product.into_action()
    }
}

impl<T: Symmetry> From<Scoped<T>> for Action {
    fn from(scoped: Scoped<T>) -> Action {
        scoped.into_action()
    }
}

/// Gives an action of one's own the operator `*`, which a library cannot give to all at once.
/// `#[group_action]` does it by itself; see [`GroupAction`](crate::action::GroupAction) for an action by hand.
#[macro_export]
macro_rules! group_action_operators {
    ($action:ty) => {
        impl<R: $crate::action::IntoAction> ::core::ops::Mul<R> for $action {
            type Output = $crate::action::Product<$action, R>;

            fn mul(self, right: R) -> Self::Output {
                $crate::action::Product::new(self, right)
            }
        }
    };
}

group_action_operators!(Action);

impl<T, R: IntoAction> std::ops::Mul<R> for Scoped<T> {
    type Output = Product<Scoped<T>, R>;

    fn mul(self, right: R) -> Self::Output {
        Product::new(self, right)
    }
}

impl<A, B, R: IntoAction> std::ops::Mul<R> for Product<A, B> {
    type Output = Product<Product<A, B>, R>;

    fn mul(self, right: R) -> Self::Output {
        Product::new(self, right)
    }
}
