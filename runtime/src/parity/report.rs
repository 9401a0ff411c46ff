//! What came out, for people and for programs.

use std::fmt;

use serde::{Serialize, Serializer};

use super::compare::Difference;
use super::file::ParityError;

/// The comparison of several files.
#[derive(Debug, Serialize)]
pub struct Report {
    /// In the order they were given.
    pub files: Vec<FileReport>,
}

/// The comparison of one file.
#[derive(Debug, Serialize)]
pub struct FileReport {
    /// As it was given.
    pub file: String,
    /// Its case, where it could be read.
    pub case: Option<String>,
    /// What came out.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of a file.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// All values are within the tolerance.
    Agrees {
        /// The largest difference of any element.
        largest: f64,
    },
    /// Some are not.
    Differs {
        /// The largest difference of any element; infinite, `null` in JSON, where a value is not a number.
        largest: f64,
        /// The tensors that differ.
        differences: Vec<Difference>,
    },
    /// Nothing could be compared.
    Unusable {
        /// Why.
        #[serde(serialize_with = "in_words")]
        error: ParityError,
    },
}

fn in_words<S: Serializer>(error: &ParityError, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(error)
}

/// What a report comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// All files agree.
    Agree,
    /// All files could be compared, and at least one differs.
    Differ,
    /// A file could not be used.
    Unusable,
}

impl Verdict {
    /// The exit code of the command: 0, 1, 2.
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Agree => 0,
            Verdict::Differ => 1,
            Verdict::Unusable => 2,
        }
    }
}

impl FileReport {
    pub(super) fn compared(
        file: String,
        case: String,
        largest: f64,
        differences: Vec<Difference>,
    ) -> FileReport {
        let outcome = match differences.is_empty() {
            true => Outcome::Agrees { largest },
            false => Outcome::Differs { largest, differences },
        };
        FileReport { file, case: Some(case), outcome }
    }

    pub(super) fn unusable(file: String, case: Option<String>, error: ParityError) -> FileReport {
        FileReport { file, case, outcome: Outcome::Unusable { error } }
    }

    /// What this file comes to.
    pub fn verdict(&self) -> Verdict {
        match self.outcome {
            Outcome::Agrees { .. } => Verdict::Agree,
            Outcome::Differs { .. } => Verdict::Differ,
            Outcome::Unusable { .. } => Verdict::Unusable,
        }
    }
}

impl Report {
    /// The worst of the files. No file at all agrees.
    pub fn verdict(&self) -> Verdict {
        self.files.iter().map(FileReport::verdict).max().unwrap_or(Verdict::Agree)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let case = |file: &FileReport| file.case.clone().unwrap_or_else(|| "?".into());
        let width = |text: &dyn Fn(&FileReport) -> String| {
            self.files.iter().map(|file| text(file).chars().count()).max().unwrap_or(0)
        };
        let (cases, names) = (width(&case), width(&|file| file.file.clone()));
        for file in &self.files {
            write!(f, "  {:cases$}  {:names$}  ", case(file), file.file)?;
            match &file.outcome {
                Outcome::Agrees { largest } => writeln!(f, "max |Δ| {largest:.1e}   ok")?,
                Outcome::Differs { largest, differences } => {
                    writeln!(f, "max |Δ| {largest:.1e}   FAILED")?;
                    differences.iter().try_for_each(|difference| writeln!(f, "    {difference}"))?;
                }
                Outcome::Unusable { error } => writeln!(f, "{error}")?,
            }
        }
        let failed = self.files.iter().filter(|file| file.verdict() != Verdict::Agree).count();
        write!(f, "  {} passed, {failed} failed", self.files.len() - failed)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { tensor, elements, of, worst, computed, expected } = self;
        write!(
            f,
            "`{tensor}`: {elements} of {of} elements differ, the worst at {worst:?}: {computed:e} computed, {expected:e} \
             in the file"
        )
    }
}
