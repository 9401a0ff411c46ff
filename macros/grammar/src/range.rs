//! Ranges of numbers, and the words for what lies outside.

use std::fmt;

/// One end of a [`Range`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// The number itself is outside: `above`, `below`.
    Open(f64),
    /// The number itself is inside: `at_least`, `at_most`.
    Closed(f64),
}

impl Bound {
    /// The number, inside or not.
    pub fn number(self) -> f64 {
        let (Self::Open(number) | Self::Closed(number)) = self;
        number
    }
}

/// The numbers a knob may take. Without bounds, every finite number.
///
/// A value and its bounds must have gone through the same precision: an `f32` of 0.4 is above the `f64` 0.4.
///
/// ```
/// # use equilayer_grammar::{Bound, Range};
/// let range = Range { lower: Some(Bound::Open(0.0)), upper: Some(Bound::Closed(1.0)) };
/// assert_eq!(range.to_string(), "above 0, at most 1");
/// assert_eq!(range.check(1.0), Ok(()));
/// assert_eq!(range.check(0.0), Err("0 is not above 0".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    /// `above` or `at_least`.
    pub lower: Option<Bound>,
    /// `below` or `at_most`.
    pub upper: Option<Bound>,
}

impl Range {
    /// Whether `value` is finite and inside, and if not, why, as the end of a sentence: `0.4 is not above 0.5`.
    pub fn check(&self, value: f64) -> Result<(), String> {
        let problem = |relation: &str, bound: f64| {
            Err(format!("{} is not {relation} {}", Number(value), Number(bound)))
        };
        if !value.is_finite() {
            return Err(format!("{value} is not a finite number"));
        }
        match self.lower {
            Some(Bound::Open(bound)) if value <= bound => return problem("above", bound),
            Some(Bound::Closed(bound)) if value < bound => return problem("at least", bound),
            _ => {}
        }
        match self.upper {
            Some(Bound::Open(bound)) if value >= bound => problem("below", bound),
            Some(Bound::Closed(bound)) if value > bound => problem("at most", bound),
            _ => Ok(()),
        }
    }

    /// Whether no number is inside.
    pub fn is_empty(&self) -> bool {
        match (self.lower, self.upper) {
            (Some(Bound::Closed(lower)), Some(Bound::Closed(upper))) => lower > upper,
            (Some(lower), Some(upper)) => lower.number() >= upper.number(),
            _ => false,
        }
    }
}

impl fmt::Display for Range {
    /// `above 0, at most 1`; `any number` without bounds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lower = self.lower.map(|bound| match bound {
            Bound::Open(number) => format!("above {}", Number(number)),
            Bound::Closed(number) => format!("at least {}", Number(number)),
        });
        let upper = self.upper.map(|bound| match bound {
            Bound::Open(number) => format!("below {}", Number(number)),
            Bound::Closed(number) => format!("at most {}", Number(number)),
        });
        match (lower, upper) {
            (Some(lower), Some(upper)) => write!(f, "{lower}, {upper}"),
            (Some(only), None) | (None, Some(only)) => f.write_str(&only),
            (None, None) => f.write_str("any number"),
        }
    }
}

/// A number as it was written: `0.1`, also where it came through an `f32`.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let single = self.0 as f32;
        if f64::from(single) == self.0 { write!(f, "{single}") } else { write!(f, "{}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Range = Range { lower: Some(Bound::Open(0.0)), upper: Some(Bound::Open(1.0)) };

    #[test]
    fn both_ends_are_checked() {
        let closed = Range { lower: Some(Bound::Closed(0.0)), upper: Some(Bound::Closed(1.0)) };
        for value in [0.0, 0.5, 1.0] {
            assert_eq!(closed.check(value), Ok(()), "{value}");
        }
        assert_eq!(closed.check(-0.5), Err("-0.5 is not at least 0".to_owned()));
        assert_eq!(closed.check(2.0), Err("2 is not at most 1".to_owned()));
        assert_eq!(UNIT.check(0.0), Err("0 is not above 0".to_owned()));
        assert_eq!(UNIT.check(1.0), Err("1 is not below 1".to_owned()));
        assert_eq!(UNIT.check(f64::NAN), Err("NaN is not a finite number".to_owned()));
        assert_eq!(Range::default().check(f64::INFINITY), Err("inf is not a finite number".to_owned()));
    }

    #[test]
    fn numbers_read_as_they_were_written() {
        let at_most = Range { lower: None, upper: Some(Bound::Closed(f64::from(0.1f32))) };
        assert_eq!(at_most.check(f64::from(0.2f32)), Err("0.2 is not at most 0.1".to_owned()));
        assert_eq!(at_most.check(0.3), Err("0.3 is not at most 0.1".to_owned()));
        assert_eq!(Range::default().to_string(), "any number");
        assert_eq!(UNIT.to_string(), "above 0, below 1");
    }

    #[test]
    fn empty_ranges_are_found() {
        let range = |lower, upper| Range { lower: Some(lower), upper: Some(upper) };
        assert!(range(Bound::Open(1.0), Bound::Closed(1.0)).is_empty());
        assert!(range(Bound::Closed(2.0), Bound::Closed(1.0)).is_empty());
        assert!(!range(Bound::Closed(1.0), Bound::Closed(1.0)).is_empty());
        assert!(!UNIT.is_empty());
        assert!(!Range::default().is_empty());
    }
}
