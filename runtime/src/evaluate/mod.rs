//! Measuring encoders: what their features classify, how they move with the image, whether they collapsed.
mod collapse;
mod compute;
pub mod equivariance;
mod error;
mod features;
mod knn;
mod linear_probe;
mod maps;
mod measurement;
mod predictions;
mod standardise;

pub use collapse::{Collapse, alignment, collapse, feature_deviation, rank_me, uniformity};
pub use error::EvaluateError;
pub use features::{Features, Labelled};
pub use knn::{KnnOptions, KnnResult, knn};
pub use linear_probe::{ProbeOptions, ProbeResult, linear_probe};
pub use maps::{ImageBatch, TokenMaps};
pub use measurement::{Evaluation, Interval, Measurement, bootstrap};
pub use predictions::Predictions;
