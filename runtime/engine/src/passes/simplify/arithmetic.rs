//! Rules for elementwise operators.

use luminal::prelude::NodeIndex;

use crate::ops::{Binary, BinaryKind, Op, Unary, UnaryKind};
use crate::passes::rewrite::{Rewriter, Value};

/// x·1, x/1, x+0 and x−0 are x. (x·0 is not 0: x may be infinite or not a number.)
pub fn neutral_element(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    let Op::Binary(Binary(kind)) = *rewriter.op(index)? else { return None };
    let [a, b] = rewriter.sources(index)[..] else { return None };
    let neutral = match kind {
        BinaryKind::Mul | BinaryKind::Div => 1.0,
        BinaryKind::Add | BinaryKind::Sub => 0.0,
        _ => return None,
    };
    let commutes = matches!(kind, BinaryKind::Mul | BinaryKind::Add);
    match () {
        () if rewriter.splat(b) == Some(neutral) => Some(a.0),
        () if commutes && rewriter.splat(a) == Some(neutral) => Some(b.0),
        () => None,
    }
}

/// −−x is x.
pub fn double_negation(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    let negated = |index| match rewriter.op(index)? {
        Op::Unary(Unary(UnaryKind::Neg)) => rewriter.source(index),
        _ => None,
    };
    Some(negated(negated(index)?.0)?.0)
}

/// Gradients exist by now; what stopped them is the identity.
pub fn stop_gradient(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    match rewriter.op(index)? {
        Op::Unary(Unary(UnaryKind::StopGradient)) => Some(rewriter.source(index)?.0),
        _ => None,
    }
}

/// b·(a·x) is (a·b)·x, also where a scaling is written as a negation or a division.
pub fn merged_scaling(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    let (inner, outer_factor) = scaling(rewriter, index)?;
    let (x, inner_factor) = scaling(rewriter, inner.0).filter(|_| rewriter.has_sole_consumer(inner.0))?;
    let factor = (inner_factor * outer_factor) as f32;
    // Two factors may be fine each where their product overflows.
    match factor.is_normal() {
        true => scaled(rewriter, x, factor, index),
        false => None,
    }
}

/// The value and the number that a node multiplies.
pub fn scaling(rewriter: &Rewriter<'_>, index: NodeIndex) -> Option<(Value, f64)> {
    let factor = |value| rewriter.splat(value).map(f64::from);
    match (rewriter.op(index)?, &rewriter.sources(index)[..]) {
        (Op::Unary(Unary(UnaryKind::Neg)), &[x]) => Some((x, -1.0)),
        (Op::Binary(Binary(BinaryKind::Mul)), &[a, b]) => {
            factor(b).map(|number| (a, number)).or_else(|| Some((b, factor(a)?)))
        }
        (Op::Binary(Binary(BinaryKind::Div)), &[a, b]) => Some((a, 1.0 / factor(b)?)),
        _ => None,
    }
}

/// A value times a number.
pub fn scaled(rewriter: &mut Rewriter<'_>, x: Value, factor: f32, at: NodeIndex) -> Option<NodeIndex> {
    let factor = rewriter.full(rewriter.shape(x)?, factor, at)?;
    Some(rewriter.insert(Binary(BinaryKind::Mul), &[x, factor], at)?.0)
}

/// A choice whose mask is the same number everywhere.
pub fn certain_choice(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    let Op::Select(_) = rewriter.op(index)? else { return None };
    let [mask, a, b] = rewriter.sources(index)[..] else { return None };
    let mask = rewriter.splat(mask)?;
    Some(if mask != 0.0 { a.0 } else { b.0 })
}

#[cfg(test)]
mod tests {
    use crate::passes::Simplify;
    use crate::passes::testing::check;

    #[test]
    fn neutral_elements_and_double_negations_vanish() {
        check(&Simplify, "simplified 7 times", "", |_, x| {
            let same = 0.0 + (&x * 1.0) / 1.0 - 0.0;
            vec![(-(-(1.0 * same))).stop_gradient()]
        });
    }

    #[test]
    fn a_product_with_zero_stays_for_what_is_not_a_number() {
        check(&Simplify, "simplified 0 times", "ln mul div", |_, x| vec![x.ln() * 0.0, 0.0 / &x]);
    }

    #[test]
    fn scalings_merge_unless_the_factor_overflows() {
        check(&Simplify, "simplified 3 times", "mul", |_, x| vec![-(2.0 * (x * 3.0)) / 4.0]);
        check(&Simplify, "simplified 0 times", "mul mul", |_, x| vec![x * 1e-30 * 1e-30]);
    }

    #[test]
    fn a_scaled_value_that_is_needed_itself_is_not_scaled_twice() {
        check(&Simplify, "simplified 0 times", "mul mul", |_, x| {
            let doubled = x * 2.0;
            vec![&doubled * 3.0, doubled]
        });
    }

    #[test]
    fn a_certain_choice_is_made() {
        check(&Simplify, "simplified 1 times", "tanh", |graph, x| {
            vec![graph.scalar(1.0).choose(&x, &x.exp()).tanh()]
        });
    }
}
