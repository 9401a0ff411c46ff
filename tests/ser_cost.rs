//! What SER costs over its base, counted from the graph, and where its gradient goes.
//!
//! `cargo test -p equilayer-tests --test ser_cost -- --nocapture` prints the figures.

use equilayer::action::RelativeShape;
use equilayer::encoder::{EncoderConfig, VitConfig};
use equilayer::engine::{CompileOptions, Graph, Init, Plan};
use equilayer::loss::{Negatives, dense_info_nce};
use equilayer::method;
use equilayer::method::{Layout, Method, Placed, Split};
use equilayer::plugin::{Side, Tokens};
use equilayer::program::{PairShape, Program, SplitShape, StepShape, TrainingOptions};
use equilayer_plugins::{MocoV3, Ser};

/// A step on one device: the paper's encoder, with CLS joining after block 3, on 14 × 14 tokens.
fn step(method: &Method, batch: usize) -> Plan {
    let encoder = VitConfig { cls_after: 3, ..VitConfig::small_16() };
    let layout = Layout::of(method, batch);
    let grid = encoder.grid(encoder.layers(), encoder.image());
    let tokens = grid.cells();
    let relative = RelativeShape { from: tokens, to: tokens, taps: 16, samples: None };
    let pair = |members: usize| PairShape { grids: [grid; 2], relative: vec![[relative; 2]; members] };
    let split = |split: &Split| SplitShape { pairs: vec![pair(split.members.len())] };
    let shape = StepShape { splits: layout.splits.iter().map(split).collect() };
    Program::build(method, &encoder, &layout, &shape, &TrainingOptions::default()).expect("a program").plan
}

fn flops(plan: &Plan) -> f64 {
    plan.cost().flops as f64
}

/// Forward and backward of both directions' loss on projected tokens of this many samples.
fn loss_flops(samples: usize, negatives: Negatives) -> f64 {
    let graph = Graph::new();
    let grid = VitConfig::small_16().grid(12, [224, 224]);
    let shape = [samples, grid.cells(), 512];
    let mut one = |name: &str| {
        let tensor = graph.parameter(name, shape, Init::Normal { std: 1.0 });
        Tokens { tensor, grid, side: Side::Student }
    };
    let [a, b, c, d] = ["a", "b", "c", "d"].map(&mut one);
    let loss = dense_info_nce(a, b, 0.4, negatives) + dense_info_nce(c, d, 0.4, negatives);
    let loss = loss.tensor().expect("a loss").clone();
    for (index, gradient) in
        graph.gradients(&loss, &graph.parameters()).expect("gradients").iter().enumerate()
    {
        graph.output(&index.to_string(), gradient);
    }
    flops(&graph.compile(&CompileOptions::new()).expect("a plan"))
}

#[test]
fn ser_costs_less_than_a_thousandth_on_one_device() {
    let base = flops(&step(&method! { MocoV3 }.plus(Placed::new(Ser::default()).control()), 256));
    let both = flops(&step(&method! { MocoV3 + Ser }, 256));
    let cross = flops(&step(&method! { MocoV3 + Ser { negatives: Negatives::CrossView } }, 256));
    let gathered = cross - loss_flops(3, Negatives::CrossView) + loss_flops(24, Negatives::CrossView);
    println!("base {base:.4e} FLOPs a step of 256");
    println!("SER on one device, 3 samples, both views: {:.5} of the base", both / base);
    println!("SER on one device, 3 samples, cross-view: {:.5} of the base", cross / base);
    println!(
        "with the 24 samples of 8 devices gathered on each, cross-view: {:.5} of the base",
        gathered / base
    );
    assert!((both / base - 1.0008).abs() <= 0.0003, "{}", both / base);
    assert!((1.005..1.011).contains(&(gathered / base)), "{}", gathered / base);
}

/// With SER at block 3 nothing of its backward pass lies in blocks 4 to 12: a plan whose objective is taken out has no
/// gradient of theirs at all.
#[test]
fn placement_decides_what_is_computed() {
    let cost_at = |layer: usize| {
        let full = flops(&step(&method! { MocoV3 + Ser at tokens(layer) }, 256));
        let control = step(&method! { MocoV3 }.plus(Placed::new(Ser::default()).control()), 256);
        full - flops(&control)
    };
    let costs = [3, 6, 9].map(cost_at);
    println!("extra FLOPs of SER at blocks 3, 6 and 9: {costs:?}");
    // The objective's backward pass visits the same blocks, so a later tap adds only what the tap itself computes.
    for cost in costs {
        assert!((cost / costs[0] - 1.0).abs() < 0.01, "{costs:?}");
    }
}
