//! The metrics of a running service, read as Prometheus and its checker read them, and the HTTP beside them.
//!
//! Names, types and help stand in `tests/golden/metrics.txt`; `INTRADAY_UPDATE_GOLDEN=1` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use intraday::kpi::exposed::FamilyKind;
use intraday::kpi::families::FAMILIES;
use intraday::vitals::table::{VITALS, VitalKind};
use serde_json::{Value, json};

use crate::harness;
use crate::harness::guard::Signal;
use crate::harness::http::get;
use crate::harness::prometheus::{Prometheus, Target, promtool};
use crate::harness::provision::present;
use crate::harness::records::Outgoing;
use crate::kafka_deployment::{Deployment, HASH_KEY, LIMIT, event, eventually, partition_of};

const PARTITIONS: i32 = 2;
/// A short time at 0 for groups that nobody announced, else the tests would wait for it.
const SETTINGS: &str = "idle_after = \"1s\"\nannounce = \"3s\"\n[metrics]\ninclude = [\"histograms\", \"quantiles\", \"agents\"]\n\
    [[names]]\ntenant = \"acme\"\nqueue = \"billing\"\nname = \"Bills and payments\"";
const SOON: Duration = Duration::from_secs(30);
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/metrics.txt");

#[test]
fn every_name_type_and_help_is_as_written_down() {
    let listed = listed();
    if std::env::var_os("INTRADAY_UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(Path::new(GOLDEN).parent().unwrap()).unwrap();
        std::fs::write(GOLDEN, &listed).unwrap();
    }
    let golden = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    let (was, is): (BTreeSet<&str>, BTreeSet<&str>) = (golden.lines().collect(), listed.lines().collect());
    let gone: Vec<_> = was.difference(&is).collect();
    let new: Vec<_> = is.difference(&was).collect();
    assert!(
        golden == listed,
        "run with INTRADAY_UPDATE_GOLDEN=1 if this is meant:\ngone {gone:#?}\nnew {new:#?}"
    );
}

/// All families: a line of name, type and help each, by name.
fn listed() -> String {
    let kpis = FAMILIES.iter().map(|family| {
        let kind = match family.kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Gauge => "gauge",
            FamilyKind::Histogram => "histogram",
        };
        (family.name, kind, family.help)
    });
    let vitals = VITALS.iter().map(|vital| {
        let kind = match vital.kind {
            VitalKind::Counter => "counter",
            VitalKind::Gauge => "gauge",
            VitalKind::Histogram => "histogram",
        };
        (vital.name, kind, vital.help)
    });
    let mut lines: Vec<_> = kpis.chain(vitals).collect();
    lines.sort_unstable();
    lines.iter().map(|(name, kind, help)| format!("{name} {kind} {help}\n")).collect()
}

/// Calls of a queue that began `ago_ms` before now: (wait until the answer in ms, or none for an abandon after 40 s).
fn calls(queue: &str, ago_ms: i64, waits_ms: &[Option<i64>]) -> Vec<Outgoing> {
    let begin_ms = now_ms() - ago_ms;
    let mut events = Vec::new();
    for (number, wait_ms) in waits_ms.iter().enumerate() {
        let contact = format!("{queue}-{number}");
        let mut say = |kind: &str, at_ms: i64, agent_id: &str| {
            let value = json!({"id": format!("{contact}-{kind}"), "type": kind, "time": begin_ms + at_ms,
                "tenant": "acme", "contact_id": contact, "channel": "voice", "queue": queue, "team": "care",
                "agent_id": agent_id});
            let mut value = value;
            if agent_id.is_empty() {
                value.as_object_mut().unwrap().remove("agent_id");
            }
            events.push(event(partition_of(&contact, PARTITIONS), &contact, &value.to_string()));
        };
        say("contact.queued", 0, "");
        match wait_ms {
            Some(wait_ms) => {
                say("contact.answered", *wait_ms, "a1");
                say("contact.ended", wait_ms + 20_000, "a1");
            }
            None => say("contact.abandoned", 40_000, ""),
        }
    }
    events
}

const BILLING: [Option<i64>; 5] = [Some(8_000), Some(12_000), Some(20_000), Some(30_000), None];
const SALES: [Option<i64>; 2] = [Some(1_000), None];

/// An agent of the team, so that families of agents have something to show.
fn agent() -> Outgoing {
    agent_in("available", 100_000)
}

fn agent_in(state: &str, ago_ms: i64) -> Outgoing {
    let value = json!({"id": state, "type": "agent.state_changed", "time": now_ms() - ago_ms, "tenant": "acme",
        "agent_id": "a1", "team": "care", "state": state, "queues": ["billing"]});
    event(0, "a1", &value.to_string())
}

#[test]
fn a_prometheus_sees_what_was_produced() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "scraped", PARTITIONS, SETTINGS);
    deployment.create_topics();
    let mut service = deployment.start_ready();
    let target = Target { job: "intraday".to_owned(), address: deployment.address().to_owned() };
    let Some(prometheus) = Prometheus::start(&[target]) else { return };
    prometheus.wait_for("up{job='intraday'}", SOON, |up| up == 1.0);
    let mut events = vec![agent()];
    events.extend(calls("billing", 100_000, &BILLING));
    events.extend(calls("sales", 100_000, &SALES));
    deployment.produce(&events);

    // The first burst of a queue that nobody announced: 0 is scraped before it.
    let offered = "contact_center_contacts_offered_total{tenant='acme',channel='voice',queue='billing'}";
    prometheus.wait_for(offered, SOON, |value| value == 0.0);
    prometheus.wait_for(offered, SOON, |value| value == 5.0);
    prometheus.wait_for(&format!("increase({offered}[5m])"), SOON, |value| value >= 5.0);
    let by_queue = |queue: &str, count: &str| {
        prometheus.value(&format!("sum by (queue) (contact_center_{count}_total{{queue='{queue}'}})"))
    };
    for (queue, count, wanted) in [
        ("billing", "contacts_offered", 5.0),
        ("billing", "contacts_answered", 4.0),
        ("billing", "contacts_answered_within_threshold", 3.0),
        ("billing", "contacts_abandoned", 1.0),
        ("sales", "contacts_offered", 2.0),
        ("sales", "contacts_answered", 1.0),
    ] {
        assert_eq!(by_queue(queue, count), Some(wanted), "{count} of {queue}");
    }
    // Each queue has one name to join with, its own where no other is configured.
    let named = "contact_center_queue_info{tenant='acme',queue='billing',name='Bills and payments'}";
    assert_eq!(prometheus.value(named), Some(1.0));
    assert_eq!(prometheus.value("contact_center_queue_info{queue='sales',name='sales'}"), Some(1.0));
    assert_eq!(prometheus.value("count(contact_center_queue_info)"), Some(2.0));
    let window = "{tenant='acme',channel='voice',queue='billing',window='5m'}";
    assert_eq!(prometheus.value(&format!("contact_center_service_level_ratio{window}")), Some(0.6));
    assert_eq!(prometheus.value(&format!("contact_center_service_level_window_contacts{window}")), Some(5.0));
    assert_eq!(prometheus.value("contact_center_tenant_service_level_ratio{window='5m'}"), Some(4.0 / 7.0));
    assert_eq!(prometheus.value("contact_center_wait_seconds_count{queue='billing'}"), Some(4.0));
    let wait = prometheus.value("contact_center_wait_seconds_sum{queue='billing'}");
    assert_eq!(wait, Some(70.0));
    let judged = "sum(intraday_events_total{result='folded'})";
    assert_eq!(prometheus.value(judged), Some(events.len() as f64));
    assert_eq!(prometheus.value("sum(intraday_consumer_lag_records)"), Some(0.0));
    assert_eq!(prometheus.value("sum(intraday_unlisted_figures_total) or vector(0)"), Some(0.0));
    assert_eq!(prometheus.value("sum(intraday_exposition_duplicates_total)"), Some(0.0));

    let page = get(&deployment.url("/metrics"), &[]).unwrap().body;
    every_family_of_the_page_is_listed(&page);
    service.signal(Signal::Term);
    assert_eq!(service.exit_within(Duration::from_secs(5)).code(), Some(0));
    let Some(checked) = present(promtool(&["check", "metrics"], &page)) else { return };
    let said = [checked.stdout, checked.stderr].concat();
    assert!(checked.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

fn every_family_of_the_page_is_listed(page: &str) {
    let listed = listed();
    let listed: BTreeSet<&str> = listed.lines().collect();
    let mut help = BTreeMap::new();
    let mut shown = 0;
    for line in page.lines() {
        if let Some((name, text)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            help.insert(name, text);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let wanted = format!("{name} {kind} {}", help[name]);
            assert!(listed.contains(wanted.as_str()), "not listed: {wanted}");
            shown += 1;
        }
    }
    assert!(shown > 100, "{shown} families on the page");
}

#[test]
fn the_api_answers_with_what_was_published() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "api", PARTITIONS, SETTINGS);
    deployment.create_topics();
    let mut service = deployment.start();
    // Not ready at first, and then it is.
    service.wait_for_http(&deployment.url("/livez"), LIMIT);
    service.wait_for_http(&deployment.url("/readyz"), LIMIT);
    deployment.produce(&calls("billing", 100_000, &BILLING));

    let asked = [("tenant", "acme"), ("queue", "billing"), ("window", "5m")];
    let record = eventually(&mut service, "a record of the API", || {
        let answer = get(&deployment.url("/api/v1/kpis"), &asked)?;
        let records: Vec<Value> = serde_json::from_str(&answer.body).map_err(|e| e.to_string())?;
        let whole = records.into_iter().find(|record| record["counts"]["contacts_offered"] == 5);
        whole.ok_or(answer.body)
    });
    assert_eq!(record["kpis"]["service_level"]["value"], 0.6, "{record}");
    // Agents by state stand in the queue's live record and are a change of it, with no contact moving.
    for (event, wanted) in [(agent(), json!({"available": 1})), (agent_in("break", 0), json!({"break": 1}))] {
        deployment.produce(&[event]);
        eventually(&mut service, "the agents of the queue", || {
            let answer = get(&deployment.url("/api/v1/kpis"), &asked)?;
            let records: Vec<Value> = serde_json::from_str(&answer.body).map_err(|e| e.to_string())?;
            let found = &records[0]["levels"]["queue_agents"];
            if *found == wanted { Ok(()) } else { Err(found.to_string()) }
        });
    }
    let names: Value =
        serde_json::from_str(&get(&deployment.url("/api/v1/names"), &[]).unwrap().body).unwrap();
    assert_eq!(names, json!([{"tenant": "acme", "queue": "billing", "name": "Bills and payments"}]));
    let streamed = first_of_stream(&deployment, "?tenant=acme&queue=billing&window=5m");
    assert_eq!(streamed["group"], record["group"]);
    let catalog: Value =
        serde_json::from_str(&get(&deployment.url("/api/v1/catalog"), &[]).unwrap().body).unwrap();
    assert!(catalog.to_string().contains("service_level"));
    let config = get(&deployment.url("/api/v1/config"), &[]).unwrap().body;
    assert!(config.contains(&deployment.id) && !config.contains(HASH_KEY), "{config}");
    let page = get(&deployment.url("/"), &[]).unwrap();
    assert!(page.status == 200 && page.body.contains("<html"), "{}", page.body);
}

/// The first record of an event stream.
fn first_of_stream(deployment: &Deployment, query: &str) -> Value {
    let mut socket = TcpStream::connect(deployment.address()).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let request =
        format!("GET /api/v1/kpis/stream{query} HTTP/1.1\r\nHost: {}\r\n\r\n", deployment.address());
    socket.write_all(request.as_bytes()).unwrap();
    let mut lines = BufReader::new(socket).lines().map(|line| line.expect("a line of the stream"));
    let data = lines.find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
    serde_json::from_str(&data.expect("data before the end")).unwrap()
}

#[test]
fn counters_come_back_from_a_restart_as_they_were() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "counters", PARTITIONS, SETTINGS);
    deployment.create_topics();
    let mut service = deployment.start_ready();
    deployment.produce(&calls("billing", 100_000, &BILLING));
    let wanted = eventually(&mut service, "the counter", || match offered(&deployment) {
        Some(5.0) => Ok(5.0),
        other => Err(format!("{other:?}")),
    });
    for signal in [Signal::Term, Signal::Kill] {
        service.signal(signal);
        service.exit_within(Duration::from_secs(5));
        service = deployment.start();
        // A lower value would be a reset to Prometheus, and everything before it counted twice.
        let first = eventually(&mut service, "the counter after the restart", || {
            offered(&deployment).ok_or_else(|| "no series".to_owned())
        });
        assert_eq!(first, wanted, "after {signal:?}");
    }
}

fn offered(deployment: &Deployment) -> Option<f64> {
    let page = get(&deployment.url("/metrics"), &[]).ok()?.body;
    let line = page.lines().find(|line| line.starts_with("contact_center_contacts_offered_total{"))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
