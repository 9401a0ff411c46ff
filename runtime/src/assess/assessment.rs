//! What was measured of a run: `evaluation.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::AssessError;
use crate::evaluate::Measurement;
use crate::report::TokenMaps;

/// The version of the file's schema.
const SCHEMA: u32 = 1;

/// All findings of one evaluation; see the [module](super) for the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// 1.
    pub schema: u32,
    /// Optimizer steps of the weights measured.
    pub step: u64,
    /// The method, as in the macro.
    pub method: String,
    /// What classifiers and collapse signals read of an encoder.
    pub read: String,
    /// The numbers.
    pub findings: Vec<Finding>,
    /// Token maps as pictures.
    pub token_maps: Vec<TokenMaps>,
}

/// A number, what it says, and of whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of evaluation.
    pub test: Test,
    /// What was evaluated.
    pub subject: Subject,
    /// The encoder's layer, from 1, where one was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
    /// The number with its protocol, split and seed.
    #[serde(flatten)]
    pub measurement: Measurement,
}

/// A kind of evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// A linear head on frozen features.
    LinearProbe,
    /// Weighted nearest neighbours of frozen features.
    Knn,
    /// Signals of collapse.
    Collapse,
    /// Token maps of moved images against moved token maps.
    Equivariance,
    /// The embedding of moved images against that of images as they are.
    Invariance,
    /// How fast the equivariance of token maps is lost at the identity.
    LocalEquivariance,
    /// Accuracy on images corrupted here, and flips along sequences of them.
    Robustness,
    /// Accuracy on ImageNet-C's folders.
    ImagenetC,
    /// Flips along ImageNet-P's sequences.
    ImagenetP,
}

/// What is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The student's encoder, as trained.
    Trained,
    /// The same encoder with the values that training began with.
    Untrained,
    /// No encoder: the pixels themselves.
    RawPixels,
    /// The mean colours of patches: an encoder whose only error is interpolation.
    PatchPooling,
}

impl Test {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Test::LinearProbe => "linear probe",
            Test::Knn => "kNN",
            Test::Collapse => "collapse",
            Test::Equivariance => "equivariance",
            Test::Invariance => "invariance",
            Test::LocalEquivariance => "local equivariance",
            Test::Robustness => "robustness",
            Test::ImagenetC => "ImageNet-C",
            Test::ImagenetP => "ImageNet-P",
        }
    }
}

impl Subject {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Trained => "trained",
            Subject::Untrained => "untrained",
            Subject::RawPixels => "raw pixels",
            Subject::PatchPooling => "patch pooling",
        }
    }
}

impl Assessment {
    /// Of weights, with no findings yet.
    pub fn new(step: u64, method: String, read: String) -> Assessment {
        Assessment { schema: SCHEMA, step, method, read, findings: Vec::new(), token_maps: Vec::new() }
    }

    /// Adds numbers of one test of one subject.
    pub fn add(&mut self, test: Test, subject: Subject, layer: Option<usize>, numbers: Vec<Measurement>) {
        let finding = |measurement| Finding { test, subject, layer, measurement };
        self.findings.extend(numbers.into_iter().map(finding));
    }

    /// The first number of this name, test, subject and layer.
    pub fn find(
        &self,
        test: Test,
        subject: Subject,
        layer: Option<usize>,
        name: &str,
    ) -> Option<&Measurement> {
        let asked = |finding: &&Finding| {
            (finding.test, finding.subject, finding.layer) == (test, subject, layer)
                && finding.measurement.name == name
        };
        self.findings.iter().find(asked).map(|finding| &finding.measurement)
    }

    /// As JSON for people: one key a line.
    ///
    /// # Errors
    /// None for what can be measured.
    pub fn to_json(&self) -> Result<String, AssessError> {
        serde_json::to_string_pretty(self).map_err(|error| AssessError::File(error.to_string()))
    }

    /// Reads `evaluation.json`.
    ///
    /// # Errors
    /// A file that cannot be read, or is none.
    pub fn read(path: &Path) -> Result<Assessment, AssessError> {
        let wrong = |what: &str, error: &dyn std::fmt::Display| {
            AssessError::File(format!(
                "{}: {what}: {error}; run `equilayer eval` on the run again",
                path.display()
            ))
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong("cannot be read", &error))?;
        let found: Assessment =
            serde_json::from_str(&text).map_err(|error| wrong("no evaluation", &error))?;
        match found.schema {
            SCHEMA => Ok(found),
            other => Err(wrong("no evaluation of this version", &format!("its schema is {other}"))),
        }
    }
}
