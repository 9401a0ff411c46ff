//! Mistakes in configurations, each with its message, and what a resolved configuration reads back to.

mod phrases;

use super::{ConfigError, Document, read_method, report_problems};
use crate::action::{HFlip, Rot90};
use crate::encoder::VitConfig;
use crate::loss::Negatives;
use crate::method::Method;
use crate::plugin::{
    Ema, Embedding, Head, Knob, Labels, Loss, Mlp, Orbit, Pair, Plugin, Registry, Tokens, Views, cls, tokens,
};
use crate::schedule::Schedule;

fn registry() -> Registry {
    let views = |z: Views<Embedding>, _tau: f32, _negatives: Negatives, _hidden: usize, _stop: bool| {
        Loss::from(z.all[0].tensor.mean_all())
    };
    let contrast = Plugin::objective("contrast", views)
        .doc("Contrasts.")
        .teacher(Ema::before_keys(Schedule::constant(0.99)))
        .argument("z")
        .knob("temperature", Knob::new(0.2_f32).above(0.0).at_most(10.0).doc("τ"))
        .knob("negatives", Knob::new(Negatives::BothViews).doc("Which tokens."))
        .knob("hidden", Knob::new(64_usize).at_least(1.0).doc("Channels."))
        .knob("stop", Knob::new(true).doc("Whether."));
    let pair = |z: Pair<Tokens>, project: Head, _channels: usize| {
        Loss::from(project.forward(z.student).tensor.mean_all())
    };
    let ser = Plugin::regularizer("ser", pair)
        .doc("Soft.")
        .at(tokens(3_usize))
        .action(HFlip)
        .argument("z")
        .head("project", Mlp::new().linear(8))
        .knob("channels", Knob::new(8_usize).doc("Width."));
    let single = |z: Views<Embedding>| Loss::from(z.all[0].tensor.mean_all());
    let equimod = Plugin::regularizer("equimod", single).doc("Learned.").at(cls(3_usize)).argument("z");
    let orbit =
        |z: Orbit<Embedding>, _labels: Labels, _predict: Head| Loss::from(z.features.tensor.mean_all());
    let essl = Plugin::regularizer("essl", orbit)
        .doc("Predicts turns.")
        .at(cls(3_usize))
        .action(Rot90)
        .argument("z")
        .argument("labels")
        .head("predict", Mlp::new().biased(4_usize).ema());
    Registry::of(vec![contrast, ser, equimod, essl])
}

fn read(text: &str, arguments: &[&str]) -> Result<(Method, String), ConfigError> {
    let mut document = Document::parse("ser.toml", text)?;
    for argument in arguments {
        document.set(argument)?;
    }
    let method = read_method(&document, &registry(), ("contrast", &["ser"]));
    document.finish()?;
    Ok((method.expect("a method without mistakes"), document.resolved()))
}

/// The error of a configuration, whole.
fn refused(text: &str, arguments: &[&str]) -> String {
    match read(text, arguments) {
        Ok((method, _)) => panic!("accepted as {method}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_mistake_is_shown_where_it_is() {
    let text = "[method]\nobjective = \"contrast\"\n\n[method.contrast]\ntemprature = 0.2\n";
    assert_eq!(
        refused(text, &[]),
        "error: unknown key `temprature`; did you mean `temperature`? Valid keys: layer, at, teacher, temperature, negatives, hidden, stop\n \
         --> ser.toml:5:1\n  |\n5 | temprature = 0.2\n  | ^^^^^^^^^^"
    );
}

/// Text, and what its error says.
const MISTAKES: &[(&str, &str)] = &[
    ("[method]\nobjective = \"contrasts\"", "unknown objective `contrasts`; did you mean `contrast`?"),
    (
        "[method]\nobjective = \"ser\"",
        "`ser` is declared as a regularizer, and this is the place of one of the objectives: contrast",
    ),
    ("[method]\nobjective = 3", "`objective` is a text in quotes, and 3 is not"),
    ("[method]\nregularizers = [\"sre\"]", "unknown regularizer `sre`; did you mean `ser`?"),
    ("[method]\nregularizers = [3]", "`regularizers` is a list of texts, and a list is not"),
    ("[method]\nregularizers = [\"ser@token(3)\"]", "unknown tap `token`; did you mean `tokens`?"),
    ("[method.ser]\nat = \"cls(3)\"", "`Tokens` cannot be read at `cls`"),
    ("[method.ser]\nat = \"tokens(0)\"", "layers are counted from 1"),
    ("[method.ser]\nat = \"tokens(x)\"", "`tokens(x)` is no tap; write `tokens(3)`"),
    ("[method.ser]\nlayer = 0", "layers are counted from 1"),
    ("[method.ser]\nlayer = \"three\"", "`layer` is a whole number from 0 on, and \"three\" is not"),
    ("[method.ser]\nlayer = 3\nat = \"tokens(4)\"", "`layer` and `at` both say where it sits; keep one"),
    ("[method.ser]\nweight = -1", "a weight is at least 0: -1 is not at least 0"),
    ("[method.ser]\nweight = \"cosine(1 => 2)\"", "`weight`: "),
    (
        "[method.ser]\nlambda = 1",
        "unknown key `lambda`; valid keys: layer, at, weight, batch, action, local, project, channels",
    ),
    ("[method.ser]\nproject = 512", "`project` is a text in quotes, and 512 is not"),
    ("[method.ser]\nacton = \"HFlip\"", "unknown key `acton`; did you mean `action`?"),
    ("[method.equimod]\naction = \"HFlip\"", "unknown key `action`; valid keys: layer, at, weight, batch"),
    ("[method.sre]\nweight = 1", "unknown section `sre`; did you mean `ser`?"),
    ("[metod]\nobjective = \"contrast\"", "unknown section `metod`; did you mean `method`?"),
    ("[method.contrast]\ntemperature = 0", "`temperature` is out of range: 0 is not above 0"),
    ("[method.contrast]\ntemperature = 11.0", "11 is not at most 10"),
    ("[method.contrast]\ntemperature = nan", "is not a finite number"),
    ("[method.contrast]\ntemperature = true", "`temperature` is a number, and `true` is not"),
    (
        "[method.contrast]\nnegatives = \"both_view\"",
        "unknown negatives `both_view`; did you mean `both_views`?",
    ),
    ("[method.contrast]\nhidden = 2.5", "`hidden` is a whole number, and `2.5` is not"),
    ("[method.contrast]\nhidden = -3", "`hidden` is a whole number, and `-3` is not"),
    ("[method.contrast]\nstop = \"yes\"", "`stop` is true or false, and `yes` is not"),
    ("method = 3", "`method` is a section, and 3 is none; write [method]"),
    ("[method\nobjective = 1", "not TOML"),
    ("[method]\nobjective = \"contrast\"\nobjective = \"contrast\"", "not TOML: duplicate key"),
];

#[test]
fn every_mistake_has_its_message() {
    for (text, expected) in MISTAKES {
        let message = refused(text, &[]);
        assert!(message.contains(expected), "{text}\n\n{message}\n\nexpected: {expected}");
        assert!(message.contains("--> ser.toml:"), "{message}");
        assert!(message.ends_with('^'), "{message}");
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let text = "[method]\nregularizers = [\"sre\"]\n[method.contrast]\ntau = 1\nhidden = 0\n";
    let message = refused(text, &["method.contrast.stop=maybe"]);
    assert_eq!(message.matches("error: ").count(), 4, "{message}");
    assert!(message.contains("--> argument `method.contrast.stop=maybe`"), "{message}");
}

#[test]
fn the_command_line_overrides_the_file() {
    let text = "[method.ser]\nlayer = 3\n[method.contrast]\ntemperature = 0.1\n";
    let (method, _) =
        read(text, &["method.ser.layer=6", "method.ser.weight = warmup(10 epochs) then 2"]).expect("sound");
    assert_eq!(method.to_string(), "contrast + warmup(10 epochs) then 2 * ser at tokens(6)");
    // Both keys say where it sits, whichever the file has.
    for (text, argument) in
        [("layer = 3", "method.ser.at=tokens(6)"), ("at = \"tokens(3)\"", "method.ser.layer=6")]
    {
        let (method, _) = read(&format!("[method.ser]\n{text}\n"), &[argument]).expect("sound");
        assert_eq!(method.to_string(), "contrast + 1 * ser at tokens(6)");
    }
    for (argument, expected) in [
        ("method.ser.layer", "an override is written KEY=VALUE"),
        ("=3", "is no key"),
        ("method..layer=3", "is no key"),
        ("method.contrast.temperature.x=3", "is no section"),
    ] {
        let message = refused(text, &[argument]);
        assert!(message.contains(expected), "{argument}: {message}");
    }
}

#[test]
fn a_plugin_taken_out_by_an_override_may_keep_its_section() {
    let text = "[method]\nregularizers = [\"ser\"]\n[method.ser]\nlayer = 3\n";
    let (method, resolved) = read(text, &["method.regularizers=[]"]).expect("sound");
    assert_eq!(method.to_string(), "contrast");
    assert!(!resolved.contains("[method.ser]"), "{resolved}");
}

#[test]
fn a_section_of_no_part_of_the_method_is_a_mistake() {
    let text = "[method]\nregularizers = []\n[method.ser]\nlayer = 3\n";
    assert_eq!(
        refused(text, &[]),
        "error: `ser` is no part of this method, so that its section changes nothing; add \"ser\" to `regularizers`, or \
         remove this\n --> ser.toml:3:9\n  |\n3 | [method.ser]\n  |         ^^^"
    );
    // Taken out by an override it may stay, but nothing can be said of it beside.
    let overrides = ["method.regularizers=[]", "method.ser.layer=4"];
    let message = refused("[method.ser]\nlayer = 3\n", &overrides);
    assert!(message.contains("`ser` is no part of this method"), "{message}");
    assert!(message.ends_with("--> argument `method.ser.layer=4`"), "{message}");
    // Misspelt, it is one mistake and not two.
    let message = refused("[method]\nregularizers = [\"sre\"]\n[method.ser]\nlayer = 3\n", &[]);
    assert_eq!(message.matches("error: ").count(), 1, "{message}");
}

#[test]
fn sections_without_effect_are_checked() {
    let text = "[method]\nregularizers = [\"ser\"]\n[method.ser]\nlayr = 3\n[method.\"ser@tokens(6)\"]\nweight = -1\n";
    let message = refused(text, &["method.regularizers=[]"]);
    assert_eq!(message.matches("error: ").count(), 2, "{message}");
    assert!(message.contains("unknown key `layr`; did you mean `layer`?"), "{message}");
    assert!(message.contains("a weight is at least 0"), "{message}");
}

#[test]
fn configurations_differ_by_what_holds_in_them() {
    let document = |text: &str| {
        let document = Document::parse("ser.toml", text).expect("TOML");
        read_method(&document, &registry(), ("contrast", &["ser"])).expect("a method");
        document
    };
    let first = document("[method.ser]\nlayer = 3\n[method.contrast]\nhidden = 64\n");
    assert_eq!(first.differences(&document("")), []);
    let second = document("[method]\nregularizers = []\n[method.contrast]\nstop = false\n");
    let differences: Vec<String> = first.differences(&second).iter().map(ToString::to_string).collect();
    let expected = [
        "method.regularizers: [\"ser\"], not []",
        "method.contrast.stop: true, not false",
        "method.ser.at: \"tokens(3)\", not left out",
    ];
    assert_eq!(differences[..3], expected);
}

#[test]
fn one_plugin_is_placed_twice_by_name_and_tap() {
    let text =
        "[method]\nregularizers = [\"ser\", \"ser@tokens(6)\"]\n[method.\"ser@tokens(6)\"]\nweight = 0.5\n";
    let (method, resolved) = read(text, &[]).expect("sound");
    assert_eq!(method.to_string(), "contrast + 1 * ser at tokens(3) + 0.5 * ser at tokens(6)");
    let (again, _) = read(&resolved, &[]).expect("resolved");
    assert_eq!(again.to_string(), method.to_string());
}

#[test]
fn a_resolved_configuration_reads_back_to_itself() {
    let text = "[method.contrast]\ntemperature = 0.3\nnegatives = \"cross_view\"\n[method.ser]\nlayer = 4\nweight = \"0 -> 1 over 3 epochs\"\n";
    let (_, resolved) = read(text, &[]).expect("sound");
    assert!(resolved.contains("temperature = 0.3"), "{resolved}");
    assert!(resolved.contains("# Which tokens. (cross_view | both_views)"), "{resolved}");
    let (_, again) = read(&resolved, &[]).expect("resolved");
    assert_eq!(resolved, again);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Document::read(std::path::Path::new("nowhere/ser.toml")).expect_err("no file").to_string();
    assert!(error.contains("cannot read the configuration nowhere/ser.toml"), "{error}");
}

#[test]
fn the_schema_says_what_every_knob_takes() {
    let schema = super::schema(&registry());
    let method = &schema["properties"]["method"]["properties"];
    assert_eq!(method["objective"]["enum"], serde_json::json!(["contrast"]));
    let temperature = &method["contrast"]["properties"]["temperature"];
    assert_eq!(temperature["exclusiveMinimum"], 0.0);
    assert_eq!(temperature["maximum"], 10.0);
    assert_eq!(temperature["default"], 0.2);
    assert_eq!(
        method["contrast"]["properties"]["negatives"]["enum"],
        serde_json::json!(["cross_view", "both_views"])
    );
    assert_eq!(method["contrast"]["properties"]["hidden"]["type"], "integer");
    assert_eq!(method["ser"]["properties"]["at"]["default"], "tokens(3)");
    assert_eq!(method["contrast"]["properties"]["teacher"]["default"], 0.99);
    assert_eq!(method["ser"]["properties"].get("teacher"), None);
    assert_eq!(method["contrast"]["additionalProperties"], false);
    assert_eq!(method["ser"]["properties"]["action"]["default"], "HFlip.per_sample()");
    assert_eq!(method["ser"]["properties"]["project"]["default"], "mlp(8)");
    assert_eq!(method["equimod"]["properties"].get("action"), None);
}

/// What an encoder of four blocks and a batch of 8 make of a configuration.
fn unfit(text: &str, arguments: &[&str]) -> String {
    let mut document = Document::parse("ser.toml", text).expect("TOML");
    for argument in arguments {
        document.set(argument).expect("an override");
    }
    let method = read_method(&document, &registry(), ("contrast", &["ser"])).expect("a method");
    document.section("encoder").read("depth", 4_usize, "Blocks.");
    document.section("train").read("batch", 8_usize, "Samples.");
    report_problems(&document, &method, &VitConfig { depth: 4, ..VitConfig::digits() }, 8);
    document.finish().expect_err("a method that cannot be trained").to_string()
}

#[test]
fn what_an_encoder_or_a_batch_cannot_do_is_shown_at_the_key_to_blame() {
    let beyond = "ser: `tokens(9)` is beyond this encoder's 4 blocks; choose a layer from 1 to 4";
    let few = "ser: a share of 0.1 of a batch of 8 gives 1 sample";
    for (text, arguments, message, place) in [
        ("[method.ser]\nlayer = 9\n", vec![], beyond, "--> ser.toml:2:9"),
        ("[method.ser]\nat = \"tokens(9)\"\n", vec![], beyond, "--> ser.toml:2:6"),
        ("[method]\nregularizers = [\"ser@tokens(9)\"]\n", vec![], beyond, "--> ser.toml:2:16"),
        ("", vec!["method.ser.at=tokens(9)"], beyond, "--> argument `method.ser.at=tokens(9)`"),
        (
            "[method]\nregularizers = [\"ser\", \"ser@tokens(9)\"]\n[method.\"ser@tokens(9)\"]\nweight = 2\n",
            vec![],
            "ser@tokens(9): `tokens(9)` is beyond",
            "--> ser.toml:2:16",
        ),
        ("[method.ser]\nbatch = 0.1\n", vec![], few, "--> ser.toml:2:9"),
    ] {
        let said = unfit(text, &arguments);
        assert!(said.contains(message) && said.contains(place), "{text}{arguments:?}: {said}");
        assert_eq!(said.matches("error: ").count(), 1, "{said}");
    }
}

#[test]
fn a_section_of_an_unknown_plugin_is_told_the_nearest() {
    let said = refused("[method]\nregularizers = []\n[method.equimid]\nweight = 1\n", &[]);
    for part in ["unknown section `equimid`; did you mean `equimod`? Valid sections: ", "--> ser.toml:3:9"] {
        assert!(said.contains(part), "{said}");
    }
    let said = refused("[method]\nregularizers = [\"equimid\"]\n[method.equimid]\nweight = 1\n", &[]);
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
    assert!(said.contains("unknown regularizer `equimid`; did you mean `equimod`?"), "{said}");
}
