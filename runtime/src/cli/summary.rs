//! What an evaluation found, as a small table for the terminal.

use std::fmt::Write;

use crate::assess::{Assessment, Subject, Test};

const SUBJECTS: [Subject; 3] = [Subject::Trained, Subject::Untrained, Subject::RawPixels];

/// A row's name, and its number for each subject, as text.
type Row = (String, [String; 3]);

/// The table: accuracies, equivariance at `tap`, collapse signals; robustness where it was measured.
pub fn table(found: &Assessment, tap: Option<usize>) -> String {
    let percent = |value: f64| format!("{:.1} %", 100.0 * value);
    let score = |value: f64| format!("{value:.3}");
    let number = |value: f64| format!("{value:.2}");
    let mut rows: Vec<Row> = Vec::new();
    let mut row = |title: String, test, layer, name, show: &dyn Fn(f64) -> String| {
        let cells = SUBJECTS.map(|subject| {
            found.find(test, subject, layer, name).map_or_else(String::new, |number| show(number.value))
        });
        if cells.iter().any(|cell| !cell.is_empty()) {
            rows.push((title, cells));
        }
    };
    for test in [Test::LinearProbe, Test::Knn] {
        row(test.name().into(), test, None, "accuracy", &percent);
    }
    if let Some(tap) = tap {
        let title = format!("equivariance, layer {tap}");
        row(title, Test::Equivariance, Some(tap), "centred cosine", &score);
    }
    row("invariance, embedding".into(), Test::Invariance, None, "centred cosine", &score);
    row("feature deviation".into(), Test::Collapse, None, "feature deviation", &number);
    row("RankMe".into(), Test::Collapse, None, "RankMe", &number);
    row("mean corrupted accuracy".into(), Test::Robustness, None, "mean corrupted accuracy", &percent);
    row("relative drop".into(), Test::Robustness, None, "relative drop", &percent);
    row("flip rate".into(), Test::Robustness, None, "flip rate", &percent);
    row("ImageNet-C accuracy".into(), Test::ImagenetC, None, "mean corrupted accuracy", &percent);
    row("ImageNet-C relative drop".into(), Test::ImagenetC, None, "relative drop", &percent);
    row("ImageNet-P flip rate".into(), Test::ImagenetP, None, "flip rate", &percent);
    let mut text = String::new();
    let mut line = |title: &str, [trained, untrained, raw]: [&str; 3]| {
        // Writing to a text cannot fail.
        writeln!(text, "{title:<26}{trained:>12}{untrained:>12}{raw:>12}").ok();
    };
    line("", SUBJECTS.map(Subject::name));
    for (title, cells) in &rows {
        line(title, [&cells[0], &cells[1], &cells[2]]);
    }
    text + &protocols(found)
}

/// How the accuracies were measured, once each.
fn protocols(found: &Assessment) -> String {
    let evaluated = |test: Test| {
        let evaluation = &found.find(test, Subject::Trained, None, "accuracy")?.evaluation;
        let seed = evaluation.seed.map_or(String::new(), |seed| format!(", seed {seed}"));
        Some(format!("  {}: {}{seed}\n", evaluation.split, evaluation.protocol))
    };
    [Test::LinearProbe, Test::Knn].into_iter().filter_map(evaluated).collect()
}
