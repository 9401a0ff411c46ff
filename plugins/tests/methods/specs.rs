//! The macros and the builder declare the same plugins, and every plugin says what a reader needs.

use equilayer::action::{Displacement, HFlip, HalfTurn, Rescale, Rot90, Symmetry};
use equilayer::loss::Negatives;
use equilayer::plugin::{
    Crop, Crops, Declared, Ema, Knob, LAST, Mlp, Plugin, PluginKind, Registry, Sharing, Width, cls, tokens,
};
use equilayer::schedule::Schedule;
use equilayer_plugins::*;

fn width(name: &str) -> Width {
    Width::knob(name)
}

fn count(default: usize, least: f64) -> Knob {
    Knob::new(default).at_least(least)
}

fn channels(default: usize, least: f64) -> Knob {
    count(default, least).unit("channels")
}

fn positive(default: f32) -> Knob {
    Knob::new(default).above(0.0)
}

fn weight(default: f32) -> Knob {
    Knob::new(default).at_least(0.0)
}

/// Linear, batch norm and ReLU, so many times.
fn layers(widths: &[Width]) -> Mlp {
    widths.iter().fold(Mlp::new(), |mlp, width| mlp.linear(width.clone()).batch_norm().relu())
}

fn following() -> Ema {
    Ema::after_step(Schedule::cosine(0.996, 1.0))
}

fn objectives() -> Vec<(Plugin, Plugin)> {
    let (hidden, out) = (|| width("hidden"), || width("out"));
    let moco = Plugin::objective("moco_v3", moco_v3)
        .teacher(Ema::before_keys(Schedule::cosine(0.99, 1.0)))
        .argument("student")
        .argument("teacher")
        .head("projector", layers(&[hidden(), hidden()]).linear(out()).plain_batch_norm().ema())
        .head("predictor", layers(&[hidden()]).linear(out()).plain_batch_norm())
        .knob("temperature", positive(0.2))
        .knob("hidden", channels(4096, 1.0))
        .knob("out", channels(256, 2.0));
    let simclr = Plugin::objective("simclr", simclr)
        .argument("views")
        .head("projector", layers(&[hidden()]).linear(out()))
        .knob("temperature", positive(0.1))
        .knob("hidden", channels(2048, 1.0))
        .knob("out", channels(128, 2.0));
    let byol = Plugin::objective("byol", byol)
        .teacher(following())
        .argument("student")
        .argument("teacher")
        .head("projector", layers(&[hidden()]).linear(out()).ema())
        .head("predictor", layers(&[hidden()]).linear(out()))
        .knob("hidden", channels(4096, 1.0))
        .knob("out", channels(256, 2.0));
    let simsiam = Plugin::objective("simsiam", simsiam)
        .argument("views")
        .head("projector", layers(&[out(), out()]).linear(out()).plain_batch_norm())
        .head("predictor", layers(&[hidden()]).biased(out()))
        .knob("out", channels(2048, 2.0))
        .knob("hidden", channels(512, 1.0));
    let twins = Plugin::objective("barlow_twins", barlow_twins)
        .argument("views")
        .head("projector", layers(&[hidden(), hidden()]).linear(hidden()))
        .knob("lambda", weight(0.0051))
        .knob("hidden", channels(8192, 2.0));
    let vicreg = Plugin::objective("vicreg", vicreg)
        .argument("views")
        .head("expander", layers(&[hidden(), hidden()]).linear(hidden()))
        .knob("invariance_weight", weight(25.0))
        .knob("variance_weight", weight(25.0))
        .knob("covariance_weight", weight(1.0))
        .knob("hidden", channels(8192, 2.0));
    let head = Mlp::new().biased(hidden()).gelu().biased(hidden()).gelu().biased(width("bottleneck"));
    let warmed: Schedule = "0.04 -> 0.07 over 30 epochs".parse().expect("a schedule");
    let dino = Plugin::objective("dino", dino)
        .teacher(following())
        .views(Crops::multi(2, 8))
        .argument("student")
        .argument("teacher")
        .head(
            "projector",
            head.l2_normalize().prototypes(width("prototypes")).ema().freeze_last("freeze_last_layer"),
        )
        .state("center", [width("prototypes")], 0.0)
        .knob("student_temperature", positive(0.1))
        .knob("teacher_temperature", Knob::new(warmed).above(0.0))
        .knob("center_momentum", weight(0.9).below(1.0))
        .knob("prototypes", count(65536, 2.0))
        .knob("hidden", channels(2048, 1.0))
        .knob("bottleneck", channels(256, 1.0))
        .knob("freeze_last_layer", count(1, 0.0).unit("epochs"));
    vec![
        (MocoV3::plugin(), moco),
        (Simclr::plugin(), simclr),
        (Byol::plugin(), byol),
        (Simsiam::plugin(), simsiam),
        (BarlowTwins::plugin(), twins),
        (Vicreg::plugin(), vicreg),
        (Dino::plugin(), dino),
    ]
}

fn regularizers() -> Vec<(Plugin, Plugin)> {
    let (hidden, out, tap) = (|| width("hidden"), || width("out"), || Width::tap(1));
    let ser = Plugin::regularizer("ser", soft_equivariance)
        .at(tokens(3_usize))
        .action(
            Rot90.per_batch()
                * Rescale(0.7..=1.3).aspect(0.75..=4.0 / 3.0).per_batch()
                * (HalfTurn * HFlip).per_sample().complementary(),
        )
        .batch(0.01)
        .argument("z")
        .argument("rho")
        .head("project", Mlp::new().linear(512).gelu().linear(512))
        .knob("temperature", positive(0.4))
        .knob("negatives", Knob::new(Negatives::BothViews));
    let flow = Plugin::regularizer("flow_equivariance", flow_equivariance)
        .at(tokens(LAST))
        .action(HFlip.per_sample() * Displacement.per_sample())
        .argument("z")
        .argument("rho")
        .head("projector", layers(&[hidden()]).linear(out()).ema())
        .head("predictor", layers(&[hidden()]).linear(out()))
        .knob("hidden", channels(4096, 1.0))
        .knob("out", channels(256, 2.0));
    let mut predictor = Mlp::new();
    for _ in 0..2 {
        predictor = predictor.biased(tap()).layer_norm().relu();
    }
    let essl = Plugin::regularizer("essl", predict_rotation)
        .at(cls(LAST))
        .action(Rot90)
        .crop(Crop { size: 96.0 / 224.0, scale: (0.05, 0.14) })
        .weight(0.4)
        .argument("turned")
        .argument("turns")
        .head("predictor", predictor.biased(hidden()).layer_norm().biased(4))
        .knob("hidden", channels(128, 1.0));
    let target = |parts: usize| layers(&[512.into(), 512.into()]).biased(parts);
    let augself = Plugin::regularizer("augself", predict_augmentations)
        .at(cls(LAST))
        .argument("views")
        .argument("omega")
        .head("crop_head", target(4))
        .head("color_head", target(4))
        .head("flip_head", target(1))
        .head("blur_head", target(1))
        .head("solarize_head", target(1))
        .head("rotation_head", target(4))
        .knob("crop_weight", weight(0.5))
        .knob("color_weight", weight(0.5))
        .knob("flip_weight", weight(0.0))
        .knob("blur_weight", weight(0.0))
        .knob("solarize_weight", weight(0.0))
        .knob("rotation_weight", weight(0.0));
    let equimod = Plugin::regularizer("equimod", predict_embedding)
        .at(cls(LAST))
        .argument("plain")
        .argument("views")
        .argument("t")
        .head("embed", layers(&[tap(), tap()]).linear(out()).plain_batch_norm())
        .head("encode", Mlp::new().linear(out()).batch_norm())
        .head("predict", Mlp::new().linear(out()).plain_batch_norm())
        .knob("contrast", Knob::new(Contrast::NtXent))
        .knob("temperature", positive(0.2))
        .knob("out", channels(128, 2.0));
    let code = || width("code");
    let stl = Plugin::regularizer("stl", learn_transformations)
        .at(cls(LAST))
        .share(Sharing::Of(2))
        .argument("views")
        .head("encode", Mlp::new().biased(code()).relu().biased(code()))
        .head("hyper", Mlp::new().linear(Width::product(tap(), tap())))
        .head("project", layers(&[tap()]).linear(out()))
        .head("project_code", layers(&[code()]).linear(out()))
        .knob("temperature", positive(0.2))
        .knob("code_weight", weight(0.1))
        .knob("code", channels(128, 1.0))
        .knob("out", channels(128, 2.0));
    vec![
        (Ser::plugin(), ser),
        (FlowEquivariance::plugin(), flow),
        (Essl::plugin(), essl),
        (Augself::plugin(), augself),
        (Equimod::plugin(), equimod),
        (Stl::plugin(), stl),
    ]
}

/// But for documentation, which the macros take from comments.
#[test]
fn macros_and_builder_declare_the_same() {
    for (declared, built) in objectives().into_iter().chain(regularizers()) {
        let built = built.doc(&declared.spec().doc);
        assert_eq!(built.problems(), Vec::<String>::new());
        let undocumented = |plugin: &Plugin| {
            let mut json = serde_json::to_value(plugin.spec()).expect("JSON");
            strip_docs(&mut json);
            json
        };
        assert_eq!(undocumented(&declared), undocumented(&built));
    }
}

fn strip_docs(json: &mut serde_json::Value) {
    match json {
        serde_json::Value::Object(entries) => {
            entries.remove("doc");
            entries.values_mut().for_each(strip_docs);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(strip_docs),
        _ => {}
    }
}

#[test]
fn every_plugin_is_registered_and_explains_itself() {
    link();
    let registry = Registry::linked().expect("sound plugins");
    let names: Vec<&str> = registry.plugins().iter().map(|plugin| plugin.spec().name.as_str()).collect();
    let pairs = objectives().into_iter().chain(regularizers());
    let mut expected: Vec<String> = pairs.map(|(plugin, _)| plugin.spec().name.clone()).collect();
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(registry.of_kind(PluginKind::Objective).count(), 7);
    for plugin in registry.plugins() {
        let spec = plugin.spec();
        let paper = ["arXiv", "ICLR", "NeurIPS"].iter().any(|venue| spec.doc.contains(venue));
        assert!(paper && spec.doc.contains("L = ") || spec.doc.contains("L_equiv = "), "{}", spec.doc);
        for knob in spec.knobs() {
            assert!(!knob.doc.is_empty(), "{}.{}", spec.name, knob.name);
        }
    }
}
