//! Heads and actions in configurations: what is read, and what is said of mistakes in their texts.

use super::{read, refused};
use crate::action::{Action, D4, HFlip, HalfTurn, Rescale, Rot90, Symmetry};
use crate::method::Member;
use crate::plugin::{Mlp, Width};

fn ser(text: &str) -> Member {
    let (method, _) = read(text, &["method.regularizers=[\"ser\"]"]).expect("sound");
    method.regularizers()[0].clone()
}

fn head(member: &Member) -> Mlp {
    member.spec().heads().next().expect("a head").1.clone()
}

#[test]
fn actions_are_written_as_in_declarations() {
    for (text, action) in [
        ("Rot90", Rot90.into()),
        ("Rot90.per_batch() * HFlip", (Rot90.per_batch() * HFlip).into()),
        ("Rot90 * (HalfTurn * D4).per_batch()", (Rot90 * (HalfTurn * D4).per_batch()).into()),
        ("((Rot90 * HFlip) * D4)", Action::from(Rot90 * HFlip * D4)),
        (
            "Rot90.per_batch() * Rescale(0.7..=1.3).aspect(0.75..=1.3333) * (HalfTurn * HFlip).per_sample().complementary()",
            Action::from(
                Rot90.per_batch()
                    * Rescale(0.7..=1.3).aspect(0.75..=1.3333)
                    * (HalfTurn * HFlip).per_sample().complementary(),
            ),
        ),
    ] {
        let member = ser(&format!("[method.ser]\naction = \"{text}\"\n"));
        assert_eq!(member.spec().action, Some(action), "{text}");
    }
}

#[test]
fn heads_are_written_as_in_declarations() {
    for (text, expected) in [
        ("mlp(512, gelu, 512)", Mlp::new().linear(512).gelu().linear(512)),
        (
            "mlp(2 * width + bias, batch_norm, relu, width * width, plain_batch_norm, channels * 3)",
            Mlp::new()
                .biased(Width::tap(2))
                .batch_norm()
                .relu()
                .linear(Width::product(Width::tap(1), Width::tap(1)))
                .plain_batch_norm()
                .linear(Width::product(Width::knob("channels"), 3)),
        ),
        (
            "mlp(channels, layer_norm, tanh, l2_normalize, prototypes(300),)",
            Mlp::new().linear(Width::knob("channels")).layer_norm().tanh().l2_normalize().prototypes(300),
        ),
        ("mlp(8), freeze_last = channels,", Mlp::new().linear(8).freeze_last("channels")),
    ] {
        assert_eq!(head(&ser(&format!("[method.ser]\nproject = \"{text}\"\n"))), expected, "{text}");
    }
}

#[test]
fn the_teachers_copy_stays_as_it_was_declared() {
    let text =
        |head: &str| format!("[method]\nregularizers = [\"essl\"]\n[method.essl]\npredict = \"{head}\"\n");
    for written in ["mlp(8, relu, 4)", "mlp(8, relu, 4), ema"] {
        let (method, _) = read(&text(written), &[]).expect("sound");
        assert_eq!(head(&method.regularizers()[0]), Mlp::new().linear(8).relu().linear(4).ema(), "{written}");
    }
}

#[test]
fn resolved_heads_and_actions_read_back() {
    let text = "[method]\nregularizers = [\"ser\", \"essl\"]\n[method.ser]\naction = \"Rot90 * HFlip.per_batch()\"\n\
                project = \"mlp( channels,gelu, 16 )\"\n[method.essl]\npredict = \"mlp(8 + bias)\"\naction = \"D4\"\n";
    let (_, resolved) = read(text, &[]).expect("sound");
    for line in [
        "action = \"Rot90.per_sample() * HFlip.per_batch()\"",
        "project = \"mlp(channels, gelu, 16)\"",
        "predict = \"mlp(8 + bias), ema\"",
        "action = \"D4.per_sample()\"",
    ] {
        assert!(resolved.contains(line), "{resolved}");
    }
    assert_eq!(read(&resolved, &[]).expect("resolved").1, resolved);
}

/// A value of `[method.ser]`, the column of its mistake's caret, how wide that is, and what is said.
const MISTAKES: &[(&str, &str, usize, usize, &str)] = &[
    (
        "action",
        "Rot9",
        1,
        4,
        "unknown action `Rot9`; did you mean `Rot90`? Valid actions: Rot90, HFlip, VFlip",
    ),
    ("action", "HFlip * ColorJitter", 9, 11, "`ColorJitter` is an augmentation and no group action"),
    (
        "action",
        "Rot90.pre_batch()",
        7,
        9,
        "unknown call `pre_batch`; did you mean `per_batch`? Valid calls: per_batch",
    ),
    (
        "action",
        "Rescale(0.7..=1.3).aspct(1..=2)",
        20,
        5,
        "did you mean `aspect`? Valid calls: aspect, per_batch",
    ),
    (
        "action",
        "Rescale(1..=2).aspect(1..=2).aspect(1..=2)",
        30,
        6,
        "unknown call `aspect`; valid calls: per_batch",
    ),
    ("action", "Rot90.per_batch", 7, 9, "`per_batch` is called; write `per_batch(..)`"),
    ("action", "Rot90.", 7, 1, "a call stands behind the `.`; write for example `.per_batch()`"),
    ("action", "Rot90 HFlip", 7, 5, "actions are multiplied; write `*` before the next"),
    ("action", "Rot90 *", 8, 1, "a group action stands here; write for example"),
    ("action", "", 0, 1, "a group action stands here; write for example"),
    ("action", "(Rot90 * HFlip", 15, 1, "a parenthesis is open at the end; close it with `)`"),
    ("action", "Rot90)", 6, 1, "no parenthesis is open here; remove the `)`"),
    ("action", "Rot90(0..=3)", 7, 1, "`Rot90` takes nothing in parentheses; remove the range"),
    ("action", "Rot90.per_batch(0..=3)", 17, 1, "`per_batch` takes nothing in parentheses"),
    (
        "action",
        "Rescale",
        1,
        7,
        "`Rescale` takes a range, of its scale; write for example `Rescale(0.7..=1.3)`",
    ),
    ("action", "Rescale(1.3)", 12, 1, "an action takes a range of numbers, as in `Rescale(0.7..=1.3)`"),
    ("action", "Rescale(a..=b)", 9, 1, "an action takes a range of numbers"),
    ("action", "Rescale(1.3..=0.7)", 9, 3, "scale 1.3..=0.7 must be a range of finite numbers above 0"),
    ("action", "(Rot90.per_batch() * HFlip).per_batch()", 29, 9, "what has a scope cannot get another"),
    ("action", "HFlip.per_batch().per_sample()", 19, 10, "what has a scope cannot get another"),
    ("action", "HFlip.complementary()", 7, 13, "`complementary()` stands behind a scope, once"),
    (
        "action",
        "(Rot90 * HFlip).per_batch().complementary()",
        29,
        13,
        "elements of `Rot90` have no complement",
    ),
    ("project", "mpl(512)", 1, 3, "unknown head `mpl`; did you mean `mlp`? Valid heads: mlp"),
    (
        "project",
        "mlp(512, geul, 512)",
        10,
        4,
        "unknown head layer `geul`; did you mean `gelu`? Valid head layers: relu",
    ),
    (
        "project",
        "mlp(chanels + bias)",
        5,
        7,
        "unknown width `chanels`; did you mean `channels`? Valid widths: width, chan",
    ),
    ("project", "mlp(512, gelu, 0)", 16, 1, "a width of 0 leaves nothing; widths are at least 1"),
    ("project", "mlp(512 gelu)", 9, 4, "layers are separated by commas"),
    ("project", "mlp(512, gelu", 14, 1, "a parenthesis is open at the end"),
    ("project", "mlp(512 + ", 11, 1, "a parenthesis is open at the end"),
    ("project", "mlp", 1, 3, "a head has layers; write for example `mlp(512, gelu, 512)`"),
    ("project", "", 0, 1, "a head has layers"),
    ("project", "mlp(gelu)", 1, 3, "the head `project` learns nothing"),
    ("project", "mlp(prototypes(3), gelu)", 5, 10, "prototypes are scores, the last layer of a head"),
    ("project", "mlp(512), emma", 11, 4, "unknown head option `emma`; did you mean `ema`?"),
    ("project", "mlp(512) ema", 10, 3, "only options follow a head, each after a comma"),
    (
        "project",
        "mlp(512), freeze_last",
        11,
        11,
        "a `usize` knob says for how many epochs a last layer is frozen",
    ),
    (
        "project",
        "mlp(512), freeze_last = 1",
        11,
        11,
        "a `usize` knob says for how many epochs a last layer is frozen",
    ),
    ("project", "mlp(512), freeze_last = chanels", 25, 7, "unknown knob `chanels`; did you mean `channels`?"),
];

#[test]
fn mistakes_are_shown_at_their_words() {
    for (key, value, column, width, expected) in MISTAKES {
        let message = refused(&format!("[method.ser]\n{key} = \"{value}\"\n"), &[]);
        assert!(message.contains(expected), "{value}\n{message}");
        let column = key.len() + 4 + column;
        assert!(message.contains(&format!("--> ser.toml:2:{column}\n")), "{value}\n{message}");
        let carets = message.lines().last().expect("a caret").trim_start_matches([' ', '|']);
        assert_eq!(carets, "^".repeat(*width), "{value}\n{message}");
    }
}

#[test]
fn what_a_loss_cannot_do_with_is_refused_at_the_text() {
    let text = |key: &str, value: &str| {
        format!("[method]\nregularizers = [\"essl\"]\n[method.essl]\n{key} = \"{value}\"\n")
    };
    let message = refused(&text("action", "Rotate(-1..=1)"), &[]);
    assert!(message.contains("an orbit has every element of a finite action, and `Rotate"), "{message}");
    assert!(message.contains("--> ser.toml:4:10\n"), "{message}");
    let message = refused("[method.ser]\nproject = \"mlp(8), ema\"\n", &[]);
    assert!(message.contains("`project` was declared without `ema`"), "{message}");
}

#[test]
fn mistakes_in_overrides_and_escaped_texts_name_the_whole() {
    let message = refused("", &["method.ser.project=mlp(512, geul)"]);
    assert!(message.ends_with("--> argument `method.ser.project=mlp(512, geul)`"), "{message}");
    let message = refused("[method.ser]\nproject = \"mlp(512,\\u0020geul)\"\n", &[]);
    assert!(message.contains("--> ser.toml:2:11\n"), "{message}");
    let message = refused("[method.ser]\nproject = \"\"\"\nmlp(512,\n  geul)\"\"\"\n", &[]);
    assert!(message.contains("--> ser.toml:4:3\n"), "{message}");
}

#[test]
fn all_mistakes_of_a_text_are_reported() {
    let message = refused("[method.ser]\naction = \"Rot9 * HFlp\"\nproject = \"mlp(0, geul)\"\n", &[]);
    assert_eq!(message.matches("error: ").count(), 4, "{message}");
}
