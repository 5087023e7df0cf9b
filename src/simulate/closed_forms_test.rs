//! Test: the simulation, reduced to a textbook queue, gives the figures of the textbook.
//!
//! Waits are taken from the events, as a reader of the topic would take them. Tolerances are not
//! chosen but computed: standard errors by batch means, because waits of neighbours are alike.

use std::collections::HashMap;

use super::Scenario;
use super::erlang::{SteadyState, impatient, patient, service_level};
use super::simulation::{SimulatedEvent, Simulation};
use crate::time::EventMs;

const BATCHES: usize = 20;
const BATCH_CONTACTS: usize = 6_000;
/// Contacts before the system counts as settled.
const SETTLING_CONTACTS: usize = 3_000;
/// Standard errors that a figure may be off. In batches of 5,000 over 40 seeds the spread was 0.9 to 1.4
/// errors and the greatest deviation 4.0: mean waits are skewed. Seeds are fixed.
const ERRORS_MAX: f64 = 4.0;

/// The wait of one contact.
#[derive(Clone, Copy)]
struct Wait {
    seconds: f64,
    abandoned: bool,
}

#[derive(Debug)]
struct Estimate {
    mean: f64,
    error: f64,
}

fn kind(event: &SimulatedEvent) -> &str {
    let text = std::str::from_utf8(&event.value).unwrap();
    text.split_once("\"type\":\"").unwrap().1.split_once('"').unwrap().0
}

/// Waits in order of arrival; contacts at the end that still wait are left out with all after them.
fn waits(scenario: Scenario, seed: u64) -> Vec<Wait> {
    let wanted = SETTLING_CONTACTS + BATCHES * BATCH_CONTACTS;
    let mut arrivals: HashMap<String, (usize, EventMs)> = HashMap::new();
    let mut waits: Vec<Option<Wait>> = Vec::new();
    let mut open = 0;
    for event in Simulation::new(scenario, seed, EventMs(0)) {
        match kind(&event) {
            "contact.queued" if waits.len() < wanted => {
                arrivals.insert(event.key, (waits.len(), event.time));
                waits.push(None);
                open += 1;
            }
            outcome @ ("contact.answered" | "contact.abandoned") => {
                if let Some((at, queued_at)) = arrivals.remove(&event.key) {
                    let seconds = event.time.since(queued_at) as f64 / 1000.0;
                    waits[at] = Some(Wait { seconds, abandoned: outcome == "contact.abandoned" });
                    open -= 1;
                }
            }
            _ => {}
        }
        if waits.len() == wanted && open == 0 {
            break;
        }
    }
    waits.into_iter().skip(SETTLING_CONTACTS).map(Option::unwrap).collect()
}

fn estimate(waits: &[Wait], value: impl Fn(&Wait) -> f64) -> Estimate {
    let batches: Vec<f64> = waits
        .chunks(BATCH_CONTACTS)
        .map(|batch| batch.iter().map(&value).sum::<f64>() / batch.len() as f64)
        .collect();
    assert_eq!(batches.len(), BATCHES);
    let mean = batches.iter().sum::<f64>() / BATCHES as f64;
    let variance = batches.iter().map(|batch| (batch - mean).powi(2)).sum::<f64>() / (BATCHES - 1) as f64;
    Estimate { mean, error: (variance / BATCHES as f64).sqrt() }
}

fn agrees(what: &str, estimate: &Estimate, expected: f64) {
    let off = (estimate.mean - expected).abs() / estimate.error;
    assert!(off <= ERRORS_MAX, "{what}: {estimate:?} is {off:.1} errors from {expected}");
    // A test that accepts everything would be no test: the error must be small beside the figure.
    assert!(estimate.error < 0.1 * expected, "{what}: {estimate:?} says little");
}

fn judge(waits: &[Wait], expected: &SteadyState) {
    agrees("waits", &estimate(waits, |wait| f64::from(wait.seconds > 0.0)), expected.waits);
    let mean = estimate(waits, |wait| wait.seconds);
    agrees("mean wait", &mean, expected.wait_seconds);
}

fn judge_patient(lambda: f64, mu: f64, agents: u32, seed: u64) {
    let waits = waits(Scenario::erlang(lambda, mu, agents, None), seed);
    judge(&waits, &patient(lambda, mu, agents).unwrap());
    let within = estimate(&waits, |wait| f64::from(wait.seconds <= 20.0));
    agrees("service level", &within, service_level(lambda, mu, agents, 20.0).unwrap());
    assert!(waits.iter().all(|wait| !wait.abandoned));
}

#[test]
fn erlang_c_of_a_small_team() {
    judge_patient(3.0 / 60.0, 1.0 / 50.0, 4, 101);
}

#[test]
fn erlang_c_of_a_busy_team() {
    // 8 erlangs on 10 agents.
    judge_patient(0.04, 1.0 / 200.0, 10, 102);
}

#[test]
fn erlang_c_of_a_large_team() {
    // 25 erlangs on 32 agents.
    judge_patient(0.1, 1.0 / 250.0, 32, 103);
}

fn judge_impatient(lambda: f64, mu: f64, agents: u32, patience_seconds: f64, seed: u64) {
    let waits = waits(Scenario::erlang(lambda, mu, agents, Some(patience_seconds)), seed);
    let expected = impatient(lambda, mu, 1.0 / patience_seconds, agents).unwrap();
    judge(&waits, &expected);
    agrees("abandons", &estimate(&waits, |wait| f64::from(wait.abandoned)), expected.abandons);
}

#[test]
fn erlang_a_of_a_busy_team() {
    judge_impatient(0.05, 1.0 / 200.0, 10, 120.0, 104);
}

#[test]
fn erlang_a_beyond_its_capacity() {
    // 12 erlangs on 10 agents: only hanging up keeps the queue finite.
    judge_impatient(0.06, 1.0 / 200.0, 10, 90.0, 105);
}
