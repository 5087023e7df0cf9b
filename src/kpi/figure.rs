//! A KPI's figure: numerator and denominator, exact until the one division at the end.
//!
//! It must never know which KPI it is of.

use super::facts::Facts;
use crate::measure::ids::Span;
use crate::time::Millis;

/// An exact amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// A number of things.
    Count(i64),
    /// Milliseconds, or a level × milliseconds; shown in seconds.
    Millis(Millis),
}

/// Numerator and denominator; the denominator is above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What is divided.
    pub numerator: Amount,
    /// What it is divided by.
    pub denominator: Amount,
}

impl Figure {
    /// A share of counts; `None` where the denominator is not above 0.
    #[must_use]
    pub fn share(part: i64, whole: i64) -> Option<Figure> {
        (whole > 0).then_some(Figure { numerator: Amount::Count(part), denominator: Amount::Count(whole) })
    }

    /// A share of times; `None` where the denominator is not above 0.
    #[must_use]
    pub fn share_of_time(part_ms: Millis, whole_ms: Millis) -> Option<Figure> {
        (whole_ms > 0)
            .then_some(Figure { numerator: Amount::Millis(part_ms), denominator: Amount::Millis(whole_ms) })
    }

    /// A time per thing; `None` where there is no thing.
    #[must_use]
    pub fn time_per(sum_ms: Millis, count: i64) -> Option<Figure> {
        (count > 0).then_some(Figure { numerator: Amount::Millis(sum_ms), denominator: Amount::Count(count) })
    }

    /// The mean of a duration; `None` where there is no value.
    #[must_use]
    pub fn mean(facts: &Facts<'_>, span: Span) -> Option<Figure> {
        let (sum_ms, count) = facts.sum(span);
        Figure::time_per(sum_ms, count)
    }

    /// The value: a ratio, or seconds where time is divided by a count.
    #[must_use]
    pub fn value(self) -> f64 {
        match (self.numerator, self.denominator) {
            (Amount::Millis(sum_ms), Amount::Count(count)) => sum_ms as f64 / (count as f64 * 1_000.0),
            (Amount::Count(count), Amount::Millis(time_ms)) => count as f64 * 1_000.0 / time_ms as f64,
            (Amount::Count(part), Amount::Count(whole)) | (Amount::Millis(part), Amount::Millis(whole)) => {
                part as f64 / whole as f64
            }
        }
    }

    /// The mean in whole milliseconds, rounded half up, where time is divided by a count.
    #[must_use]
    pub fn mean_ms(self) -> Option<Millis> {
        match (self.numerator, self.denominator) {
            (Amount::Millis(sum_ms), Amount::Count(count)) => {
                Some(sum_ms.saturating_add(count / 2).div_euclid(count))
            }
            _ => None,
        }
    }

    /// Cases behind the figure, for a target's least count; time is never too little.
    #[must_use]
    pub const fn cases(self) -> i64 {
        match self.denominator {
            Amount::Count(count) => count,
            Amount::Millis(_) => i64::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_without_denominator_does_not_exist() {
        assert_eq!(Figure::share(1, 0), None);
        assert_eq!(Figure::share(1, -1), None);
        assert_eq!(Figure::share_of_time(1, 0), None);
        assert_eq!(Figure::time_per(1, 0), None);
    }

    #[test]
    fn values_are_ratios_or_seconds() {
        assert!((Figure::share(1, 4).unwrap().value() - 0.25).abs() < 1e-12);
        assert!((Figure::share_of_time(3_000, 4_000).unwrap().value() - 0.75).abs() < 1e-12);
        let mean = Figure::time_per(10_001, 2).unwrap();
        assert!((mean.value() - 5.0005).abs() < 1e-12);
        assert_eq!((mean.mean_ms(), mean.cases()), (Some(5_001), 2));
        assert_eq!(Figure::time_per(-3, 2).unwrap().mean_ms(), Some(-1));
    }
}
