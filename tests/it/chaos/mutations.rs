//! Guards taken away (`INTRADAY_FAULT=off:<guard>`), to show that the checker finds it; each beside a run with the guard.
//!
//! The fault that a guard is for is brought about on purpose, so that none of this is left to chance: a broker that
//! is silent for longer than records may wait, batches that lie in the partials twice, state whose transaction markers
//! come later than those of the offsets. Must never know how the service does its work.

use std::time::Duration;

use rdkafka::producer::{BaseRecord, Producer};

use super::fleet::{BRISK, Fleet, PATIENT, Patience};
use super::short::{PARTITIONS, SOON, folded, judge, short_story, wait_or_found, wait_until};
use crate::checker::Verdict;
use crate::harness;
use crate::harness::kafka::Broker;
use crate::harness::records::{Isolation, Outgoing, Record, unique_name};
use crate::harness::stream::Stream;

/// With the guard nothing is wrong, without it something is, and it is found.
fn assert_found(guard: &str, mut run: impl FnMut(Option<&str>) -> Verdict) {
    run(None).assert_clean();
    let mutated = run(Some(&format!("off:{guard}")));
    assert!(!mutated.breaches.is_empty(), "nothing was found without {guard}: {mutated:?}");
    eprintln!("without {guard}: {} breaches, as {}", mutated.breaches.len(), mutated.breaches[0]);
}

#[test]
fn an_aborted_commit_that_is_not_sent_again_as_it_was_is_found() {
    let Some(broker) = Broker::start_own() else { return };
    assert_found("same-value", |fault| {
        let story = short_story(3_000);
        let mut fleet = Fleet::new(&broker, PARTITIONS, 1, Patience { session: PATIENT.session, ..BRISK });
        fleet.start(0, fault);
        let stream = Stream::start(&broker, &fleet.input, story.records.clone(), 150);
        wait_until(&mut fleet, "a commit", |fleet| folded(fleet) > 0);
        let refused = |fleet: &Fleet<'_>| fleet.copies[0].output().matches("did not go through").count();
        while refused(&fleet) < 2 {
            let before = folded(&fleet);
            broker.pause();
            // Longer than a record may wait for the broker, shorter than its transaction may.
            std::thread::sleep(BRISK.transaction.checked_sub(Duration::from_millis(700)).unwrap());
            broker.resume();
            if let Some(found) =
                wait_or_found(&mut fleet, "a commit after the pause", |fleet| folded(fleet) > before)
            {
                return Verdict { breaches: vec![found], ..Verdict::default() };
            }
        }
        stream.stop();
        judge(&mut fleet, &story)
    });
}

#[test]
fn a_batch_that_is_taken_twice_is_found() {
    let Some(kafka) = harness::kafka() else { return };
    assert_found("seq", |fault| {
        let story = short_story(60);
        let mut fleet = Fleet::new(kafka, PARTITIONS, 1, PATIENT);
        fleet.start(0, fault);
        let count = story.records.len() as i64;
        kafka.produce_all(&fleet.input, &story.records);
        wait_until(&mut fleet, "all is folded", |fleet| folded(fleet) == count);
        let partials = format!("{}.partials", fleet.id);
        let again = |record: Record| Outgoing {
            partition: record.partition,
            key: record.key,
            value: record.value,
            timestamp_ms: None,
            headers: record.headers,
        };
        // As a broker without transactions leaves them behind a producer that died and was replaced.
        let batches =
            kafka.read_all(&partials, Isolation::Committed).into_iter().map(again).collect::<Vec<_>>();
        assert!(!batches.is_empty());
        kafka.produce_all(&partials, &batches);
        judge(&mut fleet, &story)
    });
}

#[test]
fn a_restore_from_state_that_is_behind_the_offset_is_found() {
    let Some(kafka) = harness::kafka() else { return };
    assert_found("head-equals-offset", |fault| {
        let story = short_story(120);
        let mut fleet = Fleet::new(kafka, PARTITIONS, 1, PATIENT);
        let (first, second) = story.records.split_at(story.records.len() / 2);
        fleet.start(0, None);
        kafka.produce_all(&fleet.input, first);
        wait_until(&mut fleet, "the first half is folded", |fleet| folded(fleet) == first.len() as i64);
        // While this transaction is open, readers of committed state see nothing that was written after it.
        let state = format!("{}.fold-state.{}", fleet.id, fleet.input);
        let holder = kafka.transactional(&unique_name("holder"));
        holder.begin_transaction().expect("a transaction");
        for partition in 0..PARTITIONS as i32 {
            holder.send(BaseRecord::to(&state).partition(partition).key("held").payload("")).expect("room");
        }
        holder.flush(SOON).expect("delivery");
        kafka.produce_all(&fleet.input, second);
        let count = story.records.len() as i64;
        wait_until(&mut fleet, "the second half is folded", |fleet| folded(fleet) == count);
        fleet.kill(0);
        fleet.start(0, fault);
        let restored = |fleet: &Fleet<'_>| {
            let output = fleet.copies[0].output();
            let of_fold = |line: &&str| line.contains("\"restored\"") && !line.contains(".partials\"");
            output.lines().filter(of_fold).count()
        };
        if fault.is_some() {
            wait_until(&mut fleet, "the fold goes on without its state", |fleet| restored(fleet) > 0);
        } else {
            std::thread::sleep(Duration::from_secs(3));
            assert_eq!(
                restored(&fleet),
                0,
                "state behind the offset was taken:\n{}",
                fleet.copies[0].output()
            );
        }
        holder.abort_transaction(SOON).expect("an abort");
        wait_until(&mut fleet, "the fold goes on", |fleet| restored(fleet) == PARTITIONS as usize);
        judge(&mut fleet, &story)
    });
}
