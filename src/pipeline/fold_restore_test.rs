//! A fold stage that was restored goes on as the one that was not: the same deltas, the same state, byte for byte.

use super::{Commit, Effect, FoldInput, FoldStage, Record};
use crate::event::Channel;
use crate::fold::FoldConfig;
use crate::fold::config::by_channel;
use crate::measure::batch::{BatchReader, Family};
use crate::measure::delta::Delta;
use crate::simulate::{Scenario, Simulation};
use crate::time::window::Slice;
use crate::time::{EventMs, MINUTE_MS, SECOND_MS, WallMs};
use std::collections::BTreeMap;
use std::sync::Arc;

const START: EventMs = EventMs(1_767_600_000_000);

/// Records of a commit: few, so that the ring of changes and the buckets go round.
const STEP: usize = 37;

/// The place of the epoch in a head: after format, layout and configuration epoch. Below 128 it is one byte.
const EPOCH_AT: usize = 1 + 4 * 8 + 8;

type Topic = BTreeMap<Vec<u8>, Vec<u8>>;
type Told = (u32, (Family, Vec<String>), Slice, Delta);

/// Short horizons, so that everything happens within a quarter of an hour.
fn config() -> Arc<FoldConfig> {
    Arc::new(FoldConfig {
        allowed_lateness_ms: 20 * SECOND_MS,
        dedup_horizon_ms: 90 * SECOND_MS,
        max_ids: 3_000,
        linger_ms: 2 * MINUTE_MS,
        max_age_ms: by_channel(
            |channel| if channel == Channel::Voice { 6 * MINUTE_MS } else { 9 * MINUTE_MS },
        ),
        wrapup_timeout_ms: by_channel(|_| 20 * SECOND_MS),
        agent_timeout_ms: 40 * SECOND_MS,
        silent_agent_timeout_ms: 3 * MINUTE_MS,
        max_names: 60,
        max_tenants: 3,
        max_contacts: 150,
        shards: 4,
        ..FoldConfig::default()
    })
}

/// What a stage is fed: a record, or a mark of idleness at a moment.
#[derive(Clone, Debug)]
enum Feed {
    Record(EventMs, Vec<u8>),
    Idle(EventMs),
}

fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

/// Simulated events of five tenants, some late, twice, broken, of the future or of no known type; gaps and marks.
fn feeds(seed: u64, count: usize) -> Vec<Feed> {
    let mut state = seed;
    let mut feeds: Vec<(u64, Feed)> = Vec::new();
    for (at, event) in Simulation::new(Scenario::demo(20.0), seed, START).take(count).enumerate() {
        let (at, time) = (at as u64, event.time);
        let tenant: u32 = event.key.bytes().map(u32::from).sum::<u32>() % 5;
        let text = String::from_utf8(event.value).unwrap();
        let text = text.replacen("\"acme\"", &format!("\"tenant-{tenant}\""), 1);
        match random(&mut state, 400) {
            0..12 => {
                feeds.push((at + random(&mut state, 900), Feed::Record(time, text.clone().into_bytes())));
            }
            12 => feeds.push((at, Feed::Record(time, text[..40].to_owned().into_bytes()))),
            13 => feeds.push((at, Feed::Record(time.plus(-2 * MINUTE_MS), text.clone().into_bytes()))),
            14 => {
                let text =
                    text.replacen("\"id\":\"", "\"id\":\"x", 1).replacen("\"type\":\"", "\"type\":\"x", 1);
                feeds.push((at, Feed::Record(time, text.into_bytes())));
            }
            15 if at % 4 == 0 => feeds.push((at, Feed::Idle(time.plus(12 * SECOND_MS)))),
            _ => {}
        }
        let delay = match random(&mut state, 40) {
            0 => random(&mut state, 900),
            1..4 => random(&mut state, 30),
            _ => 0,
        };
        feeds.push((at + delay, Feed::Record(time, text.into_bytes())));
    }
    feeds.sort_by_key(|(place, _)| *place);
    feeds.into_iter().map(|(_, feed)| feed).collect()
}

fn step(stage: &mut FoldStage, offset: i64, feed: &Feed) {
    match feed {
        Feed::Idle(at) => stage.step(FoldInput::Idle { wall: WallMs(at.0) }),
        Feed::Record(time, value) => {
            let (wall, value) = (WallMs(time.0), Some(value.as_slice()));
            stage.step(FoldInput::Record(Record { offset, appended: None, wall, key: None, value }));
        }
    }
}

/// Steps through the feeds of a commit and takes it; each is a second after the last, so every shard hears.
fn advance(stage: &mut FoldStage, feeds: &[Feed], number: usize) -> Commit {
    for (at, feed) in feeds.iter().enumerate() {
        step(stage, (number * STEP + at) as i64, feed);
    }
    stage.commit(WallMs(number as i64 * 1_000)).unwrap()
}

fn write(topic: &mut Topic, commit: &Commit) {
    for effect in &commit.effects {
        if let Effect::State { key, value } = effect {
            match value {
                Some(value) => _ = topic.insert(key.clone(), value.clone()),
                None => _ = topic.remove(key),
            }
        }
    }
}

fn restore(topic: &Topic, offset: i64) -> Result<FoldStage, super::Stop> {
    restore_with(config(), topic, offset)
}

fn restore_with(config: Arc<FoldConfig>, topic: &Topic, offset: i64) -> Result<FoldStage, super::Stop> {
    let records = topic.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
    FoldStage::restore(config, "events", 3, offset, records)
}

/// Deltas, then (shard, seq) of the batches.
fn told(commit: &Commit) -> (Vec<Told>, Vec<(u32, u64)>) {
    let (mut deltas, mut seqs) = (Vec::new(), Vec::new());
    for effect in &commit.effects {
        let Effect::Batch { shard, bytes } = effect else { continue };
        BatchReader::check(bytes).unwrap();
        let mut batch = BatchReader::new(bytes).unwrap();
        assert_eq!((batch.head.from, batch.head.to), (commit.from, commit.to));
        seqs.push((*shard, batch.head.seq));
        let groups: Vec<(Family, Vec<String>)> = batch
            .groups
            .iter()
            .map(|group| (group.family, group.values.iter().map(ToString::to_string).collect()))
            .collect();
        batch
            .deltas(|group, slice, delta| deltas.push((*shard, groups[group].clone(), slice, delta.clone())))
            .unwrap();
    }
    deltas.sort_by(|one, other| (one.0, &one.1, one.2).cmp(&(other.0, &other.1, other.2)));
    (deltas, seqs)
}

/// State effects and dead letters, the epoch left out.
fn kept(commit: &Commit) -> Vec<Effect> {
    let mut effects: Vec<Effect> =
        commit.effects.iter().filter(|effect| !matches!(effect, Effect::Batch { .. })).cloned().collect();
    for effect in &mut effects {
        if let Effect::State { key, value: Some(value) } = effect
            && key == b"head"
        {
            value[EPOCH_AT] = 0;
        }
    }
    effects
}

fn same(original: &Commit, restored: &Commit, at: &str) {
    assert_eq!((original.from, original.to), (restored.from, restored.to), "{at}");
    let (one, other) = (told(original), told(restored));
    assert!(one == other, "{at}: deltas or sequences differ");
    for (one, other) in kept(original).iter().zip(&kept(restored)) {
        if let (Effect::State { key, .. }, Effect::State { key: other_key, .. }) = (one, other) {
            assert_eq!(String::from_utf8_lossy(key), String::from_utf8_lossy(other_key), "{at}");
            assert!(one == other, "{at}: {} differs", String::from_utf8_lossy(key));
        }
    }
    assert_eq!(kept(original), kept(restored), "{at}");
    assert_eq!(original.report.results, restored.report.results, "{at}");
}

fn runs_alike(seed: u64, restore_at: &[usize]) {
    let feeds = feeds(seed, 24_000);
    let mut original = FoldStage::new(config(), "events", 3, 0);
    let mut topic = Topic::new();
    let mut restored: Vec<(usize, FoldStage, Topic)> = Vec::new();
    let (mut state_bytes, mut batch_bytes) = (0, 0);
    let (mut results, mut figures) = (Vec::new(), Vec::new());
    for (number, feeds) in feeds.chunks(STEP).enumerate() {
        let commit = advance(&mut original, feeds, number);
        for effect in &commit.effects {
            match effect {
                Effect::State { value, .. } => state_bytes += value.as_ref().map_or(0, Vec::len),
                Effect::Batch { bytes, .. } => batch_bytes += bytes.len(),
                _ => {}
            }
        }
        for (since, stage, topic) in &mut restored {
            let other = advance(stage, feeds, number);
            same(&commit, &other, &format!("seed {seed}, restored after {since}, commit {number}"));
            write(topic, &other);
            if number == *since + 150 {
                // What a restored stage wrote restores as well.
                *stage = restore(topic, other.to).unwrap();
            }
        }
        write(&mut topic, &commit);
        (results, figures) = (commit.report.results.clone(), commit.report.figures.clone());
        if restore_at.contains(&number) {
            restored.push((number, restore(&topic, commit.to).unwrap(), topic.clone()));
        }
    }
    assert_eq!(restored.len(), restore_at.len());
    let count = |result: &str| results.iter().filter(|row| row.0 == result).map(|row| row.2).sum::<u64>();
    for result in ["folded", "duplicate", "late", "rejected", "unknown_type", "inconsistent"] {
        assert!(count(result) > 20, "{result} hardly occurs, the test is blind to it");
    }
    assert!(count("folded") * 10 > feeds.len() as u64 * 7, "{results:?}");
    let figure = |name: &str| figures.iter().find(|figure| figure.0 == name).unwrap().1;
    for name in ["open_contacts", "open_agents", "expired", "refused", "names_overflowed", "ids_closed_early"]
    {
        assert!(figure(name) > 0, "{name} is 0, the test is blind to it");
    }
    let events = feeds.len();
    let per_event = |bytes: usize| bytes as f64 / events as f64;
    println!(
        "{events} events, {STEP} a commit: state {:.0} and batches {:.0} bytes an event; {} state records, {results:?}",
        per_event(state_bytes),
        per_event(batch_bytes),
        topic.len()
    );
}

#[test]
fn a_restored_stage_goes_on_as_the_one_that_was_not_seed_1() {
    runs_alike(1, &[0, 1, 127, 128, 300]);
}

#[test]
fn a_restored_stage_goes_on_as_the_one_that_was_not_seed_2() {
    runs_alike(2, &[17, 256, 411, 590]);
}

#[test]
fn the_records_of_a_great_commit_stay_below_the_limit_and_restore() {
    let config = Arc::new(FoldConfig { allowed_lateness_ms: 60 * MINUTE_MS, ..FoldConfig::default() });
    let mut stage = FoldStage::new(Arc::clone(&config), "events", 3, 0);
    let mut topic = Topic::new();
    let (mut offset, mut to) = (0, 0);
    for event in Simulation::new(Scenario::demo(400.0), 7, START).take(150_000) {
        step(&mut stage, offset, &Feed::Record(event.time, event.value));
        offset += 1;
        if ![25_000, 50_000, 150_000].contains(&offset) {
            continue;
        }
        assert!(stage.is_full());
        let commit = stage.commit(WallMs(offset)).unwrap();
        let (mut state_bytes, mut batch_bytes) = (0, 0);
        for effect in &commit.effects {
            let (bytes, sum) = match effect {
                Effect::State { value, .. } => (value.as_ref().map_or(0, Vec::len), &mut state_bytes),
                Effect::Batch { bytes, .. } => (bytes.len(), &mut batch_bytes),
                _ => continue,
            };
            assert!(bytes <= 768 * 1024, "{bytes}");
            *sum += bytes;
        }
        println!(
            "{} events in a commit: state {} and batches {} bytes an event",
            commit.to - commit.from,
            state_bytes as i64 / (commit.to - commit.from),
            batch_bytes as i64 / (commit.to - commit.from)
        );
        write(&mut topic, &commit);
        to = commit.to;
    }
    assert!(topic.keys().any(|key| key.starts_with(b"changes/") && key.ends_with(b"/1")));
    assert!(topic.contains_key(&b"fingerprints/5"[..]));
    assert!(restore_with(config, &topic, to).is_ok());
}

fn topic_after(seed: u64, commits: usize) -> (Topic, i64) {
    let mut stage = FoldStage::new(config(), "events", 3, 0);
    let mut topic = Topic::new();
    let mut to = 0;
    for (number, feeds) in feeds(seed, commits * STEP).chunks(STEP).take(commits).enumerate() {
        let commit = advance(&mut stage, feeds, number);
        write(&mut topic, &commit);
        to = commit.to;
    }
    (topic, to)
}

#[test]
fn another_offset_or_layout_is_refused_in_words() {
    let (topic, to) = topic_after(3, 20);
    assert!(restore(&topic, to).is_ok());
    let refused = |result: Result<FoldStage, super::Stop>| result.err().unwrap().0;
    let offset = refused(restore(&topic, to + 1));
    assert!(
        offset.contains(&format!("offset {to} ")) && offset.contains(&format!("is {}:", to + 1)),
        "{offset}"
    );
    assert!(offset.starts_with("fold state of events/3: "), "{offset}");
    let shards = FoldConfig { shards: 5, ..(*config()).clone() };
    let shards = refused(restore_with(Arc::new(shards), &topic, to));
    assert!(shards.contains("shards was 0x4 and is 0x5"), "{shards}");
    let key = FoldConfig { hash_key: [7; 16], ..(*config()).clone() };
    let key = refused(restore_with(Arc::new(key), &topic, to));
    assert!(key.contains("fingerprint of service.hash_key"), "{key}");
    assert!(refused(restore(&Topic::new(), to)).contains("no head"));
}

#[test]
fn names_configured_anew_do_not_disturb_what_is_remembered() {
    let (topic, to) = topic_after(4, 40);
    let name = ("tenant-0".to_owned(), crate::kpi::groups::Dimension::Queue, "new".to_owned());
    let config = Arc::new(FoldConfig { configured_names: vec![name], ..(*config()).clone() });
    let (mut plain, mut other) = (restore(&topic, to).unwrap(), restore_with(config, &topic, to).unwrap());
    let feeds = feeds(4, 45 * STEP);
    for (number, feeds) in feeds.chunks(STEP).enumerate().skip(40).take(4) {
        let (one, two) = (advance(&mut plain, feeds, number), advance(&mut other, feeds, number));
        assert!(told(&one).0 == told(&two).0, "commit {number}");
    }
}

#[test]
fn a_lost_record_is_noticed_or_does_not_matter() {
    let (topic, to) = topic_after(5, 500);
    let feeds = feeds(5, 502 * STEP);
    let next: Vec<&[Feed]> = feeds.chunks(STEP).skip(500).take(2).collect();
    let go_on = |stage: &mut FoldStage| {
        let commits = next.iter().enumerate().map(|(at, feeds)| advance(stage, feeds, 500 + at));
        commits.map(|commit| (told(&commit).0, commit.report)).collect::<Vec<_>>()
    };
    let expected = go_on(&mut restore(&topic, to).unwrap());
    let mut noticed = 0;
    for key in topic.keys() {
        let mut damaged = topic.clone();
        damaged.remove(key);
        match restore(&damaged, to) {
            Err(_) => noticed += 1,
            // Blocks of forgotten generations, and buckets whose entities all changed since.
            Ok(mut stage) => assert!(go_on(&mut stage) == expected, "{}", String::from_utf8_lossy(key)),
        }
    }
    assert!(noticed > crate::fold::state::RING as usize, "{noticed} of {}", topic.len());
}

#[test]
fn damaged_records_are_errors_and_never_panic() {
    let (topic, to) = topic_after(6, 150);
    let keys: Vec<&Vec<u8>> = topic.keys().collect();
    let mut state = 9;
    let mut refused = 0;
    for round in 0..600 {
        let mut damaged = topic.clone();
        let key = keys[random(&mut state, keys.len() as u64) as usize];
        let key = if round % 4 == 0 { b"head".to_vec() } else { key.clone() };
        let bytes = damaged.get_mut(&key).unwrap();
        let at = random(&mut state, bytes.len() as u64) as usize;
        match round % 3 {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << random(&mut state, 8),
            _ => bytes[at] = 0xff,
        }
        refused += usize::from(restore(&damaged, to).is_err());
    }
    assert!(refused > 100, "{refused}");
}
