//! Figures: those of the page are those of the API, they move by themselves, and names are those of people.

use super::center::{Center, Queue};
use super::{LIMIT, Viewer};
use crate::harness::http::get;
use crate::harness::process::{Process, intraday};
use serde_json::{Value, json};
use std::time::Instant;

fn share(value: &Value) -> String {
    let value = value.as_f64().unwrap();
    if value == 1.0 { "100%".to_owned() } else { format!("{:.1}%", 100.0 * value) }
}

/// What a tile must show of a record: field and text without spaces.
fn wanted(record: &Value) -> Vec<(&'static str, String)> {
    let none = || "\u{2013}".to_owned();
    let span = |value: &Value| {
        value.as_f64().map_or_else(none, |seconds| {
            let all = seconds.round() as i64;
            format!("{}:{:02}", all / 60, all % 60)
        })
    };
    let agents = |states: &[&str]| {
        let of = |state: &&str| record["levels"]["queue_agents"][state].as_i64().unwrap_or(0);
        states.iter().map(of).sum::<i64>().to_string()
    };
    let kpi = |name: &str| record["kpis"][name]["value"].clone();
    let rate = |name: &str| if kpi(name).is_null() { none() } else { share(&kpi(name)) };
    vec![
        ("waiting", record["levels"]["contacts_waiting"]["last"].as_i64().unwrap_or(0).to_string()),
        ("service_level", rate("service_level").trim_end_matches('%').to_owned()),
        ("abandon_rate", rate("abandon_rate")),
        ("asa", span(&kpi("asa"))),
        ("p90", span(&record["durations"]["wait_answered"]["p90"])),
        ("free", agents(&["available"])),
        ("ringing", agents(&["ringing"])),
        ("contact", agents(&["contact"])),
        ("wrapup", agents(&["wrapup"])),
    ]
}

#[test]
fn the_page_shows_what_the_api_says_of_a_running_center() {
    let Some(viewer) = Viewer::start() else { return };
    let command = intraday(&["demo", "--listen", "127.0.0.1:0", "--rate", "20", "--seed", "7"], &[]);
    let mut demo = Process::start(&command);
    let line = demo.wait_for_line("wallboard   http://", LIMIT);
    let url = line.split_whitespace().last().unwrap().to_owned();
    viewer.browser.open(&url);
    // A queue with callbacks has a tile more.
    let six = "document.querySelectorAll('.tile[data-channel=voice], .tile[data-channel=chat]').length === 6";
    viewer.browser.wait_for("six queues", six, LIMIT);
    viewer.wait_for_health("live");
    let name = "document.querySelector('[data-queue=support] .name').textContent";
    assert_eq!(viewer.browser.text(name), "Technical support");
    viewer.browser.run("window.notReloaded = true;", &[]);
    let mut equal = Vec::new();
    for queue in ["billing", "sales", "support", "cancellations", "chat_support", "chat_sales"] {
        let channel = if queue.starts_with("chat") { "chat" } else { "voice" };
        let group_set = ("group_set", "tenant,channel,queue");
        let asked = [("queue", queue), ("channel", channel), ("window", "5m"), group_set];
        let tile = format!("[data-queue={queue}][data-channel={channel}]");
        let start = Instant::now();
        let last = loop {
            // Figures move each second, so both are read until they are of the same moment.
            let answer = get(&format!("{url}api/v1/kpis"), &asked).unwrap();
            let records: Vec<Value> = serde_json::from_str(&answer.body).unwrap();
            let wanted = wanted(&records[0]);
            let shown: Vec<_> =
                wanted.iter().map(|(field, _)| (*field, viewer.field_of(&tile, field))).collect();
            if shown == wanted {
                break wanted;
            }
            assert!(start.elapsed() < LIMIT, "{queue}: page {shown:?}, API {wanted:?}");
        };
        equal.push((queue, last));
    }
    // Agents of each queue are known, and time goes on without a reload.
    assert!(
        equal.iter().all(|(_, fields)| fields.iter().any(|(field, text)| *field == "contact" && text != "0"))
    );
    let moved =
        format!("window.notReloaded === true && {} !== '{}'", all_text(), viewer.browser.text(all_text()));
    viewer.browser.wait_for("other figures", &moved, LIMIT);
}

fn all_text() -> &'static str {
    "[...document.querySelectorAll('[data-field=waiting], [data-field=contact]')].map((f) => f.textContent).join()"
}

#[test]
fn a_tile_follows_its_record_and_its_clock() {
    let Some(viewer) = Viewer::start() else { return };
    let quiet = Queue { waiting: 0, oldest_s: None, within: (0, 0), abandoned: 0, ..Queue::new("night") };
    let first = Queue { name: Some("First & <b>last</b>".to_owned()), ..Queue::new("first") };
    let mut center = Center::open(&[first.clone(), quiet]);
    viewer.open(&center.url(), 2);
    viewer.browser.run("window.notReloaded = true;", &[]);
    let shown = |field: &str| viewer.field("first", field);
    assert_eq!(
        (shown("waiting"), shown("service_level"), shown("abandon_rate")),
        ("2".into(), "92.0".into(), "1.0%".into())
    );
    assert_eq!((shown("asa"), shown("p90"), shown("offered")), ("0:07".into(), "0:15".into(), "100".into()));
    assert_eq!(
        (shown("service_level_goal"), shown("abandon_rate_goal")),
        ("\u{2265}80%".into(), "\u{2264}5%".into())
    );
    assert_eq!((shown("free"), shown("away"), shown("verdict")), ("6".into(), "5".into(), "Ontarget".into()));
    assert_eq!(
        viewer.browser.text("document.querySelector('[data-queue=first] .name').textContent"),
        "First & <b>last</b>"
    );
    assert_eq!(
        (viewer.field("night", "verdict"), viewer.field("night", "oldest")),
        ("Quiet".into(), "\u{2013}".into())
    );

    // The oldest wait ticks with no record coming.
    let ticks = "document.querySelector('[data-queue=first] [data-field=oldest]').textContent";
    let before = viewer.browser.text(ticks);
    viewer.browser.wait_for("a tick", &format!("{ticks} !== '{before}'"), LIMIT);

    let missed = Queue { name: None, agents: json!({}), ..Queue::in_trouble("first", 20, 14) };
    center.put(&missed);
    viewer.browser.wait_for(
        "14 waiting",
        "document.querySelector('[data-queue=first] [data-field=waiting]').textContent === '14'",
        LIMIT,
    );
    assert_eq!(
        (shown("service_level"), shown("verdict"), shown("breaching")),
        ("60.0".into(), "Noagents".into(), "7".into())
    );
    assert_eq!(viewer.browser.text("document.querySelector('[data-queue=first]').dataset.status"), "missed");
    assert_eq!(
        viewer.browser.text("document.querySelector('[data-queue=first] header use').getAttribute('href')"),
        "#shape-missed"
    );
    assert_eq!(viewer.browser.text("document.title"), "1 missed \u{b7} intraday");
    let totals = "[...document.querySelectorAll('[data-total]')].map((total) => total.textContent).join()";
    let totals = viewer.browser.text(totals);
    assert!(totals.starts_with("14,") && totals.contains("60.0"), "{totals}");
    assert_eq!(viewer.browser.text("window.notReloaded"), "true");

    // The dialog has the same record at large, and its charts are described.
    viewer.browser.run("document.querySelector('[data-queue=first] .name').click();", &[]);
    let cells = "[...document.querySelectorAll('#detail tbody tr')].map((row) => row.innerText.replace(/\\s+/g, ' ')).join('|')";
    let cells = viewer.browser.text(cells);
    assert!(cells.contains("Service level 60.0 % at least 80 % Missed"), "{cells}");
    let label =
        viewer.browser.text("document.querySelector('#detail [data-plot=waits]').getAttribute('aria-label')");
    assert!(label.contains("90 % up to 1:11") && label.contains("the longest 3:01"), "{label}");
    assert_eq!(viewer.browser.text("document.querySelectorAll('#detail canvas').length"), "3");
}
