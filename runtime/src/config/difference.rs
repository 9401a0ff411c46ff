//! Where two configurations differ.

use std::fmt;

use super::document::Resolved;

/// A key that holds different values in two configurations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// With its section: `method.ser.temperature`.
    pub key: String,
    /// Its value in the first, as TOML; nothing where the first does not have it.
    pub first: Option<String>,
    /// In the second.
    pub second: Option<String>,
}

impl Difference {
    /// In the order of the first, then what only the second has.
    pub(super) fn between(first: &[Resolved], second: &[Resolved]) -> Vec<Difference> {
        let value_in = |all: &[Resolved], entry: &Resolved| {
            let same = |other: &&Resolved| other.section == entry.section && other.key == entry.key;
            all.iter().find(same).map(|found| found.value.clone())
        };
        let added = second.iter().filter(|entry| value_in(first, entry).is_none());
        let difference = |entry: &Resolved| Difference {
            key: format!("{}.{}", entry.section, entry.key),
            first: value_in(first, entry),
            second: value_in(second, entry),
        };
        let all = first.iter().chain(added).map(difference);
        all.filter(|difference| difference.first != difference.second).collect()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.first, &self.second) {
            (Some(first), Some(second)) => write!(f, "{}: {first}, not {second}", self.key),
            (Some(first), None) => write!(f, "{}: {first}, not left out", self.key),
            (None, Some(second)) => write!(f, "{}: left out, not {second}", self.key),
            (None, None) => f.write_str(&self.key),
        }
    }
}
