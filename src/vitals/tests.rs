//! What the vitals show of what they are told.

use super::*;
use crate::pipeline::{DeadLetter, KpiRecord};
use prometheus::TextEncoder;

const BUILD: Build = Build { version: "1.2.3", revision: "abc", rustc: "1.95.0" };

fn text(registry: &Registry) -> String {
    TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
}

#[test]
fn what_happened_is_shown_under_the_names_of_the_table() {
    let registry = Registry::new();
    let vitals = Vitals::new(&registry, BUILD, WallMs(2_500)).unwrap();
    let letter = DeadLetter {
        offset: 1,
        last_offset: None,
        reason: "late",
        detail: String::new(),
        key: None,
        value: None,
        original_size: None,
    };
    let record = KpiRecord { key: String::new(), value: String::new(), status: "final", revision: 1 };
    let commit = Commit {
        stage: StageKind::Merge,
        partition: 0,
        from: 0,
        to: 1,
        effects: vec![Effect::Kpi(record.clone()), Effect::Kpi(record), Effect::DeadLetter(letter)],
        exposed: Vec::new(),
        report: StageReport::default(),
    };
    vitals.commit(StageKind::Merge, CommitOutcome::Aborted, 0.2);
    vitals.commit(StageKind::Merge, CommitOutcome::Committed, 0.02);
    vitals.acknowledged(&commit);
    vitals.fold_report("events", 4, &StageReport::default(), Instant::now());
    vitals.lag(StageKind::Fold, "events", 4, 17);
    vitals.client_error("all_brokers_down");
    vitals.restore_begun(StageKind::Fold, "events", 4, WallMs(7_500));
    vitals.restore_begun(StageKind::Merge, "partials", 2, WallMs(8_000));
    vitals.restored(StageKind::Merge, "partials", 2, 3.0);
    vitals.rebalance(StageKind::Fold, Rebalance::Assigned, 6);
    let text = text(&registry);
    for line in [
        "intraday_build_info{revision=\"abc\",rustc=\"1.95.0\",version=\"1.2.3\"} 1",
        "process_start_time_seconds 2.5",
        "intraday_commits_total{outcome=\"aborted\",stage=\"merge\"} 1",
        "intraday_commit_duration_seconds_count{stage=\"merge\"} 2",
        "intraday_records_produced_total{kind=\"kpi\",stage=\"merge\"} 2",
        "intraday_revisions_published_total{status=\"final\"} 2",
        "intraday_dead_letters_total{reason=\"late\"} 1",
        "intraday_consumer_lag_records{topic=\"events\",partition=\"4\"} 17",
        "intraday_kafka_client_errors_total{kind=\"all_brokers_down\"} 1",
        "intraday_restore_start_timestamp_seconds{partition=\"4\",stage=\"fold\",topic=\"events\"} 7.5",
        "intraday_restore_duration_seconds_sum{stage=\"merge\"} 3",
        "intraday_rebalances_total{kind=\"assigned\",stage=\"fold\"} 6",
    ] {
        assert!(text.lines().any(|found| found == line), "no line {line} in\n{text}");
    }
    assert!(!text.contains("intraday_restore_start_timestamp_seconds{partition=\"2\""), "{text}");
    vitals.restore_ended(StageKind::Fold, "events", 4);
    assert!(!self::text(&registry).contains("intraday_restore_start_timestamp_seconds{"));
    vitals.withdraw_fold("events", 4);
    assert!(!self::text(&registry).contains("intraday_consumer_lag_records{"));
}

#[test]
fn a_figure_without_a_row_is_counted() {
    let registry = Registry::new();
    let vitals = Vitals::new(&registry, BUILD, WallMs(0)).unwrap();
    let report = StageReport { figures: vec![("groups", 3), ("no_such", 1)], ..StageReport::default() };
    vitals.merge_report(5, &report, Instant::now());
    let text = text(&registry);
    assert!(text.contains("intraday_groups{shard=\"5\"} 3\n"), "{text}");
    assert!(text.contains("intraday_unlisted_figures_total{stage=\"merge\"} 1\n"), "{text}");
    vitals.withdraw_merge(5);
    assert!(!self::text(&registry).contains("intraday_groups"));
}

#[test]
fn every_row_of_the_table_is_registered_once() {
    let registry = Registry::new();
    Vitals::new(&registry, BUILD, WallMs(0)).unwrap();
    assert!(Vitals::new(&registry, BUILD, WallMs(0)).is_err());
    for vital in table::VITALS {
        let again = Opts::new(vital.name, vital.help);
        let taken = registry.register(Box::new(IntCounterVec::new(again, vital.labels).unwrap()));
        assert!(taken.is_err(), "{} is in the table but not registered", vital.name);
    }
}
