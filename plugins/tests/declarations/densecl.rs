use equilayer::prelude::*;

/// DenseCL: each token finds its counterpart in the other crop by what it is like (arXiv 2011.09157).
///
/// L = mean over tokens s of −log softmax of r_s · [t₊, t₋..] / τ at t₊: t₊ is the teacher's projection of the token whose
/// features are most similar, t₋ a queue of the pooled projections of earlier images (equations 2 and 3). The queue starts
/// empty, as vectors of zeros.
#[regularizer(name = "densecl", at = tokens)]
pub fn contrast_counterparts(
    student: Views<Tokens>,
    teacher: Teacher<Views<Tokens>>,
    #[head(mlp(hidden, relu, out), ema)] project: Head,
    #[state([queue, out], init = 0.0)] others: State,
    /// τ (section 4)
    #[knob(default = 0.2, above = 0.0)]
    temperature: f32,
    /// length of the queue (section 4)
    #[knob(default = 65536, at_least = 1, unit = "images")]
    queue: usize,
    /// width of the projection's hidden layer (section 4)
    #[knob(default = 2048, at_least = 1, unit = "channels")]
    hidden: usize,
    /// width of what is contrasted (section 4)
    #[knob(default = 128, at_least = 2, unit = "channels")]
    out: usize,
) -> Loss {
    let (Some([z, _]), Some([_, k])) = (student.pair(), teacher.0.pair()) else { return Loss::default() };
    let counterparts = most_similar(z, k);
    let r = project.forward(z.clone()).tensor.l2_normalize(1e-12);
    let t = project.forward(k.clone()).stop_gradient().tensor;
    let positives = counterparts.einsum("bst,btc->bsc", &t.l2_normalize(1e-12));
    let positive = (&r * positives).sum(&[-1]).unsqueeze(-1);
    let logits = positive.concat(&[&r.einsum("bsc,nc->bsn", &others.get())], -1) * (1.0 / temperature);
    others.set(&queued(&t.mean(&[1]).l2_normalize(1e-12), &others.get()));
    Loss::from((logits.log_sum_exp(-1) - logits.select(-1, 0)).mean_all())
}

/// A queue with new rows before the old ones, as long as it was.
fn queued(new: &Tensor, queue: &Tensor) -> Tensor {
    let entering = new.dim(0).min(queue.dim(0));
    new.slice(0, 0, entering).concat(&[&queue.slice(0, 0, queue.dim(0) - entering)], 0)
}
