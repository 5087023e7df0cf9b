//! A merge stage that another copy takes over: zeros of a new group, sliding windows, signs of life.

use super::{Commit, Effect, FoldInput, FoldStage, MergeInput, MergeStage, Record, StageKind};
use crate::fold::FoldConfig;
use crate::kpi::exposed::SeriesValue;
use crate::kpi::families::FAMILIES;
use crate::merge::{AnnouncedQueue, MergeConfig};
use crate::time::window::{Window, WindowKind};
use crate::time::{MINUTE_MS, SECOND_MS, WallMs};
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
    let mut fold =
        FoldStage::new(Arc::new(FoldConfig { shards: 1, ..FoldConfig::default() }), "events", 0, 0);
    let mut batches = Vec::new();
    for call in 0..calls {
        let time = START_MS + call * SECOND_MS;
        let event = format!(
            r#"{{"id":"{call}","type":"contact.queued","time":{time},"tenant":"t","contact_id":"c{call}","channel":"voice","queue":"q"}}"#
        );
        let wall = WallMs(time);
        let value = Some(event.as_bytes());
        fold.step(FoldInput::Record(Record { offset: call, appended: None, wall, key: None, value }));
        let effects = fold.commit(wall).unwrap().effects;
        batches.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Batch { bytes, .. } => Some(bytes),
            _ => None,
        }));
    }
    assert_eq!(batches.len() as i64, calls);
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
