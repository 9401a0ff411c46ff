//! Whether a step went well: what it computed and what it left are finite.
//!
//! Both are looked at. A step whose losses are finite may leave weights that are not, which would show in the next
//! step's losses: after a checkpoint was made of them.

use equilayer_engine::{Error, Executor, Outputs};

/// The first output that is not finite: of a term where it is one's, and of the total otherwise.
pub(super) fn bad_output(outputs: &Outputs) -> Option<(String, f32)> {
    let bad = |(name, values): (&str, &[f32])| {
        Some((name.replacen('.', " of ", 1), values.iter().copied().find(|value| !value.is_finite())?))
    };
    let (terms, total): (Vec<_>, Vec<_>) = outputs.iter().partition(|(name, _)| name.starts_with("loss."));
    terms.into_iter().chain(total).find_map(bad)
}

/// The first state that is not finite.
pub(super) fn bad_state(executor: &dyn Executor) -> Result<Option<(String, f32)>, Error> {
    for name in executor.state_names() {
        let values = executor.state(&name)?;
        if let Some(value) = values.into_iter().find(|value| !value.is_finite()) {
            return Ok(Some((format!("`{name}`"), value)));
        }
    }
    Ok(None)
}
