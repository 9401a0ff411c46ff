//! The declaration language carries methods that it was not made for: CARE (transforms shared by groups), SIE (a
//! representation in two halves, and a matrix for each sample), PixPro (correspondence by place) and DenseCL (correspondence
//! by likeness, and a queue). Each is declared as a user would, equals its equation written out in NumPy
//! (`reference.py`), and trains.

#[path = "../methods/bench.rs"]
mod bench;
mod care;
mod densecl;
#[path = "../methods/differences.rs"]
mod differences;
mod pixpro;
mod sie;

use std::path::Path;

use equilayer::action::SmoothFlow;
use equilayer::augment::{Normalize, Pipeline, presets};
use equilayer::data::{Dataset, Split, digits};
use equilayer::engine::DeviceChoice;
use equilayer::loader::{Batch, SampleKey};
use equilayer::method::{Layout, Member, Method, Placed};
use equilayer::parity::{Tolerance, Verdict, run};
use equilayer::plugin::{Registry, cls, tokens};
use equilayer::train::{Collator, StepClock, StepInputs, ViewMaker, ViewOptions};
use equilayer_plugins::{Byol, MocoV3, Ser};

use bench::{BATCH, Bench, encoder};
use care::Care;
use densecl::Densecl;
use pixpro::Pixpro;
use sie::Sie;

const DECLARED: [&str; 4] = ["care", "densecl", "pixpro", "sie"];

#[test]
fn each_is_its_equation() {
    equilayer_plugins::link();
    let registry = Registry::linked().expect("sound plugins");
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/declarations/goldens");
    let files = DECLARED.map(|name| goldens.join(name).with_extension("safetensors"));
    let report = run(&files, Tolerance::default(), &registry, DeviceChoice::Cpu);
    assert_eq!(report.verdict(), Verdict::Agree, "{report}");
}

fn methods() -> Vec<Method> {
    let base = || {
        let objective: Member = Placed::new(Byol { hidden: 16, out: 8 }).into();
        Method::of(objective)
    };
    let pixpro = || Pixpro { hidden: 16, out: 8, ..Pixpro::default() };
    let densecl = || Densecl { queue: 20, hidden: 16, out: 8, ..Densecl::default() };
    let care = || Care { out: 8 };
    let weighted = |member: Placed<Care>| Member::from(member).weighted(1.0);
    let sie: Member = Placed::new(Sie { hidden: 16, out: 8, ..Sie::default() }).into();
    vec![
        Method::of(sie),
        base().with(weighted(Placed::new(care()))),
        base().with(weighted(Placed::new(care()).at(cls(2)))),
        base().with(Placed::new(pixpro()).into()),
        base().with(Placed::new(pixpro()).at(tokens(2)).into()),
        base().with(Placed::new(densecl()).into()),
        base().with(Placed::new(densecl()).at(tokens(2)).into()),
    ]
}

/// The inputs of a step from digits, with SER's samples beside the crops.
fn step_of_digits(method: &Method) -> StepInputs {
    let [first, second] = presets::digits();
    let resize = |pipeline: Pipeline| pipeline.cropping(16, [0.3, 0.9]).expect("a pipeline");
    let plain = Pipeline::new(Vec::new(), Normalize::gray(0.0, 1.0)).expect("a pipeline");
    let options = ViewOptions {
        global: [resize(first), resize(second)],
        local: None,
        plain,
        flow: SmoothFlow::default(),
    };
    let clock = StepClock { seed: 5, batches_per_epoch: 100 };
    let layout = Layout::of(method, BATCH);
    let maker = ViewMaker::new(method, &encoder(), &layout, options, clock).expect("views");
    let images = digits(Split::Test);
    let sample = |slot: usize| {
        let key = SampleKey { seed: 5, epoch: 0, batch: 0, slot, image: slot };
        maker.make(&Dataset::image(&images, slot).expect("an image"), key)
    };
    let samples = (0..BATCH).map(sample).collect();
    let batch = Batch { epoch: 0, index: 0, images: (0..BATCH).collect(), samples };
    Collator::new(&maker, clock).collate(batch).expect("a step")
}

/// Places are those of the samples whose tokens are read: an action takes the others' elsewhere.
#[test]
fn places_are_fed_for_the_plain_samples() {
    let objective: Member = Placed::new(MocoV3 { hidden: 16, out: 8, ..MocoV3::default() }).into();
    let ser: Member = Placed::new(Ser::default()).into();
    let method = Method::of(objective).with(ser.on(0.25)).with(Placed::new(Pixpro::default()).into());
    let inputs = step_of_digits(&method);
    for view in 0..2 {
        let name = format!("pixpro.position.{view}");
        let (_, values) = inputs.values.iter().find(|(input, _)| *input == name).expect("places");
        assert_eq!(values.len(), 6 * (BATCH - 2));
        for frame in values.chunks(6) {
            let [y, x, down, _, _, right] = frame else { unreachable!() };
            assert!((0.0..=28.0).contains(y) && (0.0..=28.0).contains(x), "{frame:?}");
            assert!((8.0..=28.0).contains(down) && (8.0..=28.0).contains(&right.abs()), "{frame:?}");
        }
    }
    let program = Bench::new(&method).program().expect("a program");
    let port = program.plan.inputs().iter().find(|port| port.name == "pixpro.position.0").expect("an input");
    assert_eq!(port.shape.to_vec(), [BATCH - 2, 6]);
}

#[test]
fn gradients_are_central_differences() {
    methods().iter().for_each(|method| differences::check(method, BATCH));
}

/// At its published place and at layer 2.
#[test]
fn each_trains_on_a_fixed_batch() {
    for method in methods() {
        let bench = Bench::new(&method);
        bench.guard().unwrap_or_else(|error| panic!("{method}: {error}"));
        let (history, _) = bench.run(10);
        let losses: Vec<f32> = history.iter().map(|step| step["loss"]).collect();
        assert!(losses.iter().all(|loss| loss.is_finite()), "{method}: {losses:?}");
        assert!(losses[9] < losses[0], "{method}: {losses:?}");
    }
}
