//! Scenarios as records of an input topic, and the topic read back as the model's inputs.
//!
//! What breaks the contract carries a header that says so, for the model takes that on trust and the service reads
//! no headers. It must never know what the numbers should be.

use serde_json::Value;

use crate::harness::kafka::Broker;
use crate::harness::records::{Isolation, Outgoing};
use crate::reference::{Config, Input};
use crate::scenario::{Options, scenario};

const DAY_MS: i64 = 86_400_000;
const MALFORMED: &str = "malformed";

/// Records for an input topic.
#[derive(Clone, Debug)]
pub struct Story {
    /// The settings that they are to be read with.
    pub config: Config,
    /// In the order of arrival; their end words are not among them.
    pub records: Vec<Outgoing>,
    /// When the last words are to be: later than the end of every window, milliseconds since the epoch.
    pub last_ms: i64,
}

/// A scenario without events from the future, whose judgement is a matter of the clock that a test runs at.
pub fn story(seed: u64, options: &Options) -> Story {
    let made = scenario(seed, options);
    let is_future = |input: &Input| {
        let event: Option<Value> = serde_json::from_slice(&input.value).ok();
        let time_ms = event.and_then(|event| event["time"].as_i64());
        time_ms.is_some_and(|time_ms| time_ms > input.wall_ms + made.config.max_future_skew_ms)
    };
    let latest_ms = made.inputs.iter().map(|input| input.wall_ms).max().unwrap_or(0);
    let records = made.inputs.iter().filter(|input| !is_future(input)).map(outgoing).collect();
    Story { config: made.config, records, last_ms: (latest_ms.div_euclid(DAY_MS) + 3) * DAY_MS }
}

fn outgoing(input: &Input) -> Outgoing {
    let flag = input.malformed.then(|| (MALFORMED.to_owned(), None));
    Outgoing {
        partition: input.partition as i32,
        value: Some(input.value.clone()),
        headers: flag.into_iter().collect(),
        ..Outgoing::default()
    }
}

/// All that lies on an input topic, by partition and offset; read at the end of time, so that nothing is future.
pub fn inputs(kafka: &Broker, topic: &str) -> Vec<Input> {
    let records = kafka.read_all(topic, Isolation::Uncommitted);
    let input = |record: crate::harness::records::Record| Input {
        partition: record.partition.unsigned_abs(),
        offset: record.offset,
        malformed: record.headers.iter().any(|(name, _)| name == MALFORMED),
        value: record.value.unwrap_or_default(),
        wall_ms: i64::MAX / 2,
    };
    records.into_iter().map(input).collect()
}
