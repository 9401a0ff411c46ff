//! Why a method cannot be trained, and which of its choices is to blame.

use std::fmt;

/// The choice that a [`Problem`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Where a member sits.
    Place,
    /// How many samples it works on.
    Batch,
    /// That it is there at all, beside the others.
    Member,
}

/// Why a method cannot be trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The member it is about; nothing where it is about the method as a whole.
    pub member: Option<String>,
    /// Which choice is to blame.
    pub choice: Choice,
    /// What is wrong, and what would do.
    pub message: String,
}

impl Problem {
    /// Of the method as a whole.
    pub(super) fn of_all(choice: Choice, message: String) -> Problem {
        Problem { member: None, choice, message }
    }

    /// Of a member.
    pub(super) fn of(member: &str, choice: Choice, message: String) -> Problem {
        Problem { member: Some(member.into()), choice, message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(member) = &self.member {
            write!(f, "{member}: ")?;
        }
        f.write_str(&self.message)
    }
}
