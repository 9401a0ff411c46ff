//! Measuring encoders: what their features classify, how they move with the image, whether they collapsed, and what
//! corruption costs them.
//!
//! Nothing here knows an encoder. Classifiers and collapse signals read [`Features`], a matrix that anything may have
//! made; so the same probe on raw pixels and on an untrained encoder gives the numbers to stand beside. Equivariance
//! needs to move images and takes the encoder as a closure from an [`ImageBatch`] to the [`TokenMaps`] of all layers of
//! interest.
//!
//! | | from | gives |
//! |---|---|---|
//! | [`knn`] | features of two splits | accuracy by weighted neighbours |
//! | [`linear_probe`], [`LinearProbe`] | features of two splits | accuracy of a trained linear head |
//! | [`collapse`], [`alignment`] | features, of one view or two | signals of collapse |
//! | [`equivariance`](mod@equivariance) | images, group elements, an encoder | scores, errors, the interpolation floor |
//! | [`corruption`] | images | worse images at five severities; accuracy lost, flip rate |
//!
//! # Numbers carry their evaluation
//! Each result turns itself into [`Measurement`]s: name, value, split, protocol, seed, and an interval where samples
//! give one. Intervals say how far the samples go, not how much another training run would differ.
//!
//! # Determinism
//! What is drawn comes from streams keyed by a seed; products run in the engine, whose results do not depend on the
//! number of threads; ties go to the lower index. The same call gives the same bits.
//!
//! ```
//! use equilayer::evaluate::{Features, KnnOptions, knn};
//!
//! let train = Features::new(vec![1.0, 0.0, 0.9, 0.1, 0.0, 1.0, 0.1, 0.9], 2)?.labelled(vec![0, 0, 1, 1], 2)?;
//! let test = Features::new(vec![0.8, 0.3], 2)?.labelled(vec![0], 2)?;
//! let options = KnnOptions { neighbours: vec![3], ..KnnOptions::default() };
//! for result in knn(&train, &test, &options)? {
//!     for measurement in result.measurements("toy test")? {
//!         println!("{} {:.3} ({})", measurement.name, measurement.value, measurement.evaluation.protocol);
//!     }
//! }
//! # Ok::<(), equilayer::evaluate::EvaluateError>(())
//! ```

mod collapse;
mod compute;
pub mod corruption;
pub mod equivariance;
mod error;
mod features;
mod knn;
mod linear_probe;
mod maps;
mod measurement;
mod predictions;
mod softmax_regression;
mod standardise;

pub use collapse::{Collapse, alignment, collapse, feature_deviation, rank_me, uniformity};
pub use error::EvaluateError;
pub use features::{Features, Labelled};
pub use knn::{KnnOptions, KnnResult, knn};
pub use linear_probe::{LinearProbe, ProbeOptions, ProbeResult, linear_probe};
pub use maps::{ImageBatch, TokenMaps};
pub use measurement::{Evaluation, Interval, Measurement, bootstrap};
pub use predictions::Predictions;
