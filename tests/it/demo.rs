//! `intraday demo` as a newcomer runs it: one command, nothing installed, numbers within seconds.
//!
//! It needs no broker but the one that the demo brings along.

use std::process::Command;
use std::time::Duration;

use crate::harness::http::get;
use crate::harness::process::{Process, intraday};
use crate::kafka_deployment::eventually;

const START_LIMIT: Duration = Duration::from_secs(20);
const END_LIMIT: Duration = Duration::from_secs(45);
const QUEUES: [&str; 6] = ["billing", "cancellations", "sales", "support", "chat_sales", "chat_support"];

/// One row of the table: the queue's name, then the cells after it.
fn row<'a>(output: &'a str, queue: &str) -> Vec<&'a str> {
    let rows = output.lines().rev().map(|line| line.trim_matches(|c| c == '│' || c == ' '));
    let cells =
        rows.map(|row| row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>());
    let mut found = cells.filter(|cells| cells.first() == Some(&queue) && cells.len() > 9);
    found.next().unwrap_or_else(|| panic!("no row of {queue} in:\n{output}"))
}

#[test]
fn a_demo_of_twenty_seconds_shows_a_plausible_center() {
    let command: Command = intraday(
        &["demo", "--for", "20s", "--listen", "127.0.0.1:0", "--rate", "50", "--seed", "7"],
        &[("RUST_LOG", "info")],
    );
    let mut demo = Process::start(&command);
    let line = demo.wait_for_line("metrics     http://", START_LIMIT);
    let url = line.split_whitespace().last().unwrap().to_owned();
    // The metrics can be scraped while the simulated past is still being fed.
    eventually(&mut demo, "a queue on /metrics", || {
        let page = get(&url, &[])?;
        let has_queue = page.body.contains("contact_center_contacts_offered_total{");
        if has_queue { Ok(()) } else { Err(format!("{} lines", page.body.lines().count())) }
    });
    let status = demo.exit_within(END_LIMIT);
    let output = demo.output();
    assert_eq!(status.code(), Some(0), "{output}");
    for part in ["wallboard   http://", "/api/v1/kpis", "demo.kpis", "The broker is embedded"] {
        assert!(output.contains(part), "no {part:?} in:\n{output}");
    }
    for part in ["panicked", "\"level\":\"ERROR\"", "ERROR"] {
        assert!(!output.contains(part), "{part} in:\n{output}");
    }
    let (mut levels, mut answered) = (Vec::new(), 0);
    for queue in QUEUES {
        let cells = row(&output, queue);
        // A queue of few calls may have had none in the five minutes.
        levels.extend(cells[4].trim_end_matches(" %").parse::<f64>());
        answered += cells[cells.len() - 1].parse::<u32>().unwrap_or_else(|_| panic!("{cells:?}"));
    }
    let mean = levels.iter().sum::<f64>() / levels.len() as f64;
    assert!(levels.len() >= 4 && (50.0..=100.0).contains(&mean), "service levels {levels:?} in:\n{output}");
    assert!(answered > 50, "{answered} answered in:\n{output}");
    for team in ["care", "digital", "sales", "technical"] {
        assert!(output.contains(&format!("│ {team} ")), "no team {team}");
    }

    // The simulated center keeps the contract: what its events are judged as is the product's affair.
    let summary = output.lines().rev().find(|line| line.contains("of them not as expected")).unwrap();
    let numbers: Vec<u64> = summary.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [sent, folded, partitions, wrong] = numbers[..] else { panic!("{summary}") };
    // An idle machine feeds the whole past hour, 160,000 events, in half of the time; a busy one less.
    assert!(sent > 20_000 && folded > 10_000 && folded <= sent && partitions == 4, "{summary}");
    assert!(wrong <= 5, "{summary}");
}
