//! What is the same for all that is assessed, and the assessment.

use std::sync::Arc;

use equilayer_engine::{CpuOptions, DeviceChoice, DeviceExecutor, Executor, Precision};

use super::AssessError;
use super::assessment::{Assessment, Subject, Test};
use super::extract::{FeatureExtractor, Read};
use super::images::{Images, normalized, raw, raw_factor};
use crate::augment::Pipeline;
use crate::data::{CorruptedFolders, Dataset, PerturbedFolders};
use crate::encoder::EncoderConfig;
use crate::evaluate::{
    Evaluation, Features, ImageBatch, KnnOptions, LinearProbe, Measurement, ProbeOptions, alignment,
    collapse, knn,
};

/// How much is measured, and on what.
#[derive(Clone, Debug, PartialEq)]
pub struct AssessOptions {
    /// What classifiers and collapse signals read of an encoder.
    pub read: Read,
    /// Most images of each split; 0 for all.
    pub images: usize,
    /// Neighbours that vote.
    pub neighbours: usize,
    /// Passes of the linear probe over the training split.
    pub probe_epochs: usize,
    /// Images that are moved to measure equivariance, or corrupted to measure robustness.
    pub moved_images: usize,
}

/// How far an assessment goes.
#[derive(Clone, Debug, Default)]
pub struct Extent {
    /// Whether robustness under generated corruptions is measured too.
    pub corruptions: bool,
    /// Corrupted images to measure it on.
    pub imagenet_c: Option<CorruptedFolders>,
    /// Perturbation sequences to measure it on.
    pub imagenet_p: Option<PerturbedFolders>,
}

impl Extent {
    /// Whether anything is asked of images that were made worse.
    pub fn asks_robustness(&self) -> bool {
        self.corruptions || self.imagenet_c.is_some() || self.imagenet_p.is_some()
    }
}

/// What encoders of one run are measured on.
pub struct Bench {
    /// The encoder.
    pub encoder: Arc<dyn EncoderConfig>,
    /// What is fitted on, and what is tested on, where the data set has both.
    pub splits: Option<[Arc<dyn Dataset>; 2]>,
    /// The images of training, for what needs no labels where there are no splits.
    pub training: Arc<dyn Dataset>,
    /// From images to pixels of the encoder's size.
    pub plain: Pipeline,
    /// The augmentations of training.
    pub global: [Pipeline; 2],
    /// The method, as in the macro.
    pub method: String,
    /// The layer whose token map is shown, besides the last.
    pub tap: Option<usize>,
    /// The run's seed.
    pub seed: u64,
    /// Threads that decode.
    pub workers: usize,
    /// Threads that compute; 0 for all cores.
    pub threads: usize,
    /// What encoders run on.
    pub device: DeviceChoice,
    /// How much, and on what.
    pub options: AssessOptions,
}

/// Images a run of a feature extractor.
pub(super) const BATCH: usize = 128;

/// An encoder with its values.
pub(super) struct Encoding<'a> {
    pub executor: &'a mut dyn Executor,
    pub plain: &'a Pipeline,
}

impl Encoding<'_> {
    /// What an extractor reads of images in [0, 1].
    pub fn run(
        &mut self,
        extractor: &FeatureExtractor,
        images: &ImageBatch,
    ) -> Result<Vec<Vec<f32>>, AssessError> {
        Ok(extractor.run(self.executor, &normalized(images, self.plain.normalize()))?)
    }

    /// The first of what it reads.
    pub fn features(
        &mut self,
        extractor: &FeatureExtractor,
        images: &ImageBatch,
    ) -> Result<Vec<f32>, AssessError> {
        Ok(self.run(extractor, images)?.swap_remove(0))
    }
}

impl Bench {
    /// An executor with the values that training began with.
    ///
    /// # Errors
    /// Threads that cannot be started; a GPU that cannot be used.
    pub fn untrained(&self) -> Result<DeviceExecutor, AssessError> {
        let threads = (self.threads > 0).then_some(self.threads);
        let options = CpuOptions { threads, seed: self.seed, ..CpuOptions::default() };
        Ok(DeviceExecutor::new(self.device, Precision::F32, options)?)
    }

    pub(super) fn extractor(&self, reads: &[Read]) -> Result<FeatureExtractor, AssessError> {
        Ok(FeatureExtractor::new(self.encoder.as_ref(), "", reads, BATCH, self.encoder.image())?)
    }

    /// Images to fit on, if there are any with labels, and to measure on: at most `most` of each.
    pub(super) fn images(&self, most: usize) -> (Option<Images>, Images) {
        let images = |set: &Arc<dyn Dataset>| Images::new(set.clone(), &self.plain, most, self.workers);
        match &self.splits {
            Some([train, test]) => (Some(images(train)), images(test)),
            None => (None, images(&self.training)),
        }
    }

    /// Measures everything of the encoder in `trained`, and of its baselines. `say` hears what is being done.
    ///
    /// # Errors
    /// Images that cannot be read; features that cannot be measured, such as those of a diverged encoder.
    pub fn assess(
        &self,
        trained: &mut dyn Executor,
        step: u64,
        extent: Extent,
        say: &mut dyn FnMut(&str),
    ) -> Result<Assessment, AssessError> {
        let mut assessment = Assessment::new(step, self.method.clone(), self.options.read.to_string());
        if extent.asks_robustness() {
            self.check_classes()?;
        }
        let mut untrained = self.untrained()?;
        let plain = &self.plain;
        let mut subjects = [
            (Subject::Trained, Encoding { executor: trained, plain }),
            (Subject::Untrained, Encoding { executor: &mut untrained, plain }),
        ];
        let (train, test) = self.images(self.options.images);
        let split = test.name();
        let extractor = self.extractor(&[self.options.read])?;
        let mut probes = Vec::new();
        for (subject, encoding) in &mut subjects {
            say(&format!("evaluating the {} encoder", subject.name()));
            let features = test.features(|images| encoding.features(&extractor, images))?;
            if let Some(train) = train.as_ref().filter(|_| features.labels().is_some()) {
                let fitted = train.features(|images| encoding.features(&extractor, images))?;
                probes
                    .push((*subject, self.classify(&mut assessment, *subject, &fitted, &features, &split)?));
            }
            self.assess_collapse(&mut assessment, *subject, encoding, &features, &split)?;
        }
        if let Some(train) = train.as_ref().filter(|_| test.labels().is_some()) {
            say("evaluating raw pixels");
            let pixels = |images: &Images| images.features(|images| Ok(raw(images)));
            let [fitted, asked] = [pixels(train)?, pixels(&test)?];
            let probe = self.classify(&mut assessment, Subject::RawPixels, &fitted, &asked, &split)?;
            probes.push((Subject::RawPixels, probe));
        }
        say("measuring equivariance by layer");
        let (_, few) = self.images(self.options.moved_images);
        let (images, split) = (few.all()?, few.name());
        self.assess_equivariance(&mut assessment, &mut subjects, &images, &split)?;
        self.picture_token_maps(&mut assessment, &mut subjects, &images)?;
        self.assess_local_equivariance(&mut assessment, &mut subjects)?;
        if extent.asks_robustness() {
            self.assess_robustness(&mut assessment, &mut subjects, &probes, &extent, say)?;
        }
        Ok(assessment)
    }

    /// Makes sure that there are classes to lose.
    ///
    /// # Errors
    /// Images without labels, or without a split to test on.
    pub fn check_classes(&self) -> Result<(), AssessError> {
        let labelled =
            |[train, test]: &[Arc<dyn Dataset>; 2]| !train.classes().is_empty() && !test.classes().is_empty();
        match self.splits.as_ref().is_some_and(labelled) {
            true => Ok(()),
            false => Err(AssessError::Unlabelled(self.training.name().into())),
        }
    }

    /// What an encoder makes of all images, of the test split or of training, in their order.
    ///
    /// # Errors
    /// Images that cannot be read; a layer that the encoder does not have.
    pub fn features(
        &self,
        executor: &mut dyn Executor,
        read: Read,
        test: bool,
    ) -> Result<Features, AssessError> {
        let (train, tested) = self.images(0);
        let images = train.filter(|_| !test).unwrap_or(tested);
        let extractor = self.extractor(&[read])?;
        let mut encoding = Encoding { executor, plain: &self.plain };
        images.features(|images| encoding.features(&extractor, images))
    }

    /// The linear probe's options: the run's seed, so that repeating a run repeats its evaluation.
    pub(super) fn probe_options(&self) -> ProbeOptions {
        ProbeOptions { epochs: self.options.probe_epochs, seed: self.seed, ..ProbeOptions::default() }
    }

    /// What was read of a subject, for the protocol's text.
    pub(super) fn read_of(&self, subject: Subject) -> String {
        let factor = raw_factor(crate::action::Grid::new(self.encoder.image()[0], self.encoder.image()[1]));
        match (subject, factor) {
            (Subject::RawPixels, 1) => "pixels".into(),
            (Subject::RawPixels, factor) => format!("pixels averaged over squares of {factor}"),
            _ => self.options.read.to_string(),
        }
    }

    /// Records the probe's and the neighbours' accuracies, and gives the probe.
    fn classify(
        &self,
        assessment: &mut Assessment,
        subject: Subject,
        train: &Features,
        test: &Features,
        split: &str,
    ) -> Result<LinearProbe, AssessError> {
        let read = self.read_of(subject);
        let reading = |mut numbers: Vec<Measurement>| {
            numbers.iter_mut().for_each(|number| {
                number.evaluation.protocol = format!("{}; reads {read}", number.evaluation.protocol);
            });
            numbers
        };
        let probe = LinearProbe::fit(train, &self.probe_options())?;
        let tested = probe.test(test)?;
        assessment.add(Test::LinearProbe, subject, None, reading(tested.measurements(split)?));
        let neighbours = vec![self.options.neighbours.min(train.len())];
        for found in knn(train, test, &KnnOptions { neighbours, ..KnnOptions::default() })? {
            assessment.add(Test::Knn, subject, None, reading(found.measurements(split)?));
        }
        Ok(probe)
    }

    fn assess_collapse(
        &self,
        assessment: &mut Assessment,
        subject: Subject,
        encoding: &mut Encoding<'_>,
        features: &Features,
        split: &str,
    ) -> Result<(), AssessError> {
        assessment.add(Test::Collapse, subject, None, collapse(features)?.measurements(split));
        let (_, few) = self.images(self.options.moved_images);
        let extractor = self.extractor(&[self.options.read])?;
        let mut seen = Vec::with_capacity(2);
        for view in few.views(&self.global, self.seed)? {
            let values = extractor.run(encoding.executor, &view)?.swap_remove(0);
            seen.push(Features::new(values, extractor.widths()[0])?);
        }
        let protocol = "‖x − y‖² of unit features of two training views";
        let evaluation = Evaluation::new(few.name(), protocol).seeded(self.seed);
        let distances = alignment(&seen[0], &seen[1])?;
        assessment.add(Test::Collapse, subject, None, vec![evaluation.mean("alignment", &distances)?]);
        Ok(())
    }
}
