//! What a report shows of an evaluation.

use super::chart::Series;
use super::{Equivariance, LayerScore, Measurement, Probe, ReportData, Robustness};
use crate::assess::{Assessment, Subject, Test};
use crate::evaluate::equivariance::Generator;

/// Who classifies, in the order of charts.
const BASELINES: [Subject; 3] = [Subject::Trained, Subject::RawPixels, Subject::Untrained];

impl ReportData {
    pub(super) fn read_assessment(&mut self, assessment: &Assessment, tap: Option<usize>) {
        for test in [Test::LinearProbe, Test::Knn] {
            self.probes.extend(probe(assessment, test));
            self.headline.extend(accuracy(assessment, test));
        }
        for (name, score) in [
            ("centred cosine", "cosine of ρ_g F(x) and F(g·x), both less the mean token"),
            ("cosine", "cosine of ρ_g F(x) and F(g·x)"),
        ] {
            self.equivariance.extend(equivariance(assessment, name, score));
        }
        self.local.extend(Generator::ALL.into_iter().filter_map(|generator| local(assessment, generator)));
        for test in [Test::Robustness, Test::ImagenetC, Test::ImagenetP] {
            self.robustness.extend(robustness(assessment, test));
        }
        let tap = tap.unwrap_or_default();
        self.headline.extend(at_layer(assessment, tap));
        for test in [Test::Robustness, Test::ImagenetC] {
            self.headline.extend(corrupted(assessment, test));
        }
        self.token_maps.clone_from(&assessment.token_maps);
    }
}

/// An accuracy of each subject that has one.
fn probe(assessment: &Assessment, test: Test) -> Option<Probe> {
    let found = |subject| assessment.find(test, subject, None, "accuracy");
    let trained = &found(Subject::Trained)?.evaluation;
    let seed = trained.seed.map_or(String::new(), |seed| format!(", seed {seed}"));
    let accuracies =
        BASELINES.into_iter().filter_map(|subject| Some((subject.name().to_owned(), found(subject)?.value)));
    Some(Probe {
        name: test.name().into(),
        protocol: format!("{}{seed}: {}", trained.split, trained.protocol),
        accuracies: accuracies.collect(),
    })
}

fn accuracy(assessment: &Assessment, test: Test) -> Option<Measurement> {
    let of = |subject| Some(assessment.find(test, subject, None, "accuracy")?.value);
    let trained = of(Subject::Trained)?;
    let split = &assessment.find(test, Subject::Trained, None, "accuracy")?.evaluation.split;
    Some(Measurement {
        name: test.name().into(),
        value: percent(trained),
        detail: format!("{split}; {}", beside(trained, of)),
    })
}

fn equivariance(assessment: &Assessment, name: &str, score: &str) -> Option<Equivariance> {
    let mut found = by_layer(assessment, Test::Equivariance, name)?;
    let invariance = |subject| {
        assessment.find(Test::Invariance, subject, None, name).map_or(f64::NAN, |number| number.value)
    };
    found.layers.push(LayerScore {
        layer: "embedding".into(),
        before: invariance(Subject::Untrained),
        after: invariance(Subject::Trained),
    });
    Some(Equivariance { action: format!("quarter turns, {name}"), score: score.into(), ..found })
}

fn local(assessment: &Assessment, generator: Generator) -> Option<Equivariance> {
    let name = format!("relative local equivariance error, {}", generator.name());
    let found = by_layer(assessment, Test::LocalEquivariance, &name)?;
    let (action, unit) = match generator {
        Generator::Down => ("moved down", "squared pixel"),
        Generator::Right => ("moved to the right", "squared pixel"),
        Generator::Rotation => ("turned", "squared radian"),
        Generator::Scale => ("enlarged", "squared logarithm of the factor"),
    };
    Some(Equivariance { action: action.into(), score: format!("relative error per {unit}"), ..found })
}

/// A number of each layer before and after training, and what patch pooling has.
fn by_layer(assessment: &Assessment, test: Test, name: &str) -> Option<Equivariance> {
    let value = |subject, layer| assessment.find(test, subject, Some(layer), name).map(|number| number.value);
    let scored = |layer: usize| {
        let (before, after) = (value(Subject::Untrained, layer), value(Subject::Trained, layer)?);
        Some(LayerScore { layer: layer.to_string(), before: before.unwrap_or(f64::NAN), after })
    };
    let layers: Vec<LayerScore> = (1..).map_while(scored).collect();
    let floor = value(Subject::PatchPooling, 1);
    (!layers.is_empty()).then(|| Equivariance { action: String::new(), score: String::new(), layers, floor })
}

/// Accuracies and flip rates by corruption, of all subjects.
fn robustness(assessment: &Assessment, test: Test) -> Option<Robustness> {
    let subjects: Vec<Subject> = BASELINES
        .into_iter()
        .filter(|&subject| {
            assessment.findings.iter().any(|found| (found.test, found.subject) == (test, subject))
        })
        .collect();
    let of_first =
        || assessment.findings.iter().filter(|found| (found.test, found.subject) == (test, subjects[0]));
    let first = &assessment.findings.iter().find(|found| found.test == test)?.measurement.evaluation;
    let value = |subject, name: &str| {
        assessment.find(test, subject, None, name).map_or(f64::NAN, |number| number.value)
    };
    let table = |prefix: &str| -> Vec<(String, Vec<f64>)> {
        let named = |name: &str| {
            let values = subjects.iter().map(|&subject| value(subject, name)).collect();
            Some((name.strip_prefix(prefix)?.to_owned(), values))
        };
        of_first().filter_map(|found| named(&found.measurement.name)).collect()
    };
    let severities = |&subject: &Subject| {
        let later = (1..=5_u8).map(|n| (f64::from(n), value(subject, &format!("accuracy at severity {n}"))));
        let points: Vec<(f64, f64)> =
            std::iter::once((0.0, value(subject, "clean accuracy"))).chain(later).collect();
        Series { name: subject.name().into(), points }
    };
    let mut severities: Vec<Series> = subjects.iter().map(severities).collect();
    severities.retain(|series| series.points.iter().any(|(_, accuracy)| accuracy.is_finite()));
    Some(Robustness {
        protocol: format!("{}: {}", first.split, first.protocol),
        subjects: subjects.iter().map(|subject| subject.name().into()).collect(),
        accuracy: table("accuracy under "),
        severities,
        flips: table("flip rate under "),
    })
}

/// The accuracy that corruptions leave.
fn corrupted(assessment: &Assessment, test: Test) -> Option<Measurement> {
    let of = |subject, name| Some(assessment.find(test, subject, None, name)?.value);
    let trained = of(Subject::Trained, "mean corrupted accuracy")?;
    let drop = of(Subject::Trained, "relative drop")
        .map_or(String::new(), |drop| format!("{} less than on clean images; ", percent(drop)));
    Some(Measurement {
        name: match test {
            Test::ImagenetC => "accuracy on ImageNet-C".into(),
            _ => "accuracy under corruption".into(),
        },
        value: percent(trained),
        detail: drop + &beside(trained, |subject| of(subject, "mean corrupted accuracy")),
    })
}

fn at_layer(assessment: &Assessment, layer: usize) -> Option<Measurement> {
    let value = |subject| {
        let found = assessment.find(Test::Equivariance, subject, Some(layer), "centred cosine")?;
        Some(found.value)
    };
    Some(Measurement {
        name: format!("equivariance at layer {layer}"),
        value: format!("{:.3}", value(Subject::Trained)?),
        detail: format!(
            "quarter turns, centred cosine; untrained {:.3}, ideal {:.3}",
            value(Subject::Untrained)?,
            value(Subject::PatchPooling)?
        ),
    })
}

/// "raw pixels 91.0 % (+1.2), untrained 77.4 % (+14.8)".
fn beside(trained: f64, of: impl Fn(Subject) -> Option<f64>) -> String {
    let one = |subject: Subject| {
        let other = of(subject)?;
        let difference = format!("{:+.1}", 100.0 * (trained - other)).replace('-', "−");
        Some(format!("{} {} ({difference})", subject.name(), percent(other)))
    };
    let all: Vec<String> = BASELINES[1..].iter().filter_map(|&subject| one(subject)).collect();
    all.join(", ")
}

/// Unbroken, however narrow the page.
fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", 100.0 * share)
}
