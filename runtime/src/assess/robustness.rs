//! What corruptions cost: the linear probes of the clean images, asked about corrupted ones.
//!
//! Images are corrupted once for all subjects, a piece of the split at a time, so that memory does not grow with it.

use super::AssessError;
use super::assessment::{Assessment, Subject, Test};
use super::bench::{Bench, Encoding, Extent};
use super::images::{Images, PIECE, raw};
use crate::data::{CorruptedFolders, Dataset, PerturbedFolders, Sequences};
use crate::evaluate::corruption::{Against, Corrupted, Corruption, Draws, Severity, flip_rate, robustness};
use crate::evaluate::{EvaluateError, Evaluation, Features, ImageBatch, LinearProbe, Predictions};

/// Frames of a generated sequence, and the severity it ends at.
const FRAMES: usize = 8;
const LAST_SEVERITY: u8 = 3;

/// Images corrupted at once: a sequence of them is in memory as a whole.
const TOGETHER: usize = 64;

/// Reads features of images in [0, 1].
type Reader<'a> = Box<dyn FnMut(&ImageBatch) -> Result<Vec<f32>, AssessError> + 'a>;

/// A subject that tells the class of images.
struct Classifier<'a> {
    subject: Subject,
    /// What its probe reads.
    read: String,
    probe: &'a LinearProbe,
    features: Reader<'a>,
}

impl Classifier<'_> {
    fn classes(&mut self, images: &ImageBatch) -> Result<Vec<u32>, AssessError> {
        let values = (self.features)(images)?;
        let width = values.len() / images.count();
        Ok(self.probe.predict(&Features::new(values, width)?)?)
    }

    /// The share of flips of each image along frames.
    fn flips(&mut self, frames: &[ImageBatch], corruption: Corruption) -> Result<Vec<f64>, AssessError> {
        let against = match corruption {
            Corruption::GaussianNoise => Against::First,
            _ => Against::Previous,
        };
        let seen: Vec<Vec<u32>> =
            frames.iter().map(|frame| self.classes(frame)).collect::<Result<_, AssessError>>()?;
        Ok(flip_rate(&seen, against)?)
    }

    /// Of all images of a set, in order.
    fn classes_of(&mut self, images: &Images) -> Result<Vec<u32>, AssessError> {
        let mut found = Vec::new();
        for piece in images.pieces(PIECE) {
            found.extend(self.classes(&piece?.1)?);
        }
        Ok(found)
    }
}

/// What a classifier said of generated corruptions.
#[derive(Clone)]
struct Answers {
    clean: Vec<u32>,
    /// In the order of [`conditions`].
    corrupted: Vec<Vec<u32>>,
    /// For each corruption, the share of flips of each image's sequence.
    flips: Vec<Vec<f64>>,
}

impl Answers {
    fn none() -> Answers {
        let corrupted = vec![Vec::new(); conditions().count()];
        Answers { clean: Vec::new(), corrupted, flips: vec![Vec::new(); Corruption::ALL.len()] }
    }
}

/// All corruptions at all severities.
fn conditions() -> impl Iterator<Item = (Corruption, Severity)> {
    Corruption::ALL.into_iter().flat_map(|one| Severity::ALL.map(|severity| (one, severity)))
}

impl Bench {
    /// Accuracy under corruptions, its relative drop, and flip rates along sequences, of every subject and of raw pixels:
    /// by `probes`, which were fitted on clean images.
    pub(super) fn assess_robustness(
        &self,
        assessment: &mut Assessment,
        subjects: &mut [(Subject, Encoding<'_>)],
        probes: &[(Subject, LinearProbe)],
        extent: &Extent,
        say: &mut dyn FnMut(&str),
    ) -> Result<(), AssessError> {
        let extractor = self.extractor(&[self.options.read])?;
        let mut classifiers = Vec::new();
        for (subject, encoding) in subjects {
            let features: Reader<'_> = Box::new(|images| encoding.features(&extractor, images));
            classifiers.extend(self.classifier(*subject, probes, features));
        }
        let pixels: Reader<'_> = Box::new(|images| Ok(raw(images)));
        classifiers.extend(self.classifier(Subject::RawPixels, probes, pixels));
        if classifiers.is_empty() {
            return Err(AssessError::Unlabelled(self.training.name().into()));
        }
        if extent.corruptions {
            say("corrupting images");
            self.generated(assessment, &mut classifiers)?;
        }
        if let Some(folders) = &extent.imagenet_c {
            self.imagenet_c(assessment, &mut classifiers, folders, say)?;
        }
        if let Some(folders) = &extent.imagenet_p {
            self.imagenet_p(assessment, &mut classifiers, folders, say)?;
        }
        Ok(())
    }

    fn classifier<'a>(
        &self,
        subject: Subject,
        probes: &'a [(Subject, LinearProbe)],
        features: Reader<'a>,
    ) -> Option<Classifier<'a>> {
        let (_, probe) = probes.iter().find(|(of, _)| *of == subject)?;
        Some(Classifier { subject, read: self.read_of(subject), probe, features })
    }

    fn generated(
        &self,
        assessment: &mut Assessment,
        classifiers: &mut [Classifier<'_>],
    ) -> Result<(), AssessError> {
        let (_, test) = self.images(self.options.moved_images);
        let mut answers = vec![Answers::none(); classifiers.len()];
        for piece in test.pieces(TOGETHER) {
            let (first, images) = piece?;
            let draws = Draws { seed: self.seed, first: first as u64 };
            for (classifier, answers) in classifiers.iter_mut().zip(&mut answers) {
                answers.clean.extend(classifier.classes(&images)?);
            }
            for (index, (corruption, severity)) in conditions().enumerate() {
                let seen = corruption.apply(&images, severity, draws)?;
                for (classifier, answers) in classifiers.iter_mut().zip(&mut answers) {
                    answers.corrupted[index].extend(classifier.classes(&seen)?);
                }
            }
            for (index, corruption) in Corruption::ALL.into_iter().enumerate() {
                let frames = corruption.sequence(&images, Severity::new(LAST_SEVERITY)?, FRAMES, draws)?;
                for (classifier, answers) in classifiers.iter_mut().zip(&mut answers) {
                    answers.flips[index].extend(classifier.flips(&frames, corruption)?);
                }
            }
        }
        for (classifier, answers) in classifiers.iter().zip(answers) {
            self.record_generated(assessment, classifier, answers, &test)?;
        }
        Ok(())
    }

    fn record_generated(
        &self,
        assessment: &mut Assessment,
        classifier: &Classifier<'_>,
        answers: Answers,
        test: &Images,
    ) -> Result<(), AssessError> {
        let truth = test.labels().ok_or_else(|| AssessError::Unlabelled(test.name()))?;
        let of = |predicted| Predictions::of(predicted, truth.clone(), test.classes());
        let corrupted: Vec<Corrupted> = conditions()
            .zip(answers.corrupted)
            .map(|((one, severity), predicted)| {
                Ok(Corrupted { corruption: one.name().into(), severity, predictions: of(predicted)? })
            })
            .collect::<Result<_, EvaluateError>>()?;
        let read = &classifier.read;
        let protocol = format!(
            "linear probe of {read} fitted on clean images; nine corruptions generated at five severities each"
        );
        let evaluation = Evaluation::new(test.name(), protocol).seeded(self.seed);
        let mut found = robustness(&of(answers.clean)?, &corrupted)?.measurements(&evaluation);
        let protocol = format!(
            "linear probe of {read}; share of frames whose class changes in sequences of {FRAMES} up to severity \
             {LAST_SEVERITY}"
        );
        let evaluation = Evaluation::new(test.name(), protocol).seeded(self.seed);
        let by_name = Corruption::ALL.map(Corruption::name).into_iter().zip(&answers.flips);
        found.extend(flip_rates(by_name, &evaluation)?);
        assessment.add(Test::Robustness, classifier.subject, None, found);
        Ok(())
    }

    /// Accuracy on ImageNet-C's folders; the clean accuracy beside it is that of the test split.
    fn imagenet_c(
        &self,
        assessment: &mut Assessment,
        classifiers: &mut [Classifier<'_>],
        folders: &CorruptedFolders,
        say: &mut dyn FnMut(&str),
    ) -> Result<(), AssessError> {
        let (_, test) = self.images(self.options.images);
        let mut corrupted: Vec<Vec<Corrupted>> = classifiers.iter().map(|_| Vec::new()).collect();
        for part in folders.parts() {
            let images = self.those(folders.images(part)?);
            say(&format!("reading {}", images.name()));
            let severity = Severity::new(part.severity)?;
            for (classifier, corrupted) in classifiers.iter_mut().zip(&mut corrupted) {
                let predictions = predictions(classifier, &images)?;
                let corruption = part.corruption.replace('_', " ");
                corrupted.push(Corrupted { corruption, severity, predictions });
            }
        }
        for (classifier, corrupted) in classifiers.iter_mut().zip(&corrupted) {
            let clean = predictions(classifier, &test)?;
            let protocol = format!(
                "linear probe of {} fitted on clean images; {} folders of corrupted images",
                classifier.read,
                folders.parts().len()
            );
            let evaluation =
                Evaluation::new(format!("{}, corrupted", test.name()), protocol).seeded(self.seed);
            let found = robustness(&clean, corrupted)?.measurements(&evaluation);
            assessment.add(Test::ImagenetC, classifier.subject, None, found);
        }
        Ok(())
    }

    /// Flip rates along ImageNet-P's sequences.
    fn imagenet_p(
        &self,
        assessment: &mut Assessment,
        classifiers: &mut [Classifier<'_>],
        folders: &PerturbedFolders,
        say: &mut dyn FnMut(&str),
    ) -> Result<(), AssessError> {
        let names = folders.names();
        let mut flips: Vec<Vec<Vec<f64>>> = classifiers.iter().map(|_| Vec::new()).collect();
        for (index, name) in names.iter().enumerate() {
            let Some(Sequences { frames, lengths }) = folders.sequences(index)? else { continue };
            say(&format!("reading {} sequences of {name}", lengths.len()));
            let images = self.those(frames);
            // As the authors' code has it: noise has no order, so its frames are compared with the first.
            let against = if name.contains("noise") { Against::First } else { Against::Previous };
            for (classifier, flips) in classifiers.iter_mut().zip(&mut flips) {
                let mut classes = classifier.classes_of(&images)?.into_iter();
                let of_sequence = |&length: &usize| {
                    let frames: Vec<Vec<u32>> =
                        classes.by_ref().take(length).map(|class| vec![class]).collect();
                    flip_rate(&frames, against)
                };
                let rates: Vec<Vec<f64>> = lengths.iter().map(of_sequence).collect::<Result<_, _>>()?;
                flips.push(rates.concat());
            }
        }
        for (classifier, flips) in classifiers.iter().zip(&flips) {
            let protocol = format!(
                "linear probe of {}; share of frames whose class changes along the sequences",
                classifier.read
            );
            let evaluation = Evaluation::new("perturbation sequences", protocol).seeded(self.seed);
            let readable: Vec<String> = names.iter().map(|name| name.replace('_', " ")).collect();
            let found = flip_rates(readable.iter().map(String::as_str).zip(flips), &evaluation)?;
            assessment.add(Test::ImagenetP, classifier.subject, None, found);
        }
        Ok(())
    }

    /// All images of a set of one's own.
    fn those(&self, set: impl Dataset + 'static) -> Images {
        Images::new(std::sync::Arc::new(set), &self.plain, 0, self.workers)
    }
}

fn predictions(classifier: &mut Classifier<'_>, images: &Images) -> Result<Predictions, AssessError> {
    let truth = images.labels().ok_or_else(|| AssessError::Unlabelled(images.name()))?;
    Ok(Predictions::of(classifier.classes_of(images)?, truth, images.classes())?)
}

/// The flip rate under each perturbation, and their mean, each of the same weight.
fn flip_rates<'a>(
    by_name: impl Iterator<Item = (&'a str, &'a Vec<f64>)>,
    evaluation: &Evaluation,
) -> Result<Vec<crate::evaluate::Measurement>, EvaluateError> {
    let each: Vec<_> = by_name
        .map(|(name, flips)| evaluation.mean(format!("flip rate under {name}"), flips))
        .collect::<Result<_, _>>()?;
    let sum: f64 = each.iter().map(|rate| rate.value).sum();
    let mean = evaluation.measured("flip rate", sum / each.len().max(1) as f64);
    Ok([vec![mean], each].concat())
}
