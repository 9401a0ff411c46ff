//! Signals during training: cheap, on a few images, and never part of what is learned.

use std::collections::BTreeSet;

use equilayer_engine::CpuExecutor;

use super::AssessError;
use super::bench::Bench;
use super::extract::{FeatureExtractor, Read};
use super::images::{Images, normalized};
use crate::evaluate::{Features, KnnOptions, ProbeOptions, feature_deviation, knn, linear_probe, rank_me};

/// Labelled images that are neighbours, and images that are asked about.
const GALLERY: usize = 2000;
const QUERIES: usize = 500;

/// Passes of the linear probe over the gallery: few, since it is asked how an encoder is doing, not how well it did.
const PROBE_EPOCHS: usize = 20;

/// Below these, an encoder's features are called collapsed: the deviation as a share of a uniform sphere's (1), and
/// directions in use (RankMe).
const LEAST_DEVIATION: f64 = 0.1;
const LEAST_RANK: f64 = 3.0;

/// What is measured now and then: of the embedding, on fixed subsets of the splits.
pub struct Online {
    extractor: FeatureExtractor,
    gallery: Option<Sample>,
    queries: Sample,
    neighbours: usize,
    probe: ProbeOptions,
}

/// Images as the encoder is fed them, and their labels.
struct Sample {
    pixels: Vec<f32>,
    labels: Option<(Vec<u32>, usize)>,
}

impl Sample {
    /// Whether a head can be fitted: a gallery of few images may lack some of many classes.
    fn has_all_classes(&self) -> bool {
        self.labels.as_ref().is_some_and(|(labels, classes)| {
            let seen: BTreeSet<u32> = labels.iter().copied().collect();
            seen.len() == *classes && labels.len() > 1
        })
    }
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signals {
    /// Accuracy of nearest neighbours, where there are labels.
    pub knn: Option<f64>,
    /// Accuracy of a linear head fitted on the gallery's features as they are now, where every class is in the gallery.
    /// The head is made anew each time, beside the graph that is trained: no gradient reaches the encoder.
    pub linear_probe: Option<f64>,
    /// [`feature_deviation`].
    pub deviation: f64,
    /// [`rank_me`].
    pub rank: f64,
}

impl Online {
    /// Loads the subsets.
    ///
    /// # Errors
    /// Images that cannot be read, an encoder that cannot be compiled.
    pub fn new(bench: &Bench) -> Result<Online, AssessError> {
        let (gallery, _) = bench.images(GALLERY);
        let (_, queries) = bench.images(QUERIES);
        let sample = |images: &Images| -> Result<Sample, AssessError> {
            let labels = images.labels().map(|labels| (labels, images.classes()));
            Ok(Sample { pixels: normalized(&images.all()?, bench.plain.normalize()), labels })
        };
        Ok(Online {
            extractor: bench.extractor(&[Read::Embedding])?,
            gallery: gallery.as_ref().map(sample).transpose()?,
            queries: sample(&queries)?,
            neighbours: bench.options.neighbours,
            probe: ProbeOptions { epochs: PROBE_EPOCHS, seed: bench.seed, ..ProbeOptions::default() },
        })
    }

    /// Measures the encoder whose values are in `executor`.
    ///
    /// # Errors
    /// Features that are not finite.
    pub fn measure(&self, executor: &mut CpuExecutor) -> Result<Signals, AssessError> {
        let queries = self.features(executor, &self.queries)?;
        let gallery = self.gallery.as_ref().filter(|_| queries.labels().is_some());
        let (mut nearest, mut probe) = (None, None);
        if let Some(gallery) = gallery {
            let has_all_classes = gallery.has_all_classes();
            let gallery = self.features(executor, gallery)?;
            let neighbours = vec![self.neighbours.min(gallery.len())];
            let options = KnnOptions { neighbours, ..KnnOptions::default() };
            nearest = knn(&gallery, &queries, &options)?.first().map(|found| found.predictions.accuracy());
            if has_all_classes {
                probe = Some(linear_probe(&gallery, &queries, &self.probe)?.predictions.accuracy());
            }
        }
        let (deviation, rank) = (feature_deviation(&queries), rank_me(&queries)?);
        Ok(Signals { knn: nearest, linear_probe: probe, deviation, rank })
    }

    fn features(&self, executor: &mut CpuExecutor, sample: &Sample) -> Result<Features, AssessError> {
        let values = self.extractor.run(executor, &sample.pixels)?.swap_remove(0);
        let features = Features::new(values, self.extractor.widths()[0])?;
        Ok(match &sample.labels {
            Some((labels, classes)) => features.labelled(labels.clone(), *classes)?,
            None => features,
        })
    }
}

/// Warns of collapses, once each.
#[derive(Clone, Debug, Default)]
pub struct CollapseWatch {
    /// At the last measurement of a trained encoder.
    collapsed: bool,
}

impl CollapseWatch {
    /// A warning where features have just collapsed. What an untrained encoder's features are (step 0) is no collapse,
    /// but features that never leave that state are: so the first measurement of a trained encoder may warn, and later
    /// ones when a threshold is crossed.
    pub fn warning(&mut self, step: u64, signals: &Signals) -> Option<String> {
        if step == 0 {
            return None;
        }
        let problem = signals.problem();
        let before = std::mem::replace(&mut self.collapsed, problem.is_some());
        problem.filter(|_| !before).map(|problem| {
            format!(
                "warning: step {step}: the features may have collapsed: {problem}. Look at the learning rate, the \
                 temperature, and whether the teacher and the negatives are in place"
            )
        })
    }
}

impl Signals {
    /// Names as in `metrics.jsonl`, and values.
    pub fn values(&self) -> Vec<(&'static str, f64)> {
        let accuracies = [("online/knn", self.knn), ("online/linear_probe", self.linear_probe)];
        let accuracies = accuracies.into_iter().filter_map(|(name, accuracy)| Some((name, accuracy?)));
        let others = [("online/feature_deviation", self.deviation), ("online/rank_me", self.rank)];
        accuracies.chain(others).collect()
    }

    fn problem(&self) -> Option<String> {
        if self.deviation < LEAST_DEVIATION {
            let Signals { deviation, .. } = self;
            return Some(format!("their deviation is {deviation:.3}, below {LEAST_DEVIATION}"));
        }
        (self.rank < LEAST_RANK)
            .then(|| format!("their effective rank (RankMe) is {:.1}, below {LEAST_RANK}", self.rank))
    }
}

impl std::fmt::Display for Signals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, accuracy) in [("kNN", self.knn), ("linear probe", self.linear_probe)] {
            if let Some(accuracy) = accuracy {
                write!(f, "{name} {:.1} %, ", 100.0 * accuracy)?;
            }
        }
        write!(f, "feature deviation {:.2}, RankMe {:.1}", self.deviation, self.rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signals(deviation: f64, rank: f64) -> Signals {
        Signals { knn: Some(0.5), linear_probe: None, deviation, rank }
    }

    #[test]
    fn each_collapse_is_told_once() {
        let mut watch = CollapseWatch::default();
        let healthy = signals(0.6, 20.0);
        assert_eq!(watch.warning(0, &signals(0.01, 1.0)), None, "an untrained encoder has not collapsed");
        assert_eq!(watch.warning(10, &healthy), None);
        let told = watch.warning(20, &signals(0.05, 20.0)).unwrap();
        assert!(told.starts_with("warning: step 20: "), "{told}");
        assert!(told.contains("their deviation is 0.050, below 0.1"), "{told}");
        assert_eq!(watch.warning(30, &signals(0.04, 20.0)), None, "told before");
        assert_eq!(watch.warning(40, &healthy), None);
        let told = watch.warning(50, &signals(0.6, 1.2)).unwrap();
        assert!(told.contains("their effective rank (RankMe) is 1.2, below 3"), "{told}");
    }

    #[test]
    fn a_head_is_fitted_only_where_every_class_is_seen() {
        let sample = |labels| Sample { pixels: Vec::new(), labels };
        assert!(sample(Some((vec![1, 0, 1], 2))).has_all_classes());
        assert!(!sample(Some((vec![1, 0, 1], 3))).has_all_classes());
        assert!(!sample(None).has_all_classes());
    }

    #[test]
    fn what_was_not_measured_is_not_told() {
        let names = |signals: Signals| signals.values().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let both = Signals { linear_probe: Some(0.25), ..signals(0.5, 9.0) };
        assert_eq!(both.to_string(), "kNN 50.0 %, linear probe 25.0 %, feature deviation 0.50, RankMe 9.0");
        assert_eq!(names(both)[..2], ["online/knn", "online/linear_probe"]);
        let neither = Signals { knn: None, ..signals(0.5, 9.0) };
        assert_eq!(neither.to_string(), "feature deviation 0.50, RankMe 9.0");
        assert_eq!(names(neither), ["online/feature_deviation", "online/rank_me"]);
    }

    #[test]
    fn features_that_never_spread_are_told_of() {
        let told = CollapseWatch::default().warning(31, &signals(0.02, 1.0));
        assert!(told.is_some_and(|told| told.contains("step 31")));
    }
}
