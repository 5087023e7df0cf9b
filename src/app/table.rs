//! The live table of the demo: one row a queue, one a team, from the newest records.

use crate::http::{Board, Filter};
use crate::time::WallMs;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::Value;

/// Rows shown at most.
const ROWS_MAX: usize = 60;

/// The tables as text: the last five minutes by queue, agents by team.
pub fn render(board: &Board, wall: WallMs) -> String {
    format!("{}\n\n{}", queues(board, wall), teams(board))
}

fn queues(board: &Board, wall: WallMs) -> Table {
    let mut table = blank(&[
        "queue (last 5 min)",
        "channel",
        "waiting",
        "oldest",
        "service level",
        "abandon rate",
        "ASA",
        "wait p90",
        "AHT",
        "first response p90",
        "answered",
    ]);
    for record in records(board, "tenant,channel,queue") {
        let queue = text(&record["group"]["queue"]);
        if queue.is_empty() {
            continue;
        }
        let kpi = |name: &str| record["kpis"][name]["value"].as_f64();
        let p90 = |name: &str| record["durations"][name]["p90"].as_f64();
        table.add_row([
            queue,
            text(&record["group"]["channel"]),
            whole(&record["levels"]["contacts_waiting"]["last"]),
            age(&record["levels"]["oldest_wait_start"], now_of(&record, wall)),
            percent(kpi("service_level")),
            percent(kpi("abandon_rate")),
            seconds(kpi("asa")),
            seconds(p90("wait_answered")),
            seconds(kpi("aht")),
            seconds(p90("first_response_time")),
            whole(&record["counts"]["contacts_answered"]),
        ]);
    }
    align(table)
}

fn teams(board: &Board) -> Table {
    let headings =
        ["team (last 5 min)", "available", "on contact", "wrap-up", "break", "occupancy", "handled", "AHT"];
    let mut table = blank(&headings);
    for record in records(board, "tenant,team") {
        let agents = |state: &str| whole(&record["levels"][format!("agents_{state}")]["last"]);
        let kpi = |name: &str| record["kpis"][name]["value"].as_f64();
        table.add_row([
            text(&record["group"]["team"]),
            agents("available"),
            agents("contact"),
            agents("wrapup"),
            agents("break"),
            percent(kpi("occupancy")),
            whole(&record["counts"]["contacts_handled"]),
            seconds(kpi("aht")),
        ]);
    }
    align(table)
}

fn records(board: &Board, group_set: &str) -> Vec<Value> {
    let filter =
        Filter { window: Some("5m".to_owned()), group_set: Some(group_set.to_owned()), ..Filter::default() };
    let shown = board.page(&filter, None, ROWS_MAX);
    shown.iter().filter_map(|shown| serde_json::from_str(&shown.value).ok()).collect()
}

fn blank(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_header(headings);
    table
}

fn align(mut table: Table) -> Table {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn whole(value: &Value) -> String {
    value.as_i64().map_or_else(|| "0".to_owned(), |number| number.to_string())
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.1} %", value * 100.0))
}

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} s"))
}

/// What time it is for a record of a sliding window: while the past is being fed, the window's end.
fn now_of(record: &Value, wall: WallMs) -> i64 {
    record["window"]["end_ms"].as_i64().map_or(wall.0, |end_ms| end_ms.min(wall.0))
}

fn age(start: &Value, now_ms: i64) -> String {
    let start = start.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    start.map_or_else(
        || "-".to_owned(),
        |start| format!("{} s", (now_ms - start.as_millisecond()).max(0) / 1_000),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_wait_of_the_simulated_past_is_as_old_as_it_was_then() {
        let start = json!("2026-01-05T08:00:00Z");
        let start_ms = 1_767_600_000_000;
        let past = json!({"window": {"end_ms": start_ms + 20_000}});
        assert_eq!(age(&start, now_of(&past, WallMs(start_ms + 3_000_000))), "20 s");
        // A window ends at the slice edge at or after now.
        assert_eq!(age(&start, now_of(&past, WallMs(start_ms + 15_000))), "15 s");
        assert_eq!(age(&Value::Null, start_ms), "-");
    }
}
