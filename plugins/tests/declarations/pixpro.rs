use equilayer::prelude::*;

/// PixPro: tokens of two crops that show the same place agree (arXiv 2011.10043).
///
/// L = −2 · mean over images of the mean cos(yᵢ, x′ⱼ) over their pairs of tokens that lie near each other, both ways, where
/// x′ is the teacher's projection and y passes the student's on among tokens that are alike: yᵢ = Σⱼ max(cos(xᵢ, xⱼ), 0)²
/// g(xⱼ) (equations 1 to 4).
#[regularizer(name = "pixpro", at = tokens)]
pub fn agree_where_crops_overlap(
    student: Views<Tokens>,
    teacher: Teacher<Views<Tokens>>,
    places: Positions,
    #[head(mlp(hidden, batch_norm, relu, out), ema)] projector: Head,
    #[head(mlp(out + bias))] transform: Head,
    /// 𝒯, how far apart a pair may lie, in diagonals of a token's cell (section 3.1)
    #[knob(default = 0.7, above = 0.0)]
    threshold: f32,
    /// width of the projector's hidden layer (the authors' code)
    #[knob(default = 4096, at_least = 1, unit = "channels")]
    hidden: usize,
    /// width of what is compared (the authors' code)
    #[knob(default = 256, at_least = 2, unit = "channels")]
    out: usize,
) -> Loss {
    let (Some([z1, z2]), Some([k1, k2]), Some([p1, p2])) = (student.pair(), teacher.0.pair(), places.pair())
    else {
        return Loss::default();
    };
    let near = p1.cells(z1).near(&p2.cells(z2), threshold);
    let propagate = |z: &Tokens| {
        let x = projector.forward(z.clone());
        let alike = cosines(&x.tensor, &x.tensor).relu().square();
        alike.einsum("bij,bjc->bic", &transform.forward(x).tensor)
    };
    let agreement = |z: &Tokens, k: &Tokens, near: &Tensor| {
        let found = cosines(&propagate(z), &projector.forward(k.clone()).stop_gradient().tensor) * near;
        (found.sum(&[1, 2]) / (near.sum(&[1, 2]) + 1e-6)).mean_all()
    };
    Loss::from((agreement(z1, k2, &near) + agreement(z2, k1, &near.transpose(1, 2))) * -2.0)
}

/// Of all tokens of one map with all of another.
fn cosines(a: &Tensor, b: &Tensor) -> Tensor {
    a.l2_normalize(1e-12).einsum("bic,bjc->bij", &b.l2_normalize(1e-12))
}
