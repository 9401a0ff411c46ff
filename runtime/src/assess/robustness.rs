//! What corruptions cost: the linear probe of the clean images, asked about corrupted ones.

use super::AssessError;
use super::assessment::{Assessment, Subject, Test};
use super::bench::{Bench, Encoding};
use super::extract::FeatureExtractor;
use super::images::{Images, raw};
use crate::evaluate::corruption::{Against, Corruption, Draws, Severity, flip_rate, robustness};
use crate::evaluate::{Evaluation, Features, ImageBatch, LinearProbe, Predictions};

/// Frames of a sequence, and the severity it ends at.
const FRAMES: usize = 8;
const LAST_SEVERITY: u8 = 3;

/// Reads features of images in [0, 1].
type Reader<'a> = dyn FnMut(&ImageBatch) -> Result<Vec<f32>, AssessError> + 'a;

impl Bench {
    /// Accuracy under nine corruptions at five severities, its relative drop, and flip rates along sequences, of every
    /// subject and of raw pixels.
    pub(super) fn assess_robustness(
        &self,
        assessment: &mut Assessment,
        subjects: &mut [(Subject, Encoding<'_>)],
        say: &mut dyn FnMut(&str),
    ) -> Result<(), AssessError> {
        let (Some(train), _) = self.images(self.options.images) else {
            return Err(AssessError::Unlabelled(self.training.name().into()));
        };
        let (_, test) = self.images(self.options.moved_images);
        let extractor = self.extractor(&[self.options.read])?;
        for (subject, encoding) in subjects {
            say(&format!("corrupting images for the {} encoder", subject.name()));
            let mut read = |images: &ImageBatch| read_one(encoding, &extractor, images);
            self.corrupt(assessment, *subject, &train, &test, &mut read)?;
        }
        say("corrupting images for raw pixels");
        self.corrupt(assessment, Subject::RawPixels, &train, &test, &mut |images| Ok(raw(images)))
    }

    fn corrupt(
        &self,
        assessment: &mut Assessment,
        subject: Subject,
        train: &Images,
        test: &Images,
        read: &mut Reader<'_>,
    ) -> Result<(), AssessError> {
        let probe = LinearProbe::fit(&train.features(&mut *read)?, &self.probe_options())?;
        let images = test.all()?;
        let labels = test.labels().ok_or_else(|| AssessError::Unlabelled(self.training.name().into()))?;
        let mut predict = |images: &ImageBatch| -> Result<Predictions, AssessError> {
            let values = read(images)?;
            let width = values.len() / images.count();
            let features = Features::new(values, width)?.labelled(labels.clone(), test.classes())?;
            Ok(probe.test(&features)?.predictions)
        };
        let draws = Draws { seed: self.seed, first: 0 };
        let clean = predict(&images)?;
        let mut corrupted = Vec::new();
        let mut flips = Vec::new();
        for corruption in Corruption::ALL {
            for severity in Severity::ALL {
                let seen = corruption.apply(&images, severity, draws)?;
                corrupted.push((corruption, severity, predict(&seen)?));
            }
            let sequence = corruption.sequence(&images, Severity::new(LAST_SEVERITY)?, FRAMES, draws)?;
            let frames: Vec<Vec<u32>> = sequence
                .iter()
                .map(|frame| Ok(predict(frame)?.predicted().to_vec()))
                .collect::<Result<_, AssessError>>()?;
            let against = match corruption {
                Corruption::GaussianNoise => Against::First,
                _ => Against::Previous,
            };
            flips.extend(flip_rate(&frames, against)?);
        }
        let read = self.read_of(subject);
        let split = test.name();
        let protocol = format!(
            "linear probe of {read} fitted on clean images; nine corruptions generated at five severities each"
        );
        let evaluation = Evaluation::new(&split, protocol).seeded(self.seed);
        let found = robustness(&clean, &corrupted)?.measurements(&evaluation);
        assessment.add(Test::Robustness, subject, None, found);
        let protocol = format!(
            "linear probe of {read}; share of frames whose class changes in sequences of {FRAMES} up to severity \
             {LAST_SEVERITY}, mean over nine corruptions"
        );
        let evaluation = Evaluation::new(&split, protocol).seeded(self.seed);
        assessment.add(Test::Robustness, subject, None, vec![evaluation.mean("flip rate", &flips)?]);
        Ok(())
    }
}

fn read_one(
    encoding: &mut Encoding<'_>,
    extractor: &FeatureExtractor,
    images: &ImageBatch,
) -> Result<Vec<f32>, AssessError> {
    encoding.features(extractor, images)
}
