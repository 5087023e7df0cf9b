//! Chaos: several copies of the service on a broker of their own, and everything that can happen to them, while events
//! keep flowing. At the end the checker recomputes the records from the input's bytes.
//!
//! Copies are killed at random moments and at chosen points of a commit, suspended past their session, replaced by a
//! twin while suspended, asked to leave, started again; the broker is killed and suspended. The usual run has 20
//! kills, 5 broker bounces and 30 rebalances. The long one, some twenty minutes:
//!
//! ```text
//! INTRADAY_TEST_CHAOS=100,20,200 cargo test --test it chaos::faults -- --nocapture
//! ```
//!
//! `INTRADAY_TEST_CHAOS_SEED` sets the seed, which is printed: the same seed gives the same events and the same plan of
//! faults, though not the same moments. The outputs of all processes are kept where a run fails;
//! `INTRADAY_TEST_CHAOS_DEBUG=cgrp` adds the client library's own words on its groups. `mutations` shows that the checker finds a guard that is taken away.

mod copy;
mod fleet;
mod handover;
mod mutations;
mod plan;
mod short;
mod silence;
mod storm;
mod tally;

use std::time::{Duration, Instant};

use self::fleet::{BRISK, Fleet};
use self::plan::Plan;
use crate::checker::Case;
use crate::harness::kafka::Broker;
use crate::harness::stream::Stream;
use crate::kafka_events::story;
use crate::scenario::Options;

/// Partitions of the input.
const PARTITIONS: u32 = 6;
/// Copies that take part, each with a name of its own.
const COPIES: usize = 4;
/// Events a second.
const RATE: usize = 150;
/// How long the copies may take to come to rest once everything is in order again.
const REST: Duration = Duration::from_secs(180);

/// Many short lives over half a day: windows close all the time while faults happen.
fn options(seconds: usize) -> Options {
    let hours = 12 + seconds as i64 / 60;
    Options {
        contacts: seconds * RATE / 6,
        agents: 8,
        partitions: PARTITIONS,
        span_ms: hours * 3_600_000,
        copies_percent: 6,
        spoiled_percent: 10,
        gap: false,
        vary_config: false,
        ..Options::default()
    }
}

#[test]
fn faults_leave_no_trace_in_the_records() {
    let plan = Plan::from_environment(&Plan { seed: 1, kills: 20, bounces: 5, rebalances: 30 });
    let Some(broker) = Broker::start_own() else { return };
    eprintln!("chaos: {plan:?}");
    let outcome = run(&plan, &broker);
    assert!(
        !broker.has_dropped_markers(),
        "the broker has dropped ends of transactions, so this says nothing"
    );
    outcome.unwrap_or_else(|text| panic!("{text}"));
}

/// One storm, and what is wrong after it.
fn run(plan: &Plan, broker: &Broker) -> Result<(), String> {
    let began = Instant::now();
    let story = story(plan.seed, &options(plan.seconds()));
    let mut fleet = Fleet::new(broker, PARTITIONS, COPIES, BRISK);
    let stream = Stream::start(broker, &fleet.input, story.records, RATE);
    let storm_s = storm::storm(&mut fleet, plan, &stream);
    assert!(stream.is_flowing(), "the events ended before the faults did: {}", fleet.tally);
    fleet.calm()?;
    let sent = stream.stop();
    fleet.last_words(story.last_ms);
    let (id, input) = (fleet.id.clone(), fleet.input.clone());
    let case = Case { kafka: broker, id: &id, input: &input, config: &story.config, last_ms: story.last_ms };
    let expected = case.expect();
    fleet.rest(&expected.ends(), REST)?;
    let verdict = case.check(&expected);
    eprintln!(
        "chaos: {}; {storm_s} s of faults; {sent} events sent, {} on the topic, {} late, {} rejected, {} duplicates; \
         {} records and {} figures compared, {} KPI records of aborted transactions; {} s in all",
        fleet.tally,
        verdict.events,
        expected.result("late"),
        expected.result("rejected"),
        expected.result("duplicate"),
        verdict.records,
        verdict.figures,
        verdict.aborted,
        began.elapsed().as_secs(),
    );
    verdict.clean()?;
    fleet.tally.assert_no_defect();
    fleet.assert_conserved(expected.results());
    assert!(verdict.figures > 10_000, "{verdict:?}");
    fleet.end();
    Ok(())
}
