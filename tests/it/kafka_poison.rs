//! Batches that no client can decode, on a real broker: passed over, counted, told by their coordinates, and never more
//! than they are. Where they are our own partial results the shard stops.
//!
//! The batches are spoiled in the broker's segment file, which it hands out as it stands. `INTRADAY_TEST_POISON_SLOW=1`
//! adds batches whose records are no records, of which the client says nothing: they are found by waiting.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::harness::guard::Signal;
use crate::harness::http;
use crate::harness::kafka::Broker;
use crate::harness::process::Process;
use crate::harness::records::{Outgoing, Record};
use crate::harness::segment::{Harm, batches};
use crate::kafka_deployment::{Deployment, LIMIT, NEVER_IDLE, event, eventually};

const STOP_LIMIT: Duration = Duration::from_secs(5);
const TIME_MS: i64 = 1_767_600_000_000;
/// Zeros that zstd packs into some KiB: more than a consumer takes.
const BOMB_BYTES: usize = 40 * 1024 * 1024;

struct Poisoned {
    deployment: Deployment,
    /// Records sent so far.
    sent: i64,
    /// First and last offset of each spoiled batch, by partition.
    bad: Vec<(i32, i64, i64)>,
}

impl Poisoned {
    fn new(name: &str) -> Option<Poisoned> {
        let kafka: &'static Broker = Box::leak(Box::new(Broker::start_own()?));
        let deployment = Deployment::new(kafka, name, 2, NEVER_IDLE);
        deployment.create_topics();
        Some(Poisoned { deployment, sent: 0, bad: Vec::new() })
    }

    /// Sends some heartbeats of new agents in one go; they come to lie in one batch, or in a few.
    fn good(&mut self, partition: i32, count: i64) {
        let word = |number: i64| {
            let agent = format!("agent-{partition}-{number}");
            let value = format!(
                r#"{{"id":"{agent}","type":"agent.heartbeat","time":{},"tenant":"t","agent_id":"{agent}"}}"#,
                TIME_MS + number
            );
            event(partition, &agent, &value)
        };
        let records: Vec<Outgoing> = (self.sent..self.sent + count).map(word).collect();
        self.deployment.produce(&records);
        self.sent += count;
    }

    /// The same, and spoils the last batch that came of it.
    fn bad(&mut self, partition: i32, count: i64, harm: Harm) {
        self.good(partition, count);
        let segment = self.deployment.kafka.segment(&self.deployment.input, partition);
        let last = batches(&segment).pop().unwrap();
        self.bad.push((partition, last.first, last.last));
        last.spoil(harm);
    }

    /// A record of zeros, packed.
    fn bomb(&mut self, partition: i32) {
        let mut client = self.deployment.kafka.client();
        client.set("compression.type", "zstd").set("message.max.bytes", (2 * BOMB_BYTES).to_string());
        let producer: BaseProducer = client.create().unwrap();
        let zeros = vec![b'0'; BOMB_BYTES];
        let record =
            BaseRecord::<[u8], [u8]>::to(&self.deployment.input).partition(partition).payload(&zeros);
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.flush(LIMIT).unwrap();
        self.sent += 1;
        let segment = self.deployment.kafka.segment(&self.deployment.input, partition);
        let last = batches(&segment).pop().unwrap();
        self.bad.push((partition, last.first, last.last));
    }

    /// Waits until all that was sent is behind the service.
    fn behind(&self, service: &mut Process) {
        eventually(service, "a commit behind all batches", || match self.deployment.folded_count() {
            folded if folded == self.sent => Ok(()),
            folded => Err(format!("{folded} of {}", self.sent)),
        });
    }

    /// Dead letters of the spoiled batches with their coordinates and no value. A batch that was looked at while the broker
    /// was slow may be told of in two parts, one behind the other.
    fn assert_letters(&self) {
        let letters = self.deployment.read("dead-letters");
        let told = joined(letters.iter().map(coordinates).collect());
        assert_eq!(told, joined(self.bad.clone()));
        assert!(letters.iter().all(|letter| letter.value.is_none()));
        assert!(letters.iter().all(|letter| header(letter, "reason") == "undecodable"));
        assert!(letters.iter().all(|letter| header(letter, "topic") == self.deployment.input));
    }

    /// Records read by result, summed over the partitions, as the metrics tell.
    fn results(&self) -> BTreeMap<String, i64> {
        let text = http::get(&self.deployment.url("/metrics"), &[]).unwrap().body;
        let mut sums = BTreeMap::new();
        for line in text.lines() {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let name = series.split('{').next().unwrap_or_default();
            let result = series.split("result=\"").nth(1).and_then(|rest| rest.split('"').next());
            if name.starts_with("intraday_poison") || name == "intraday_events_total" {
                let key = result.map_or(name.to_owned(), str::to_owned);
                *sums.entry(key).or_default() += value.parse::<f64>().unwrap() as i64;
            }
        }
        sums
    }
}

fn header(record: &Record, name: &str) -> String {
    let found = record.headers.iter().find(|(key, _)| key == name);
    let value = found.and_then(|(_, value)| value.clone()).unwrap_or_default();
    String::from_utf8(value).unwrap()
}

fn coordinates(letter: &Record) -> (i32, i64, i64) {
    let number = |name: &str| header(letter, name).parse::<i64>().unwrap();
    (number("partition") as i32, number("offset"), number("last_offset"))
}

/// Ranges of offsets in their order, those that follow each other without a gap joined.
fn joined(mut ranges: Vec<(i32, i64, i64)>) -> Vec<(i32, i64, i64)> {
    ranges.sort_unstable();
    let mut joined: Vec<(i32, i64, i64)> = Vec::new();
    for (partition, first, last) in ranges {
        match joined.last_mut() {
            Some(before) if before.0 == partition && before.2 + 1 == first => before.2 = last,
            _ => joined.push((partition, first, last)),
        }
    }
    joined
}

#[test]
fn batches_that_cannot_be_decoded_are_passed_over_and_told() {
    let Some(mut test) = Poisoned::new("poison") else { return };
    // Checksum, garbage for each codec, a codec that does not exist; two in a row; one at the very begin.
    test.bad(0, 3, Harm::Checksum);
    test.good(0, 4);
    for codec in [1, 2, 3, 4, 7] {
        test.bad(0, 5, Harm::Codec(codec));
        test.good(0, 2);
    }
    test.bad(0, 9, Harm::Checksum);
    test.bad(0, 1, Harm::Codec(1));
    test.good(0, 6);
    test.good(1, 20);
    test.bomb(1);
    test.good(1, 3);
    let mut service = test.deployment.start();
    test.behind(&mut service);
    test.assert_letters();

    // While it runs: at the end of the partition, with nothing behind it, and then with something.
    service.wait_for_http(&test.deployment.url("/readyz"), LIMIT);
    for harm in [Harm::Checksum, Harm::Codec(4)] {
        service.signal(Signal::Stop);
        test.bad(1, 4, harm);
        service.signal(Signal::Continue);
        test.behind(&mut service);
        test.good(1, 2);
        test.behind(&mut service);
    }
    if std::env::var("INTRADAY_TEST_POISON_SLOW").is_ok() {
        service.signal(Signal::Stop);
        test.bad(1, 4, Harm::Records);
        service.signal(Signal::Continue);
        std::thread::sleep(Duration::from_secs(60));
        test.behind(&mut service);
        test.good(1, 2);
        test.behind(&mut service);
    }
    test.assert_letters();

    // What was read has one result each; what was passed over is counted for itself.
    let offsets: i64 = test.bad.iter().map(|(_, first, last)| last - first + 1).sum();
    let results = test.results();
    assert_eq!(results["intraday_poison_batches_total"], test.bad.len() as i64, "{results:?}");
    assert_eq!(results["intraday_poison_offsets_total"], offsets, "{results:?}");
    assert_eq!(results["folded"], test.sent - offsets, "{results:?}");

    // After a crash nothing is told again and nothing is counted twice.
    service.signal(Signal::Kill);
    service.exit_within(STOP_LIMIT);
    let mut service = test.deployment.start();
    test.good(0, 1);
    test.behind(&mut service);
    service.wait_for_http(&test.deployment.url("/readyz"), LIMIT);
    test.assert_letters();
    assert_eq!(test.results()["folded"], test.sent - offsets);
    service.signal(Signal::Term);
    assert_eq!(service.exit_within(STOP_LIMIT).code(), Some(0), "{}", service.output());
}

#[test]
fn partials_that_cannot_be_decoded_stop_the_shard_with_coordinates() {
    let Some(mut test) = Poisoned::new("partials") else { return };
    let mut service = test.deployment.start_ready();
    service.signal(Signal::Stop);
    test.good(0, 2);
    service.signal(Signal::Continue);
    test.behind(&mut service);
    service.signal(Signal::Term);
    service.exit_within(STOP_LIMIT);
    // What merge has not yet taken and what it replays are the same to it: nothing of its own may be missing.
    let partials = test.deployment.topic("partials");
    for shard in 0..3 {
        for batch in batches(&test.deployment.kafka.segment(&partials, shard)) {
            batch.spoil(Harm::Checksum);
        }
    }
    let mut service = test.deployment.start();
    test.good(0, 2);
    let status = service.exit_within(LIMIT);
    let output = service.output();
    assert_eq!(status.code(), Some(1), "{output}");
    let said = output.lines().rev().find(|line| line.starts_with("intraday: ")).unwrap_or_default();
    for part in ["merge0 stopped", &partials, "offset", "decoded"] {
        assert!(said.contains(part), "{part} in {said}");
    }
}
