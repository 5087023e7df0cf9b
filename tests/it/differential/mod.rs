//! The engine against the reference: random scenarios through both, every record and every figure compared.
//!
//! `INTRADAY_TEST_SEEDS` says how many scenarios a run has (300 are usual).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod compare;
mod engine;
mod settings;
mod shrink;

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

#[test]
fn every_record_has_the_result_of_the_reference() {
    for seed in settings::seeds(300) {
        let Scenario { inputs, config } = scenario(seed, &options(seed));
        let outcome = reference::run(&config, &inputs);
        let engine = settings::engine(&config, Formula::default());
        let found = engine::judgements(&engine, &inputs);
        for input in &inputs {
            let at = (input.partition, input.offset);
            let (found, expected) = (found.get(&at), outcome.judgements.get(&at));
            assert_eq!(found, expected, "seed {seed}, {at:?}:\n{}", story(&inputs, input, &outcome));
        }
        assert_eq!(found.len(), outcome.judgements.len(), "seed {seed}");
    }
}

#[test]
fn every_figure_is_that_of_the_reference() {
    let mut agreed = 0;
    for seed in settings::seeds(300) {
        let Scenario { inputs, config } = scenario(seed, &options(seed));
        let formula = Formula::ALL[(seed / 5 % 8) as usize];
        let engine = settings::engine(&config, formula);
        let differences = |inputs: &[Input]| {
            let left = engine::run(&engine, inputs, 1 + (seed as usize * 37) % 400);
            compare::compare(&reference::run(&config, inputs), &left, formula)
        };
        let found = differences(&inputs);
        if !found.told().is_empty() {
            let small = shrink::shrink(&inputs, |inputs| !differences(inputs).told().is_empty());
            panic!("seed {seed}:\n{}{}\n{config:?}", differences(&small).told(), shrink::told(&small));
        }
        agreed += found.agreed;
    }
    assert!(agreed > 100_000, "{agreed} figures were compared");
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
