//! Patches, windows, pooling, convolution: strides that leave pixels over, padding, groups, single pixels.

use equilayer_engine::{Tensor, Window};

use super::{Case, fed};

/// Shapes of image and weight; stride, padding, groups.
type Convolved<'a> = (&'a [usize], &'a [usize], usize, usize, usize);

pub fn cases() -> Vec<Case> {
    [patch_cases(), window_cases(), conv_cases(), derivative_cases()].into_iter().flatten().collect()
}

fn patch_cases() -> Vec<Case> {
    vec![
        Case::new("patchify", vec![fed([2, 3, 4, 6])], |_, x| vec![x[0].patchify(2)]),
        Case::new("patchify single pixels of an empty batch", vec![fed([0, 2, 3, 3])], |_, x| {
            vec![x[0].patchify(1)]
        }),
        Case::new("unpatchify", vec![fed([2, 6, 12])], |_, x| vec![x[0].unpatchify(2, 4, 6)]),
        Case::new("patches there and back", vec![fed([1, 2, 6, 9])], |_, x| {
            vec![x[0].patchify(3).unpatchify(3, 6, 9) - &x[0]]
        }),
        Case::new("patch embedding as a convolution", vec![fed([2, 3, 4, 6]), fed([5, 3, 2, 2])], |_, x| {
            let convolved = x[0].conv2d(&x[1], 2, 0, 1).reshape([2, 5, 6]).transpose(1, 2);
            let embedded = x[0].patchify(2).matmul(&x[1].reshape([5, 12]).transpose(0, 1));
            vec![convolved - embedded]
        }),
    ]
}

fn window_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let windows: [(&[usize], [usize; 2], usize, usize); 8] = [
        (&[2, 3, 5, 7], [3, 3], 1, 1),
        (&[1, 2, 7, 8], [3, 2], 2, 1),
        (&[2, 1, 6, 6], [2, 2], 2, 0),
        (&[1, 1, 1, 1], [3, 3], 1, 1),
        (&[1, 2, 9, 4], [1, 4], 3, 0),
        (&[1, 1, 4, 4], [2, 2], 3, 1),
        (&[0, 2, 4, 4], [3, 3], 1, 1),
        (&[3, 17, 16, 15], [3, 3], 2, 1),
    ];
    for (shape, kernel, stride, padding) in windows {
        let window = Window { kernel, stride, padding };
        let name = |what: &str| format!("{what} {shape:?} by {kernel:?}, stride {stride}, padding {padding}");
        cases.push(Case::new(name("unfold"), vec![fed(shape)], move |_, x| vec![x[0].unfold(window, 0.0)]));
        cases
            .push(Case::new(name("max_pool2d"), vec![fed(shape)], move |_, x| vec![x[0].max_pool2d(window)]));
        cases
            .push(Case::new(name("avg_pool2d"), vec![fed(shape)], move |_, x| vec![x[0].avg_pool2d(window)]));
    }
    cases.push(Case::new("unfold of a permuted slice, filled", vec![fed([5, 4, 2, 3])], |_, x| {
        let window = Window { kernel: [2, 3], stride: 1, padding: 2 };
        vec![x[0].slice(0, 1, 4).permute(&[3, 2, 1, 0]).unfold(window, -1.5)]
    }));
    cases
}

fn conv_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let convolutions: [Convolved<'_>; 15] = [
        (&[2, 3, 5, 7], &[4, 3, 3, 3], 1, 1, 1),
        (&[3, 4, 8, 8], &[6, 4, 3, 3], 2, 1, 1),
        (&[2, 5, 4, 3], &[3, 5, 1, 1], 1, 0, 1),
        (&[2, 4, 5, 5], &[6, 4, 1, 1], 2, 0, 1),
        (&[2, 5, 6, 5], &[5, 1, 3, 3], 1, 1, 5),
        (&[2, 4, 7, 6], &[8, 1, 5, 3], 2, 2, 4),
        (&[2, 6, 5, 5], &[4, 3, 3, 2], 1, 1, 2),
        (&[2, 4, 3, 3], &[6, 2, 1, 1], 1, 0, 2),
        (&[1, 1, 1, 1], &[1, 1, 3, 3], 1, 1, 1),
        (&[1, 2, 2, 2], &[3, 2, 2, 2], 3, 3, 1),
        (&[0, 2, 4, 4], &[3, 2, 3, 3], 1, 1, 1),
        (&[2, 2, 3, 0], &[3, 2, 3, 3], 1, 2, 1),
        (&[2, 2, 4, 4], &[0, 2, 3, 3], 1, 1, 1),
        // More than a block of rows, and of channels.
        (&[1, 8, 32, 30], &[2, 8, 3, 3], 1, 1, 1),
        // More images than parts of the weight's derivative.
        (&[11, 2, 3, 3], &[2, 2, 3, 3], 1, 1, 1),
    ];
    for (image, weight, stride, padding, groups) in convolutions {
        let name =
            format!("conv2d {image:?} by {weight:?}, stride {stride}, padding {padding}, {groups} groups");
        let convolve = move |_: &_, x: &[Tensor]| vec![x[0].conv2d(&x[1], stride, padding, groups)];
        cases.push(Case::new(name, vec![fed(image), fed(weight)], convolve));
    }
    cases.push(Case::new(
        "conv2d of views, with a bias",
        vec![fed([4, 6, 3, 2]), fed([3, 3, 4, 3]), fed([4])],
        |_, x| {
            let image = x[0].permute(&[3, 2, 0, 1]).flip(3);
            vec![image.conv2d(&x[1].transpose(0, 2), 1, 1, 1) + x[2].reshape([4, 1, 1])]
        },
    ));
    cases
}

/// Gradients that are themselves differentiated: the other two products, and folding.
fn derivative_cases() -> Vec<Case> {
    let second =
        |loss: &Tensor, wrt: &[Tensor]| loss.graph().gradients(loss, wrt).expect("all are in the loss");
    vec![
        Case::new("second derivatives of conv2d", vec![fed([2, 4, 5, 4]), fed([6, 2, 3, 3])], move |_, x| {
            second(&x[0].conv2d(&x[1], 2, 1, 2).square().sum_all(), x)
        }),
        Case::new("second derivatives of unfold", vec![fed([2, 2, 4, 5])], move |_, x| {
            let window = Window { kernel: [3, 2], stride: 2, padding: 1 };
            let seen = x[0].unfold(window, 0.0);
            second(&(seen.square() * &seen).sum_all(), x)
        }),
    ]
}
