//! A small objective with a teacher, SER, and what it takes to run a step of them.

use equilayer::action::{HFlip, HalfTurn, Rescale, Rot90, Symmetry};
use equilayer::encoder::{EncoderConfig, VitConfig};
use equilayer::engine::random::Stream;
use equilayer::loss::{Negatives, dense_info_nce, info_nce};
use equilayer::method::{Layout, Method};
use equilayer::plugin::{
    Ema, Embedding, Feature, Head, Knob, Loss, Mlp, Pair, Plugin, Teacher, Tokens, Views, tokens,
};
use equilayer::program::{StepActions, StepDraw, StepShape, names};
use equilayer::schedule::Schedule;

/// Height and width of local crops.
pub const LOCAL: [usize; 2] = [8, 8];

pub fn vit(depth: usize, cls_after: usize) -> VitConfig {
    VitConfig {
        image: [16, 16],
        channels: 1,
        patch: 4,
        width: 16,
        depth,
        heads: 2,
        cls_after,
        ..VitConfig::default()
    }
}

/// MoCo v3's loss with small heads.
pub fn contrast() -> Plugin {
    let loss = |student: Views<Embedding>,
                teacher: Teacher<Views<Embedding>>,
                project: Head,
                predict: Head,
                tau: f32| {
        let queries = student.map(|z| predict.forward(project.forward(z.clone())));
        let keys = teacher.0.map(|z| project.forward(z.clone()));
        let pairs = queries.against(&keys);
        pairs.into_iter().map(|(q, k)| info_nce(q, k, tau) * (2.0 * tau)).sum::<Loss>()
    };
    Plugin::objective("contrast", loss)
        .doc("Contrasts each view with the teacher's other view.")
        .teacher(Ema::before_keys(Schedule::constant(0.99)))
        .argument("student")
        .argument("teacher")
        .head("project", Mlp::new().linear(32).batch_norm().relu().linear(8).plain_batch_norm().ema())
        .head("predict", Mlp::new().linear(32).batch_norm().relu().linear(8).plain_batch_norm())
        .knob("tau", Knob::new(0.2_f32).above(0.0).doc("τ"))
}

/// The same without teacher.
pub fn alignment() -> Plugin {
    let loss = |z: Views<Embedding>, project: Head| {
        let z = z.map(|z| project.forward(z.clone()));
        let pairs = z.against(&z);
        pairs.into_iter().map(|(a, b)| info_nce(a, b, 0.2)).sum::<Loss>()
    };
    Plugin::objective("alignment", loss)
        .doc("Contrasts the two views.")
        .argument("z")
        .head("project", Mlp::new().linear(8))
}

pub fn ser() -> Plugin {
    let loss =
        |z: Pair<Tokens>, rho: equilayer::action::Relative, project: Head, tau: f32, negatives: Negatives| {
            let source = project.forward(z.source);
            let moved = source.with(rho.act(source.tensor()));
            dense_info_nce(project.forward(z.student), moved, tau, negatives)
        };
    Plugin::regularizer("ser", loss)
        .doc("Soft equivariance.")
        .at(tokens(2))
        .action(
            Rot90.per_batch()
                * Rescale(0.7..=1.3).aspect(0.75..=4.0 / 3.0).per_batch()
                * (HalfTurn * HFlip).per_sample().complementary(),
        )
        .batch(0.25)
        .argument("z")
        .argument("rho")
        .head("project", Mlp::new().linear(12).gelu().linear(12))
        .knob("tau", Knob::new(0.4_f32).above(0.0).doc("τ"))
        .knob("negatives", Knob::new(Negatives::BothViews).doc("Which."))
}

/// Everything that is fed in a step, with random images.
pub struct Fed {
    pub layout: Layout,
    pub shape: StepShape,
    pub inputs: Vec<(String, Vec<f32>)>,
}

impl Fed {
    pub fn new(method: &Method, encoder: &VitConfig, batch: usize, step: u64) -> Fed {
        let layout = Layout::of(method, batch);
        let mut inputs = Vec::new();
        let mut noise = {
            let mut stream = 0;
            move |count: usize| -> Vec<f32> {
                stream += 1;
                Stream::new(7, stream).normals().take(count).collect()
            }
        };
        let pixels = |rows: usize, columns: usize| encoder.channels() * rows * columns;
        for view in 0..2 {
            inputs.push((
                format!("view.{view}"),
                noise(layout.plain * pixels(encoder.image[0], encoder.image[1])),
            ));
        }
        let StepDraw { shape, fed } =
            StepActions::new(method, encoder, &layout, LOCAL, 0).draw(step).expect("a draw");
        inputs.extend(fed);
        for (split, shape) in layout.splits.iter().zip(&shape.splits) {
            for (pair, shape) in shape.pairs.iter().enumerate() {
                for (view, grid) in shape.grids.iter().enumerate() {
                    let grid = grid.refined(encoder.patch);
                    let name = match pair {
                        0 => names::split_view(&split.name, view),
                        _ => names::split_local(&split.name, 2 * (pair - 1) + view),
                    };
                    inputs.push((name, noise(split.samples * pixels(grid.rows, grid.columns))));
                }
            }
        }
        let views = method.objective().views();
        for view in 0..views.local {
            inputs.push((names::local(view), noise(layout.plain * pixels(LOCAL[0], LOCAL[1]))));
            for split in layout.splits.iter().filter(|split| !split.own && view >= split.local) {
                let values = noise(split.samples * pixels(LOCAL[0], LOCAL[1]));
                inputs.push((names::split_local(&split.name, view), values));
            }
        }
        let names = method.names();
        inputs.push(("momentum".into(), vec![0.99]));
        for (name, member) in names.iter().zip(method.members()).skip(1) {
            inputs.push((format!("weight.{name}"), vec![member.weight().value(step, 1, 100)]));
        }
        Fed { layout, shape, inputs }
    }

    pub fn with(&self, more: &[(String, Vec<f32>)]) -> Vec<(String, Vec<f32>)> {
        [&self.inputs[..], more].concat()
    }
}

pub fn borrowed(inputs: &[(String, Vec<f32>)]) -> Vec<(&str, &[f32])> {
    inputs.iter().map(|(name, values)| (name.as_str(), &values[..])).collect()
}
