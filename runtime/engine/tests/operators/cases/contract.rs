//! Contractions: every sorting of axes, merged and not, empty sums, permuted and sliced operands.

use super::{Case, fed};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let equations: [(&str, &[usize], &[usize]); 19] = [
        ("mk,kn->mn", &[5, 7], &[7, 3]),
        ("mk,kn->nm", &[5, 7], &[7, 3]),
        ("mk,nk->mn", &[1, 7], &[4, 7]),
        ("km,kn->mn", &[200, 31], &[200, 70]),
        ("k,k->", &[9], &[9]),
        ("m,n->mn", &[4], &[6]),
        ("btk,kn->btn", &[3, 5, 8], &[8, 6]),
        ("btk,btn->kn", &[3, 5, 8], &[3, 5, 6]),
        ("bmk,bkn->bmn", &[4, 5, 3], &[4, 3, 6]),
        ("bhqd,bhkd->bhqk", &[2, 3, 5, 4], &[2, 3, 6, 4]),
        ("bqhd,bkhd->bhqk", &[2, 5, 3, 4], &[2, 6, 3, 4]),
        ("abc,cbd->adb", &[3, 2, 4], &[4, 2, 5]),
        ("mk,kn->mn", &[3, 0], &[0, 4]),
        ("mk,kn->mn", &[0, 3], &[3, 4]),
        ("abij,ij->ab", &[2, 3, 4, 5], &[4, 5]),
        ("mk,kn->mn", &[130, 65], &[65, 129]),
        ("mk,kn->mn", &[401, 3], &[3, 64]),
        ("mk,nk->mn", &[389, 5], &[32, 5]),
        ("km,kn->mn", &[3075, 5], &[3075, 32]),
    ];
    for (equation, a, b) in equations {
        let name = format!("{equation} {a:?} {b:?}");
        cases.push(Case::new(name, vec![fed(a), fed(b)], move |_, x| vec![x[0].einsum(equation, &x[1])]));
    }
    cases.push(Case::new("matmul of views", vec![fed([6, 4, 5]), fed([7, 6])], |_, x| {
        let left = x[0].permute(&[1, 2, 0]).slice(1, 1, 3);
        vec![left.matmul(&x[1].transpose(0, 1).slice(1, 2, 4))]
    }));
    cases.push(Case::new("matmul with a flipped operand", vec![fed([3, 4]), fed([4, 5])], |_, x| {
        vec![x[0].flip(1).matmul(&x[1].flip(0))]
    }));
    cases.push(Case::new("matmul of vectors", vec![fed([4]), fed([4, 3]), fed([3])], |_, x| {
        vec![x[0].matmul(&x[1]), x[1].matmul(&x[2]), x[2].matmul(&x[2])]
    }));
    cases.push(Case::new(
        "weight gradient over a slice of tokens",
        vec![fed([3, 6, 4]), fed([3, 5, 2])],
        |_, x| vec![x[0].slice(1, 1, 5).einsum("btk,btn->kn", &x[1])],
    ));
    cases.push(Case::new(
        "linear, bias, gelu, residual",
        vec![fed([2, 70, 9]), fed([9, 9]), fed([9])],
        |_, x| {
            let hidden = x[0].matmul(&x[1]) + &x[2];
            vec![hidden.gelu() + &x[0], hidden]
        },
    ));
    cases.push(Case::new(
        "linear, bias, and what is left as it is",
        vec![fed([2, 70, 9]), fed([9, 9]), fed([9]), fed([2, 70, 9])],
        |_, x| vec![x[0].matmul(&x[1]) + &x[2] + &x[3], &x[3] + x[0].matmul(&x[1].transpose(0, 1))],
    ));
    cases.push(Case::new(
        "many rows, bias, gelu",
        vec![fed([2, 197, 9]), fed([9, 32]), fed([32])],
        |_, x| {
            let hidden = x[0].matmul(&x[1]) + &x[2];
            vec![hidden.gelu(), hidden]
        },
    ));
    cases.push(Case::new(
        "two products added, over several tiles",
        vec![fed([70, 9]), fed([9, 140])],
        |_, x| vec![(x[0].matmul(&x[1]) + x[0].flip(0).matmul(&x[1])).tanh()],
    ));
    cases.push(Case::new(
        "scaled scores, bare ones kept",
        vec![fed([2, 5, 3, 4]), fed([2, 6, 3, 4])],
        |_, x| {
            let scores = x[0].einsum("bqhd,bkhd->bhqk", &x[1]);
            vec![(&scores * 0.5).sigmoid(), scores.transpose(1, 2)]
        },
    ));
    let operands = vec![fed([7, 5]), fed([5, 7]), fed([7, 1])];
    cases.push(Case::new("epilogue of a column and a transposed matrix", operands, |_, x| {
        let product = x[0].matmul(&x[1]);
        vec![
            product
                .greater(&x[2])
                .choose(&x[2], &(&product + x[1].transpose(0, 1).matmul(&x[0].transpose(0, 1)))),
        ]
    }));
    cases.push(Case::new(
        "a product written with expand, mul and sum",
        vec![fed([2, 4, 3]), fed([3, 5])],
        |_, x| {
            let all = [2, 4, 3, 5];
            let product = x[0].unsqueeze(3).expand(all) * x[1].expand(all);
            vec![product.permute(&[2, 3, 0, 1]).sum(&[0]), product.sum(&[0]).sum(&[1])]
        },
    ));
    cases
}
