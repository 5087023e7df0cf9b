//! The past of a simulated center in a real Prometheus, and when the alerts of `deploy/` would have fired over it.
//!
//! Recorded series are not there in a past that nobody recorded, so the queries of the rules are put in their place.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::STEP_S;
use crate::harness::folder::RunFolder;
use crate::harness::guard::output_within;
use crate::harness::process::intraday;
use crate::harness::prometheus::{Prometheus, promtool};
use crate::harness::provision::present;

/// Monday, 5 January 2026, 00:00 UTC.
const START: &str = "2026-01-05T00:00:00Z";
const START_S: i64 = 1_767_571_200;
/// A whole day in a debug build on a loaded machine.
const RUN_LIMIT: Duration = Duration::from_secs(900);
const RULES: &str = "operations.rules.yml";

/// When alerts fired: (alert, labels as text) by spans in seconds from the start.
pub type Fired = BTreeMap<(String, Labels), Vec<(i64, i64)>>;

/// Labels in their order.
pub type Labels = BTreeMap<String, String>;

/// A stretch of time in a Prometheus.
pub struct Past {
    prometheus: Prometheus,
    recorded: BTreeMap<String, String>,
    end_s: i64,
}

fn deploy(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The scenario that ships, with what goes wrong in it.
pub fn scenario() -> Value {
    serde_json::from_str(&deploy("scenarios/agents_leave.json")).unwrap()
}

fn done(arguments: &[&str]) {
    let output =
        output_within(&mut intraday(arguments, &[]), b"", RUN_LIMIT).unwrap_or_else(|e| panic!("{e}"));
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Past {
    /// Plays hours of a scenario and loads what /metrics would have shown. None where there is no Prometheus.
    pub fn open(folder: &RunFolder, scenario: &Value, hours: i64) -> Option<Past> {
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let [file, events, text, blocks] = ["scenario.json", "day.ndjson", "day.om", "blocks"].map(path);
        fs::write(&file, scenario.to_string()).unwrap();
        let lasts = format!("{hours}h");
        done(&[
            "generate",
            "--scenario",
            &file,
            "--start",
            START,
            "--for",
            &lasts,
            "--seed",
            "7",
            "--to",
            &events,
        ]);
        done(&["replay", "--input", &events, "--output-format", "openmetrics", "--output", &text]);
        let made = present(promtool(&["tsdb", "create-blocks-from", "openmetrics", &text, &blocks], ""))?;
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let configuration = format!("rule_files: [{RULES}]\n");
        let rules = deploy(&format!("prometheus/{RULES}"));
        let prometheus = Prometheus::start_on_blocks(&configuration, &[(RULES, &rules)], Path::new(&blocks))?;
        let recorded = rules_of(&prometheus, "record").into_iter();
        let recorded = recorded.map(|rule| (text_of(&rule["name"]), text_of(&rule["query"]))).collect();
        Some(Past { prometheus, recorded, end_s: START_S + hours * 3_600 })
    }

    /// When each alert would have fired: its query held at every step for as long as it must.
    pub fn fired(&self) -> Fired {
        let mut fired = Fired::new();
        let alerts = rules_of(&self.prometheus, "alert");
        assert!(alerts.len() >= 5, "{alerts:?}");
        for alert in alerts {
            let must_hold_s = alert["duration"].as_f64().unwrap() as i64;
            for (labels, spans) in self.spans(&text_of(&alert["query"])) {
                let spans = spans.into_iter().map(|(from, to)| (from + must_hold_s, to));
                let spans: Vec<_> = spans.filter(|(from, to)| from <= to).collect();
                if !spans.is_empty() {
                    fired.insert((text_of(&alert["name"]), labels), spans);
                }
            }
        }
        fired
    }

    /// For how long a query held without a break at most, seconds.
    pub fn longest(&self, query: &str) -> i64 {
        let spans = self.spans(query);
        spans.values().flatten().map(|(from, to)| to - from).max().unwrap_or(0)
    }

    /// When a query gave something: by labels, spans in seconds from the start.
    fn spans(&self, query: &str) -> BTreeMap<Labels, Vec<(i64, i64)>> {
        let query = inlined(query, &self.recorded);
        let (start, end, step) = (START_S.to_string(), self.end_s.to_string(), STEP_S.to_string());
        let parameters = [("query", query.as_str()), ("start", &start), ("end", &end), ("step", &step)];
        let answer = self.prometheus.api("/api/v1/query_range", &parameters);
        let mut found = BTreeMap::new();
        for series in answer["result"].as_array().unwrap() {
            let labels = series["metric"].as_object().unwrap();
            let labels = labels.iter().map(|(name, value)| (name.clone(), text_of(value))).collect();
            let mut spans: Vec<(i64, i64)> = Vec::new();
            for value in series["values"].as_array().unwrap() {
                let at = value[0].as_f64().unwrap() as i64 - START_S;
                match spans.last_mut() {
                    Some(last) if last.1 + STEP_S == at => last.1 = at,
                    _ => spans.push((at, at)),
                }
            }
            found.insert(labels, spans);
        }
        found
    }
}

fn rules_of(prometheus: &Prometheus, kind: &str) -> Vec<Value> {
    let groups = prometheus.api("/api/v1/rules", &[("type", kind)]);
    let groups = groups["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The query with the queries of recorded series in place of their names; what a name's braces ask for is asked of the
/// families in its query.
fn inlined(query: &str, recorded: &BTreeMap<String, String>) -> String {
    replaced(query, &|name| name.contains(':'), &|name, matchers| {
        let own = recorded.get(name).unwrap_or_else(|| panic!("nobody records {name}"));
        let asked = |name: &str, own: &str| {
            let both: Vec<&str> = [own, matchers].into_iter().filter(|part| !part.is_empty()).collect();
            format!("{name}{{{}}}", both.join(","))
        };
        let own = inlined(own, recorded);
        let is_family = |name: &str| name.starts_with("contact_center_");
        format!("({})", if matchers.is_empty() { own } else { replaced(&own, &is_family, &asked) })
    })
}

/// The query with every wanted name, and the matchers in braces behind it, replaced.
fn replaced(query: &str, wanted: &dyn Fn(&str) -> bool, with: &dyn Fn(&str, &str) -> String) -> String {
    let (mut out, mut rest) = (String::new(), query);
    while let Some(first) = rest.chars().next() {
        let is_part = |character: char| character.is_ascii_alphanumeric() || "_:".contains(character);
        if first == '"' {
            let end = rest[1..].find('"').unwrap() + 2;
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let end = rest.find(|character| !is_part(character)).unwrap_or(rest.len());
        if end == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let name = &rest[..end];
        rest = &rest[end..];
        // A name begins with a letter; a subquery's "2h:1m" does not.
        if !wanted(name) || name.starts_with(|character: char| character.is_ascii_digit()) {
            out.push_str(name);
            continue;
        }
        let matchers = rest.strip_prefix('{').and_then(|rest| Some(&rest[..rest.find('}')?]));
        out.push_str(&with(name, matchers.unwrap_or_default()));
        rest = &rest[matchers.map_or(0, |matchers| matchers.len() + 2)..];
    }
    out
}

#[test]
fn recorded_series_are_replaced_by_their_queries() {
    let recorded = BTreeMap::from([
        ("a:b:c".to_owned(), "max(contact_center_x{window=\"5m\"}[2h:1m]) / contact_center_y".to_owned()),
        ("d:e:f".to_owned(), "2 * a:b:c".to_owned()),
    ]);
    let wanted = "(2 * (max(contact_center_x{window=\"5m\"}[2h:1m]) / contact_center_y)) > 1";
    assert_eq!(inlined("d:e:f > 1", &recorded), wanted);
    let wanted = "(max(contact_center_x{window=\"5m\",q=\"a:b\"}[2h:1m]) / contact_center_y{q=\"a:b\"})";
    assert_eq!(inlined("a:b:c{q=\"a:b\"}", &recorded), wanted);
}
