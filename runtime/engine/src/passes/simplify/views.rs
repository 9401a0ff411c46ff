//! Rules for views.

use luminal::prelude::NodeIndex;

use crate::ops::{Op, View};
use crate::passes::rewrite::Rewriter;
use crate::shape::Shape;

/// A view that shows its source as it is.
pub fn identity(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    let Op::View(view) = rewriter.op(index)? else { return None };
    let source = rewriter.source(index)?;
    let shape = rewriter.shape(source)?;
    let same = match view {
        View::Permute(axes) => axes.iter().copied().eq(0..axes.len()),
        View::Flip(axis) => shape[*axis] <= 1,
        View::Reshape(_) | View::Slice { .. } | View::Expand(_) => rewriter.shape((index, 0))? == shape,
    };
    same.then_some(source.0)
}

/// A view of one repeated number is that number, repeated.
pub fn of_splat(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    let Op::View(view) = rewriter.op(index)? else { return None };
    let number = rewriter.splat((index, 0))?;
    let source = rewriter.source(index)?;
    let plain = matches!(view, View::Expand(_)) && matches!(rewriter.op(source.0)?, Op::Constant(_));
    match plain && rewriter.shape(source)? == Shape::SCALAR {
        true => None,
        false => Some(rewriter.full(rewriter.shape((index, 0))?, number, index)?.0),
    }
}

/// Two views of one kind are one.
pub fn of_view(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    let inner = rewriter.source(index)?.0;
    let (Op::View(outer), Op::View(view)) = (rewriter.op(index)?, rewriter.op(inner)?) else { return None };
    let merged = match (outer, view) {
        (View::Permute(outer), View::Permute(inner)) => {
            View::Permute(outer.iter().map(|&axis| inner[axis]).collect())
        }
        (View::Reshape(shape), View::Reshape(_)) => View::Reshape(*shape),
        (View::Expand(shape), View::Expand(_)) => View::Expand(*shape),
        (&View::Slice { axis, start, length }, &View::Slice { axis: same, start: first, .. })
            if axis == same =>
        {
            View::Slice { axis, start: first + start, length }
        }
        (View::Flip(axis), View::Flip(same)) if axis == same => return Some(rewriter.source(inner)?.0),
        _ => return None,
    };
    let source = rewriter.source(inner)?;
    Some(rewriter.insert(merged, &[source], index)?.0)
}

#[cfg(test)]
mod tests {
    use crate::passes::Simplify;
    use crate::passes::testing::check;

    #[test]
    fn views_of_one_kind_merge_and_those_that_change_nothing_vanish() {
        check(&Simplify, "simplified 2 times", "", |_, x| vec![x.transpose(0, 1).transpose(0, 1)]);
        check(&Simplify, "simplified 2 times", "", |_, x| vec![x.reshape([6]).reshape([2, 3])]);
        check(&Simplify, "simplified 1 times", "slice", |_, x| vec![x.slice(1, 1, 2).slice(1, 1, 1)]);
        check(&Simplify, "simplified 1 times", "", |_, x| vec![x.flip(1).flip(1)]);
        check(&Simplify, "simplified 1 times", "sum expand", |_, x| {
            vec![x.sum(&[0]).expand([2, 3]).expand([4, 2, 3])]
        });
    }

    #[test]
    fn views_of_different_kinds_stay() {
        check(&Simplify, "simplified 0 times", "permute reshape slice flip", |_, x| {
            vec![x.transpose(0, 1).reshape([6]).slice(0, 1, 4).flip(0)]
        });
    }

    #[test]
    fn a_view_of_a_repeated_number_is_one_expand() {
        check(&Simplify, "simplified 2 times", "div", |graph, x| {
            vec![x / graph.full([6, 1], 3.0).reshape([3, 2]).transpose(0, 1)]
        });
    }
}
