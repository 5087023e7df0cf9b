//! A random length of time: which law, which mean.
//!
//! It knows nothing of what lasts that long.

use serde::Deserialize;

use super::random::Random;
use crate::time::{DAY_MS, Millis};

/// The law of a random duration. Draws are whole milliseconds, from 0 to one day.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "law", rename_all = "snake_case", deny_unknown_fields)]
pub enum Span {
    /// Always the same.
    Fixed {
        /// Its length in seconds.
        seconds: f64,
    },
    /// Memoryless.
    Exponential {
        /// Mean in seconds.
        mean_seconds: f64,
    },
    /// The logarithm is normal: the usual shape of talk times.
    LogNormal {
        /// Mean in seconds (of the duration, not of its logarithm).
        mean_seconds: f64,
        /// Standard deviation of the logarithm; 0.5 to 1 are usual.
        sigma: f64,
    },
    /// Even between two bounds.
    Uniform {
        /// The least, in seconds.
        low_seconds: f64,
        /// The greatest, in seconds.
        high_seconds: f64,
    },
}

impl Span {
    /// The mean in seconds, before the cap of one day.
    #[must_use]
    pub fn mean_seconds(&self) -> f64 {
        match *self {
            Span::Fixed { seconds } => seconds,
            Span::Exponential { mean_seconds } | Span::LogNormal { mean_seconds, .. } => mean_seconds,
            Span::Uniform { low_seconds, high_seconds } => f64::midpoint(low_seconds, high_seconds),
        }
    }

    /// Whether the numbers can be used: finite, not negative, bounds in order.
    pub(super) fn is_sound(&self) -> bool {
        let sound = |value: f64| value.is_finite() && value >= 0.0;
        match *self {
            Span::Fixed { seconds } => sound(seconds),
            Span::Exponential { mean_seconds } => sound(mean_seconds),
            Span::LogNormal { mean_seconds, sigma } => sound(mean_seconds) && sound(sigma) && sigma <= 5.0,
            Span::Uniform { low_seconds, high_seconds } => {
                sound(low_seconds) && sound(high_seconds) && low_seconds <= high_seconds
            }
        }
    }

    /// One duration in milliseconds.
    pub(super) fn draw_ms(&self, random: &mut Random) -> Millis {
        let seconds = match *self {
            Span::Fixed { seconds } => seconds,
            Span::Exponential { mean_seconds } => mean_seconds * random.exponential(),
            // The mean of a log-normal is exp(mu + sigma²/2), so mu is chosen to give the wanted mean.
            Span::LogNormal { mean_seconds, sigma } => {
                mean_seconds * (sigma * random.normal() - sigma * sigma / 2.0).exp()
            }
            Span::Uniform { low_seconds, high_seconds } => {
                low_seconds + (high_seconds - low_seconds) * random.unit()
            }
        };
        // The cast saturates and turns a value that is not a number into 0.
        ((seconds * 1000.0).round() as Millis).clamp(0, DAY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_law_has_its_mean() {
        let laws = [
            Span::Fixed { seconds: 30.0 },
            Span::Exponential { mean_seconds: 30.0 },
            Span::LogNormal { mean_seconds: 30.0, sigma: 0.6 },
            Span::Uniform { low_seconds: 10.0, high_seconds: 50.0 },
        ];
        let mut random = Random::seeded(11);
        for law in laws {
            let draws = 20_000;
            let sum: Millis = (0..draws).map(|_| law.draw_ms(&mut random)).sum();
            let mean_seconds = sum as f64 / 1000.0 / f64::from(draws);
            // The widest law here has a deviation of 30 s: four standard errors are 0.85 s.
            assert!((mean_seconds - law.mean_seconds()).abs() < 0.85, "{law:?} gave {mean_seconds}");
        }
    }

    #[test]
    fn draws_are_bounded_whatever_the_numbers() {
        let mut random = Random::seeded(1);
        assert_eq!(Span::Fixed { seconds: f64::NAN }.draw_ms(&mut random), 0);
        assert_eq!(Span::Fixed { seconds: 1e30 }.draw_ms(&mut random), DAY_MS);
        assert_eq!(Span::Fixed { seconds: -5.0 }.draw_ms(&mut random), 0);
    }
}
