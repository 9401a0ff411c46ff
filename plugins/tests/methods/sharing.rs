//! STL's pairs: two neighbours in the batch are transformed alike, and nobody else is.

use equilayer::action::SmoothFlow;
use equilayer::augment::{Normalize, Pipeline, RandomResizedCrop, Step};
use equilayer::data::{Dataset, Split, digits};
use equilayer::loader::SampleKey;
use equilayer::method::{Layout, Member, Method, Placed};
use equilayer::train::{StepClock, ViewMaker, ViewOptions};
use equilayer_plugins::{Ser, Simclr, Stl};

use super::bench::encoder;

fn method() -> Method {
    Method::new(Simclr::default()).plus(Placed::new(Stl::default()))
}

#[test]
fn neighbours_share_their_crop() {
    let crop = Step::RandomResizedCrop(RandomResizedCrop::new(16, [0.2, 0.6]));
    let pipeline = Pipeline::new(vec![crop], Normalize::gray(0.0, 1.0)).expect("a pipeline");
    let options = ViewOptions {
        global: [pipeline.clone(), pipeline.clone()],
        local: None,
        plain: pipeline,
        flow: SmoothFlow::default(),
    };
    let clock = StepClock { seed: 0, batches_per_epoch: 1 };
    let layout = Layout::of(&method(), 8);
    let made = |method: &Method| {
        let maker = ViewMaker::new(method, &encoder(), &layout, options.clone(), clock).expect("views");
        let image = Dataset::image(&digits(Split::Test), 0).expect("an image");
        [0, 1, 2, 3]
            .map(|slot| maker.make(&image, SampleKey { seed: 0, epoch: 0, batch: 0, slot, image: slot }))
    };
    let [a, b, c, d] = made(&method());
    assert!(a == b && c == d && a != c);
    let [a, b, ..] = made(&Method::new(Simclr::default()));
    assert!(a != b);
}

#[test]
fn pairs_and_group_actions_exclude_each_other() {
    let both = method().with(Member::from(Placed::new(Ser::default())).on(0.5));
    let problems = both.problems(&encoder(), 8);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("stl: it compares samples that are transformed alike, and `ser`"),
        "{problems:?}"
    );
}
