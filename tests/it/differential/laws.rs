//! Laws that need no judge: order across keys, copies and partitions change no last record.
//!
//! It must never know a formula.

use std::collections::BTreeMap;

use intraday::kpi::rules::Formula;
use intraday::measure::batch::{BatchHead, BatchWriter};
use intraday::merge::{MergeConfig, Shard};

use super::engine::{self, Left};
use super::restart::{difference, last_records};
use super::settings;
use crate::reference::Input;
use crate::scenario::dice::Dice;
use crate::scenario::{Options, Scenario, calm, scenario};

/// What the record is about: its Kafka key.
pub fn key_of(input: &Input) -> String {
    let event: serde_json::Value = serde_json::from_slice(&input.value).unwrap_or_default();
    let subject = if event["contact_id"].is_null() { &event["agent_id"] } else { &event["contact_id"] };
    subject.as_str().map_or_else(|| format!("{}/{}", input.partition, input.offset), str::to_owned)
}

/// The inputs in the order of their reading, each partition's offsets counted anew.
pub fn in_order(mut inputs: Vec<Input>) -> Vec<Input> {
    inputs.sort_by_key(|input| input.wall_ms);
    let mut offsets: BTreeMap<u32, i64> = BTreeMap::new();
    for input in &mut inputs {
        let next = offsets.entry(input.partition).or_default();
        input.offset = *next;
        *next += 1;
    }
    inputs
}

fn run(inputs: &[Input], commit_every: usize) -> Left {
    let engine = settings::engine(&crate::reference::Config::default(), Formula::default());
    engine::run(&engine, inputs, commit_every)
}

#[test]
fn order_across_keys_changes_no_last_record() {
    for seed in settings::seeds(8) {
        let Scenario { inputs, config } = calm(seed, 1_500);
        let mut dice = Dice::new(seed);
        // Calm events arrive up to half of out_of_orderness late; the other half is dealt out here, by key in order.
        let most_ms = config.out_of_orderness_ms / 2;
        let mut last_ms: BTreeMap<String, i64> = BTreeMap::new();
        let mut shuffled = inputs.clone();
        for input in &mut shuffled {
            let last = last_ms.entry(key_of(input)).or_insert(i64::MIN);
            input.wall_ms = (input.wall_ms + dice.between(0, most_ms)).max(*last);
            *last = input.wall_ms;
        }
        let shuffled = in_order(shuffled);
        assert_ne!(shuffled.iter().map(|input| &input.value).collect::<Vec<_>>(), values(&inputs));
        assert_eq!(difference(&run(&inputs, 70), &run(&shuffled, 90)), "", "seed {seed}");
    }
}

fn values(inputs: &[Input]) -> Vec<&Vec<u8>> {
    inputs.iter().map(|input| &input.value).collect()
}

#[test]
fn copies_change_no_last_record() {
    for seed in settings::seeds(8) {
        let Scenario { inputs, .. } = calm(seed, 1_500);
        let mut dice = Dice::new(seed);
        let mut copied = inputs.clone();
        for input in &inputs {
            if dice.chance(2) {
                let wall_ms = input.wall_ms + dice.between(0, 300_000);
                copied.push(Input { wall_ms, ..input.clone() });
            }
        }
        assert!(copied.len() > inputs.len());
        assert_eq!(difference(&run(&inputs, 70), &run(&in_order(copied), 300)), "", "seed {seed}");
    }
}

#[test]
fn partitions_change_no_last_record() {
    for seed in settings::seeds(8) {
        let options = Options {
            contacts: 300,
            odd: false,
            late: false,
            copies_percent: 0,
            spoiled_percent: 0,
            gap: false,
            vary_config: false,
            ..Options::default()
        };
        let on = |partitions| scenario(seed, &Options { partitions, ..options.clone() }).inputs;
        let one = run(&on(1), 70);
        assert!(last_records(&one).len() > 100);
        for partitions in [2, 4] {
            assert_eq!(difference(&one, &run(&on(partitions), 110)), "", "seed {seed}, {partitions}");
        }
    }
}

#[test]
fn a_batch_counts_once_and_a_gap_stops_with_its_coordinates() {
    let batch = |seq: u64| {
        let mut writer = BatchWriter::default();
        let head = BatchHead {
            topic: "events".to_owned(),
            partition: 3,
            epoch: 1,
            seq,
            from: 40,
            to: 45,
            ..BatchHead::default()
        };
        writer.finish(&head)
    };
    let mut shard = Shard::new(&std::sync::Arc::new(MergeConfig::default()));
    for (offset, seq) in [(0, 1), (1, 1), (2, 2), (3, 1)] {
        shard.batch(offset, &batch(seq)).unwrap();
    }
    assert_eq!((shard.counts().applied, shard.counts().repeated), (2, 2));
    let error = shard.batch(4, &batch(4)).unwrap_err();
    for part in ["events/3", "partials offset 4", "seq 4 came after 2", "40..45"] {
        assert!(error.contains(part), "{error}");
    }
}
