//! Local equivariance by layer.

use super::AssessError;
use super::assessment::{Assessment, Subject, Test};
use super::bench::{Bench, Encoding};
use super::equivariance::as_evaluate;
use super::extract::Read;
use crate::action::Interpolation;
use crate::evaluate::equivariance::{
    Generator, LocalEquivarianceError, local_equivariance_error, patch_pooling,
};
use crate::evaluate::{EvaluateError, Evaluation, ImageBatch, Measurement, TokenMaps};

/// Images moved at most: each goes through the encoder twelve times.
const IMAGES: usize = 100;

impl Bench {
    /// The local equivariance error of every layer under every generator, and of patch pooling on each grid.
    pub(super) fn assess_local_equivariance(
        &self,
        assessment: &mut Assessment,
        subjects: &mut [(Subject, Encoding<'_>)],
    ) -> Result<(), AssessError> {
        let (_, few) = self.images(self.options.moved_images.min(IMAGES));
        let (images, split) = (few.all()?, few.name());
        let side = [images.grid().rows, images.grid().columns];
        let reads: Vec<Read> = (1..=self.encoder.layers()).map(Read::Tokens).collect();
        let extractor = self.extractor(&reads)?;
        for level in self.levels(side) {
            let patch = side[0] / level.grid.rows.max(1);
            if level.grid.refined(patch) != images.grid() {
                continue; // No whole pixels to a token: the grids cannot be moved alike.
            }
            for generator in Generator::ALL {
                let step = generator.pixel(images.grid());
                let measure = Measure { images: &images, generator, step, split: &split };
                for (subject, encoding) in &mut *subjects {
                    let found = measure.of(|images| {
                        self.maps(&level, encoding.run(&extractor, images).map_err(as_evaluate)?)
                    })?;
                    for (&layer, error) in level.layers.iter().zip(&found) {
                        assessment.add(
                            Test::LocalEquivariance,
                            *subject,
                            Some(layer),
                            measure.numbers(error)?,
                        );
                    }
                }
                let floor = measure.of(patch_pooling(patch))?;
                for (&layer, error) in level.layers.iter().zip(floor.iter().cycle()) {
                    let (test, subject) = (Test::LocalEquivariance, Subject::PatchPooling);
                    assessment.add(test, subject, Some(layer), measure.numbers(error)?);
                }
            }
        }
        Ok(())
    }
}

/// One generator on some images.
struct Measure<'a> {
    images: &'a ImageBatch,
    generator: Generator,
    step: f64,
    split: &'a str,
}

impl Measure<'_> {
    fn of(
        &self,
        encode: impl FnMut(&ImageBatch) -> Result<Vec<TokenMaps>, EvaluateError>,
    ) -> Result<Vec<LocalEquivarianceError>, AssessError> {
        let interpolation = Interpolation::Bicubic;
        Ok(local_equivariance_error(self.images, self.generator, self.step, interpolation, encode)?)
    }

    /// The errors with the generator in their names.
    fn numbers(&self, error: &LocalEquivarianceError) -> Result<Vec<Measurement>, AssessError> {
        let protocol =
            format!("‖d/dt T₋ₜ F(Tₜ x)‖², central difference of {:.3}, bicubic, token by token", self.step);
        let mut numbers = error.measurements(&Evaluation::new(self.split, protocol))?;
        for number in &mut numbers {
            number.name = format!("{}, {}", number.name, self.generator.name());
        }
        Ok(numbers)
    }
}
