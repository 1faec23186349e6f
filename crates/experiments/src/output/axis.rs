//! Axes: where round numbers lie between a lowest and a highest value.

/// A range of values on a range of pixels.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    step: f64,
}

impl Axis {
    /// Covers the values with about `ticks` round numbers.
    pub fn covering(values: impl IntoIterator<Item = f64>, from: f64, to: f64, ticks: usize) -> Self {
        let finite = values.into_iter().filter(|value| value.is_finite());
        let (mut low, mut high) = finite.fold((f64::MAX, f64::MIN), |(low, high), one| (low.min(one), high.max(one)));
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if high - low < 1e-9 {
            let room = (low.abs() * 0.01).max(0.5);
            (low, high) = (low - room, high + room);
        }
        let step = round_step((high - low) / ticks.max(1) as f64);
        Axis { low: (low / step + 1e-9).floor() * step, high: (high / step - 1e-9).ceil() * step, from, to, step }
    }

    /// From the lowest value to the highest; the round numbers between them.
    pub fn spanning(values: impl IntoIterator<Item = f64> + Clone, from: f64, to: f64, ticks: usize) -> Self {
        let covering = Axis::covering(values.clone(), from, to, ticks);
        let low = values.clone().into_iter().fold(f64::MAX, f64::min);
        let high = values.into_iter().fold(f64::MIN, f64::max);
        if high - low < 1e-9 { covering } else { Axis { low, high, ..covering } }
    }

    pub fn at(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    pub fn ticks(&self) -> impl Iterator<Item = (f64, String)> {
        let first = (self.low / self.step - 1e-9).ceil();
        let count = (self.high / self.step + 1e-9).floor() - first;
        let decimals = if self.step >= 1.0 { 0 } else { (-libm::log10(self.step)).ceil() as usize };
        (0..=count.max(0.0) as usize).map(move |nth| {
            let value = (first + nth as f64) * self.step;
            (self.at(value), with_thousands(value, decimals))
        })
    }
}

/// 1, 2 or 5 times a power of ten, at least three quarters of `rough`: a value just above a round one must not double the axis.
fn round_step(rough: f64) -> f64 {
    let power = libm::pow(10.0, libm::floor(libm::log10(rough)));
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough * 0.75);
    factor.unwrap_or(10.0) * power
}

pub(super) fn with_thousands(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), ""), |(whole, fraction)| (whole, fraction));
    let mut grouped = String::new();
    for (nth, digit) in whole.chars().enumerate() {
        if nth > 0 && (whole.len() - nth).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let sign = if value < 0.0 && !is_zero { "\u{2212}" } else { "" };
    if fraction.is_empty() { format!("{sign}{grouped}") } else { format!("{sign}{grouped}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_values() {
        for (low, high, expected) in [
            (0.0, 100.0, "0 20 40 60 80 100"),
            (87.6, 95.4, "86 88 90 92 94 96"),
            (979.0, 1140.0, "950 1,000 1,050 1,100 1,150"),
            (-0.3, 0.4, "\u{2212}0.4 \u{2212}0.2 0.0 0.2 0.4"),
            (5.0, 5.0, "4.4 4.6 4.8 5.0 5.2 5.4 5.6"),
        ] {
            let ticks: Vec<String> = Axis::covering([low, high], 0.0, 1.0, 5).ticks().map(|(_, text)| text).collect();
            let shown = ticks.join(" ");
            assert_eq!(shown, expected);
        }
        let inside = Axis::spanning([3.0, 131.0], 0.0, 128.0, 6);
        let ticks: Vec<(f64, String)> = inside.ticks().collect();
        assert_eq!(ticks.first(), Some(&(17.0, "20".to_owned())));
        assert_eq!(ticks.len(), 6);
    }
}
