//! From values to places, and round numbers to name them by.

/// About how many ticks an axis has.
const TICKS: f64 = 5.0;

/// An axis from one place on the drawing to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    log: bool,
    /// Where the lowest value is.
    pub start: f64,
    /// Where the highest value is.
    pub end: f64,
}

impl Axis {
    /// An axis that shows all these values, those that it can show at all; nothing if it can show none.
    pub fn over(values: impl IntoIterator<Item = f64>, log: bool, start: f64, end: f64) -> Option<Axis> {
        let shown = values.into_iter().filter(|&value| value.is_finite() && (!log || value > 0.0));
        let (low, high) = shown
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return None;
        }
        // A single value, and a range beyond what differences of f64 can express, still get an axis.
        let widened = match (low == high, log) {
            (false, _) => (low.max(-1e300), high.min(1e300)),
            (true, true) => (low / 2.0, high * 2.0),
            (true, false) => (low - low.abs().max(1.0) * 0.1, high + high.abs().max(1.0) * 0.1),
        };
        Some(Axis { low: widened.0, high: widened.1, log, start, end })
    }

    /// The same axis, widened to round numbers or by a little if they are far.
    pub fn rounded(mut self) -> Axis {
        if !self.log {
            let step = self.step();
            self.low = (self.low / step).floor() * step;
            self.high = (self.high / step).ceil() * step;
        }
        self
    }

    /// Where a value is; nothing for one that the axis cannot show.
    pub fn place(&self, value: f64) -> Option<f64> {
        let scale = |value: f64| if self.log { value.log10() } else { value };
        let along = (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low));
        along.is_finite().then(|| self.start + (self.end - self.start) * along.clamp(0.0, 1.0))
    }

    /// Places and names of round values.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let values = if self.log { self.powers() } else { self.multiples() };
        values.into_iter().filter_map(|value| Some((self.place(value)?, short(value)))).collect()
    }

    fn multiples(&self) -> Vec<f64> {
        let step = self.step();
        let first = (self.low / step - 1e-9).ceil();
        let values = (0..2 * TICKS as usize + 2).map(|i| (first + i as f64) * step);
        values.take_while(|&value| value <= self.high + step * 1e-9).collect()
    }

    /// 1, 2 or 5 times a power of ten.
    fn step(&self) -> f64 {
        let rough = (self.high - self.low) / TICKS;
        let power = 10_f64.powf(rough.log10().floor());
        let factor =
            [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough * 0.999).unwrap_or(10.0);
        factor * power
    }

    /// Powers of ten, with their doubles and halves where there are few.
    fn powers(&self) -> Vec<f64> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let stride = (f64::from(last - first) / (TICKS + 1.0)).ceil().max(1.0) as usize;
        let factors: &[f64] = if last - first <= 3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let powers = (first..=last).step_by(stride).map(|power| 10_f64.powi(power));
        let values = powers.flat_map(|power| factors.iter().map(move |factor| factor * power));
        values.filter(|value| (self.low..=self.high).contains(value)).collect()
    }
}

/// A number in as few characters as tell it: at most four digits, thousands as `k`, millions as `M`.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    let (value, unit) = match size {
        _ if !value.is_finite() => return "–".into(),
        _ if size < 1e-12 => return "0".into(),
        1e9.. => return format!("{value:.1e}"),
        1e6.. => (value / 1e6, "M"),
        1e4.. => (value / 1e3, "k"),
        1e-3.. => (value, ""),
        _ => return trimmed(&format!("{value:.2e}")),
    };
    // Four significant digits.
    let decimals = (3 - value.abs().log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}").replace('-', "−")
}

/// Scientific notation without zeros at the end of its digits.
fn trimmed(text: &str) -> String {
    let (digits, power) = text.split_once('e').unwrap_or((text, "0"));
    format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.')).replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: [f64; 2], log: bool) -> Vec<String> {
        let axis = Axis::over(values, log, 0.0, 100.0).expect("an axis").rounded();
        axis.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(labels([0.0, 373.0], false), ["0", "100", "200", "300", "400"]);
        assert_eq!(labels([0.61, 0.94], false), ["0.6", "0.7", "0.8", "0.9", "1"]);
        assert_eq!(labels([-1.0, 1.0], false), ["−1", "−0.5", "0", "0.5", "1"]);
        assert_eq!(labels([0.0, 125_000.0], false), ["0", "50k", "100k", "150k"]);
        assert_eq!(labels([0.9991, 0.9994], false).len(), 4);
        assert_eq!(labels([0.01, 30.0], true), ["0.01", "0.1", "1", "10"]);
        assert_eq!(labels([0.3, 4.0], true), ["0.5", "1", "2"]);
    }

    #[test]
    fn any_values_have_an_axis_of_finite_places() {
        for log in [false, true] {
            assert!(Axis::over([f64::NAN, f64::INFINITY], log, 0.0, 1.0).is_none());
            for values in
                [[0.5, 0.5], [1e-300, 1e300], [5e-324, 5e-324], [1.0, 1.0 + f64::EPSILON], [1e17, 1e17]]
            {
                let axis = Axis::over(values, log, 0.0, 1.0).expect("an axis").rounded();
                assert!(axis.ticks().len() < 20, "{axis:?}");
                for value in values {
                    assert!(axis.place(value).is_none_or(|place| (0.0..=1.0).contains(&place)), "{axis:?}");
                }
            }
        }
        assert!(Axis::over([-f64::MAX, f64::MAX], false, 0.0, 1.0).expect("an axis").place(0.0).is_some());
        assert_eq!(Axis::over([0.1, 1.0], true, 0.0, 1.0).expect("an axis").place(-1.0), None);
    }

    #[test]
    fn numbers_are_short() {
        let cases =
            [(0.0, "0"), (93.25, "93.25"), (1234.5, "1234"), (-0.5, "−0.5"), (3e-4, "3e−4"), (2.5e6, "2.5M")];
        assert_eq!(cases.map(|(value, _)| short(value)), cases.map(|(_, text)| text.to_owned()));
    }
}
