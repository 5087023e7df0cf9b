//! Copies join, leave, are killed and come back while events flow and a Prometheus scrapes all of them.
//!
//! What must hold: the settled records are those of one process, every series is exposed by one copy at a time, no
//! counter ever falls, and what Prometheus adds up is what was produced.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness;
use crate::harness::guard::Signal;
use crate::harness::http::get;
use crate::harness::prometheus::Prometheus;
use crate::kafka_copies::{Copy, Hurry, LAST_MS, assert_as_replayed, feed, replay, series, simulated, until};
use crate::kafka_deployment::{Deployment, NEVER_IDLE, last_words};

const PARTITIONS: i32 = 4;
const SESSION: (&str, &str) = ("INTRADAY__KAFKA__SESSION_TIMEOUT", "6s");
/// Time at 0 for groups that nobody announced: several scrapes, also where commits take seconds.
const SETTINGS: &str = "announce = \"8s\"";
/// Longer than the test takes.
const SPAN: Duration = Duration::from_secs(90);
const SCRAPE: Duration = Duration::from_millis(50);
const SOON: Duration = Duration::from_secs(30);
/// Consecutive seconds in which Prometheus may hold two samples of a series that has moved: it scrapes the copies at
/// different moments of a second, and asks for the last sample of each.
const OVERLAP_STEPS: usize = 2;

/// Each copy is scraped twice a second: as it is, and with its series freed of the copy that exposes them.
fn scraping(addresses: &[String]) -> String {
    let targets = addresses.join("','");
    format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n\
         - {{job_name: copies, static_configs: [{{targets: ['{targets}']}}]}}\n\
         - job_name: relabelled\n  static_configs: [{{targets: ['{targets}']}}]\n  metric_relabel_configs:\n  \
         - {{source_labels: [__name__], regex: 'contact_center_.*', target_label: instance, replacement: ''}}\n"
    )
}

/// A page of a copy: when it was asked for, when it was there, and the series of KPIs and partitions on it.
struct Page {
    copy: usize,
    asked: Instant,
    came: Instant,
    series: BTreeMap<String, f64>,
}

/// Series that belong to a partition or a group, and so to one copy; the rest is of the process.
fn is_owned(name: &str) -> bool {
    name.starts_with("contact_center_")
        || name.starts_with("intraday_") && (name.contains("partition=\"") || name.contains("shard=\""))
}

/// Asks a copy for its page and keeps it.
fn look(copy: usize, address: &str, pages: &Mutex<Vec<Page>>) {
    let asked = Instant::now();
    if let Ok(answer) = get(&format!("http://{address}/metrics"), &[]) {
        let mut series = series(&answer.body);
        series.retain(|name, _| is_owned(name));
        pages.lock().unwrap().push(Page { copy, asked, came: Instant::now(), series });
    }
}

/// Asks a copy for its page again and again.
fn watch(copy: usize, address: &str, pages: &Mutex<Vec<Page>>, done: &AtomicBool) {
    while !done.load(Ordering::Relaxed) {
        look(copy, address, pages);
        std::thread::sleep(SCRAPE);
    }
}

/// How a copy exposed a series.
#[derive(Default)]
struct Sight {
    /// Pages that have it: asked for, there.
    pages: Vec<(Instant, Instant)>,
    /// From the first to the last of pages in a row that have it: it was exposed all the time.
    spans: Vec<(Instant, Instant)>,
}

fn sights(pages: &[Page], copy: usize) -> BTreeMap<&str, Sight> {
    let mut found: BTreeMap<&str, Sight> = BTreeMap::new();
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, page) in pages.iter().filter(|page| page.copy == copy).enumerate() {
        for name in page.series.keys() {
            let sight = found.entry(name).or_default();
            sight.pages.push((page.asked, page.came));
            match sight.spans.last_mut() {
                Some(span) if last[name.as_str()] + 1 == number => span.1 = page.asked,
                _ => sight.spans.push((page.came, page.came)),
            }
            last.insert(name, number);
        }
    }
    found
}

/// No series is exposed by two copies at a time: no page of one has what another exposed all the time.
fn assert_one_owner(pages: &[Page], copies: usize) {
    let sights: Vec<_> = (0..copies).map(|copy| sights(pages, copy)).collect();
    let mut clashes = Vec::new();
    for (one, other) in (0..copies).flat_map(|one| (0..copies).map(move |other| (one, other))) {
        for (name, sight) in sights[one].iter().filter(|_| one != other) {
            let Some(others) = sights[other].get(name) else { continue };
            let within = |page: &&(Instant, Instant)| {
                others.spans.iter().any(|(from, to)| *from < page.0 && page.1 < *to)
            };
            let count = sight.pages.iter().filter(within).count();
            if count > 0 {
                clashes.push(format!("{name} on {count} pages of copy {one} while copy {other} exposed it"));
            }
        }
    }
    assert!(clashes.is_empty(), "{} series are exposed twice:\n{}", clashes.len(), clashes.join("\n"));
}

/// No counter falls, whichever copy exposes it.
fn assert_monotone(pages: &[Page]) {
    let mut last: BTreeMap<&str, (f64, Instant)> = BTreeMap::new();
    let mut in_order: Vec<&Page> = pages.iter().collect();
    in_order.sort_by_key(|page| page.came);
    for page in in_order {
        for (name, value) in &page.series {
            if !name.split('{').next().unwrap_or_default().ends_with("_total") {
                continue;
            }
            match last.get(name.as_str()) {
                // Pages asked for before the other came may have been made in any order.
                Some((_, came)) if page.asked < *came => {}
                Some((before, _)) => {
                    assert!(value >= before, "{name} fell from {before} to {value} at copy {}", page.copy);
                    last.insert(name, (*value, page.came));
                }
                None => _ = last.insert(name, (*value, page.came)),
            }
        }
    }
    assert!(last.len() > 100, "only {} counters were seen", last.len());
}

/// The counters that the day's records must add up to, as the copies and Prometheus show them.
fn offered(replayed: &BTreeMap<crate::reference::RecordKey, Value>) -> BTreeMap<[String; 3], f64> {
    let mut found: BTreeMap<[String; 3], f64> = BTreeMap::new();
    for ((set, values, window, _), record) in replayed {
        let count = record["counts"]["contacts_offered"].as_f64().unwrap_or_default();
        if let ("tenant,channel,queue", "day", [tenant, channel, queue]) =
            (set.as_str(), window.as_str(), values.as_slice())
            && count > 0.0
        {
            *found.entry([tenant.clone(), channel.clone(), queue.clone()]).or_default() += count;
        }
    }
    found
}

/// What Prometheus makes of it: nothing doubled but for a moment, no reset, and increases that are those of the events.
///
/// The instance is taken off before anything is added up, by a relabelling or by `max without`: a counter goes on where
/// another copy left it, so that a copy that lost a series and got it back shows as its own what others counted.
fn assert_added_up(
    prometheus: &Prometheus,
    since: Instant,
    produced: &BTreeMap<[String; 3], f64>,
    events: f64,
) {
    let kept = "max without(instance) (contact_center_contacts_offered_total{job='copies'})";
    let total: f64 = produced.values().sum();
    prometheus.wait_for(&format!("sum({kept})"), SOON, |value| value == total);
    let relabelled = "sum(contact_center_contacts_offered_total{job='relabelled'})";
    prometheus.wait_for(relabelled, SOON, |value| value == total);
    let folded = "sum(max without(instance) (intraday_events_total{job='copies'}))";
    prometheus.wait_for(folded, SOON, |value| value == events);
    let span = since.elapsed().as_secs() + 60;
    for (labels, count) in produced {
        let [tenant, channel, queue] = labels;
        let at = format!("tenant='{tenant}',channel='{channel}',queue='{queue}'");
        let relabelled = format!("contact_center_contacts_offered_total{{job='relabelled',{at}}}");
        let without =
            format!("max without(instance) (contact_center_contacts_offered_total{{job='copies',{at}}})");
        for (series, whole) in
            [(&relabelled, format!("{relabelled}[{span}s]")), (&without, format!("({without})[{span}s:1s]"))]
        {
            let seen = || format!("{labels:?}, {count}: {}", samples(prometheus, series, span));
            assert_eq!(prometheus.value(&format!("resets({whole})")), Some(0.0), "{}", seen());
            // From 0, and to the last: a subquery looks at whole seconds, so its end comes a moment later.
            let grown = format!("max_over_time({whole}) - min_over_time({whole})");
            prometheus.wait_for(&grown, SOON, |value| value == *count);
            // Prometheus extends what it saw to the ends of the range, by a step at most.
            let increase = prometheus.value(&format!("increase({whole})")).unwrap_or_default();
            assert!(increase >= *count && increase < count * 1.05, "increase {increase}; {}", seen());
        }
    }
    let resets = format!("max(resets(contact_center_contacts_offered_total[{span}s]))");
    assert_eq!(prometheus.value(&resets), Some(0.0));
    assert_single(prometheus, span);
}

/// The samples of a series over the last `span` seconds.
fn samples(prometheus: &Prometheus, series: &str, span: u64) -> Value {
    let now = prometheus.value("vector(time())").expect("the time");
    let (start, end) = ((now - span as f64).to_string(), now.to_string());
    let parameters = [("query", series), ("start", &start), ("end", &end), ("step", "1")];
    prometheus.api("/api/v1/query_range", &parameters)["result"].take()
}

/// At each step a series is that of one copy, but for the moment in which one has gone and the other has come.
fn assert_single(prometheus: &Prometheus, span: u64) {
    let query = "count without(instance) (contact_center_contacts_offered_total{job='copies'}) > 1";
    for series in samples(prometheus, query, span).as_array().expect("series") {
        let times: Vec<f64> =
            series["values"].as_array().expect("values").iter().filter_map(|v| v[0].as_f64()).collect();
        let runs = times.chunk_by(|a, b| b - a < 1.5).map(<[f64]>::len);
        assert!(runs.max().unwrap_or(0) <= OVERLAP_STEPS, "{} at {times:?}", series["metric"]);
    }
}

/// What the API of a copy shows: revision by group set, group and window.
fn shown(copy: &Copy) -> BTreeMap<String, i64> {
    let url = format!("http://{}/api/v1/kpis", copy.address);
    let Ok(answer) = get(&url, &[("limit", "10000")]) else { return BTreeMap::new() };
    let records: Vec<Value> = serde_json::from_str(&answer.body).expect("an array");
    let key =
        |record: &Value| format!("{} {} {}", record["group_set"], record["group"], record["window"]["name"]);
    records.iter().map(|record| (key(record), record["revision"].as_i64().unwrap_or(0))).collect()
}

/// Every copy shows every group, whoever owns it.
fn assert_all_shown(copies: &[Copy], replayed: &BTreeMap<crate::reference::RecordKey, Value>) {
    let wanted: BTreeSet<String> = replayed
        .values()
        .map(|record| format!("{} {} {}", record["group_set"], record["group"], record["window"]["name"]))
        .collect();
    assert!(wanted.len() > 100, "{} groups", wanted.len());
    until("all groups on every copy", || {
        let shown: Vec<BTreeMap<String, i64>> = copies.iter().map(shown).collect();
        for shown in &shown {
            let missing: Vec<&String> = wanted.iter().filter(|key| !shown.contains_key(*key)).collect();
            if !missing.is_empty() {
                return Err(format!("{} are missing, as {}", missing.len(), missing[0]));
            }
        }
        if shown.iter().all(|one| *one == shown[0]) { Ok(()) } else { Err("they differ".to_owned()) }
    });
}

/// Joins, a death with a return, a suspension, a leave, a death with a take-over, and returns.
fn trouble(deployment: &Deployment, copies: &mut [Copy], pages: &Mutex<Vec<Page>>) {
    let [one, two, three] = copies else { panic!("three copies") };
    let owned = |copies: &[&Copy]| {
        until("every partition with one copy", || {
            let held: Vec<BTreeSet<i32>> = copies.iter().map(|copy| copy.partitions()).collect();
            let count: usize = held.iter().map(BTreeSet::len).sum();
            let all: BTreeSet<i32> = held.iter().flatten().copied().collect();
            if count == all.len()
                && all.len() == PARTITIONS as usize
                && held.iter().all(|held| !held.is_empty())
            {
                Ok(())
            } else {
                Err(format!("{held:?}"))
            }
        });
    };
    two.start_ready(deployment);
    owned(&[one, two]);
    three.start_ready(deployment);
    owned(&[one, two, three]);
    // It is back before the group has missed it.
    two.stop(Signal::Kill);
    two.start_ready(deployment);
    owned(&[one, two, three]);
    // Suspended for longer than the session: when it goes on it must not show what others have taken over.
    three.signal(Signal::Stop);
    owned(&[one, two]);
    three.signal(Signal::Continue);
    (0..5).for_each(|_| look(2, &three.address, pages));
    three.wait_ready();
    owned(&[one, two, three]);
    three.stop(Signal::Term);
    owned(&[one, two]);
    // The other takes over after the session timeout.
    one.stop(Signal::Kill);
    owned(&[two]);
    three.start_ready(deployment);
    one.start_ready(deployment);
    owned(&[one, two, three]);
}

#[test]
fn copies_come_and_go_and_the_figures_are_those_of_one() {
    let Some(kafka) = harness::kafka() else { return };
    let settings = format!("{NEVER_IDLE}\n{SETTINGS}");
    let deployment = Deployment::new(kafka, "scale", PARTITIONS, &settings);
    deployment.create_topics();
    let mut copies = ["one", "two", "three"].map(|name| Copy::new(name, &[SESSION]));
    let addresses = copies.each_ref().map(|copy| copy.address.clone());
    let Some(prometheus) = Prometheus::start_from(&scraping(&addresses), &[]) else { return };
    let mut events = simulated(&deployment, 5, "1h", PARTITIONS);
    let last = last_words(PARTITIONS, LAST_MS);
    events.extend(last);
    let replayed = replay(&deployment, &events, &[]);
    let (hurry, done, pages) = (AtomicBool::new(false), AtomicBool::new(false), Mutex::new(Vec::new()));
    let since = Instant::now();
    std::thread::scope(|scope| {
        let (over, pace) = (Hurry(&done), Hurry(&hurry));
        for (number, address) in addresses.iter().enumerate() {
            let (pages, done) = (&pages, &done);
            scope.spawn(move || watch(number, address, pages, done));
        }
        copies[0].start_ready(&deployment);
        prometheus.wait_for("count(up{job='copies'} == 1)", SOON, |up| up == 1.0);
        let feeding = feed(scope, &deployment, &events, SPAN, &hurry);
        trouble(&deployment, &mut copies, &pages);
        drop(pace);
        feeding.join().unwrap();
        assert_as_replayed(&deployment, &mut copies[0], &replayed);
        assert_added_up(&prometheus, since, &offered(&replayed), events.len() as f64);
        assert_all_shown(&copies, &replayed);
        drop(over);
    });
    assert_eq!(deployment.folded_count(), events.len() as i64);
    let pages = pages.into_inner().unwrap();
    assert!(pages.len() > 200, "{} pages", pages.len());
    assert_one_owner(&pages, copies.len());
    assert_monotone(&pages);
    copies.iter_mut().for_each(|copy| copy.stop(Signal::Term));
}
