//! What a seed stands for: events, settings, copies, and how often things go wrong.
//!
//! It must never know how a run goes.

use std::collections::BTreeMap;

use intraday::event::Channel;
use intraday::kpi::rules::Formula;
use intraday::time::WallMs;

use crate::differential::settings::{self, Engine};
use crate::reference::{Config, Input};
use crate::scenario::dice::Dice;
use crate::scenario::{Options, Scenario, scenario};

/// The input topic.
pub const TOPIC: &str = "events";

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// How often things go wrong, in a thousand: the first two of the steps of a commit, the others of turns.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// A step of a commit fails and the transaction is aborted.
    pub refused: usize,
    /// A step of a commit gets no answer.
    pub unanswered: usize,
    /// A copy dies.
    pub crash: usize,
    /// A copy stands still for a while.
    pub stall: usize,
    /// A copy is stopped in good order.
    pub stop: usize,
    /// A partition moves from one copy to another.
    pub rebalance: usize,
    /// A copy is started under the name of one that still runs.
    pub impostor: usize,
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Faults =
        Faults { refused: 0, unanswered: 0, crash: 0, stall: 0, stop: 0, rebalance: 0, impostor: 0 };
}

/// A seed's run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The events, in the order of arrival.
    pub inputs: Vec<Input>,
    /// Settings of both stages.
    pub engine: Engine,
    /// Partitions of the input.
    pub partitions: u32,
    /// Copies at most; each has a name of its own.
    pub copies: usize,
    /// Whether the broker has transactions; without them there is one copy that never dies.
    pub transactions: bool,
    /// How often things go wrong.
    pub faults: Faults,
    /// Clocks stop here: then every window is closed.
    pub end: WallMs,
}

impl Plan {
    /// The run of a seed.
    pub fn new(seed: u64) -> Plan {
        let mut dice = Dice::new(seed ^ 0x5eed_0000);
        let dice = &mut dice;
        let partitions = 2 + u32::from(dice.chance(40));
        let options = Options {
            contacts: 6 + dice.below(14),
            agents: 1,
            partitions,
            span_ms: dice.between(10, 40) * MINUTE_MS,
            odd: dice.chance(60),
            late: false,
            copies_percent: 4,
            spoiled_percent: 20,
            gap: false,
            vary_config: dice.chance(50),
        };
        let Scenario { inputs, config } = scenario(seed, &options);
        let config = hastened(config);
        let inputs = if dice.chance(60) { held_back(dice, inputs) } else { inputs };
        let mut engine = settings::engine(&config, Formula::ALL[dice.below(Formula::ALL.len())]);
        engine.merge.sources = vec![(TOPIC.to_owned(), partitions)];
        engine.merge.live_rate = [0, 2][dice.below(2)];
        // State that is written a little at a time, so that copies die between its parts.
        engine.merge.commit_bytes = [1, 400, 256 << 10][dice.below(3)];
        engine.merge.cycle_ms = [1_000, 60_000][dice.below(2)];
        let last_ms = inputs.iter().map(|input| input.wall_ms).max().unwrap_or(0);
        let day_end_ms = last_ms - last_ms.rem_euclid(DAY_MS) + DAY_MS;
        let end = WallMs(day_end_ms + config.grace_ms + config.out_of_orderness_ms + 2_000);
        let transactions = !seed.is_multiple_of(8);
        let copies = if transactions { 1 + dice.below(3) } else { 1 };
        let faults = if transactions { faults(dice) } else { Faults { unanswered: 60, ..Faults::NONE } };
        Plan { inputs, engine, partitions, copies, transactions, faults, end }
    }

    /// The inputs of a partition, in the order of their offsets.
    pub fn of_partition(&self, partition: u32) -> impl Iterator<Item = &Input> {
        self.inputs.iter().filter(move |input| input.partition == partition)
    }
}

/// Each seed has its own troubles: some few, some many.
fn faults(dice: &mut Dice) -> Faults {
    let mut some = |often: &[usize]| often[dice.below(often.len())];
    Faults {
        refused: some(&[0, 5, 20, 60]),
        unanswered: some(&[0, 5, 20, 60]),
        crash: some(&[0, 5, 10, 20]),
        stall: some(&[0, 5, 15, 30]),
        stop: some(&[0, 5, 10]),
        rebalance: some(&[0, 10, 30]),
        impostor: some(&[0, 0, 5, 10]),
    }
}

/// Settings under which everything ends within the hour, so that a run is short.
fn hastened(config: Config) -> Config {
    let aged = Channel::ALL.iter().map(|channel| (channel.name().to_owned(), 30 * MINUTE_MS));
    Config {
        allowed_lateness_ms: 10 * MINUTE_MS,
        linger_ms: 5 * MINUTE_MS,
        agent_timeout_ms: 25 * MINUTE_MS,
        max_age_ms: aged.collect(),
        ..config
    }
}

/// Holds back, in some of the contacts, everything from some record on: corrections, and events that are late.
fn held_back(dice: &mut Dice, mut inputs: Vec<Input>) -> Vec<Input> {
    let mut held: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for input in &mut inputs {
        let event: serde_json::Value = serde_json::from_slice(&input.value).unwrap_or_default();
        let Some(contact) = event["contact_id"].as_str() else { continue };
        let (before, by_ms) = held.entry(contact.to_owned()).or_insert_with(|| {
            let by_ms = if dice.chance(20) { dice.between(MINUTE_MS, 25 * MINUTE_MS) } else { 0 };
            (dice.between(0, 6), by_ms)
        });
        *before -= 1;
        if *before < 0 {
            input.wall_ms += *by_ms;
        }
    }
    inputs.sort_by_key(|input| input.wall_ms);
    let mut next: BTreeMap<u32, i64> = BTreeMap::new();
    for input in &mut inputs {
        let offset = next.entry(input.partition).or_default();
        input.offset = *offset;
        *offset += if input.wall_ms % 97 == 0 { 2 } else { 1 };
    }
    inputs
}
