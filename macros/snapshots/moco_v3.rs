/// MoCo v3: queries of one view against the teacher's keys of the other (arXiv 2104.02057).
#[objective(name = "moco_v3", teacher = Ema::before_keys(Schedule::cosine(0.99, 1.0)))]
pub fn moco_v3(
    queries: Views<Embedding>,
    keys: Teacher<Views<Embedding>>,
    #[head(mlp(hidden, batch_norm, relu, hidden, batch_norm, relu, 256, plain_batch_norm), ema)] project: Head,
    #[head(mlp(hidden, batch_norm, relu, 256, plain_batch_norm))] predict: Head,
    /// Width of the hidden layers
    #[knob(default = 4096, at_least = 1)]
    hidden: usize,
    #[knob(default = 0.2, above = 0.0, doc = "τ of InfoNCE")] temperature: f32,
) -> Loss {
    cross_view_info_nce(queries, keys, project, predict, temperature)
}
