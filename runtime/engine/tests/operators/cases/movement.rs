//! Views, padding, concatenation.

use equilayer_engine::Init;

use super::{Case, fed};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("permute, rank 6", vec![fed([2, 3, 1, 2, 2, 3])], |_, x| {
            vec![x[0].permute(&[5, 0, 3, 2, 4, 1])]
        }),
        Case::new("reshape of a permuted tensor", vec![fed([3, 4, 5])], |_, x| {
            vec![x[0].permute(&[2, 0, 1]).reshape([15, 4])]
        }),
        Case::new("reshape of a slice", vec![fed([4, 6])], |_, x| vec![x[0].slice(1, 1, 4).reshape([2, 8])]),
        Case::new("slice of a slice", vec![fed([7, 9])], |_, x| vec![x[0].slice(0, 2, 4).slice(-1, 3, 5)]),
        Case::new("an empty slice", vec![fed([3, 4])], |_, x| vec![x[0].slice(0, 1, 0)]),
        Case::new("flip both axes", vec![fed([3, 5])], |_, x| vec![x[0].flip(0).flip(1)]),
        Case::new("quarter turn", vec![fed([2, 3, 5])], |_, x| vec![x[0].transpose(1, 2).flip(1)]),
        Case::new("expand", vec![fed([3, 1, 2])], |_, x| vec![x[0].expand([4, 3, 5, 2])]),
        Case::new("select and split", vec![fed([4, 6])], |_, x| {
            let parts = x[0].split(1, 3);
            vec![x[0].select(0, 2), &parts[0] * &parts[2]]
        }),
        Case::new("pad", vec![fed([3, 4, 2])], |_, x| vec![x[0].pad(1, 2, 1), x[0].pad(0, 0, 3)]),
        Case::new("pad of a permuted tensor", vec![fed([3, 4, 2])], |_, x| {
            vec![x[0].permute(&[1, 2, 0]).pad(2, 1, 1)]
        }),
        Case::new("concat of three", vec![fed([2, 3, 2]), fed([2, 1, 2]), fed([2, 4, 2])], |_, x| {
            vec![x[0].concat(&[&x[1], &x[2]], 1)]
        }),
        Case::new("concat with an empty and a flipped tensor", vec![fed([0, 3]), fed([2, 3])], |_, x| {
            vec![x[0].concat(&[&x[1].flip(1), &x[1]], 0)]
        }),
        Case::new("concat of a broadcast token", vec![fed([1, 1, 4]), fed([3, 5, 4])], |_, x| {
            vec![x[0].expand([3, 1, 4]).concat(&[&x[1]], 1)]
        }),
        Case::new("stack", vec![fed([2, 3]), fed([2, 3])], |_, x| {
            vec![x[0].stack(&[&x[1]], 0), x[0].stack(&[&x[1]], -1)]
        }),
        Case::new("a parameter, a state and its new value", vec![fed([3])], |graph, x| {
            let w = graph.parameter("w", [2, 3], Init::Constant(0.5));
            let count = graph.state("count", [2, 3], Init::Constant(3.0));
            graph.assign(&count, &(&count * 1.0));
            vec![&x[0] * &w + count]
        }),
        Case::new("roll", vec![fed([5, 3])], |_, x| vec![x[0].roll(0, 2), x[0].roll(1, -1), x[0].roll(0, 5)]),
    ]
}
