//! When the agents of a team begin their shifts, and when each takes a break.
//!
//! Beginnings are placed so that the agents on duty follow the load over the day. It knows neither
//! agents nor queues, only numbers of them.

use crate::time::{DAY_MS, MINUTE_MS, Millis};

/// Parts of the day that the roster distinguishes.
pub(super) const PARTS: usize = 48;
const PART_MS: Millis = DAY_MS / PARTS as Millis;
/// Breaks of different agents lie this far apart at most, half of it before the planned time.
const STAGGER_MS: Millis = 60 * MINUTE_MS;
/// Steps of the golden ratio fill an interval evenly, however many are taken.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// Beginnings of daily shifts in milliseconds of the day (UTC), one per agent, so that `on_duty`
/// agents work at a time as a mean, in proportion to `load`. `turn` shifts the pattern, so that
/// sites differ.
pub(super) fn shift_beginnings(
    on_duty: u32,
    shift_ms: Millis,
    load: &[f64; PARTS],
    turn: usize,
) -> Vec<Millis> {
    let agents = (i64::from(on_duty) * DAY_MS + shift_ms / 2) / shift_ms.max(1);
    let parts = ((shift_ms + PART_MS / 2) / PART_MS).clamp(1, PARTS as Millis) as usize;
    let load_sum: f64 = load.iter().sum();
    let mean = if load_sum > 0.0 { load_sum / PARTS as f64 } else { 1.0 };
    let mut missing: [f64; PARTS] = std::array::from_fn(|part| f64::from(on_duty) * load[part] / mean);
    let mut beginnings = Vec::new();
    for agent in 0..agents.max(0) as usize {
        let fraction = golden(agent + turn * 7);
        let first = (fraction * PARTS as f64) as usize;
        // The search starts elsewhere each time: of equally good places none is taken twice in a row.
        let mut best = (f64::NEG_INFINITY, first);
        for part in (0..PARTS).map(|step| (first + step) % PARTS) {
            let need: f64 = (0..parts).map(|step| missing[(part + step) % PARTS]).sum();
            if need > best.0 + 1e-9 {
                best = (need, part);
            }
        }
        for step in 0..parts {
            missing[(best.1 + step) % PARTS] -= 1.0;
        }
        let within_ms = (golden(agent * 3 + turn) * PART_MS as f64) as Millis;
        beginnings.push(best.1 as Millis * PART_MS + within_ms);
    }
    beginnings
}

/// When in the shift, in milliseconds, agent number `agent` takes a break planned for `after_ms`.
pub(super) fn break_offset_ms(after_ms: Millis, agent: usize) -> Millis {
    let moved_ms = ((golden(agent) - 0.5) * STAGGER_MS as f64) as Millis;
    (after_ms + moved_ms).max(0)
}

/// The fraction in [0, 1) that belongs to a number; neighbours lie far apart.
pub(super) fn golden(number: usize) -> f64 {
    (number as f64 * GOLDEN).fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::HOUR_MS;

    #[test]
    fn agents_on_duty_follow_the_load() {
        let load: [f64; PARTS] = std::array::from_fn(|part| {
            1.0 + 0.25 * (part as f64 / PARTS as f64 * std::f64::consts::TAU).sin()
        });
        let beginnings = shift_beginnings(60, 8 * HOUR_MS, &load, 0);
        assert_eq!(beginnings.len(), 180);
        for (part, share) in load.iter().enumerate() {
            let time = part as Millis * PART_MS + PART_MS / 2;
            let on_duty =
                beginnings.iter().filter(|begin| (time - **begin).rem_euclid(DAY_MS) < 8 * HOUR_MS).count();
            let wanted = 60.0 * share;
            assert!((on_duty as f64 - wanted).abs() <= 4.0, "part {part}: {on_duty} for {wanted}");
        }
    }

    #[test]
    fn shifts_of_a_flat_day_begin_all_over_it() {
        let beginnings = shift_beginnings(16, 8 * HOUR_MS, &[1.0; PARTS], 3);
        let parts: std::collections::BTreeSet<Millis> =
            beginnings.iter().map(|begin| begin / PART_MS).collect();
        assert!(parts.len() > 20, "only {} beginnings", parts.len());
    }
}
