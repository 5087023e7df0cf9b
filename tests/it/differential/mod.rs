//! The engine against the reference: random scenarios through both, every record and every figure compared.
//!
//! `INTRADAY_TEST_SEEDS` says how many scenarios a run has (100 are usual).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod belated;
mod bulk;
pub mod compare;
pub mod engine;
mod laws;
mod live;
pub mod restart;
pub mod settings;
mod shell;
mod shrink;

use std::collections::BTreeMap;

use intraday::kpi::rules::Formula;

use crate::reference::{self, Input, Outcome};
use crate::scenario::{Options, Scenario, scenario};

/// Scenarios of many shapes: each seed another one.
fn options(seed: u64) -> Options {
    let defaults = Options::default();
    match seed % 5 {
        0 => defaults,
        1 => Options { contacts: 30, agents: 2, partitions: 1, ..defaults },
        2 => Options { contacts: 60, partitions: 4, gap: false, ..defaults },
        3 => Options { contacts: 40, late: false, span_ms: 3_600_000, ..defaults },
        _ => Options { contacts: 60, agents: 10, odd: false, ..defaults },
    }
}

/// A scenario of one of the shapes; every other one with contacts that are heard of late.
fn any(seed: u64) -> Scenario {
    let Scenario { inputs, config } = scenario(seed, &options(seed));
    let inputs = if seed.is_multiple_of(2) { inputs } else { belated::belated(seed, inputs) };
    Scenario { inputs, config }
}

#[test]
fn every_result_and_every_figure_is_that_of_the_reference() {
    let mut agreed = 0;
    for seed in settings::seeds(100) {
        let Scenario { inputs, config } = any(seed);
        let formula = Formula::ALL[(seed / 5 % 8) as usize];
        let engine = settings::engine(&config, formula);
        let outcome = reference::run(&config, &inputs);
        results(seed, &inputs, &outcome, &engine::judgements(&engine, &inputs));
        let commit_every = 1 + (seed as usize * 37) % 400;
        let found = compare::compare(&outcome, &engine::run(&engine, &inputs, commit_every), formula);
        if !found.told().is_empty() {
            let differences = |inputs: &[Input]| {
                let left = engine::run(&engine, inputs, commit_every);
                compare::compare(&reference::run(&config, inputs), &left, formula).told()
            };
            let small = shrink::shrink(&inputs, |inputs| !differences(inputs).is_empty());
            panic!("seed {seed}:\n{}{}\n{config:?}", differences(&small), shrink::told(&small));
        }
        agreed += found.agreed;
    }
    assert!(agreed > 10_000, "{agreed} figures were compared");
}

fn results(seed: u64, inputs: &[Input], outcome: &Outcome, found: &BTreeMap<(u32, i64), &'static str>) {
    for input in inputs {
        let at = (input.partition, input.offset);
        let (found, expected) = (found.get(&at), outcome.judgements.get(&at));
        assert_eq!(found, expected, "seed {seed}, {at:?}:\n{}", story(inputs, input, outcome));
    }
}

/// What was read under the same contact or agent up to an input, a line each, with the reference's results.
fn story(inputs: &[Input], until: &Input, outcome: &Outcome) -> String {
    let key_of = |input: &Input| {
        let event: serde_json::Value = serde_json::from_slice(&input.value).ok()?;
        Some((event["tenant"].clone(), event["contact_id"].clone(), event["agent_id"].clone()))
    };
    let key = key_of(until);
    let same = |input: &&Input| {
        let of = key_of(input);
        let pair = of.as_ref().zip(key.as_ref());
        input.partition == until.partition
            && input.offset <= until.offset
            && pair.is_some_and(|(of, key)| {
                (&of.0, &of.1) == (&key.0, &key.1) && (!key.1.is_null() || of.2 == key.2)
            })
    };
    let line = |input: &Input| {
        let result = outcome.judgements.get(&(input.partition, input.offset));
        format!("{} {result:?} {}\n", input.offset, String::from_utf8_lossy(&input.value))
    };
    inputs.iter().filter(same).map(line).collect()
}
