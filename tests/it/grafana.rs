//! The dashboards under `deploy/grafana/`: whole, honest, and with something to show.
//!
//! Every query of every panel and variable is asked of a real Prometheus that scrapes the demo. What Grafana puts in
//! place of variables is put there as it does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::process::{Process, intraday};
use crate::harness::prometheus::{Prometheus, Target};

const FILES: [&str; 3] = ["floor.json", "agents.json", "pipeline.json"];
const START_LIMIT: Duration = Duration::from_secs(60);
/// The demo feeds an hour of the past first; then rates take two scrapes of a minute.
const FIGURES_LIMIT: Duration = Duration::from_secs(300);

fn dashboard(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/grafana/dashboards").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// The panels that ask something.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = dashboard["panels"].as_array().unwrap();
    panels.iter().filter(|panel| panel["type"] != "row").collect()
}

fn variables(dashboard: &Value) -> &Vec<Value> {
    dashboard["templating"]["list"].as_array().unwrap()
}

fn queries(panel: &Value) -> Vec<String> {
    let targets = panel["targets"].as_array().unwrap();
    targets.iter().map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn dashboards_are_whole() {
    let mut uids = BTreeSet::new();
    for file in FILES {
        let dashboard = dashboard(file);
        assert!(uids.insert(text(&dashboard["uid"]).to_owned()), "{file}: its uid is another's");
        assert!(text(&dashboard["uid"]).starts_with("intraday-") && !text(&dashboard["title"]).is_empty());
        assert_eq!(dashboard["editable"], false, "{file}");
        assert_eq!(variables(&dashboard)[0]["type"], "datasource", "{file}");
        let (mut ids, mut titles, mut places) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = text(&panel["title"]);
            assert!(!title.is_empty() && titles.insert(title), "{file}: {panel}");
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{file}, {title}: its id is another's");
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
            assert!(x + w <= 24, "{file}, {title}: wider than the page");
            for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(places.insert(place), "{file}, {title}: lies on another panel");
            }
        }
        for panel in panels(&dashboard) {
            let title = text(&panel["title"]);
            assert!(text(&panel["description"]).ends_with('.'), "{file}, {title}: no description");
            assert!(!text(&panel["fieldConfig"]["defaults"]["unit"]).is_empty(), "{file}, {title}: no unit");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{file}, {title}");
            assert!(!queries(panel).is_empty(), "{file}, {title}");
        }
    }
}

#[test]
fn dashboards_link_to_pages_that_exist() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/runbooks");
    let mut linked = BTreeSet::new();
    for file in FILES {
        for panel in panels(&dashboard(file)) {
            for link in panel["links"].as_array().into_iter().flatten() {
                let page = text(&link["url"]).strip_prefix("https://example.com/intraday/runbooks/").unwrap();
                assert!(pages.join(page).is_file(), "{file}: no {page}");
                linked.insert(page.to_owned());
            }
        }
    }
    let all: BTreeSet<String> = fs::read_dir(&pages)
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .filter(|page| page.strip_suffix(".md").is_some())
        .collect();
    assert_eq!(linked, all, "runbooks that a panel leads to");
}

/// What may not be added up: gauges of windows, targets, moments.
const NOT_SUMMED: [&str; 5] = ["_ratio", "_window_", "kpi_missed", "_target_", "_timestamp_seconds"];

/// The sums and means of a query: the modifier (`by (…)`) and what is aggregated.
fn sums(query: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, _) in query.match_indices(|character: char| character.is_ascii_lowercase()) {
        let before = query[..at].chars().next_back();
        let is_start = before.is_none_or(|before| !before.is_ascii_alphanumeric() && before != '_');
        let word: String =
            query[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        if !is_start || !["sum", "avg", "stddev", "stdvar", "quantile", "topk"].contains(&word.as_str()) {
            continue;
        }
        let mut rest = query[at + word.len()..].trim_start();
        let mut modifier = String::new();
        if !rest.starts_with('(') {
            let end = rest.find(')').unwrap() + 1;
            rest[..end].clone_into(&mut modifier);
            rest = rest[end..].trim_start();
        }
        found.push((modifier, inside(rest).to_owned()));
    }
    found
}

/// What stands between the first parenthesis and the one that closes it.
fn inside(text: &str) -> &str {
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        depth += i32::from(character == '(') - i32::from(character == ')');
        if depth == 0 {
            return &text[1..at];
        }
    }
    panic!("no end of {text}")
}

/// What is wrong with how a query adds up; empty where nothing is.
fn wrongly_summed(query: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (modifier, summed) in sums(query) {
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        for name in summed.split(|character| !is_name(character)) {
            let is_ours = name.starts_with("contact_center_") || name.starts_with("intraday_");
            let never = is_ours && NOT_SUMMED.iter().any(|part| name.contains(part));
            let over_queues = name == "contact_center_queue_agents"
                && !(modifier.starts_with("by") && modifier.contains("queue"));
            if never || over_queues {
                wrong.push(format!("{name} is added up in {query}"));
            }
        }
    }
    wrong
}

#[test]
fn no_panel_adds_up_what_does_not_add_up() {
    for file in FILES {
        for panel in panels(&dashboard(file)) {
            let title = text(&panel["title"]);
            for query in queries(panel) {
                assert_eq!(wrongly_summed(&query), [""; 0], "{file}, {title}");
                let stacked = panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal";
                let mut parts = NOT_SUMMED.iter().chain(&["contact_center_queue_agents"]);
                assert!(!stacked || !parts.any(|part| query.contains(part)), "{file}, {title}: stacked");
            }
            let shown = panel["options"].to_string();
            for adds in ["\"sum\"", "\"mean\"", "\"total\""] {
                assert!(!shown.contains(adds), "{file}, {title}: Grafana would show its {adds}");
            }
        }
    }
}

#[test]
fn what_does_not_add_up_is_found() {
    let wrong = |query: &str| wrongly_summed(query).len();
    assert_eq!(wrong("sum by (queue) (rate(contact_center_contacts_offered_total[1m]))"), 0);
    assert_eq!(wrong("max(contact_center_abandon_ratio) / sum(contact_center_contacts_waiting)"), 0);
    assert_eq!(wrong("sum by (tenant, queue) (contact_center_queue_agents{state=\"available\"})"), 0);
    assert_eq!(wrong("avg(contact_center_abandon_ratio{window=\"5m\"})"), 1);
    assert_eq!(wrong("1 - sum without (queue) (max by (queue) (contact_center_wait_window_seconds))"), 1);
    assert_eq!(wrong("sum by (state) (contact_center_queue_agents)"), 1);
    assert_eq!(wrong("sum(contact_center_abandon_window_contacts)"), 1);
}

/// A variable's query, as `label_values(series, label)` asks it.
fn label_values(prometheus: &Prometheus, query: &str) -> BTreeSet<String> {
    let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
    let (series, label) =
        inner.and_then(|inner| inner.rsplit_once(", ")).unwrap_or_else(|| panic!("{query}"));
    let found = prometheus.api(&format!("/api/v1/label/{label}/values"), &[("match[]", series)]);
    found.as_array().unwrap().iter().map(|value| text(value).to_owned()).collect()
}

/// The query with the values of its variables, as Grafana joins those of a variable that takes several.
fn filled(query: &str, values: &BTreeMap<String, String>) -> String {
    let mut query = query.replace("$__rate_interval", "1m");
    for (name, value) in values {
        query = query.replace(&format!("${name}"), value);
    }
    assert!(!query.contains('$'), "{query}: a variable that nobody sets");
    query
}

/// What a query gave, where that is a value at all.
fn numbers(prometheus: &Prometheus, query: &str) -> usize {
    let samples = prometheus.query(query);
    let samples = samples.as_array().unwrap();
    samples.iter().filter(|sample| text(&sample["value"][1]) != "NaN").count()
}

#[test]
fn every_query_finds_something_in_the_running_demo() {
    let arguments = ["demo", "--for", "30m", "--rate", "40", "--seed", "5", "--listen", "127.0.0.1:0"];
    let mut demo = Process::start(&intraday(&arguments, &[]));
    let line = demo.wait_for_line("metrics     http://", START_LIMIT);
    let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let Some(prometheus) = Prometheus::start(&[Target { job: "intraday".to_owned(), address }]) else {
        return;
    };
    // The past has been fed, and all windows have something in them.
    prometheus
        .wait_for("time() - max(contact_center_data_timestamp_seconds)", FIGURES_LIMIT, |age| age < 30.0);
    let mut missing: Vec<String> = Vec::new();
    let until = Instant::now() + FIGURES_LIMIT;
    loop {
        assert!(demo.is_running(), "the demo has ended:\n{}", demo.output());
        missing.clear();
        for file in FILES {
            missing.extend(unanswered(&prometheus, file));
        }
        if missing.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "nothing for\n{}", missing.join("\n"));
        std::thread::sleep(Duration::from_secs(5));
    }
}

/// Queries of a dashboard that give nothing yet; a query that errs panics.
fn unanswered(prometheus: &Prometheus, file: &str) -> Vec<String> {
    let dashboard = dashboard(file);
    let (mut missing, mut values) = (Vec::new(), BTreeMap::new());
    for variable in variables(&dashboard).iter().skip(1) {
        let name = text(&variable["name"]);
        let found = label_values(prometheus, &filled(text(&variable["query"]["query"]), &values));
        if found.is_empty() {
            missing.push(format!("{file}: ${name}"));
        }
        let joined = found.into_iter().collect::<Vec<_>>().join("|");
        values.insert(name.to_owned(), format!("({joined})"));
    }
    for panel in panels(&dashboard) {
        for query in queries(panel) {
            if numbers(prometheus, &filled(&query, &values)) == 0 {
                missing.push(format!("{file}, {}: {query}", text(&panel["title"])));
            }
        }
    }
    missing
}
