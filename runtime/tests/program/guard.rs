//! The gradient guard, with losses made to fail it.

use equilayer::action::Grid;
use equilayer::encoder::{Encoder, EncoderConfig, Features, VitConfig};
use equilayer::engine::{CpuExecutor, CpuOptions, Error, Graph, Tensor};
use equilayer::method::{Member, Method};
use equilayer::nn::Pass;
use equilayer::plugin::{Embedding, Head, Loss, Mlp, Plugin, Views, cls};
use equilayer::program::{GuardError, TermGradient, TrainingOptions, guard};

use super::methods::{Fed, alignment, borrowed, contrast, ser, vit};

fn guarded(method: &Method, encoder: &VitConfig) -> Result<Vec<TermGradient>, GuardError> {
    guarded_on(method, encoder, encoder)
}

/// The guard on an encoder that takes the images of a transformer.
fn guarded_on(
    method: &Method,
    vit: &VitConfig,
    encoder: &dyn EncoderConfig,
) -> Result<Vec<TermGradient>, GuardError> {
    let fed = Fed::new(method, vit, 16, 0);
    let mut executor = CpuExecutor::new(CpuOptions::default()).expect("an executor");
    let options = TrainingOptions::default();
    guard(method, encoder, &fed.layout, &fed.shape, &options, &mut executor, &borrowed(&fed.inputs))
}

fn spread(name: &str, loss: fn(Views<Embedding>, Head) -> Loss) -> Plugin {
    Plugin::regularizer(name, loss)
        .doc("For tests.")
        .at(cls(2_usize))
        .argument("z")
        .head("project", Mlp::new().linear(8))
}

#[test]
fn sound_methods_pass_at_every_weight() {
    for weight in [1.0, 0.0] {
        let method = Method::of(Member::of(&contrast())).with(Member::of(&ser()).weighted(weight));
        let found = guarded(&method, &vit(4, 2)).expect("a sound method");
        let terms: Vec<&str> = found.iter().map(|term| term.term.as_str()).collect();
        assert_eq!(terms, ["contrast", "ser"]);
        let heads: Vec<&str> = found[1].heads.iter().map(|(head, _)| head.as_str()).collect();
        assert_eq!(heads, ["project", "norm"]);
    }
}

#[test]
fn a_severed_loss_is_named() {
    let severed = spread("severed", |z, project| {
        let gathered = z.all[0].tensor.stop_gradient();
        project.forward(gathered).square().mean_all().into()
    });
    let method = Method::of(Member::of(&alignment())).with(Member::of(&severed));
    let error = guarded(&method, &vit(3, 0)).expect_err("a severed loss").to_string();
    assert!(error.starts_with("the loss `severed` sends no gradient to its tap cls(2)"), "{error}");
}

#[test]
fn a_dead_head_is_named() {
    let dead = spread("dead", |z, project| {
        let projected = project.forward(z.all[0].clone()).tensor;
        ((projected * 0.0).sum_all() + z.all[0].tensor.square().mean_all()).into()
    });
    let method = Method::of(Member::of(&alignment())).with(Member::of(&dead));
    let error = guarded(&method, &vit(3, 0)).expect_err("a dead head").to_string();
    assert!(error.starts_with("the head `project` of `dead` gets no gradient"), "{error}");
}

/// A head that is asked for and never applied has no parameters, and so no gradient.
#[test]
fn an_unused_head_is_named() {
    let unused = spread("unused", |z, _| z.all[0].tensor.square().mean_all().into());
    let method = Method::of(Member::of(&alignment())).with(Member::of(&unused));
    let error = guarded(&method, &vit(3, 0)).expect_err("an unused head").to_string();
    assert!(error.starts_with("the head `project` of `unused` gets no gradient"), "{error}");
}

/// A transformer that gives out its last layer's tokens as its second's.
#[derive(Debug, serde::Serialize)]
struct Leaky(VitConfig);

impl EncoderConfig for Leaky {
    fn check(&self) -> Result<(), Error> {
        self.0.check()
    }
    fn image(&self) -> [usize; 2] {
        self.0.image()
    }
    fn channels(&self) -> usize {
        self.0.channels()
    }
    fn stride(&self) -> usize {
        self.0.stride()
    }
    fn layers(&self) -> usize {
        self.0.layers()
    }
    fn width(&self, layer: usize) -> usize {
        self.0.width(layer)
    }
    fn grid(&self, layer: usize, image: [usize; 2]) -> Grid {
        EncoderConfig::grid(&self.0, layer, image)
    }
    fn cls_after(&self) -> Option<usize> {
        EncoderConfig::cls_after(&self.0)
    }
    fn layer_of(&self, name: &str) -> usize {
        self.0.layer_of(name)
    }
    fn build(&self, graph: &Graph, prefix: &str) -> Result<Box<dyn Encoder>, Error> {
        Ok(Box::new(LeakyEncoder(self.0.build(graph, prefix)?)))
    }
}

struct LeakyEncoder(Box<dyn Encoder>);

impl Encoder for LeakyEncoder {
    fn forward(&self, images: &Tensor, pass: &Pass) -> Features {
        let mut features = self.0.forward(images, pass);
        features.layers[1] = features.layers[3].clone();
        features
    }
    fn map_boxed(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> Box<dyn Encoder> {
        Box::new(LeakyEncoder(self.0.map_boxed(replace)))
    }
}

#[test]
fn a_loss_that_leaks_past_its_placement_is_named() {
    let method = Method::of(Member::of(&contrast())).with(Member::of(&ser()));
    let vit = vit(4, 0);
    let error = guarded_on(&method, &vit, &Leaky(vit.clone())).expect_err("a leak").to_string();
    let expected =
        "the loss `ser` sits at tokens(2) and sends gradient past it, to encoder.blocks.2.norm1.weight";
    assert!(error.starts_with(expected), "{error}");
    assert!(error.contains("and 20 more"), "{error}");
}
