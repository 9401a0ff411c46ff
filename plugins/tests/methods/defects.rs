//! What goes wrong in SER's released code, in the right form here.

use equilayer::action::Grid;
use equilayer::engine::{CompileOptions, CpuExecutor, CpuOptions, Executor, Graph};
use equilayer::loss::{Negatives, dense_info_nce};
use equilayer::method::{Layout, Member, Method, Placed};
use equilayer::plugin::{Crops, Side, Tokens};
use equilayer::program::{Program, ProgramError, StepShape, TrainingOptions};
use equilayer_plugins::{BarlowTwins, Dino, MocoV3, Ser, Simclr};

use super::bench::{Bench, encoder};
use super::zoo::objectives;

fn with_ser(objective: Member, share: f64) -> Method {
    Method::of(objective).with(Member::from(Placed::new(Ser::default())).on(share))
}

fn moco() -> Member {
    Placed::new(MocoV3 { hidden: 16, out: 8, ..MocoV3::default() }).into()
}

/// 0.1: there the gather of the tokens has no gradient, and the equivariance loss trains nothing. Here it reaches the
/// tapped blocks and the projector, and no block behind the tap: the guard looks at both before the first step.
#[test]
fn the_equivariance_loss_has_a_gradient() {
    for objective in objectives() {
        let method = with_ser(objective, 0.5);
        let found = Bench::new(&method).guard().unwrap_or_else(|error| panic!("{method}: {error}"));
        let ser = &found[1];
        assert!(ser.at_tap > 0.0, "{method}");
        let heads: Vec<&str> = ser.heads.iter().map(|(head, _)| head.as_str()).collect();
        assert_eq!(heads, ["project", "norm"]);
        assert!(ser.heads.iter().all(|(_, norm)| *norm > 0.0), "{method}: {:?}", ser.heads);
    }
}

/// 0.1, by the numbers: only the equivariance loss moves the projector.
#[test]
fn the_projector_is_trained() {
    let (_, executor) = Bench::new(&with_ser(moco(), 0.5)).run(1);
    let (_, after) = Bench::new(&with_ser(moco(), 0.5)).run(3);
    let weights = |executor: &CpuExecutor| executor.state("ser.project.0.weight").expect("a weight");
    assert_ne!(weights(&executor), weights(&after));
}

/// 0.2: there SER runs with MoCo v3 alone. Here a step runs with DINO and with Barlow Twins, which has no teacher.
#[test]
fn ser_runs_with_dino_and_barlow_twins() {
    let dino: Member =
        Placed::new(Dino { prototypes: 12, hidden: 16, bottleneck: 8, ..Dino::default() }).into();
    let twins: Member = Placed::new(BarlowTwins { hidden: 16, ..BarlowTwins::default() }).into();
    for objective in [dino, twins] {
        let method = with_ser(objective, 0.5);
        let (history, _) = Bench::new(&method).run(2);
        assert!(
            history.iter().all(|step| step["loss.ser"].is_finite() && step["loss.ser"] > 0.0),
            "{method}"
        );
    }
}

/// The loss of constant maps: every token is as near to every other.
fn loss_of_equals(samples: usize, tokens: usize, negatives: Negatives) -> f32 {
    let graph = Graph::new();
    let map = |name: &str| Tokens {
        tensor: graph.input(name, [samples, tokens, 4]),
        grid: Grid::new(1, tokens),
        side: Side::Student,
    };
    let loss = dense_info_nce(map("a"), map("b"), 0.4, negatives);
    graph.output("loss", loss.tensor().expect("a loss"));
    let plan = graph.compile(&CompileOptions::new()).expect("a plan");
    let values = vec![1.0; samples * tokens * 4];
    let mut executor = CpuExecutor::new(CpuOptions::default()).expect("an executor");
    executor.run(&plan, &[("a", &values), ("b", &values)]).and_then(|o| o.scalar("loss")).expect("a loss")
}

/// 0.3: there the number of samples stands where that of tokens belongs: in the positives, in the mask and in the mean.
/// Here the mean is over all tokens, and every token of the other samples is a negative: maps of equal tokens cost ln of
/// the number of candidates, 1 positive and (samples − 1) · tokens of each view.
#[test]
fn the_mean_is_over_tokens() {
    for (samples, tokens) in [(3, 6), (2, 9), (4, 1)] {
        let others = ((samples - 1) * tokens) as f32;
        for (negatives, views) in [(Negatives::BothViews, 2.0), (Negatives::CrossView, 1.0)] {
            let (found, expected) = (loss_of_equals(samples, tokens, negatives), (1.0 + views * others).ln());
            assert!((found - expected).abs() < 1e-5, "{samples} × {tokens}: {found}, not {expected}");
        }
    }
}

/// 0.3 is of the code for two large and four small crops. Here each pair's loss is a mean over its own tokens, and the
/// three are summed: at the start, when tokens are near to one another, that of n tokens costs about ln n.
#[test]
fn the_loss_of_three_pairs_is_the_sum_of_three() {
    let crops = |local| Crops::multi(2, local);
    let method = |local: usize| {
        let ser = Member::from(Placed::new(Ser { temperature: 1e3, ..Ser::default() })).on(0.5);
        let simclr: Member = Placed::new(Simclr { hidden: 16, out: 8, ..Simclr::default() }).into();
        Method::of(simclr.seeing(crops(4))).with(ser.seeing(crops(local)))
    };
    let ln_candidates = |local: usize| -> f32 {
        let bench = Bench::new(&method(local));
        let others = |cells: usize| (3 * cells) as f32;
        let pairs = bench.shape.splits[0].pairs.iter();
        pairs.map(|pair| (1.0 + 2.0 * others(pair.grids[1].cells())).ln()).sum()
    };
    for local in [0, 2, 4] {
        let (history, _) = Bench::new(&method(local)).run(1);
        let (found, expected) = (history[0]["loss.ser"], ln_candidates(local));
        assert!((found - expected).abs() < 0.01, "{local} small crops: {found}, not {expected}");
    }
}

/// 0.4: one sample has no negatives, and its loss is 0 whatever the weights. Here such a method is refused, with the reason
/// and what would do.
#[test]
fn one_equivariance_sample_is_refused() {
    assert_eq!(loss_of_equals(1, 6, Negatives::BothViews), 0.0);
    for (share, batch, samples) in [(0.01, 64, 1), (0.01, 32, 0), (0.1, 8, 1)] {
        let problems = with_ser(moco(), share).problems(&encoder(), batch);
        assert_eq!(problems.len(), 1, "{problems:?}");
        let said = &problems[0];
        let named = said.contains(&format!("{share} of batch {batch}")) || said.contains(&share.to_string());
        assert!(said.starts_with("ser: ") && named && said.contains(&samples.to_string()), "{said}");
        let method = with_ser(moco(), share);
        let (layout, shape) = (Layout::of(&method, batch), StepShape { splits: Vec::new() });
        let refused = Program::build(&method, &encoder(), &layout, &shape, &TrainingOptions::default());
        assert!(matches!(refused, Err(ProgramError::Method(_))));
    }
    assert!(with_ser(moco(), 0.01).problems(&encoder(), 150).is_empty());
}
