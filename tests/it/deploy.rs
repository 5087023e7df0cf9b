//! The files under `deploy/`, as the tools that read them judge them.
//!
//! It must never start what they describe: it holds them to their tools, to the settings' defaults, to the families
//! that the service has, and to each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use intraday::kpi::exposed::FamilyKind;
use intraday::kpi::families::FAMILIES;
use intraday::settings::Settings;
use intraday::vitals::table::{VITALS, VitalKind};

use crate::harness::prometheus::promtool;
use crate::harness::provision::present;

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");
const SCRAPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus/scrape.yml");

/// Files of a folder below `deploy/` whose name ends so, in order.
fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(DEPLOY).join(folder)).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.to_string_lossy().ends_with(end));
    found.sort();
    assert!(!found.is_empty(), "no *{end} in deploy/{folder}");
    found
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn rules() -> Vec<PathBuf> {
    files("prometheus", ".rules.yml")
}

/// Runs promtool on files; panics with what it says where it is not content.
fn promtool_takes(arguments: &[&str], files: &[PathBuf]) {
    let names = files.iter().map(|path| path.to_str().unwrap());
    let arguments: Vec<&str> = arguments.iter().copied().chain(names).collect();
    let Some(checked) = present(promtool(&arguments, "")) else { return };
    let told = String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned();
    assert!(checked.status.success(), "promtool {arguments:?}:\n{told}");
}

/// The values of a key that begins a line of YAML, with or without the dash of a list.
fn values_of(key: &str, text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.trim_start().trim_start_matches("- "));
    let values = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    values.map(|value| value.trim_matches('"').to_owned()).collect()
}

/// Names of series as PromQL has them: those of the contact center, of the service, and recorded ones.
fn series_names(text: &str) -> BTreeSet<String> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || "_:".contains(character);
    let words = text.split(|character| !is_name(character)).map(|word| word.trim_end_matches(':'));
    let ours = ["contact_center_", "intraday_", "process_"];
    words
        .filter(|word| word.contains(':') || ours.iter().any(|prefix| word.starts_with(prefix)))
        .filter(|word| word.chars().any(|character| character.is_ascii_alphabetic()) && word.contains('_'))
        .map(str::to_owned)
        .collect()
}

/// Names of series that /metrics can have.
fn exposed_names() -> BTreeSet<String> {
    let kpis = FAMILIES.iter().map(|family| (family.name, family.kind == FamilyKind::Histogram));
    let vitals = VITALS.iter().map(|vital| (vital.name, vital.kind == VitalKind::Histogram));
    let suffixes = |is_histogram| if is_histogram { ["_bucket", "_sum", "_count"].as_slice() } else { &[""] };
    kpis.chain(vitals)
        .flat_map(|(name, is_histogram)| suffixes(is_histogram).iter().map(move |end| format!("{name}{end}")))
        .collect()
}

/// The queries of a rule file: everything but comments and the names of groups.
fn without_comments(text: &str) -> String {
    let kept = text.lines().filter(|line| {
        let line = line.trim_start();
        !line.starts_with('#') && !line.starts_with("- name: ")
    });
    kept.map(|line| format!("{line}\n")).collect()
}

#[test]
fn promtool_takes_the_scrape_configuration_and_the_rules() {
    promtool_takes(
        &["check", "config"],
        &[PathBuf::from(SCRAPE), Path::new(DEPLOY).join("prometheus/compose.yml")],
    );
    promtool_takes(&["check", "rules"], &rules());
}

#[test]
fn the_rules_do_in_their_cases_what_they_should() {
    promtool_takes(&["test", "rules"], &files("prometheus/tests", ".test.yml"));
}

#[test]
fn every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let cases: String = files("prometheus/tests", ".test.yml").iter().map(|path| text(path)).collect();
    let mut firing = BTreeSet::new();
    let mut silent = BTreeSet::new();
    let mut alert = String::new();
    for line in cases.lines() {
        if let Some((_, rest)) = line.split_once("alertname: ") {
            rest.split(',').next().unwrap_or_default().clone_into(&mut alert);
        }
        match line.split_once("exp_alerts:") {
            Some((_, rest)) if rest.contains("[]") => silent.insert(alert.clone()),
            Some(_) => firing.insert(alert.clone()),
            None => continue,
        };
    }
    let alerts: BTreeSet<String> = rules().iter().flat_map(|path| values_of("alert", &text(path))).collect();
    assert!(alerts.len() >= 12, "{alerts:?}");
    assert_eq!(firing, alerts, "alerts with a case that fires");
    assert_eq!(silent, alerts, "alerts with a case that is silent");
}

#[test]
fn prometheus_loads_every_rule_file() {
    let scrape = text(Path::new(SCRAPE));
    for path in rules() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(scrape.contains(&format!("- {name}\n")), "{name} is not among rule_files of scrape.yml");
    }
}

#[test]
fn the_scrape_goes_to_where_the_defaults_listen() {
    let text = text(Path::new(SCRAPE));
    let target = format!("targets: [\"{}\"]", Settings::default().http.listen);
    assert!(text.contains(&target), "no {target} in\n{text}");
}

#[test]
fn every_alert_says_what_it_is_and_has_its_page() {
    let mut alerts = BTreeSet::new();
    for path in rules() {
        let rules = text(&path);
        for rule in rules.split("\n      - alert: ").skip(1) {
            let rule = rule.split("\n      - ").next().unwrap_or_default();
            let name = rule.lines().next().unwrap_or_default();
            for key in ["severity", "summary", "description"] {
                assert_eq!(values_of(key, rule).len(), 1, "{key} of {name}");
            }
            let severity = &values_of("severity", rule)[0];
            assert!(["critical", "warning"].contains(&severity.as_str()), "{name}: {severity}");
            let page = format!("https://example.com/intraday/runbooks/{name}.md");
            assert_eq!(values_of("runbook_url", rule), [page], "{name}");
            assert!(alerts.insert(name.to_owned()), "{name} stands twice");
        }
    }
    let pages = files("runbooks", ".md");
    let names: BTreeSet<String> =
        pages.iter().map(|page| page.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, alerts, "pages of deploy/runbooks and alerts");
    for (page, name) in pages.iter().zip(&names) {
        let page = text(page);
        let headings: Vec<&str> = page.lines().filter(|line| line.starts_with('#')).collect();
        let title = format!("# {name}");
        assert_eq!(headings, [title.as_str(), "## Meaning", "## Impact", "## Diagnosis", "## Mitigation"]);
        assert!(page.contains("```promql\n"), "{name} has no query");
    }
}

#[test]
fn rules_cases_and_runbooks_name_what_the_service_exposes() {
    let recorded: BTreeSet<String> =
        rules().iter().flat_map(|path| values_of("record", &text(path))).collect();
    let mut known = exposed_names();
    known.extend(recorded);
    let dashboards = files("grafana/dashboards", ".json");
    for path in
        [rules(), files("prometheus/tests", ".test.yml"), files("runbooks", ".md"), dashboards].concat()
    {
        let names = series_names(&without_comments(&text(&path)));
        assert!(!names.is_empty(), "{} names nothing", path.display());
        let strange: Vec<&String> = names.difference(&known).collect();
        assert!(strange.is_empty(), "{}: nobody exposes {strange:?}", path.display());
    }
}

#[test]
fn names_of_series_are_found_in_queries() {
    let query =
        "sum(rate(contact_center_contacts_offered_total{queue=\"a\"}[5m])) / x:intraday_y:max > 0 # 10:20";
    let wanted = ["contact_center_contacts_offered_total", "x:intraday_y:max"].map(str::to_owned);
    assert_eq!(series_names(query), BTreeSet::from(wanted));
    assert!(exposed_names().contains("contact_center_wait_seconds_bucket"));
    assert!(!exposed_names().contains("contact_center_no_such_total"));
}
