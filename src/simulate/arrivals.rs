//! When contacts arrive: a Poisson process whose pace follows the day and the surges.
//!
//! By thinning (Lewis and Shedler, 1979): candidates come at the greatest pace, and each is kept with
//! the share that the pace of its moment has of the greatest. It knows one queue at one site only.

use super::random::Random;
use crate::time::{DAY_MS, EventMs, HOUR_MS, Millis};

/// A time in which arrivals are multiplied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Surge {
    pub begins: EventMs,
    pub ends: EventMs,
    pub factor: f64,
}

/// The arrivals of one queue at one site.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    start: EventMs,
    /// Milliseconds from `start` to the latest candidate; not rounded, so that rounding adds up nowhere.
    offset_ms: f64,
    per_ms: f64,
    profile: Vec<f64>,
    surges: Vec<Surge>,
    greatest: f64,
}

impl Arrivals {
    pub(super) fn new(start: EventMs, per_hour: f64, profile: Vec<f64>, surges: Vec<Surge>) -> Arrivals {
        let peak = profile.iter().copied().fold(0.0, f64::max);
        let surged: f64 = surges.iter().map(|surge| surge.factor.max(1.0)).product();
        let per_ms = per_hour / HOUR_MS as f64;
        Arrivals { start, offset_ms: 0.0, per_ms, profile, surges, greatest: peak * surged }
    }

    /// The next arrival; none where there are none at any time of the day.
    pub(super) fn next(&mut self, random: &mut Random) -> Option<EventMs> {
        let pace = self.per_ms * self.greatest;
        if !(pace > 0.0 && pace.is_finite()) {
            return None;
        }
        loop {
            self.offset_ms += random.exponential() / pace;
            let time = self.start.plus(self.offset_ms as Millis);
            if time == EventMs(i64::MAX) {
                return None;
            }
            let share = self.multiplier(time) / self.greatest;
            if share >= 1.0 || random.chance(share) {
                return Some(time);
            }
        }
    }

    /// The pace at a time, relative to that of multiplier 1.
    fn multiplier(&self, time: EventMs) -> f64 {
        let surged: f64 = self
            .surges
            .iter()
            .filter(|surge| surge.begins <= time && time < surge.ends)
            .map(|surge| surge.factor)
            .product();
        surged * at_time_of_day(&self.profile, time)
    }
}

/// The profile's multiplier at a time of the day in UTC; 1 where the profile is empty.
pub(super) fn at_time_of_day(profile: &[f64], time: EventMs) -> f64 {
    let parts = profile.len().max(1) as i64;
    let part = time.0.rem_euclid(DAY_MS) * parts / DAY_MS;
    profile.get(part as usize).copied().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_follow_the_day_and_the_surge() {
        let mut profile = vec![1.0; 24];
        profile[1] = 0.0;
        profile[2] = 3.0;
        let surge = Surge { begins: EventMs(0), ends: EventMs(HOUR_MS / 2), factor: 2.0 };
        let mut arrivals = Arrivals::new(EventMs(0), 4_000.0, profile, vec![surge]);
        let mut random = Random::seeded(3);
        let mut by_half_hour = [0_u32; 6];
        while let Some(time) = arrivals.next(&mut random) {
            let Some(count) = by_half_hour.get_mut((time.0 / (HOUR_MS / 2)) as usize) else { break };
            *count += 1;
        }
        // Each count is Poisson: five deviations either side.
        for (count, mean) in by_half_hour.into_iter().zip([4_000.0_f64, 2_000.0, 0.0, 0.0, 6_000.0, 6_000.0])
        {
            assert!((f64::from(count) - mean).abs() <= 5.0 * mean.sqrt(), "{count} is not {mean}");
        }
    }

    #[test]
    fn a_queue_without_arrivals_has_none() {
        let mut random = Random::seeded(3);
        assert_eq!(Arrivals::new(EventMs(0), 0.0, vec![1.0], vec![]).next(&mut random), None);
        assert_eq!(Arrivals::new(EventMs(0), 9.0, vec![0.0; 24], vec![]).next(&mut random), None);
    }
}
