//! Small files of events through the real binary: what `replay` writes is what stands beside them, read and found right
//! by hand.
//!
//! `INTRADAY_UPDATE_GOLDEN=1` writes what comes out now; read the difference before it is kept. Only the time of
//! publication is masked.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::folder::RunFolder;
use crate::harness::process::run_intraday;

/// The folder of the files.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Runs `replay` over a file and compares its standard output, standard error and rejects.
fn hold(name: &str, arguments: &[&str]) {
    let run = RunFolder::new(&format!("golden-{name}"));
    let rejects = run.path().join("rejects");
    let events = folder().join(format!("{name}.events.ndjson"));
    let mut all = vec!["replay", "--input", events.to_str().unwrap(), "--rejects", rejects.to_str().unwrap()];
    all.extend(arguments);
    let output = run_intraday(&all, b"");
    let summary = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{summary}");
    let text = masked(&String::from_utf8(output.stdout).unwrap());
    let is_csv = arguments.contains(&"csv");
    if is_csv {
        // Commas between quotes are none of the table's.
        let columns =
            |line: &str| line.split('"').step_by(2).map(|part| part.matches(',').count()).sum::<usize>();
        assert!(text.lines().all(|line| columns(line) == 25), "{text}");
    } else {
        let parse = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        assert!(text.lines().all(|line| parse(line)["schema"] == "intraday.kpi.v1"), "{text}");
    }
    compare(&format!("{name}.{}", if is_csv { "csv" } else { "ndjson" }), &text);
    compare(&format!("{name}.rejects.ndjson"), &fs::read_to_string(rejects).unwrap());
    compare(&format!("{name}.summary.txt"), &summary);
}

/// A text with the times of publication at the epoch.
fn masked(text: &str) -> String {
    let field = "\"published_at\":\"";
    let mut parts = text.split(field);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked.push_str(field);
        masked.push_str("1970-01-01T00:00:00Z");
        masked.push_str(&part[part.find('"').unwrap()..]);
    }
    masked
}

/// Compares a text with a file; an absent file is an empty one.
fn compare(name: &str, found: &str) {
    let path = folder().join(name);
    if std::env::var_os("INTRADAY_UPDATE_GOLDEN").is_some_and(|asked| asked == "1") {
        if found.is_empty() {
            let _ = fs::remove_file(&path);
        } else {
            fs::write(&path, found).unwrap();
        }
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let lines =
        expected.lines().zip(found.lines()).enumerate().find(|(_, (expected, found))| expected != found);
    if let Some((at, (expected, found))) = lines {
        let same = expected.bytes().zip(found.bytes()).take_while(|(one, other)| one == other).count();
        let around = |text: &str| text.chars().skip(same.saturating_sub(80)).take(200).collect::<String>();
        panic!(
            "{name}:{}, at {same}:\n  expected {}\n  found    {}",
            at + 1,
            around(expected),
            around(found)
        );
    }
    assert_eq!(expected.lines().count(), found.lines().count(), "{name} has another number of lines");
}

#[test]
fn a_morning_of_calls_with_a_transfer_an_overflow_and_a_callback() {
    hold("voice", &["--window", "15m"]);
}

#[test]
fn chats_that_are_answered_by_messages() {
    hold("chat", &["--window", "1h"]);
}

#[test]
fn abandons_short_and_long_and_what_is_none() {
    hold("abandons", &["--window", "1h"]);
    hold("abandons", &["--window", "1h", "--output-format", "csv"]);
}

#[test]
fn agents_with_slots_breaks_and_silence() {
    hold("agents", &["--window", "15m", "--agents"]);
}

#[test]
fn records_late_twice_or_unreadable() {
    hold("disorder", &["--window", "15m"]);
}

#[test]
fn a_day_that_loses_an_hour_in_berlin() {
    let config = folder().join("berlin.toml");
    hold("berlin", &["--window", "day", "--config", config.to_str().unwrap()]);
}
