//! When the agents of a team begin their shifts, and when each takes a break.
//!
//! Beginnings are placed so that the agents on duty follow the load over the day. It knows neither
//! agents nor queues, only numbers of them.

use crate::time::{DAY_MS, MINUTE_MS, Millis};

/// Parts of the day that the roster distinguishes.
pub(super) const PARTS: usize = 48;
const PART_MS: Millis = DAY_MS / PARTS as Millis;
/// A break begins at most so long before or after its planned time.
const STAGGER_MS: Millis = 40 * MINUTE_MS;
/// Parts of the day in which breaks are laid.
const SLOT_MS: Millis = 5 * MINUTE_MS;
const SLOTS: usize = (DAY_MS / SLOT_MS) as usize;
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

/// When the agents of a crew take their breaks, in milliseconds from the beginning of the shift: per agent one for each
/// of `planned` (planned time from the beginning, length). As a planner of a center does it, each is laid where the crew
/// can spare the agent best, near its planned time and after the break before.
pub(super) fn breaks(
    beginnings: &[Millis],
    shift_ms: Millis,
    planned: &[(Millis, Millis)],
    load: &[f64; PARTS],
) -> Vec<Vec<Millis>> {
    let mut spare = spare(beginnings, shift_ms, planned, load);
    let mut taken = Vec::new();
    for (agent, begins_ms) in beginnings.iter().enumerate() {
        let mut own: Vec<Millis> = Vec::new();
        let mut free_from_ms = 0;
        // Breaks of agents who began together do not begin at the same second.
        let within_ms = (golden(agent) * SLOT_MS as f64) as Millis;
        for (after_ms, length_ms) in planned {
            let slots = |offset_ms: Millis| {
                let (first, last) = (begins_ms + offset_ms, begins_ms + offset_ms + length_ms - 1);
                (first / SLOT_MS..=last / SLOT_MS).map(|slot| slot.rem_euclid(SLOTS as Millis) as usize)
            };
            let steps = 2 * STAGGER_MS / SLOT_MS + 1;
            // The search starts elsewhere for each agent: of equally good times none is preferred.
            let offsets = (0..steps).map(|step| (step + agent as Millis) % steps * SLOT_MS - STAGGER_MS);
            let mut best = (f64::NEG_INFINITY, after_ms.max(&free_from_ms) + within_ms);
            for offset_ms in offsets.map(|offset_ms| after_ms + offset_ms + within_ms) {
                let least = slots(offset_ms).map(|slot| spare[slot]).fold(f64::INFINITY, f64::min);
                if offset_ms >= free_from_ms && least > best.0 + 1e-9 {
                    best = (least, offset_ms);
                }
            }
            slots(best.1).for_each(|slot| spare[slot] -= 1.0);
            free_from_ms = best.1 + length_ms;
            own.push(best.1);
        }
        taken.push(own);
    }
    taken
}

/// Agents on duty beyond what the load takes of them, were breaks spread in proportion to it.
fn spare(
    beginnings: &[Millis],
    shift_ms: Millis,
    planned: &[(Millis, Millis)],
    load: &[f64; PARTS],
) -> Vec<f64> {
    let mut on_duty = vec![0.0; SLOTS];
    for begins_ms in beginnings {
        for slot in begins_ms / SLOT_MS..(begins_ms + shift_ms) / SLOT_MS {
            on_duty[slot.rem_euclid(SLOTS as Millis) as usize] += 1.0;
        }
    }
    let away_ms: Millis = planned.iter().map(|(_, length_ms)| length_ms).sum();
    let present = on_duty.iter().sum::<f64>() * (1.0 - away_ms as f64 / shift_ms.max(1) as f64);
    let load_of = |slot: usize| load[slot * PARTS / SLOTS];
    let load_sum: f64 = (0..SLOTS).map(load_of).sum();
    let share = if load_sum > 0.0 { present / load_sum } else { 0.0 };
    on_duty.iter().enumerate().map(|(slot, agents)| agents - load_of(slot) * share).collect()
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
    fn breaks_of_a_crew_do_not_coincide() {
        let beginnings = shift_beginnings(16, 8 * HOUR_MS, &[1.0; PARTS], 1);
        let planned = [(110, 15), (230, 30), (400, 10)].map(|(at, long)| (at * MINUTE_MS, long * MINUTE_MS));
        let taken = breaks(&beginnings, 8 * HOUR_MS, &planned, &[1.0; PARTS]);
        let present = |time: Millis| {
            let agents = beginnings.iter().zip(&taken).filter(|(begins_ms, own)| {
                let since_ms = (time - **begins_ms).rem_euclid(DAY_MS);
                let mut breaks = own.iter().zip(&planned);
                since_ms < 8 * HOUR_MS
                    && !breaks.any(|(from, (_, long))| (*from..from + long).contains(&since_ms))
            });
            agents.count() as i64
        };
        let over_day: Vec<i64> = (0..DAY_MS / MINUTE_MS).map(|minute| present(minute * MINUTE_MS)).collect();
        // 16 on duty, of whom breaks take 1.8 at a time as a mean.
        let (least, most) = (over_day.iter().min().copied(), over_day.iter().max().copied());
        assert!(least >= Some(12) && most <= Some(16), "{least:?} to {most:?}");
        for (own, agent) in taken.iter().zip(0..) {
            for ((from, (after, _)), at) in own.iter().zip(&planned).zip(0..) {
                assert!((from - after).abs() <= STAGGER_MS + SLOT_MS, "agent {agent}, break {at}: {from}");
            }
            assert!(own.windows(2).all(|pair| pair[0] < pair[1]), "{own:?}");
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
