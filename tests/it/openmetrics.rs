//! `replay --output-format openmetrics`: its form, its values, and days of a simulated center in a real Prometheus, over
//! which the alerts of `deploy/` are asked when they would have fired.
//!
//! Hours by default, so that it is quick; a whole day: `INTRADAY_TEST_DAY_HOURS=24 cargo test --test it openmetrics::`.

mod past;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::past::{Past, scenario};
use crate::golden;
use crate::harness::folder::RunFolder;
use crate::harness::process::run_intraday;

const SPIKE: &str = "ContactCenterAbandonRateSpike";
const STEP_S: i64 = 15;
/// When the agents leave: the rule has its two hours before, and ten minutes that it leaves out.
const INCIDENT_S: i64 = 3 * 3_600;
/// From the incident to the first moment at which the spike fires; measured live: 129 and 137 s to the message.
const FIRES_WITHIN_S: i64 = 420;
/// From the end of the incident to the last moment: the window has to forget it.
const ENDS_WITHIN_S: i64 = 600;

/// A sample line: name, labels, value, time.
fn sample(line: &str) -> (&str, &str, f64, i64) {
    let (series, rest) = line
        .rsplit_once("} ")
        .map_or_else(|| line.split_once(' ').unwrap(), |(series, rest)| (&line[..=series.len()], rest));
    let (value, at) = rest.split_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    (name, labels, value.parse().unwrap(), at.parse().unwrap())
}

/// Replays the golden file and gives the text.
fn replayed(file: &str, arguments: &[&str]) -> String {
    let events = golden::folder().join(file);
    let mut all = vec!["replay", "--input", events.to_str().unwrap()];
    all.extend(arguments);
    let output = run_intraday(&all, b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_text_is_grouped_by_family_and_series_and_ends() {
    let text = replayed("voice.events.ndjson", &["--output-format", "openmetrics"]);
    assert!(text.ends_with("\n# EOF\n"), "{}", &text[text.len().saturating_sub(200)..]);
    let (mut families, mut series_seen) = (BTreeSet::new(), BTreeSet::new());
    let mut family = String::new();
    let mut series = (String::new(), i64::MIN);
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap().to_owned();
            assert!(families.insert(family.clone()), "{family} stands twice");
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let (name, labels, _, at) = sample(line);
        assert!(name.starts_with(&family), "{line} stands under {family}");
        assert_eq!(at % STEP_S, 0, "{line}");
        // The lines of a histogram's point belong together, and the series goes on with the next point.
        let of_point = |label: &&str| !label.starts_with("le=");
        let labels = labels.trim_end_matches('}').split(',').filter(of_point).collect::<Vec<_>>().join(",");
        let key = format!("{family}{labels}");
        if key == series.0 {
            let is_point = name.ends_with("_bucket") || name.ends_with("_sum") || name.ends_with("_count");
            assert!(at > series.1 || at == series.1 && is_point, "{line} after {}", series.1);
        } else {
            assert!(series_seen.insert(key.clone()), "{line} is torn from its series");
        }
        series = (key, at);
    }
    assert!(families.len() > 60, "{} families", families.len());
    assert!(families.contains("contact_center_wait_seconds"), "{families:?}");
}

#[test]
fn the_counters_end_where_the_record_of_the_day_does() {
    let text = replayed("voice.events.ndjson", &["--output-format", "openmetrics", "--step", "1s"]);
    let mut last: BTreeMap<(String, String), f64> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, labels, value, _) = sample(line);
        if let Some(name) = name.strip_prefix("contact_center_").and_then(|name| name.strip_suffix("_total"))
        {
            let before = last.insert((labels.to_owned(), name.to_owned()), value);
            assert!(before.is_none_or(|before| before <= value), "{line} falls from {before:?}");
        }
    }
    let records = replayed("voice.events.ndjson", &["--window", "day"]);
    let mut compared = 0;
    for record in records.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        if record["group_set"] != "tenant,channel,queue" {
            continue;
        }
        let group = |name: &str| record["group"][name].as_str().unwrap();
        let [tenant, channel, queue] = ["tenant", "channel", "queue"].map(group);
        let labels = format!("tenant=\"{tenant}\",channel=\"{channel}\",queue=\"{queue}\"}}");
        for (count, value) in record["counts"].as_object().unwrap() {
            if let Some(found) = last.get(&(labels.clone(), count.clone())) {
                assert_eq!(Some(*found), value.as_f64(), "{count} of {labels}");
                compared += 1;
            }
        }
    }
    assert!(compared > 10, "only {compared} counts were compared");
}

#[test]
fn what_cannot_be_is_refused() {
    let events = golden::folder().join("voice.events.ndjson");
    let refused = |arguments: &[&str], code: i32, wanted: &str| {
        let mut all = vec!["replay", "--input", events.to_str().unwrap()];
        all.extend(arguments);
        let output = run_intraday(&all, b"");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(wanted), "{told}");
    };
    let openmetrics = ["--output-format", "openmetrics"];
    refused(&["--step", "15s"], 64, "--step is of --output-format openmetrics only");
    refused(&[&openmetrics[..], &["--step", "10m"]].concat(), 64, "not within 1s and 5m");
    refused(&[&openmetrics[..], &["--window", "15m"]].concat(), 64, "only sliding ones and days");
    refused(&[&openmetrics[..], &["--max-samples", "1000"]].concat(), 1, "more than 1000 samples");
}

fn hours() -> i64 {
    let hours = std::env::var("INTRADAY_TEST_DAY_HOURS").ok().and_then(|text| text.parse().ok());
    hours.unwrap_or(4_i64).max(4)
}

#[test]
fn over_a_quiet_day_no_alert_would_have_fired() {
    let folder = RunFolder::new("openmetrics-quiet");
    let mut quiet = scenario();
    quiet["incidents"] = json!([]);
    let Some(past) = Past::open(&folder, &quiet, hours()) else { return };
    let contacts = past.longest("contact_center_abandon_window_contacts{window='5m',queue='billing'} >= 30");
    assert!(contacts > 3 * 3_600, "the rule had something to judge for {contacts} s only");
    let judged = past.longest("queue:contact_center_abandon_ratio:mean2h{queue='billing'} > 0");
    assert!(judged > 3_600, "the rule had hours before for {judged} s only");
    assert_eq!(past.fired(), BTreeMap::new());
}

#[test]
fn the_same_day_with_an_incident_fires_in_it_and_nowhere_else() {
    let folder = RunFolder::new("openmetrics-incident");
    let mut staged = scenario();
    staged["incidents"][0]["at_offset_seconds"] = json!(INCIDENT_S);
    let lasts = staged["incidents"][0]["duration_seconds"].as_i64().unwrap();
    let Some(past) = Past::open(&folder, &staged, hours()) else { return };
    let fired = past.fired();
    let spikes: Vec<_> = fired.iter().filter(|((alert, _), _)| alert == SPIKE).collect();
    assert_eq!(spikes.len(), 1, "{fired:?}");
    let ((_, labels), times) = spikes[0];
    assert_eq!((labels["queue"].as_str(), labels["channel"].as_str()), ("billing", "voice"));
    let first = times[0].0 - INCIDENT_S;
    assert!((0..=FIRES_WITHIN_S).contains(&first), "it fires {first} s after the incident began: {fired:?}");
    for ((alert, labels), times) in &fired {
        assert_eq!(labels["queue"], "billing", "{alert}: {fired:?}");
        for (from, to) in times {
            let within = INCIDENT_S..=INCIDENT_S + lasts + ENDS_WITHIN_S;
            assert!(within.contains(from) && within.contains(to), "{alert} fires {from}..{to}: {fired:?}");
        }
    }
    eprintln!("the spike fires {first} s after the incident began, and as a whole: {fired:?}");
}
