//! The engine over a scenario: both stages in memory, and what came out at last.
//!
//! It must never know what the numbers should be.

use std::collections::BTreeMap;

use intraday::fold::conservation::Conservation;
use intraday::fold::partition::Fold;
use intraday::pipeline::memory::{Memory, Output};
use intraday::pipeline::{KpiRecord, Record};
use intraday::time::WallMs;

use super::settings::Engine;
use crate::reference::Input;

/// The topic of every run.
pub const TOPIC: &str = "events";

/// What a run left behind.
#[derive(Debug, Default)]
pub struct Left {
    /// The last record of each key.
    pub records: BTreeMap<String, KpiRecord>,
    /// Dead letters by partition and offset.
    pub letters: BTreeMap<(u32, i64), &'static str>,
}

impl Left {
    /// Takes an output; a record replaces the one of its key.
    pub fn take(&mut self, output: Output) {
        match output {
            Output::Kpi(record) => self.record(record),
            Output::DeadLetter(partition, letter) => {
                let before = self.letters.insert((partition, letter.offset), letter.reason);
                assert_eq!(before, None, "{partition}/{} went to the dead letters twice", letter.offset);
            }
            Output::Exposed(..) => {}
        }
    }

    /// Takes a record; revisions of a key never fall.
    pub fn record(&mut self, record: KpiRecord) {
        let before = self.records.get(&record.key);
        let fell = before.is_some_and(|before| before.revision > record.revision);
        assert!(!fell, "the revision of {} fell to {}", record.key, record.revision);
        let finals_again = before.is_some_and(|_| record.status == "final");
        assert!(!finals_again, "{} is final twice", record.key);
        self.records.insert(record.key.clone(), record);
    }
}

/// How many partitions the inputs lie on.
pub fn partitions(inputs: &[Input]) -> u32 {
    inputs.iter().map(|input| input.partition + 1).max().unwrap_or(1)
}

/// An input as the stage takes it.
pub fn record_of(input: &Input) -> Record<'_> {
    let wall = WallMs(input.wall_ms);
    Record { offset: input.offset, appended: None, wall, key: None, value: Some(&input.value) }
}

/// Runs the inputs through both stages, committing after every `commit_every` records.
pub fn run(engine: &Engine, inputs: &[Input], commit_every: usize) -> Left {
    let mut memory = Memory::new(&engine.fold, &engine.merge, TOPIC, partitions(inputs));
    let mut left = Left::default();
    let mut wall = WallMs(0);
    for (at, input) in inputs.iter().enumerate() {
        wall = WallMs(input.wall_ms);
        memory.record(input.partition, record_of(input), &mut |output| left.take(output)).unwrap();
        if (at + 1) % commit_every == 0 {
            memory.commit(wall, &mut |output| left.take(output)).unwrap();
        }
    }
    memory.end(wall, &mut |output| left.take(output)).unwrap();
    left
}

/// The result of each record, by partition and offset, as the fold alone judges.
pub fn judgements(engine: &Engine, inputs: &[Input]) -> BTreeMap<(u32, i64), &'static str> {
    let mut folds: Vec<Fold> = (0..partitions(inputs)).map(|_| Fold::new(&engine.fold)).collect();
    let mut judgements = BTreeMap::new();
    for input in inputs {
        let fold = &mut folds[input.partition as usize];
        let before = fold.conservation().clone();
        fold.record(input.offset, Some(&input.value), WallMs(input.wall_ms));
        let result = what_grew(&before, fold.conservation());
        judgements.insert((input.partition, input.offset), result);
    }
    judgements
}

fn what_grew(before: &Conservation, after: &Conservation) -> &'static str {
    assert_eq!(after.total(), before.total() + 1, "a record has one result");
    let grown = before.rows().into_iter().zip(after.rows()).find(|(before, after)| before.2 != after.2);
    grown.unwrap().1.0
}
