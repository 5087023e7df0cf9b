//! Tests of the board: which record is shown, filters, pages, changes, limits.

use super::*;
use crate::time::MINUTE_MS;
use crate::vitals::Build;
use prometheus::{Registry, TextEncoder};

fn board_with(limits: BoardLimits) -> (Board, Registry) {
    let registry = Registry::new();
    let build = Build { version: "1", revision: "r", rustc: "c" };
    let vitals = Vitals::new(&registry, build, WallMs(0)).unwrap();
    (Board::new(limits, vitals), registry)
}

fn count(registry: &Registry, result: &str) -> u64 {
    let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let start = format!("intraday_board_records_total{{result=\"{result}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(start.as_str())).map_or(0, |count| count.parse().unwrap())
}

fn key(queue: &str, window: &str) -> String {
    format!(r#"["acme","tenant,channel,queue",["voice","{queue}"],"{window}","x"]"#)
}

fn value(queue: &str, window: &str, start_ms: i64, revision: i64, status: &str) -> String {
    format!(
        r#"{{"status":"{status}","revision":{revision},"group_set":"tenant,channel,queue","group":{{"tenant":"acme","channel":"voice","queue":"{queue}"}},"window":{{"name":"{window}","start_ms":{start_ms}}},"levels":{{"contacts_waiting":{{"last":{revision}}}}}}}"#
    )
}

fn put(board: &Board, queue: &str, window: &str, start_ms: i64, revision: i64, wall_ms: i64) {
    let value = value(queue, window, start_ms, revision, "live");
    board.apply(&key(queue, window), &value, WallMs(wall_ms));
}

fn revisions(shown: &[Shown]) -> Vec<(String, i64)> {
    shown
        .iter()
        .map(|shown| (shown.place.queue.as_deref().unwrap_or("").to_owned(), shown.revision))
        .collect()
}

fn pair(queue: &str, revision: i64) -> (String, i64) {
    (queue.to_owned(), revision)
}

#[test]
fn the_newest_record_of_a_group_and_window_is_shown() {
    let (board, registry) = board_with(BoardLimits::default());
    put(&board, "a", "5m", 100, 5, 0);
    put(&board, "a", "5m", 100, 4, 0);
    put(&board, "a", "5m", 50, 9, 0);
    put(&board, "a", "15m", 50, 1, 0);
    let all = board.page(&Filter::default(), None, 10);
    assert_eq!(revisions(&all), [pair("a", 1), pair("a", 5)]);
    assert_eq!(&*all[1].value, value("a", "5m", 100, 5, "live"));
    assert_eq!(count(&registry, "older"), 2);

    board.apply(&key("a", "5m"), &value("a", "5m", 100, 5, "final"), WallMs(0));
    board.apply(&key("a", "5m"), &value("a", "5m", 100, 5, "live"), WallMs(0));
    let again = board.page(&Filter { window: Some("5m".into()), ..Filter::default() }, None, 10);
    assert!(again[0].value.contains("final"));
    board.apply("no key", "no value", WallMs(0));
    assert_eq!(count(&registry, "unreadable"), 1);
}

#[test]
fn filters_and_pages() {
    let (board, _) = board_with(BoardLimits::default());
    for queue in ["a", "b", "c", "d"] {
        put(&board, queue, "5m", 0, 1, 0);
    }
    let only = |filter: Filter| revisions(&board.page(&filter, None, 10)).len();
    assert_eq!(only(Filter { queue: Some("b".into()), ..Filter::default() }), 1);
    assert_eq!(only(Filter { tenant: Some("acme".into()), ..Filter::default() }), 4);
    assert_eq!(only(Filter { tenant: Some("acm".into()), ..Filter::default() }), 0);
    assert_eq!(only(Filter { channel: Some("chat".into()), ..Filter::default() }), 0);
    assert_eq!(only(Filter { group_set: Some("tenant".into()), ..Filter::default() }), 0);
    assert_eq!(only(Filter { window: Some("day".into()), ..Filter::default() }), 0);

    let first = board.page(&Filter::default(), None, 3);
    assert_eq!(revisions(&first), [pair("a", 1), pair("b", 1), pair("c", 1)]);
    let rest = board.page(&Filter::default(), Some(&first[2].place.id), 3);
    assert_eq!(revisions(&rest), [pair("d", 1)]);
}

#[test]
fn changes_are_given_once_each_in_order_and_only_the_newest() {
    let (board, _) = board_with(BoardLimits::default());
    put(&board, "a", "5m", 0, 1, 0);
    put(&board, "b", "5m", 0, 2, 0);
    put(&board, "a", "5m", 0, 3, 0);
    let (full, seen) = board.changed_since(&Filter::default(), 0, 100);
    assert_eq!(revisions(&full), [pair("b", 2), pair("a", 3)]);
    let (none, same) = board.changed_since(&Filter::default(), seen, 100);
    assert!(none.is_empty());
    assert_eq!(same, seen);

    let mut changes = board.changes();
    for revision in 10..20 {
        put(&board, "b", "5m", 0, revision, 0);
    }
    assert!(changes.has_changed().unwrap());
    let number = *changes.borrow_and_update();
    let (later, reached) = board.changed_since(&Filter::default(), seen, 100);
    assert_eq!(revisions(&later), [pair("b", 19)]);
    assert_eq!(number, reached);

    // The number moves on past changes that the filter leaves out, so a stream does not look at them again.
    let filter = Filter { queue: Some("a".into()), ..Filter::default() };
    let (other, moved) = board.changed_since(&filter, seen, 100);
    assert!(other.is_empty() && moved == reached);
}

#[test]
fn a_full_board_refuses_new_groups_and_counts_them() {
    let (board, registry) = board_with(BoardLimits { groups_max: 2, ..BoardLimits::default() });
    put(&board, "a", "5m", 0, 1, 0);
    put(&board, "b", "5m", 0, 1, 0);
    put(&board, "c", "5m", 0, 1, 0);
    put(&board, "a", "5m", 0, 2, 0);
    assert_eq!(revisions(&board.page(&Filter::default(), None, 10)), [pair("a", 2), pair("b", 1)]);
    assert_eq!(count(&registry, "refused"), 1);
}

#[test]
fn a_record_beyond_its_size_is_not_taken() {
    let (board, registry) = board_with(BoardLimits { record_bytes_max: 100, ..BoardLimits::default() });
    put(&board, "a", "5m", 0, 1, 0);
    assert!(board.page(&Filter::default(), None, 10).is_empty());
    assert_eq!(count(&registry, "unreadable"), 1);
}

#[test]
fn what_is_not_heard_of_is_forgotten() {
    let limits = BoardLimits { forget_after_ms: 10 * MINUTE_MS, ..BoardLimits::default() };
    let (board, registry) = board_with(limits);
    put(&board, "a", "5m", 0, 1, 0);
    put(&board, "b", "5m", 0, 1, 5 * MINUTE_MS);
    put(&board, "c", "5m", 0, 1, 11 * MINUTE_MS);
    assert_eq!(revisions(&board.page(&Filter::default(), None, 10)), [pair("b", 1), pair("c", 1)]);
    assert_eq!(board.changed_since(&Filter::default(), 0, 100).0.len(), 2);
    assert_eq!(count(&registry, "forgotten"), 1);
}

#[test]
fn points_are_a_second_apart_and_bounded() {
    let (board, _) =
        board_with(BoardLimits { points_max: 3, point_every_max_ms: 1_000, ..BoardLimits::default() });
    for (revision, wall_ms) in [(1, 0), (2, 999), (3, 1_000), (4, 2_500), (5, 3_000), (6, 3_500)] {
        put(&board, "a", "5m", 0, revision, wall_ms);
    }
    assert_eq!(points_of(&board), [(1_000, Some(3.0)), (2_500, Some(4.0)), (3_500, Some(6.0))]);
}

#[test]
fn points_grow_sparser_before_the_oldest_goes() {
    let limits = BoardLimits { points_max: 4, point_every_max_ms: 4_000, ..BoardLimits::default() };
    let (board, _) = board_with(limits);
    let kept = |until: i64| {
        for revision in 1..=until {
            put(&board, "a", "5m", 0, revision, revision * 1_000);
        }
        points_of(&board).into_iter().map(|(at_ms, _)| at_ms / 1_000).collect::<Vec<i64>>()
    };
    assert_eq!(kept(4), [1, 2, 3, 4]);
    assert_eq!(kept(5), [1, 3, 5]);
    assert_eq!(kept(8), [1, 3, 5, 7]);
    assert_eq!(kept(9), [1, 5, 9]);
    assert_eq!(kept(17), [5, 9, 13, 17]);
    assert_eq!(kept(22), [9, 13, 17, 21]);
    assert_eq!(board.heard(), Some(WallMs(22_000)));
}

fn points_of(board: &Board) -> Vec<(i64, Option<f32>)> {
    let points = board.points(&Filter::default(), None, 10);
    points[0].1.iter().map(|point| (point.at_ms, point.contacts_waiting)).collect()
}
