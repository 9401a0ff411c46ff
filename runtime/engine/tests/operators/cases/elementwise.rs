//! Unary, binary, choice: dense, broadcast, permuted, sliced and empty operands.

use equilayer_engine::ops::{BinaryKind, UnaryKind};

use super::{Case, Domain, fed};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in UnaryKind::ALL {
        let (domain, tolerance) = match kind {
            UnaryKind::Recip | UnaryKind::Sqrt | UnaryKind::Rsqrt | UnaryKind::Ln | UnaryKind::Log2 => {
                (Domain::Positive, 3e-6)
            }
            UnaryKind::Abs | UnaryKind::Sign | UnaryKind::Relu | UnaryKind::Floor => (Domain::Apart, 3e-6),
            _ => (Domain::Any, 3e-6),
        };
        let flows = !matches!(kind, UnaryKind::Sign | UnaryKind::Floor | UnaryKind::StopGradient);
        let shapes: [&[usize]; 5] = [&[], &[1], &[7, 3], &[0, 4], &[33, 1, 67]];
        for shape in shapes {
            let case =
                Case::new(format!("{} {shape:?}", kind.name()), vec![fed(shape).of(domain)], move |_, x| {
                    vec![x[0].unary(kind)]
                });
            let case = case.within(tolerance, "measured error of the vectorised functions");
            cases.push(if flows { case } else { case.values_only() });
        }
        let case = Case::new(
            format!("{} of a permuted slice", kind.name()),
            vec![fed([5, 6, 4]).of(domain)],
            move |_, x| vec![x[0].slice(1, 1, 4).permute(&[2, 0, 1]).unary(kind)],
        );
        cases.push(if flows { case } else { case.values_only() });
    }
    for kind in BinaryKind::ALL {
        let domain = match kind {
            BinaryKind::Pow | BinaryKind::Div => Domain::Positive,
            _ => Domain::Apart,
        };
        let flows =
            !matches!(kind, BinaryKind::Mod | BinaryKind::Less | BinaryKind::LessEqual | BinaryKind::Equal);
        let pairs: [(&[usize], &[usize]); 7] = [
            (&[], &[]),
            (&[5], &[]),
            (&[4, 1, 3], &[2, 1]),
            (&[1, 1], &[3, 5]),
            (&[0, 3], &[1, 3]),
            (&[2, 3, 1, 2, 3, 2], &[3, 2]),
            (&[40, 77], &[77]),
        ];
        for (a, b) in pairs {
            let case = Case::new(
                format!("{} {a:?} {b:?}", kind.name()),
                vec![fed(a).of(domain), fed(b).of(domain)],
                move |_, x| vec![x[0].binary(kind, &x[1])],
            );
            let case = case.within(1e-5, "powers go through exp2 and log2, whose errors multiply");
            cases.push(if flows { case.kinked() } else { case.values_only() });
        }
    }
    cases.push(Case::new(
        "choose, broadcast",
        vec![fed([3, 1]).of(Domain::Mask), fed([3, 4]), fed([4])],
        |_, x| vec![x[0].choose(&x[1], &x[2])],
    ));
    cases.push(Case::new("a tensor with itself, twice", vec![fed([9])], |_, x| vec![&x[0] * &x[0] + &x[0]]));
    cases.push(Case::new("a matrix plus its transpose", vec![fed([5, 5])], |_, x| {
        let doubled = &x[0] * 2.0;
        vec![&doubled + doubled.transpose(0, 1)]
    }));
    cases.push(Case::new("a long chain", vec![fed([700, 3]), fed([3])], |_, x| {
        let y = (&x[0] * &x[1] + 1.0).tanh().gelu();
        vec![(&y - y.sigmoid()).exp() / (y.square() + 1.0), y]
    }));
    cases
}
