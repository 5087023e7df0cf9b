//! Tests of the exposition: the golden text, order, tenants, shards that come, go and fall silent.

use super::*;
use std::io::Write;
use std::process::{Command, Stdio};

const FAMILIES: &[Family] = &[
    Family { name: "t_offered_total", help: "contacts_offered: visits begun", kind: FamilyKind::Counter },
    Family { name: "t_wait_seconds", help: "wait_answered: waits", kind: FamilyKind::Histogram },
    Family { name: "t_abandon_ratio", help: "abandon_rate: a share", kind: FamilyKind::Gauge },
    Family { name: "t_never", help: "Never exposed", kind: FamilyKind::Gauge },
];

const HOUR: Duration = Duration::from_secs(3600);

fn number(family: usize, labels: Vec<Label>, number: f64) -> Series {
    Series { family, labels: labels.into(), value: SeriesValue::Number(number) }
}

fn queue(group: u32, tenant: &str, queue: &str, offered: f64) -> Exposed {
    Exposed {
        group,
        labels: vec![("tenant", tenant.to_owned()), ("queue", queue.to_owned())],
        series: vec![
            number(2, vec![("window", "day".to_owned())], 0.25),
            number(2, vec![("window", "5m".to_owned())], 0.5),
            number(0, Vec::new(), offered),
        ],
    }
}

fn with_waits(mut exposed: Exposed) -> Exposed {
    let value = SeriesValue::Histogram { buckets: Box::new([(0.5, 1), (20.0, 3)]), sum: 41.5, count: 4 };
    exposed.series.push(Series { family: 1, labels: [].into(), value });
    exposed
}

fn filled() -> Exposition {
    let exposition = Exposition::new(FAMILIES, HOUR);
    exposition.apply(1, vec![queue(0, "zeta", "\u{202e}evil \"q\"\n", 3.0)]);
    exposition.apply(0, vec![queue(7, "acme", "sales", 2.0), with_waits(queue(2, "acme", "billing", 1.0))]);
    exposition
}

const GOLDEN: &str = r#"# HELP t_offered_total contacts_offered: visits begun
# TYPE t_offered_total counter
t_offered_total{tenant="acme",queue="billing"} 1
t_offered_total{tenant="acme",queue="sales"} 2
t_offered_total{tenant="zeta",queue="\\u{202e}evil \"q\"\\u{a}"} 3
# HELP t_wait_seconds wait_answered: waits
# TYPE t_wait_seconds histogram
t_wait_seconds_bucket{tenant="acme",queue="billing",le="0.5"} 1
t_wait_seconds_bucket{tenant="acme",queue="billing",le="20"} 3
t_wait_seconds_bucket{tenant="acme",queue="billing",le="+Inf"} 4
t_wait_seconds_sum{tenant="acme",queue="billing"} 41.5
t_wait_seconds_count{tenant="acme",queue="billing"} 4
# HELP t_abandon_ratio abandon_rate: a share
# TYPE t_abandon_ratio gauge
t_abandon_ratio{tenant="acme",queue="billing",window="5m"} 0.5
t_abandon_ratio{tenant="acme",queue="billing",window="day"} 0.25
t_abandon_ratio{tenant="acme",queue="sales",window="5m"} 0.5
t_abandon_ratio{tenant="acme",queue="sales",window="day"} 0.25
t_abandon_ratio{tenant="zeta",queue="\\u{202e}evil \"q\"\\u{a}",window="5m"} 0.5
t_abandon_ratio{tenant="zeta",queue="\\u{202e}evil \"q\"\\u{a}",window="day"} 0.25
"#;

#[test]
fn renders_the_golden_text() {
    let rendered = filled().render(None);
    assert_eq!(rendered.text, GOLDEN);
    assert_eq!(rendered.duplicates, 0);
}

#[test]
fn promtool_finds_no_fault() {
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: promtool is not on PATH");
        return;
    };
    let text = filled().render(None).text;
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_tenant_sees_only_its_own_series() {
    let exposition = filled();
    // The tenant may also be a label of the series alone.
    exposition.apply(
        2,
        vec![Exposed {
            group: 0,
            labels: Vec::new(),
            series: vec![
                number(2, vec![("tenant", "zeta".to_owned())], 1.0),
                number(2, vec![("tenant", "acme".to_owned())], 2.0),
                number(2, Vec::new(), 3.0),
            ],
        }],
    );
    let text = exposition.render(Some("zeta")).text;
    assert!(text.contains("t_abandon_ratio{tenant=\"zeta\"} 1\n"));
    assert_eq!(text.lines().filter(|line| line.starts_with("t_offered_total")).count(), 1);
    assert!(text.lines().all(|line| line.starts_with('#') || line.contains("tenant=\"zeta\"")), "{text}");
    assert_eq!(exposition.render(Some("nobody")).text, "");
}

#[test]
fn a_group_is_replaced_then_removed() {
    let exposition = filled();
    exposition.apply(0, vec![queue(2, "acme", "billing", 9.0)]);
    let text = exposition.render(None).text;
    assert!(text.contains("t_offered_total{tenant=\"acme\",queue=\"billing\"} 9\n"));
    assert!(!text.contains("t_wait_seconds"), "the new state of the group has no waits");
    exposition.apply(0, vec![Exposed { group: 2, labels: Vec::new(), series: Vec::new() }]);
    let text = exposition.render(None).text;
    assert!(!text.contains("billing") && text.contains("sales"));
}

#[test]
fn a_withdrawn_shard_leaves_and_the_other_stays() {
    let exposition = filled();
    exposition.withdraw(0);
    let text = exposition.render(None).text;
    assert!(!text.contains("acme") && text.contains("zeta"));
}

#[test]
fn a_silent_shard_is_left_out_until_it_speaks() {
    let exposition = Exposition::new(FAMILIES, Duration::from_secs(10));
    let start = Instant::now();
    exposition.apply_at(0, vec![queue(0, "acme", "sales", 1.0)], start);
    assert!(exposition.render_at(None, start + Duration::from_secs(10)).text.contains("acme"));
    assert_eq!(exposition.render_at(None, start + Duration::from_secs(11)).text, "");
    exposition.apply_at(0, Vec::new(), start + Duration::from_secs(12));
    assert!(exposition.render_at(None, start + Duration::from_secs(13)).text.contains("acme"));
}

#[test]
fn equal_samples_are_shown_once_and_counted() {
    let exposition = Exposition::new(FAMILIES, HOUR);
    exposition.apply(0, vec![queue(0, "acme", "sales", 1.0), queue(1, "acme", "sales", 2.0)]);
    let rendered = exposition.render(None);
    assert_eq!(rendered.duplicates, 3);
    assert_eq!(rendered.text.matches("t_offered_total{").count(), 1);
}

#[test]
fn a_series_of_no_family_or_of_another_type_is_left_out() {
    let exposition = Exposition::new(FAMILIES, HOUR);
    let mut exposed = queue(0, "acme", "sales", 1.0);
    exposed.series.insert(0, number(99, Vec::new(), 1.0));
    exposed.series.insert(0, number(1, Vec::new(), 1.0));
    exposition.apply(0, vec![exposed]);
    let text = exposition.render(None).text;
    assert!(text.contains("t_offered_total{") && !text.contains("t_wait_seconds"), "{text}");
}
