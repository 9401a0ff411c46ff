//! When values agree with the reference.

use equilayer_engine::Error;
use equilayer_engine::reference::Values;

/// Compares outputs with reference values, relative to the largest value of each.
pub fn compare(
    reference: &Values,
    found: impl Fn(&str) -> Result<Vec<f32>, Error>,
    tolerance: f64,
) -> Result<(), String> {
    for (name, expected) in reference {
        let found = found(name).map_err(|error| error.to_string())?;
        let scale =
            expected.data().iter().filter(|x| x.is_finite()).fold(1.0f64, |scale, x| scale.max(x.abs()));
        for (index, (&found, &expected)) in found.iter().zip(expected.data()).enumerate() {
            let same = f64::from(found) == expected || (found.is_nan() && expected.is_nan());
            if !same
                && (f64::from(found) - expected).abs().partial_cmp(&(tolerance * scale))
                    != Some(std::cmp::Ordering::Less)
            {
                return Err(format!(
                    "{name}[{index}] = {found}, reference {expected} (tolerance {tolerance:.1e} of {scale:.3})"
                ));
            }
        }
    }
    Ok(())
}
