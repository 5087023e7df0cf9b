//! Restores: what a partition was comes back, and what does not fit is refused with what to do, which then helps.
//!
//! State, offsets and topics are changed behind the service's back by a client of the test's own.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::json;

use crate::harness;
use crate::harness::guard::Signal;
use crate::harness::kafka::Broker;
use crate::harness::records::{Isolation, Outgoing};
use crate::kafka_copies::{Copy, LAST_MS, assert_as_replayed, replay, simulated, until};
use crate::kafka_deployment::{Deployment, HASH_KEY, NEVER_IDLE, SHARDS, event, last_words, partition_of};

const PARTITIONS: i32 = 2;
/// What does not fit is refused after this: it could still come.
const PATIENCE: (&str, &str) = ("INTRADAY__KAFKA__RESTORE_TIMEOUT", "2s");
/// A refused copy has left before offsets are changed.
const SESSION: (&str, &str) = ("INTRADAY__KAFKA__SESSION_TIMEOUT", "2s");
const LIMIT: Duration = Duration::from_secs(60);
/// A byte of the layout in the heads of both stages, after the format.
const LAYOUT_AT: usize = 2;
const ANEW: &str = "begin anew under another service.id";

#[test]
fn what_a_partition_was_comes_back() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "restored", PARTITIONS, NEVER_IDLE);
    deployment.create_topics();
    let mut copy = Copy::new("one", &[SESSION]);
    let events = simulated(&deployment, 3, "40m", PARTITIONS);
    let (early, late) = events.split_at(events.len() / 2);
    copy.start_ready(&deployment);
    deployment.produce(early);
    let folded = |count: usize| {
        until("all events folded", || match deployment.folded_count() {
            found if found == count as i64 => Ok(()),
            found => Err(format!("{found} of {count}")),
        });
    };
    folded(early.len());
    let of_partition = |copy: &Copy, name: &str, partition: i32| {
        copy.metric(&[&format!("intraday_{name}{{"), &format!("partition=\"{partition}\"")])
    };
    let whole = |copy: &Copy| -> Result<Vec<Option<f64>>, String> {
        let names = ["open_contacts", "open_agents", "deduplication_ids"];
        let found: Vec<Option<f64>> = (0..PARTITIONS)
            .flat_map(|partition| names.map(|name| of_partition(copy, name, partition)))
            .collect();
        if found.iter().all(Option::is_some) { Ok(found) } else { Err(format!("{found:?}")) }
    };
    let before = until("figures of the partitions", || whole(&copy));
    assert!(before.iter().flatten().sum::<f64>() > 300.0, "{before:?}");
    for (number, signal) in [Signal::Kill, Signal::Term, Signal::Kill].into_iter().enumerate() {
        copy.stop(signal);
        copy.start(&deployment);
        let epochs = until("the next epoch", || {
            let found = (0..PARTITIONS).map(|partition| of_partition(&copy, "source_epoch", partition));
            let found: BTreeSet<u64> = found.map(|epoch| epoch.unwrap_or_default() as u64).collect();
            if found.iter().all(|epoch| *epoch > number as u64 + 1) {
                Ok(found)
            } else {
                Err(format!("{found:?}"))
            }
        });
        assert_eq!(epochs, BTreeSet::from([number as u64 + 2]));
        assert_eq!(until("figures after a restart", || whole(&copy)), before);
        copy.wait_ready();
    }
    // Before it was ready it has said what was restored, and how far.
    let said = copy.output();
    assert_eq!(
        said.matches("\"message\":\"restored\"").count(),
        4 * (PARTITIONS + SHARDS) as usize,
        "{said}"
    );
    // What was there before the restarts is a duplicate after them.
    let again: Vec<Outgoing> = early.iter().rev().take(200).cloned().collect();
    deployment.produce(&again);
    deployment.produce(late);
    let last = last_words(PARTITIONS, LAST_MS);
    deployment.produce(&last);
    let all: Vec<Outgoing> = [early, &again, late, &last].concat();
    folded(all.len());
    let duplicates = until("duplicates", || {
        let found: f64 = (copy.metrics().into_iter())
            .filter(|(name, _)| name.starts_with("intraday_events_total{") && name.contains("\"duplicate\""))
            .map(|(_, count)| count)
            .sum();
        if found >= again.len() as f64 { Ok(found) } else { Err(found.to_string()) }
    });
    assert_eq!(duplicates, again.len() as f64);
    assert_as_replayed(&deployment, &mut copy, &replay(&deployment, &all, &[]));
    copy.stop(Signal::Term);
}

/// A deployment that has worked and stands still.
struct Halted {
    deployment: Deployment,
    copy: Copy,
}

impl Halted {
    fn new(kafka: &'static Broker, name: &str) -> Halted {
        let deployment = Deployment::new(kafka, name, PARTITIONS, NEVER_IDLE);
        deployment.create_topics();
        let copy = Copy::new("one", &[PATIENCE, SESSION]);
        let mut halted = Halted { deployment, copy };
        let calls: Vec<Outgoing> = (0..60).map(call).collect();
        halted.deployment.produce(&calls);
        halted.runs();
        halted
    }

    /// The copy starts, becomes ready, and ends when told.
    fn runs(&mut self) {
        self.copy.start_ready(&self.deployment);
        until("commits of both stages", || {
            let folded = self.deployment.folded_count();
            let merged = self.offsets("merge").iter().all(|(_, offset)| offset.is_some());
            if folded > 0 && merged { Ok(()) } else { Err(format!("{folded} folded")) }
        });
        self.copy.stop(Signal::Term);
    }

    /// The copy starts and ends by itself, naming all of `words`.
    fn is_refused(&mut self, case: &str, words: &[&str]) {
        self.copy.start(&self.deployment);
        let (code, said) = self.copy.refusal(LIMIT);
        let last = said.lines().last().unwrap_or_default();
        assert_eq!(code, Some(1), "{case}: {said}");
        for word in words {
            assert!(last.contains(word), "{case}: {word:?} is not in {last:?}");
        }
    }

    /// The copy works some more and dies, so that the state of shards is behind what they have read.
    fn dies_at_work(&mut self) {
        self.copy.start_ready(&self.deployment);
        let read =
            |halted: &Halted| halted.offsets("merge").iter().filter_map(|(_, offset)| *offset).sum::<i64>();
        let before = read(self);
        let calls: Vec<Outgoing> = (60..120).map(call).collect();
        self.deployment.produce(&calls);
        until(
            "more commits of merge",
            || if read(self) > before { Ok(()) } else { Err(format!("{before}")) },
        );
        self.copy.stop(Signal::Kill);
    }

    /// Sets the offsets of shards as the refusals say, until none is refused; how many were.
    fn follow_advice(&mut self, group: &str) -> usize {
        for refused in 0..=SHARDS as usize {
            self.copy.start(&self.deployment);
            let Some(said) = self.copy.ready_or_refusal(LIMIT) else {
                self.copy.stop(Signal::Term);
                return refused;
            };
            let last = said.lines().last().unwrap_or_default();
            assert!(last.contains(group) && last.contains("set by hand"), "{said}");
            let number = |before: &str| -> i64 {
                let (_, rest) = last.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {last}"));
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                digits.parse().expect("a number")
            };
            self.set_offset("merge", number(".partials/") as i32, number("set it to "));
        }
        panic!("a shard is refused again after its offset was set as the refusal says");
    }

    fn group(&self, stage: &str) -> String {
        format!("{}.{stage}", self.deployment.id)
    }

    fn source(&self, stage: &str) -> (String, i32) {
        match stage {
            "fold" => (self.deployment.input.clone(), PARTITIONS),
            _ => (self.deployment.topic("partials"), SHARDS),
        }
    }

    fn state(&self, stage: &str) -> String {
        match stage {
            "fold" => self.deployment.topic(&format!("fold-state.{}", self.deployment.input)),
            _ => self.deployment.topic("merge-state"),
        }
    }

    fn member(&self, stage: &str) -> BaseConsumer {
        let mut client = self.deployment.kafka.client();
        client.set("group.id", self.group(stage)).create().expect("a consumer")
    }

    fn offsets(&self, stage: &str) -> Vec<(i32, Option<i64>)> {
        let (topic, partitions) = self.source(stage);
        let known = self.deployment.kafka.committed(&self.group(stage), &topic);
        (0..partitions).map(|partition| (partition, known.get(&partition).copied())).collect()
    }

    /// Sets an offset as the tools of Kafka do: without any mark.
    fn set_offset(&self, stage: &str, partition: i32, offset: i64) {
        let (topic, _) = self.source(stage);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, partition, Offset::Offset(offset)).expect("an offset");
        let member = self.member(stage);
        // Refused for as long as the group still has its member.
        until("an offset set by hand", || member.commit(&list, CommitMode::Sync).map_err(|e| e.to_string()));
    }

    fn delete_offsets(&self, stage: &str) {
        let admin: AdminClient<DefaultClientContext> =
            self.deployment.kafka.client().create().expect("an admin client");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        until("a deleted group", || {
            let group = self.group(stage);
            let done = runtime.block_on(admin.delete_groups(&[&group], &AdminOptions::new()));
            match done.map_err(|e| e.to_string())?.remove(0) {
                Ok(_) => Ok(()),
                Err((_, code)) => Err(code.to_string()),
            }
        });
    }

    /// The head of partition 0 of a state topic.
    fn head(&self, stage: &str) -> Vec<u8> {
        let records = self.deployment.kafka.read_all(&self.state(stage), Isolation::Committed);
        let mut heads = records.into_iter().filter(|r| r.partition == 0 && r.key.as_deref() == Some(b"head"));
        heads.next_back().and_then(|record| record.value).expect("a head")
    }

    fn write_head(&self, stage: &str, value: Option<&[u8]>) {
        self.deployment.kafka.produce(&self.state(stage), 0, Some(b"head"), value, None);
    }
}

/// A call that is queued.
fn call(number: i64) -> Outgoing {
    let contact = format!("c-{number}");
    let value = json!({"id": format!("q-{number}"), "type": "contact.queued", "time": 1_767_600_000_000_i64 + number,
        "tenant": format!("t{}", number % 5), "contact_id": contact, "channel": "voice", "queue": "q"});
    event(partition_of(&contact, PARTITIONS), &contact, &value.to_string())
}

#[test]
fn offsets_that_were_reset_by_hand_are_refused() {
    let Some(kafka) = harness::kafka() else { return };
    let mut halted = Halted::new(kafka, "reset");
    for stage in ["fold", "merge"] {
        if stage == "merge" {
            halted.dies_at_work();
        }
        let (offset, group) = (halted.offsets(stage)[0].1.expect("an offset"), halted.group(stage));
        assert!(offset > 2, "{offset}");
        for (case, wrong) in [("earlier", offset - 1), ("later", offset + 1)] {
            halted.set_offset(stage, 0, wrong);
            halted.is_refused(&format!("{stage} {case}"), &[&group, &wrong.to_string(), "/0", ANEW]);
        }
        // The others worked on while this one was refused.
        let others = halted.offsets(stage).split_off(1);
        halted.delete_offsets(stage);
        halted.is_refused(
            &format!("{stage} deleted"),
            &[&group, "no offset", "set the offset that it had", ANEW],
        );
        halted.set_offset(stage, 0, offset);
        for (partition, offset) in others {
            halted.set_offset(stage, partition, offset.expect("an offset"));
        }
        if stage == "merge" {
            assert!(halted.follow_advice(&group) > 0, "no state was behind its offset");
        }
        halted.runs();
    }
}

#[test]
fn half_a_state_is_refused() {
    let Some(kafka) = harness::kafka() else { return };
    let mut halted = Halted::new(kafka, "half");
    for stage in ["fold", "merge"] {
        let head = halted.head(stage);
        halted.write_head(stage, None);
        // A shard without groups has nothing but its head.
        let said = if stage == "fold" { "no head" } else { "/0" };
        halted.is_refused(&format!("{stage} without head"), &[said, ANEW]);
        // Of another layout: the slice, or the bounds of the histogram, are not those of this program.
        let mut other = head.clone();
        other[LAYOUT_AT] ^= 1;
        halted.write_head(stage, Some(&other));
        halted.is_refused(&format!("{stage} of another layout"), &["another layout", "/0", ANEW]);
        halted.write_head(stage, Some(&head));
    }
    halted.runs();
    halted.copy.set("INTRADAY__SERVICE__HASH_KEY", "another-hash-key");
    halted.is_refused("another hash key", &["another layout", ANEW]);
    for stage in ["fold", "merge"] {
        let (topic, partitions) = (halted.state(stage), halted.source(stage).1);
        kafka.delete_topic(&topic);
        until("the topic is gone", || if kafka.exists(&topic) { Err(topic.clone()) } else { Ok(()) });
        kafka.create_topic(&topic, partitions, &[("cleanup.policy", "compact")]);
    }
    halted.copy.set("INTRADAY__SERVICE__HASH_KEY", HASH_KEY);
    halted.is_refused("recreated state", &["holds no state", "restore the state topic", ANEW]);
}

#[test]
fn another_count_of_partitions_is_refused() {
    let Some(kafka) = harness::kafka() else { return };
    let mut halted = Halted::new(kafka, "counts");
    let partials = halted.deployment.topic("partials");
    halted.copy.set("INTRADAY__KAFKA__SHARDS", "4");
    halted.is_refused("more shards", &[&partials, "has 3 partitions and must have 4", "another service.id"]);
    halted.copy.set("INTRADAY__KAFKA__SHARDS", "3");
    halted.runs();
    // The input grows under the running service; the client looks for that every few minutes, here every second.
    halted.copy.set("INTRADAY__KAFKA__CLIENT__TOPIC_METADATA_REFRESH_INTERVAL_MS", "1000");
    halted.copy.start_ready(&halted.deployment);
    let admin: AdminClient<DefaultClientContext> = kafka.client().create().expect("an admin client");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let more = NewPartitions::new(&halted.deployment.input, PARTITIONS as usize + 1);
    let grown = runtime.block_on(admin.create_partitions(&[more], &AdminOptions::new())).expect("an answer");
    assert!(grown.iter().all(Result::is_ok), "{grown:?}");
    let (code, said) = halted.copy.refusal(LIMIT);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("is new: the topic had 2 partitions") && said.contains("accept_partitions"),
        "{said}"
    );
    halted.is_refused("a grown input", &["has 2 partitions", "kafka.accept_partitions = 3"]);
}
