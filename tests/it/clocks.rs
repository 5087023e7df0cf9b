//! Clocks that jump: the figures stay exact, windows close once, time moves no further than the clock, nothing panics.
//!
//! The wall clock is an argument of both stages: here it is set a year ahead and a day back, runs five minutes off, and
//! producers mix up seconds, milliseconds and microseconds. What the service's own threads do about a jump is tested
//! beside `src/kafka/clock.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use intraday::fold::FoldConfig;
use intraday::kpi::exposed::SeriesValue;
use intraday::kpi::families::FAMILIES;
use intraday::kpi::rules::Formula;
use intraday::merge::MergeConfig;
use intraday::pipeline::{Effect, FoldInput, FoldStage, MergeInput, MergeStage, Record};
use intraday::time::{EventMs, WallMs};
use serde_json::Value;

use crate::differential::{compare, engine, settings};
use crate::reference;
use crate::scenario::dice::Dice;
use crate::scenario::{Options, Scenario, scenario};

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
const YEAR_MS: i64 = 365 * DAY_MS;
/// 2026-01-05T08:00:00Z.
const BEGIN_MS: i64 = 1_767_600_000_000;
const PARTITIONS: u32 = 2;
const SKEW_MS: i64 = 60 * SECOND_MS;
const DISORDER_MS: i64 = 5 * SECOND_MS;

/// Both stages under a clock that a test sets.
struct Rig {
    folds: Vec<FoldStage>,
    merge: MergeStage,
    next: [i64; PARTITIONS as usize],
    partials: i64,
    /// What the clock says.
    wall: i64,
    /// The most that it ever said: how far time may have moved.
    greatest_wall: i64,
    serial: u64,
    /// Counts of contacts offered in the records of queue `q`, by status, window, start: one entry a record.
    records: Vec<(&'static str, String, i64, i64)>,
    letters: BTreeMap<&'static str, usize>,
    offered_total: Option<f64>,
    /// Publish ticks since the head of merge's state was written last.
    ticks_without_head: u32,
    batches: usize,
}

impl Rig {
    fn new() -> Rig {
        let fold = Arc::new(FoldConfig { shards: 1, ..FoldConfig::default() });
        let sources = vec![("events".to_owned(), PARTITIONS)];
        let merge = Arc::new(MergeConfig { sources, shards: 1, ..MergeConfig::default() });
        Rig {
            folds: (0..PARTITIONS).map(|at| FoldStage::new(Arc::clone(&fold), "events", at, 0)).collect(),
            merge: MergeStage::new(merge, 0, 0),
            next: [0; PARTITIONS as usize],
            partials: 0,
            wall: BEGIN_MS,
            greatest_wall: BEGIN_MS,
            serial: 0,
            records: Vec::new(),
            letters: BTreeMap::new(),
            offered_total: None,
            ticks_without_head: 0,
            batches: 0,
        }
    }

    fn set(&mut self, wall: i64) {
        self.wall = wall;
        self.greatest_wall = self.greatest_wall.max(wall);
    }

    /// A new contact in queue `q`; `time` is written as it is given.
    fn queued(&mut self, partition: u32, time: i64) {
        self.serial += 1;
        let value = format!(
            r#"{{"id":"{0}","type":"contact.queued","time":{time},"tenant":"acme","contact_id":"c{0}","channel":"voice","queue":"q"}}"#,
            self.serial
        );
        let offset = &mut self.next[partition as usize];
        let record = Record {
            offset: *offset,
            appended: None,
            wall: WallMs(self.wall),
            key: None,
            value: Some(value.as_bytes()),
        };
        *offset += 1;
        self.folds[partition as usize].step(FoldInput::Record(record));
        self.check_time();
    }

    fn idle(&mut self) {
        for fold in &mut self.folds {
            fold.step(FoldInput::Idle { wall: WallMs(self.wall) });
        }
        self.check_time();
    }

    fn stream_times(&self) -> Vec<Option<i64>> {
        self.folds.iter().map(|fold| fold.stream_time().map(|at| at.0)).collect()
    }

    /// No partition is further than the clock was ever, and the future that is allowed.
    fn check_time(&self) {
        for time in self.stream_times().into_iter().flatten() {
            assert!(time <= self.greatest_wall + SKEW_MS, "{time} under a clock of {}", self.greatest_wall);
        }
    }

    /// Commits both stages, as the service does on its paces.
    fn tick(&mut self) {
        let wall = WallMs(self.wall);
        for fold in &mut self.folds {
            for effect in fold.commit(wall).into_iter().flat_map(|commit| commit.effects) {
                match effect {
                    Effect::Batch { bytes, .. } => {
                        self.merge.step(MergeInput::Batch { offset: self.partials, bytes: &bytes }).unwrap();
                        self.partials += 1;
                        self.batches += 1;
                    }
                    Effect::DeadLetter(letter) => *self.letters.entry(letter.reason).or_default() += 1,
                    Effect::State { .. } | Effect::Kpi(_) => {}
                }
            }
        }
        self.merge.step(MergeInput::Publish { wall }).unwrap();
        self.ticks_without_head += 1;
        let Some(commit) = self.merge.commit() else { return };
        let limit = EventMs(self.greatest_wall + SKEW_MS - DISORDER_MS);
        assert!(commit.report.watermark.is_none_or(|watermark| watermark <= limit));
        for exposed in &commit.exposed {
            let of_queue = exposed.labels.iter().any(|label| label.0 == "queue" && label.1 == "q");
            let offered = |series: &&intraday::kpi::exposed::Series| {
                FAMILIES[series.family].name == "contact_center_contacts_offered_total"
            };
            if let Some(series) = exposed.series.iter().filter(|_| of_queue).find(offered)
                && let SeriesValue::Number(number) = series.value
            {
                self.offered_total = Some(number);
            }
        }
        for effect in commit.effects {
            match effect {
                Effect::Kpi(record) => self.keep(record.status, &record.value),
                Effect::State { key, .. } if key == b"head" => self.ticks_without_head = 0,
                _ => {}
            }
        }
    }

    fn keep(&mut self, status: &'static str, value: &str) {
        let record: Value = serde_json::from_str(value).unwrap();
        if record["group_set"] != "tenant,channel,queue" {
            return;
        }
        let (window, offered) = (&record["window"], &record["counts"]["contacts_offered"]);
        let start = window["start_ms"].as_i64().unwrap();
        let name = window["name"].as_str().unwrap().to_owned();
        self.records.push((status, name, start, offered.as_i64().unwrap_or(0)));
    }

    /// The counts of the finals of a window by its start; one final each. Those left out have none: contacts waited.
    fn finals(&self, window: &str) -> BTreeMap<i64, i64> {
        let mut finals = BTreeMap::new();
        for (_, _, start, count) in self.records.iter().filter(|row| row.0 == "final" && row.1 == window) {
            assert_eq!(finals.insert(*start, *count), None, "{window} at {start} is final twice");
        }
        finals.retain(|_, count| *count > 0);
        finals
    }

    fn lives(&self) -> usize {
        self.records.iter().filter(|row| row.0 == "live").count()
    }

    /// Records by result, over both partitions.
    fn results(&mut self) -> BTreeMap<String, u64> {
        let mut results = BTreeMap::new();
        for fold in &mut self.folds {
            // A heartbeat is due for the clock; only the report of the commit is wanted.
            let report = fold.commit(WallMs(self.wall + 2 * SECOND_MS)).unwrap().report;
            for (result, reason, count) in report.results.into_iter().filter(|row| row.2 > 0) {
                *results.entry(format!("{result} {reason}").trim_end().to_owned()).or_default() += count;
            }
        }
        results
    }
}

/// What a clock can be off by.
const JUMPS_MS: [i64; 7] = [0, 0, YEAR_MS, -DAY_MS, 5 * MINUTE_MS, -5 * MINUTE_MS, -10 * YEAR_MS];

#[test]
fn the_records_are_those_of_the_reference_whatever_the_clock_does() {
    let (mut refused, mut agreed) = (0, 0);
    for seed in settings::seeds(15) {
        let options = Options { contacts: 40, partitions: PARTITIONS, ..Options::default() };
        let Scenario { mut inputs, config } = scenario(seed, &options);
        let mut dice = Dice::new(seed ^ 0x00c1_0c25);
        let (mut jump_ms, mut left) = (0, 0);
        for input in &mut inputs {
            if left == 0 {
                jump_ms = JUMPS_MS[dice.between(0, JUMPS_MS.len() as i64 - 1) as usize];
                left = dice.between(1, 60);
            }
            left -= 1;
            input.wall_ms += jump_ms;
        }
        let outcome = reference::run(&config, &inputs);
        let engine = settings::engine(&config, Formula::default());
        let found = compare::compare(&outcome, &engine::run(&engine, &inputs, 37), Formula::default());
        assert_eq!(found.told(), "", "seed {seed}");
        agreed += found.agreed;
        refused += outcome.results.get("rejected").copied().unwrap_or(0);
    }
    assert!(agreed > 5_000 && refused > 500, "{agreed} figures, {refused} records refused");
}

#[test]
fn a_clock_set_back_moves_nothing_and_later_all_windows_close_with_exact_counts() {
    let mut rig = Rig::new();
    let mut wanted: BTreeMap<i64, i64> = BTreeMap::new();
    for second in 0..40 * 60 {
        let time = BEGIN_MS + second * SECOND_MS;
        let set_back = (600..660).contains(&second);
        rig.set(if set_back { time - DAY_MS } else { time + 200 });
        let before = rig.stream_times();
        if set_back {
            rig.idle();
            assert_eq!(rig.stream_times(), before, "a mark of a clock that went back moved time");
        }
        for partition in 0..PARTITIONS {
            rig.queued(partition, time);
        }
        if set_back {
            assert_eq!(rig.stream_times(), before, "a refused event moved time");
        } else {
            *wanted.entry(time.div_euclid(15 * MINUTE_MS) * 15 * MINUTE_MS).or_default() += 2;
        }
        if second % 5 == 0 {
            rig.tick();
        }
    }
    assert_eq!(rig.letters, BTreeMap::from([("future", 120)]));
    rig.set(BEGIN_MS + 3 * DAY_MS);
    rig.idle();
    rig.tick();
    rig.tick();
    assert_eq!(rig.finals("15m"), wanted);
    assert_eq!(rig.finals("day").values().sum::<i64>(), 2 * (40 * 60 - 60));
    let results = rig.results();
    assert_eq!(results, BTreeMap::from([("folded".into(), 4_680), ("rejected future".into(), 120)]));
}

#[test]
fn a_mark_of_a_clock_a_year_ahead_closes_each_window_once_and_what_it_makes_late_is_told() {
    let mut rig = Rig::new();
    for second in 0..300 {
        rig.set(BEGIN_MS + second * SECOND_MS);
        rig.queued(0, rig.wall);
        rig.queued(1, rig.wall);
        rig.tick();
    }
    rig.set(BEGIN_MS + YEAR_MS);
    rig.idle();
    rig.tick();
    assert_eq!(rig.finals("15m").values().copied().collect::<Vec<_>>()[0], 600);
    // The clock is right again: what comes now is late because of the mark, and says so.
    for second in 300..600 {
        rig.set(BEGIN_MS + second * SECOND_MS);
        rig.queued(0, rig.wall);
        rig.queued(1, rig.wall);
        rig.tick();
    }
    assert_eq!(rig.letters, BTreeMap::from([("late_after_idle", 600)]));
    // Once time is there again everything is counted as ever.
    for second in 0..300 {
        rig.set(BEGIN_MS + YEAR_MS + second * SECOND_MS);
        rig.queued(0, rig.wall);
        rig.queued(1, rig.wall);
        rig.tick();
    }
    rig.set(BEGIN_MS + YEAR_MS + DAY_MS);
    rig.idle();
    rig.tick();
    let at = (BEGIN_MS + YEAR_MS).div_euclid(15 * MINUTE_MS) * 15 * MINUTE_MS;
    assert_eq!(rig.finals("15m").get(&at), Some(&600));
    let results = rig.results();
    assert_eq!(results.get("folded"), Some(&1_200), "{results:?}");
    assert_eq!(results.get("late late_after_idle"), Some(&600), "{results:?}");
}

#[test]
fn clocks_five_minutes_off_close_windows_with_what_they_took() {
    // A copy's clock is ahead: the future that it takes reaches further, and no further than that.
    let mut rig = Rig::new();
    for second in 0..600 {
        let time = BEGIN_MS + second * SECOND_MS;
        rig.set(time + 5 * MINUTE_MS);
        rig.queued(0, time);
        rig.queued(1, time);
        rig.tick();
    }
    rig.queued(0, rig.wall + SKEW_MS);
    let before = rig.stream_times();
    rig.queued(1, rig.wall + SKEW_MS + 1);
    assert_eq!(rig.stream_times(), before);
    rig.set(rig.wall + DAY_MS);
    rig.idle();
    rig.tick();
    assert_eq!(rig.finals("15m"), BTreeMap::from([(BEGIN_MS, 1_200), (BEGIN_MS + 15 * MINUTE_MS, 1)]));
    assert_eq!(rig.letters, BTreeMap::from([("future", 1)]));
    // It is behind: events of now are its future. All are refused and told, and not one moves its time.
    let mut rig = Rig::new();
    for second in 0..600 {
        let time = BEGIN_MS + second * SECOND_MS;
        rig.set(time - 5 * MINUTE_MS);
        rig.queued(0, time);
        rig.tick();
    }
    assert_eq!((rig.stream_times(), rig.letters["future"]), (vec![None, None], 600));
}

#[test]
fn units_of_time_mixed_up_are_refused_and_move_nothing() {
    let mut rig = Rig::new();
    for (time, reason) in [
        (BEGIN_MS / 1_000, "bad_time"),
        (BEGIN_MS * 1_000, "bad_time"),
        (BEGIN_MS * 1_000_000, "bad_time"),
        (0, "bad_time"),
        (-BEGIN_MS, "bad_time"),
        (i64::MAX, "bad_time"),
        (i64::MIN, "bad_time"),
        (BEGIN_MS + YEAR_MS, "future"),
    ] {
        // As the first event of the partition, and after others.
        for partition in [0, 1] {
            let before = rig.stream_times();
            let refused = rig.letters.get(reason).copied().unwrap_or(0);
            rig.queued(partition, time);
            rig.tick();
            assert_eq!(rig.stream_times(), before, "{time}");
            assert_eq!(rig.letters.get(reason), Some(&(refused + 1)), "{time}: {:?}", rig.letters);
        }
        rig.queued(1, rig.wall);
    }
    rig.set(rig.wall + DAY_MS);
    rig.idle();
    rig.tick();
    assert_eq!(rig.finals("15m"), BTreeMap::from([(BEGIN_MS, 8)]));
}

#[test]
fn paces_go_on_after_the_clock_was_set_back() {
    let mut rig = Rig::new();
    let second = |rig: &mut Rig, wall: i64, times: [i64; 2]| {
        rig.set(wall);
        rig.queued(0, times[0]);
        rig.queued(1, times[1]);
        rig.tick();
    };
    // The queue appears, and everything has its pace, under a clock that is a year ahead.
    for at in 0..2 {
        let time = BEGIN_MS + at * SECOND_MS;
        second(&mut rig, time + YEAR_MS, [time, time]);
    }
    assert_eq!(rig.offered_total, Some(0.0), "a new queue is shown at 0 first");
    let (lives, batches) = (rig.lives(), rig.batches);
    for at in 2..100 {
        let time = BEGIN_MS + at * SECOND_MS;
        second(&mut rig, time, [time, time]);
    }
    // Live records of two windows come each second, the others a little slower.
    assert!(rig.lives() - lives > 150, "{} live records in 98 s", rig.lives() - lives);
    assert_eq!(rig.offered_total, Some(200.0), "a queue shown at 0 under a clock that was ahead stays so");
    assert!(rig.ticks_without_head <= 65, "no head of merge's state for {} s", rig.ticks_without_head);
    assert!(rig.batches - batches > 150);
    // A quiet partition tells its place each second, also when the clock was set back meanwhile.
    let batches = rig.batches;
    for at in 0..30 {
        rig.set(BEGIN_MS - DAY_MS + at * SECOND_MS);
        rig.tick();
    }
    assert!(rig.batches - batches >= 58, "{} heartbeats in 30 s", rig.batches - batches);
}
