//! A merge stage that another copy takes over: zeros of a new group, sliding windows, signs of life.

use super::{Commit, Effect, FoldInput, FoldStage, MergeInput, MergeStage, Record, StageKind};
use crate::fold::FoldConfig;
use crate::kpi::exposed::SeriesValue;
use crate::kpi::families::FAMILIES;
use crate::kpi::groups::Dimension;
use crate::measure::batch::{BatchHead, BatchWriter, Family};
use crate::measure::delta::Delta;
use crate::measure::ids::{Count, Span};
use crate::merge::{AnnouncedQueue, MergeConfig};
use crate::time::window::Slice;
use crate::time::window::{Window, WindowKind};
use crate::time::{EventMs, MINUTE_MS, SECOND_MS, WallMs};
use std::collections::BTreeMap;
use std::sync::Arc;

const START_MS: i64 = 1_767_600_000_000;

fn config(windows: Vec<Window>) -> Arc<MergeConfig> {
    let sources = vec![("events".to_owned(), 1)];
    Arc::new(MergeConfig { windows, sources, shards: 1, ..MergeConfig::default() })
}

fn sliding(minutes: i64) -> Window {
    let kind = WindowKind::Sliding { length_ms: minutes * MINUTE_MS };
    Window { name: format!("{minutes}m"), kind, pace_ms: SECOND_MS }
}

/// The batches of calls that are queued a second apart, one batch a call.
fn batches(calls: i64) -> Vec<Vec<u8>> {
    let times: Vec<i64> = (0..calls).map(|call| START_MS + call * SECOND_MS).collect();
    batches_at(&times)
}

/// The batches of calls that are queued at these times, one batch a call.
fn batches_at(times: &[i64]) -> Vec<Vec<u8>> {
    let mut fold =
        FoldStage::new(Arc::new(FoldConfig { shards: 1, ..FoldConfig::default() }), "events", 0, 0);
    let mut batches = Vec::new();
    for (call, time) in times.iter().enumerate() {
        let event = format!(
            r#"{{"id":"{call}","type":"contact.queued","time":{time},"tenant":"t","contact_id":"c{call}","channel":"voice","queue":"q"}}"#
        );
        let wall = WallMs(*time);
        let value = Some(event.as_bytes());
        fold.step(FoldInput::Record(Record { offset: call as i64, appended: None, wall, key: None, value }));
        let effects = fold.commit(wall).unwrap().effects;
        batches.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Batch { bytes, .. } => Some(bytes),
            _ => None,
        }));
    }
    assert_eq!(batches.len(), times.len());
    batches
}

fn feed(stage: &mut MergeStage, batches: &[Vec<u8>], from: usize) {
    for (place, bytes) in batches.iter().enumerate().skip(from) {
        stage.step(MergeInput::Batch { offset: place as i64, bytes }).unwrap();
    }
}

fn publish(stage: &mut MergeStage, wall_ms: i64) -> Option<Commit> {
    stage.step(MergeInput::Publish { wall: WallMs(wall_ms) }).unwrap();
    stage.commit()
}

fn keep(state: &mut BTreeMap<Vec<u8>, Vec<u8>>, commit: &Commit) {
    for effect in &commit.effects {
        if let Effect::State { key, value } = effect {
            match value {
                Some(value) => _ = state.insert(key.clone(), value.clone()),
                None => _ = state.remove(key),
            }
        }
    }
}

fn restore(config: &Arc<MergeConfig>, offset: i64, state: &BTreeMap<Vec<u8>, Vec<u8>>) -> MergeStage {
    let records = state.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
    MergeStage::restore(Arc::clone(config), 0, offset, records).unwrap()
}

/// The counter of offered contacts as a commit exposes it.
fn offered(commit: &Commit) -> Option<f64> {
    let all = commit.exposed.iter().flat_map(|exposed| &exposed.series);
    all.filter(|series| FAMILIES[series.family].name == "contact_center_contacts_offered_total").find_map(
        |series| match series.value {
            SeriesValue::Number(number) => Some(number),
            SeriesValue::Histogram { .. } => None,
        },
    )
}

#[test]
fn a_new_group_stays_at_0_for_its_time_whoever_has_it() {
    let (config, batches) = (config(Window::shipped()), batches(3));
    let (mut one, mut state) = (MergeStage::new(Arc::clone(&config), 0, 0), BTreeMap::new());
    // The cycle of snapshots begins before the group is there, and ends long after.
    for (upto, wall_ms) in [(1, 1_000), (2, 1_200)] {
        feed(&mut one, &batches[..upto], upto - 1);
        let commit = publish(&mut one, wall_ms).unwrap();
        assert_eq!(offered(&commit), Some(0.0));
        keep(&mut state, &commit);
    }
    let mut two = restore(&config, 2, &state);
    let from = two.replay_from();
    feed(&mut two, &batches[..2], usize::try_from(from).unwrap());
    feed(&mut two, &batches, 2);
    assert_eq!(offered(&publish(&mut two, 5_000).unwrap()), Some(0.0), "its time is not over");
    let due = publish(&mut two, 1_000 + config.announce_ms).unwrap();
    assert_eq!(offered(&due), Some(3.0));
}

#[test]
fn configured_queues_of_the_shard_are_shown_at_0_from_the_start() {
    let announced = [(0, "q"), (0, "idle"), (1, "elsewhere")].map(|(shard, queue)| AnnouncedQueue {
        shard,
        tenant: "t".to_owned(),
        channel: "voice".to_owned(),
        queue: queue.to_owned(),
    });
    let config = MergeConfig { announced: announced.to_vec(), ..(*config(Window::shipped())).clone() };
    let (config, batches) = (Arc::new(config), batches(1));
    let shown = |commit: &Commit| {
        let names = commit.exposed.iter().filter_map(|exposed| {
            exposed.labels.iter().find(|(label, _)| *label == "queue").map(|(_, queue)| queue.clone())
        });
        names.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    let (mut one, mut state) = (MergeStage::new(Arc::clone(&config), 0, 0), BTreeMap::new());
    assert_eq!(
        publish(&mut one, 1_000),
        None,
        "nobody has written to the shard: there is nothing to restore from"
    );
    feed(&mut one, &batches, 0);
    let commit = publish(&mut one, 1_200).unwrap();
    assert_eq!(shown(&commit), ["idle", "q"]);
    assert_eq!(offered(&commit), Some(0.0), "also what came before anybody could look");
    keep(&mut state, &commit);
    let mut two = restore(&config, 1, &state);
    let from = usize::try_from(two.replay_from()).unwrap();
    feed(&mut two, &batches, from);
    let commit = publish(&mut two, 1_000 + config.announce_ms).unwrap();
    assert_eq!(shown(&commit), ["idle", "q"]);
}

#[test]
fn sliding_windows_come_back_by_name() {
    let batches = batches(2);
    let was = config(vec![sliding(5), sliding(30)]);
    let (mut one, mut state) = (MergeStage::new(Arc::clone(&was), 0, 0), BTreeMap::new());
    feed(&mut one, &batches, 0);
    keep(&mut state, &publish(&mut one, 1_000).unwrap());
    for windows in [vec![sliding(30), sliding(5)], vec![sliding(30)], vec![sliding(10), sliding(5)]] {
        let is = config(windows.clone());
        let mut two = restore(&is, 2, &state);
        assert_eq!(two.replay_from(), 2);
        let commit = publish(&mut two, 70_000).unwrap();
        let live = |window: &Window| {
            let name = format!("\"name\":\"{}\"", window.name);
            commit.effects.iter().any(|effect| {
                matches!(effect, Effect::Kpi(record) if record.value.contains(&name)
                    && record.value.contains("\"contacts_offered\":2"))
            })
        };
        let found: Vec<bool> = windows.iter().map(live).collect();
        let wanted: Vec<bool> = windows.iter().map(|window| window.name != "10m").collect();
        assert_eq!(found, wanted, "{windows:?}");
    }
}

#[test]
fn a_shard_without_news_gives_a_sign_of_life_each_second() {
    let config = MergeConfig { announce_ms: 0, ..(*config(Window::shipped())).clone() };
    let mut stage = MergeStage::new(Arc::new(config), 0, 0);
    feed(&mut stage, &batches(1), 0);
    assert!(publish(&mut stage, 100_000).is_some());
    // The gauges of its windows follow, and then nothing.
    while publish(&mut stage, 102_000).is_some_and(|commit| !commit.exposed.is_empty()) {}
    assert_eq!(publish(&mut stage, 102_900), None);
    let sign = publish(&mut stage, 103_100).unwrap();
    assert_eq!((sign.stage, sign.from, sign.to, sign.effects.len()), (StageKind::Merge, 1, 1, 0));
    assert_eq!(publish(&mut stage, 103_900), None);
}

/// The KPI records of a commit: key and status.
fn records(commit: Option<Commit>) -> Vec<(String, &'static str)> {
    let effects = commit.into_iter().flat_map(|commit| commit.effects);
    let records = effects.filter_map(|effect| match effect {
        Effect::Kpi(record) => Some((record.key, record.status)),
        _ => None,
    });
    records.collect()
}

#[test]
fn a_window_that_was_finalised_by_force_is_not_finalised_again_by_anyone() {
    // Contacts wait through several windows, of which few may be kept.
    let times: Vec<i64> = (0..6).map(|call| START_MS + call * 20 * MINUTE_MS).collect();
    let batches = batches_at(&times);
    let windows = Window::shipped().into_iter().filter(|window| window.name == "15m").collect();
    let config = Arc::new(MergeConfig { max_windows: 6, ..(*config(windows)).clone() });
    for died in 1..=batches.len() {
        let (mut stage, mut state) = (MergeStage::new(Arc::clone(&config), 0, 0), BTreeMap::new());
        let mut settled: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for offset in 0..=batches.len() {
            if offset == died {
                stage = restore(&config, offset as i64, &state);
                let from = usize::try_from(stage.replay_from()).unwrap();
                feed(&mut stage, &batches[..offset], from);
            }
            feed(&mut stage, &batches[..(offset + 1).min(batches.len())], offset);
            let commit = publish(&mut stage, 1_000 + offset as i64 * 100);
            keep(&mut state, commit.as_ref().unwrap());
            for (key, status) in records(commit).into_iter().filter(|record| record.1 != "live") {
                settled.entry(key).or_default().push(status);
            }
        }
        assert!(stage.shard().counts().forced > 0);
        assert!(settled.len() > 10, "{settled:?}");
        for (key, statuses) in settled {
            assert_eq!(statuses, ["final"], "{key}, died before {died}");
        }
    }
}

/// A batch of talk times in each of `slices` slices, for one group that is nearly nothing but them.
fn heavy_batch(seq: u64, slices: std::ops::Range<i64>, values: usize) -> Vec<u8> {
    let mut writer = BatchWriter::default();
    let names = ["t", "voice", "q"].into_iter().zip(1..).map(|(name, id)| (id, name));
    let place =
        writer.group(0, Family::Contact, names.chain(std::iter::repeat((0, ""))).take(Dimension::LEN));
    let first = Slice::of(EventMs(START_MS));
    for slice in slices {
        let mut delta = Delta::default();
        delta.count(Count::ContactsOffered, 1);
        delta.values.extend((0..values).map(|value| (Span::Talk, 2_000_000 + value as i64 * 7 % 90_000)));
        writer.delta(place, Slice(first.0 + slice), &delta);
    }
    let head = BatchHead {
        topic: "events".to_owned(),
        epoch: 1,
        seq,
        stream_time: Some(EventMs(START_MS + 5 * MINUTE_MS)),
        watermark: Some(EventMs(START_MS)),
        ..BatchHead::default()
    };
    writer.finish(&head)
}

#[test]
fn a_group_of_much_traffic_is_kept_in_several_records_and_missing_ones_are_seen() {
    let config = config(vec![sliding(5)]);
    let (mut one, mut state) = (MergeStage::new(Arc::clone(&config), 0, 0), BTreeMap::new());
    one.step(MergeInput::Batch { offset: 0, bytes: &heavy_batch(1, 0..30, 9_000) }).unwrap();
    let live = |commit: &Commit| -> Vec<String> {
        let effects = commit.effects.iter().filter_map(|effect| match effect {
            Effect::Kpi(record) => Some(record.value.clone()),
            _ => None,
        });
        let mut records: Vec<String> = effects.filter(|value| value.contains("\"5m\"")).collect();
        records.sort();
        records
    };
    let commit = publish(&mut one, 70_000).unwrap();
    let wanted = live(&commit);
    assert!(wanted.iter().any(|record| record.contains("\"contacts_offered\":29")), "{wanted:?}");
    keep(&mut state, &commit);
    // So much takes more than one commit.
    while one.needed_from() == 0 {
        keep(&mut state, &publish(&mut one, 70_100).unwrap());
    }
    let parts = |state: &BTreeMap<Vec<u8>, Vec<u8>>| -> Vec<Vec<u8>> {
        state.keys().filter(|key| key.starts_with(b"slices/")).cloned().collect()
    };
    assert!(parts(&state).len() >= 2, "{} parts", parts(&state).len());
    assert!(state.values().all(|value| value.len() < 600_000));
    let mut two = restore(&config, 1, &state);
    assert_eq!(live(&publish(&mut two, 70_000).unwrap()), wanted);
    // Without a part, or a group's whole record, it is half a state.
    let groups = state.keys().filter(|key| key.starts_with(b"group/")).cloned();
    for gone in parts(&state).into_iter().chain(groups) {
        let mut half = state.clone();
        half.remove(&gone);
        let records = half.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
        let refused = MergeStage::restore(Arc::clone(&config), 0, 1, records).unwrap_err();
        assert!(refused.0.contains("restore the topic"), "{}: {refused}", String::from_utf8_lossy(&gone));
    }
}
