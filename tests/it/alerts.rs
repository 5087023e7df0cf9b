//! Alerts from end to end: the simulated center on real Kafka, the service, Prometheus and Alertmanager with the files
//! under `deploy/`, and somebody who is told.
//!
//! With the staged incident the floor hears of the spike; without it nobody hears anything for as long as
//! `INTRADAY_TEST_QUIET_MINUTES` says. An hour: `INTRADAY_TEST_QUIET_MINUTES=60 cargo test --test it alerts::`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::harness;
use crate::harness::alertmanager::Alertmanager;
use crate::harness::process::Process;
use crate::harness::prometheus::Prometheus;
use crate::harness::webhook::Webhook;
use crate::kafka_deployment::Deployment;

const PARTITIONS: i32 = 2;
/// From the incident to the message: patience of the callers, the rule's minute, paces. Measured: 2 to 3 min.
const TOLD_LIMIT: Duration = Duration::from_secs(420);
/// How long without a word counts as silence where the environment says nothing, minutes.
const QUIET_MINUTES: u64 = 10;
/// Figures must be there this long after the load has begun: 30 contacts of a queue take less than two minutes.
const FIGURES_LIMIT: Duration = Duration::from_secs(240);

/// Everything that a load passes until somebody is told. Fields end in the order in which they stand.
struct Floor {
    load: Process,
    load_began: SystemTime,
    service: Process,
    prometheus: Prometheus,
    told: Webhook,
    #[expect(dead_code, reason = "held so that it runs for as long as the rest")]
    alertmanager: Alertmanager,
    #[expect(dead_code, reason = "held so that its files stay for as long as the service runs")]
    deployment: Deployment,
}

fn deploy(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The scenario that ships, as it is or without what goes wrong.
fn scenario(with_incidents: bool) -> Value {
    let mut scenario: Value = serde_json::from_str(&deploy("scenarios/agents_leave.json")).unwrap();
    if !with_incidents {
        scenario["incidents"] = Value::Array(Vec::new());
    }
    scenario
}

impl Floor {
    /// Starts it all; the files of `deploy/` are taken as they are but for the addresses.
    fn open(name: &str, scenario: &Value, lasts: &str) -> Option<Floor> {
        let kafka = harness::kafka()?;
        let told = Webhook::start();
        let routes = deploy("alertmanager/alertmanager.yml").replace("127.0.0.1:9095", told.address());
        let alertmanager = Alertmanager::start(&routes)?;
        let deployment = Deployment::new(kafka, name, PARTITIONS, "");
        deployment.create_topics();
        let service = deployment.start_ready();
        let scrape = deploy("prometheus/scrape.yml")
            .replace("127.0.0.1:9464", deployment.address())
            .replace("127.0.0.1:9093", alertmanager.address());
        let [operations, pipeline] = ["operations.rules.yml", "pipeline.rules.yml"];
        let texts = [operations, pipeline].map(|rules| deploy(&format!("prometheus/{rules}")));
        let prometheus = Prometheus::start_from(&scrape, &[(operations, &texts[0]), (pipeline, &texts[1])])?;
        let file = deployment.path("scenario.json");
        fs::write(&file, scenario.to_string()).unwrap();
        let mut generate = deployment.command(&["generate", "--to", "kafka", "--seed", "7", "--for", lasts]);
        generate.arg("--scenario").arg(&file);
        let load_began = SystemTime::now();
        let load = Process::start(&generate);
        Some(Floor { load, load_began, service, prometheus, told, alertmanager, deployment })
    }

    /// Everything runs, and no rule has failed.
    fn is_sound(&mut self) {
        assert!(self.service.is_running(), "the service has ended:\n{}", self.service.output());
        let load = self.load.output();
        assert!(self.load.is_running() || load.contains("events sent"), "the load has ended:\n{load}");
        let groups = self.prometheus.api("/api/v1/rules", &[]);
        let groups = groups["groups"].as_array().unwrap();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
        let mut count = 0;
        for rule in rules {
            assert_eq!(rule["health"], "ok", "{rule}");
            count += 1;
        }
        assert!(count > 30, "{count} rules");
    }
}

/// Recorded series that a short and faultless run need not have: nothing was refused, and there are no hours before.
const MAY_BE_ABSENT: [&str; 3] = [
    "reason:intraday_dead_letters:increase15m",
    "job:intraday_dead_letters_per_events:ratio15m",
    "queue:contact_center_abandon_ratio:mean2h",
];

/// Every recording rule finds what it reads on a real service: its families, and labels that match.
fn every_rule_records(prometheus: &Prometheus) {
    let groups = prometheus.api("/api/v1/rules", &[("type", "record")]);
    let groups = groups["groups"].as_array().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    let names: Vec<&str> = rules.map(|rule| rule["name"].as_str().unwrap()).collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names.into_iter().filter(|name| !MAY_BE_ABSENT.contains(name)) {
        let seen = prometheus.query(&format!("max_over_time({name}[10m])"));
        assert!(seen.as_array().is_some_and(|seen| !seen.is_empty()), "{name} is never there");
    }
}

/// What a message says of an alert that fires.
fn firing<'a>(body: &'a Value, alert: &str) -> Option<&'a Value> {
    let alerts = body["alerts"].as_array()?;
    alerts.iter().find(|one| one["status"] == "firing" && one["labels"]["alertname"] == alert)
}

#[test]
fn when_the_agents_of_a_queue_leave_the_floor_is_told_of_the_spike() {
    let scenario = scenario(true);
    let incident = scenario["incidents"][0]["at_offset_seconds"].as_u64().unwrap();
    let Some(mut floor) = Floor::open("spike", &scenario, "15m") else { return };
    let limit = Duration::from_secs(incident) + TOLD_LIMIT;
    let spike = floor.told.wait_for(limit, |posted| {
        let alert = firing(&posted.body, "ContactCenterAbandonRateSpike")?.clone();
        Some((posted.at, posted.path.clone(), posted.body["receiver"].clone(), alert))
    });
    floor.is_sound();
    let Some((at, path, receiver, alert)) = spike else {
        let alerts = floor.prometheus.query("ALERTS");
        let bound = floor.prometheus.query("queue:contact_center_abandon_ratio:wilson_lower95_5m");
        panic!("nobody was told of the spike: {alerts}\n{bound}\n{:?}", floor.told.posted());
    };
    assert_eq!((path.as_str(), &receiver), ("/floor", &Value::from("floor")));
    let labels = &alert["labels"];
    for (label, wanted) in
        [("tenant", "acme"), ("channel", "voice"), ("queue", "billing"), ("severity", "critical")]
    {
        assert_eq!(labels[label], wanted, "{alert}");
    }
    assert!(labels["instance"].is_null() && labels["window"].is_null(), "{alert}");
    let text = |key: &str| alert["annotations"][key].as_str().unwrap_or_default().to_owned();
    assert!(text("summary").starts_with("billing (voice) of acme: "), "{alert}");
    assert!(text("description").contains(" contacts of billing (voice) of acme gave up "), "{alert}");
    assert!(text("description").ends_with("(5%)."), "{alert}");
    assert!(text("runbook_url").ends_with("/runbooks/ContactCenterAbandonRateSpike.md"), "{alert}");
    // It came after the incident, and by the incident alone: the queue beside it is served as ever.
    let after = at.duration_since(floor.load_began).unwrap();
    assert!(after.as_secs() >= incident, "told {} s after the load began", after.as_secs());
    let others = "ALERTS{alertname=~'ContactCenter.*',queue!='billing'}";
    assert_eq!(floor.prometheus.query(&format!("max_over_time({others}[10m])")), json!([]));
    eprintln!("told {} s after the incident", after.as_secs() - incident);
}

#[test]
fn without_an_incident_nobody_is_told_anything() {
    let minutes = std::env::var("INTRADAY_TEST_QUIET_MINUTES").ok().and_then(|text| text.parse().ok());
    let minutes: u64 = minutes.unwrap_or(QUIET_MINUTES).max(1);
    let lasts = format!("{}m", minutes + 10);
    let Some(mut floor) = Floor::open("quiet", &scenario(false), &lasts) else { return };
    let until = Instant::now() + Duration::from_secs(minutes * 60);
    // Silence says something only where the rules had something to judge.
    let contacts = "queue:contact_center_abandon_contacts:max5m{queue='billing'}";
    floor.prometheus.wait_for(contacts, FIGURES_LIMIT, |contacts| contacts >= 30.0);
    let judged = "queue:contact_center_abandon_ratio:spike_threshold{queue='billing'}";
    floor.prometheus.wait_for(judged, FIGURES_LIMIT, |threshold| threshold >= 0.05);
    let fresh = "tenant:contact_center_data_age_seconds:min";
    floor.prometheus.wait_for(fresh, FIGURES_LIMIT, |age| age < 120.0);
    while Instant::now() < until {
        floor.is_sound();
        assert!(floor.told.posted().is_empty(), "{:?}", floor.told.posted());
        std::thread::sleep(Duration::from_secs(5));
    }
    let fired = format!("max_over_time(ALERTS{{alertstate='firing'}}[{}m])", minutes + 5);
    assert_eq!(floor.prometheus.query(&fired), json!([]));
    every_rule_records(&floor.prometheus);
    floor.prometheus.wait_for(contacts, FIGURES_LIMIT, |contacts| contacts >= 30.0);
}
