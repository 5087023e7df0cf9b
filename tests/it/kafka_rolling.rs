//! A rolling restart to other thresholds and windows: two copies with different settings work side by side, which is
//! accepted, logged and exported, and nothing is counted twice or lost.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::Value;

use crate::harness;
use crate::harness::guard::Signal;
use crate::harness::records::Outgoing;
use crate::kafka_copies::{Copy, Hurry, LAST_MS, closed, feed, replay, simulated, until};
use crate::kafka_deployment::{Deployment, NEVER_IDLE, last_words};
use crate::kafka_finals::{assert_exactly_once, settled};
use crate::reference::RecordKey;

const PARTITIONS: i32 = 4;
const SESSION: (&str, &str) = ("INTRADAY__KAFKA__SESSION_TIMEOUT", "6s");
/// Longer than the roll takes.
const SPAN: Duration = Duration::from_secs(120);
/// Answers must come sooner than shipped, and there is a window more.
const NEW: &str = "\
[[thresholds]]\nchannel = \"voice\"\nseconds = 2\n\
[[thresholds]]\nchannel = \"chat\"\nseconds = 2\n\
[[windows]]\nname = \"5m\"\nkind = \"sliding\"\nlength = \"5m\"\n\
[[windows]]\nname = \"15m\"\nkind = \"tumbling\"\nlength = \"15m\"\n\
[[windows]]\nname = \"30m\"\nkind = \"tumbling\"\nlength = \"30m\"\n\
[[windows]]\nname = \"1h\"\nkind = \"tumbling\"\nlength = \"1h\"\n\
[[windows]]\nname = \"day\"\nkind = \"day\"\n";
/// What depends on the threshold in force when a contact was answered.
const JUDGED: [&str; 3] = ["threshold", "judged", "breach"];

/// The most configurations that a copy shows for a shard.
fn epochs(copies: &[&Copy]) -> f64 {
    let shown = copies.iter().flat_map(|copy| copy.metrics());
    let of_shards = shown.filter(|(name, _)| name.starts_with("intraday_config_epochs{"));
    of_shards.map(|(_, value)| value).fold(0.0, f64::max)
}

fn counts(record: &Value) -> BTreeMap<String, i64> {
    let counts = record["counts"].as_object().into_iter().flatten();
    counts.map(|(name, value)| (name.clone(), value.as_i64().expect("a count"))).collect()
}

fn is_judged(name: &str) -> bool {
    JUDGED.iter().any(|word| name.contains(word))
}

/// Every count that knows no threshold is exact, and one that does lies between those of either configuration.
fn assert_exact(key: &RecordKey, found: &Value, old: &Value, new: &Value) -> bool {
    let (found, old, new) = (counts(found), counts(old), counts(new));
    let judged = |counts: &BTreeMap<String, i64>| {
        ["within", "beyond"]
            .map(|side| counts.get(&format!("contacts_answered_{side}_threshold")).unwrap_or(&0))
            .iter()
            .copied()
            .sum::<i64>()
    };
    assert_eq!(judged(&found), judged(&old), "{key:?}: judged either way");
    let mut between = false;
    for name in old.keys().chain(new.keys()) {
        let at = |counts: &BTreeMap<String, i64>| counts.get(name).copied().unwrap_or_default();
        let (count, was, is) = (at(&found), at(&old), at(&new));
        if is_judged(name) {
            assert!(count >= was.min(is) && count <= was.max(is), "{key:?}: {name} {count}, {was} and {is}");
            between |= count != was && count != is;
        } else {
            assert_eq!((was, count), (is, is), "{key:?}: {name}");
        }
    }
    between
}

/// Each settled record is that of one configuration or lies between both, and nothing is missing.
fn assert_rolled(deployment: &Deployment, one: &mut Copy, events: &[Outgoing], new: &[&str]) {
    let old = replay(deployment, events, &[]);
    let judged = replay(deployment, events, new);
    let seen = settled(deployment, one.process(), &closed(&old));
    assert_exactly_once(&seen);
    let mut between = 0;
    for (key, old) in &old {
        let Some(last) = seen.get(key).and_then(|seen| seen.settled()) else { continue };
        between += u32::from(assert_exact(key, last, old, &judged[key]));
    }
    // The roll came in the middle: some windows have contacts of either kind.
    assert!(between > 0, "no window has both");
    // The new window is whole from the first that begins after the roll.
    assert!(seen.keys().any(|key| key.2 == "30m"), "no window of the new length");
    assert_eq!(deployment.folded_count(), events.len() as i64);
}

#[test]
fn two_copies_roll_to_other_thresholds_and_windows() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "rolling", PARTITIONS, NEVER_IDLE);
    deployment.create_topics();
    let file = deployment.path("new.toml");
    fs::write(&file, NEW).unwrap();
    let new = ["--config", file.to_str().unwrap()];
    let mut events = simulated(&deployment, 5, "1h", PARTITIONS);
    events.extend(last_words(PARTITIONS, LAST_MS));
    let (mut one, mut two) = (Copy::new("one", &[SESSION]), Copy::new("two", &[SESSION]));
    let hurry = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let pace = Hurry(&hurry);
        one.start_ready(&deployment);
        two.start_ready(&deployment);
        let feeding = feed(scope, &deployment, &events, SPAN, &hurry);
        let shared = |one: &Copy, two: &Copy| {
            until("partitions with both", || {
                let (of_one, of_two) = (one.partitions(), two.partitions());
                let all = of_one.len() + of_two.len() == PARTITIONS as usize;
                if all && !of_one.is_empty() && !of_two.is_empty() {
                    Ok(())
                } else {
                    Err(format!("{of_one:?} {of_two:?}"))
                }
            });
        };
        let sources_heard = |one: &Copy, two: &Copy, wanted: f64| {
            until("configurations", || match epochs(&[one, two]) {
                found if found == wanted => Ok(()),
                found => Err(format!("{found} instead of {wanted}")),
            });
        };
        shared(&one, &two);
        sources_heard(&one, &two, 1.0);
        one.stop(Signal::Term);
        one.start_with(&deployment, &new);
        one.wait_ready();
        shared(&one, &two);
        sources_heard(&one, &two, 2.0);
        // Both kinds work on contacts for a while.
        let (begun, some) = (deployment.folded_count(), events.len() as i64 / 20);
        until("events under both", || match deployment.folded_count() - begun {
            count if count >= some => Ok(()),
            count => Err(count.to_string()),
        });
        two.stop(Signal::Term);
        two.start_with(&deployment, &new);
        two.wait_ready();
        shared(&one, &two);
        sources_heard(&one, &two, 1.0);
        drop(pace);
        feeding.join().unwrap();
    });
    let said = one.output() + &two.output();
    for line in
        ["copies with different settings", "with the same settings again", "the settings that shape measures"]
    {
        assert!(said.contains(line), "{line:?} is not in\n{said}");
    }
    assert_rolled(&deployment, &mut one, &events, &new);
    one.stop(Signal::Term);
    two.stop(Signal::Term);
}
