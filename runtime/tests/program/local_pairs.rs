//! SER's 2 + 4 views: regularizers that compare small crops two by two.

use equilayer::engine::{CpuExecutor, CpuOptions, Executor};
use equilayer::method::{Layout, Member, Method};
use equilayer::plugin::{
    BatchShare, Crops, Embedding, Feature, Loss, Pair, Plugin, Side, Tokens, Views, tokens,
};
use equilayer::program::{Program, TrainingOptions, guard};

use super::methods::{Fed, LOCAL, alignment, borrowed, contrast, ser, vit};

fn options() -> TrainingOptions {
    TrainingOptions { local_image: LOCAL, ..TrainingOptions::default() }
}

/// The outputs of so many steps on one batch of 16, and the shape they were made with.
fn run(method: &Method, steps: u64) -> (Vec<Vec<(String, f32)>>, Fed) {
    let encoder = vit(3, 0);
    let fed = Fed::new(method, &encoder, 16, 0);
    let program = Program::build(method, &encoder, &fed.layout, &fed.shape, &options()).expect("a program");
    let mut executor = CpuExecutor::new(CpuOptions::default()).expect("an executor");
    let step = |step: u64| {
        let inputs = fed.with(&options().optimizer.hyper(step, 1e-3, 0.05));
        let known = |name: &str| program.plan.inputs().iter().any(|port| port.name == name);
        let inputs: Vec<_> = borrowed(&inputs).into_iter().filter(|(name, _)| known(name)).collect();
        let outputs = executor.run(&program.plan, &inputs).expect("a step");
        outputs.iter().map(|(name, values)| (name.to_owned(), values[0])).collect()
    };
    ((0..steps).map(step).collect(), fed)
}

fn value(step: &[(String, f32)], name: &str) -> f32 {
    step.iter().find(|(output, _)| output == name).unwrap_or_else(|| panic!("{name} among {step:?}")).1
}

/// The number of tokens of the view that is compared, and 1000 more where the other one is a teacher's.
fn counting() -> Plugin {
    let loss = |z: Pair<Tokens>| {
        let of_teacher = if z.source.side() == Side::Teacher { 1000.0 } else { 0.0 };
        let tokens = z.student.tensor.dim(1) as f32;
        Loss::from(z.student.tensor.square().mean_all() * 0.0) + (tokens + of_teacher)
    };
    Plugin::regularizer("counting", loss)
        .doc("Counts.")
        .at(tokens(2))
        .action(ser().spec().action.clone().expect("an action"))
        .batch(0.25)
        .argument("z")
}

fn with(objective: Plugin, regularizer: &Plugin, local: usize) -> Method {
    let views = Crops::multi(2, local);
    let seen = Crops::multi(2, 4);
    Method::of(Member::of(&objective).seeing(seen)).with(Member::of(regularizer).seeing(views))
}

#[test]
fn pairs_are_summed_and_made_by_the_student() {
    let (history, fed) = run(&with(contrast(), &counting(), 4), 1);
    let pairs = &fed.shape.splits[0].pairs;
    assert_eq!(pairs.len(), 3);
    let tokens: usize = pairs.iter().map(|pair| pair.grids[1].cells()).sum();
    assert_eq!(value(&history[0], "loss.counting"), tokens as f32);
}

#[test]
fn without_local_pairs_the_teacher_makes_one_side_of_each_direction() {
    let (history, fed) = run(&with(contrast(), &counting(), 0), 1);
    let [first, second] = fed.shape.splits[0].pairs[0].grids.map(|grid| grid.cells() as f32);
    assert_eq!(value(&history[0], "loss.counting"), 1000.0 + (first + second) / 2.0);
}

/// Pairs of small crops are on grids of their own, around that of a small crop.
#[test]
fn small_crops_have_small_grids() {
    let grids: Vec<[usize; 2]> = (0..20)
        .flat_map(|step| {
            let fed = Fed::new(&with(contrast(), &ser(), 4), &vit(3, 0), 16, step);
            fed.shape.splits[0]
                .pairs
                .iter()
                .map(|pair| pair.grids[0].cells().min(pair.grids[1].cells()))
                .collect::<Vec<_>>()
        })
        .collect::<Vec<_>>()
        .chunks(3)
        .map(|pairs| [pairs[0], pairs[1].max(pairs[2])])
        .collect();
    assert!(grids.iter().all(|[global, local]| *global >= 9 && *local <= 9), "{grids:?}");
}

/// The objective sees every crop of every sample, in one order: the same rows for all views.
#[test]
fn the_objective_sees_all_crops_of_all_samples() {
    let rows = |z: Views<Embedding>| {
        let rows: Vec<usize> = z.all.iter().map(|view| view.tensor.dim(0)).collect();
        assert_eq!(rows, [16; 6]);
        Loss::from(z.all[5].tensor.square().mean_all())
    };
    let objective = || Plugin::objective("rows", rows).doc("Asserts.").argument("z");
    for local in [0, 2, 4] {
        let (history, _) = run(&with(objective(), &ser(), local), 1);
        assert!(value(&history[0], "loss").is_finite());
    }
}

#[test]
fn the_loss_falls_and_passes_the_guard() {
    for objective in [contrast(), alignment()] {
        let method = with(objective, &ser(), 4);
        let (history, fed) = run(&method, 20);
        let (first, last) = (value(&history[0], "loss.ser"), value(&history[19], "loss.ser"));
        assert!(last < first, "{method}: from {first} to {last}");
        let inputs = fed.with(&options().optimizer.hyper(0, 1e-3, 0.05));
        let mut executor = CpuExecutor::new(CpuOptions::default()).expect("an executor");
        let found = guard(
            &method,
            &vit(3, 0),
            &fed.layout,
            &fed.shape,
            &options(),
            &mut executor,
            &borrowed(&inputs),
        );
        let found = found.unwrap_or_else(|error| panic!("{method}: {error}"));
        assert!(found[1].at_tap > 0.0 && found[1].heads.iter().all(|(_, norm)| *norm > 0.0), "{found:?}");
    }
}

/// Samples that the objective does not see have the crops that are compared, and no others.
#[test]
fn a_mini_batch_of_its_own_has_its_pairs() {
    let views = Crops::multi(2, 2);
    let member = Member::of(&ser()).on(BatchShare::own(4)).seeing(views);
    let method = Method::of(Member::of(&contrast()).seeing(Crops::multi(2, 4))).with(member);
    let (history, fed) = run(&method, 1);
    assert_eq!((fed.layout.plain, fed.shape.splits[0].pairs.len()), (16, 2));
    assert!(value(&history[0], "loss.ser").is_finite());
}

/// Regularizers with other crops work on other samples.
#[test]
fn splits_are_told_apart_by_their_crops() {
    let member = |local| Member::of(&ser()).seeing(Crops::multi(2, local));
    let base = || Method::of(Member::of(&contrast()).seeing(Crops::multi(2, 4)));
    let alike = base().with(member(4)).with(member(4).placed(tokens(3)));
    let apart = base().with(member(4)).with(member(2).placed(tokens(3)));
    let splits = |method: &Method| Layout::of(method, 16).splits.len();
    assert_eq!((splits(&alike), splits(&apart)), (1, 2));
}

#[test]
fn crops_that_are_no_pairs_or_not_there_are_refused() {
    let said = |local: usize, there: usize| {
        let objective = Member::of(&contrast()).seeing(Crops::multi(2, there));
        let method = Method::of(objective).with(Member::of(&ser()).seeing(Crops::multi(2, local)));
        method.problems(&vit(3, 0), 16)
    };
    assert_eq!(said(4, 4), Vec::<String>::new());
    assert_eq!(said(3, 4), ["ser: it compares small crops two by two, and 3 are no pairs; use 2 or 4"]);
    assert_eq!(
        said(4, 2),
        [
            "ser: it compares 4 small crops of each image, and `contrast` is shown 2; let the objective see at least 4 \
          (`local` in `[views]`), or have fewer compared"
        ]
    );
}
