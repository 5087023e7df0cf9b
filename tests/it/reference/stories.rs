//! Small stories of contacts whose numbers were worked out by hand from the contracts.
//!
//! They hold the model, so they must never compute what they expect.

use serde_json::{Value, json};

use super::{Config, Input, Outcome, Record, run};

/// 2026-01-05T09:00:00Z.
pub const NINE_MS: i64 = 1_767_603_600_000;

/// A tape of records on one partition.
#[derive(Default)]
pub struct Tape {
    inputs: Vec<Input>,
}

impl Tape {
    /// Adds an event of `kind` at `at_ms` after nine o'clock with the fields of `more`.
    pub fn add(&mut self, at_ms: i64, kind: &str, more: Value) -> &mut Self {
        let offset = self.inputs.len() as i64;
        let mut event = json!({
            "id": format!("e{offset}"), "type": kind, "time": NINE_MS + at_ms, "tenant": "acme",
        });
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        let value = event.to_string().into_bytes();
        self.inputs.push(Input { partition: 0, offset, value, wall_ms: NINE_MS + at_ms, malformed: false });
        self
    }

    /// Adds an event of voice contact `id` in queue billing.
    pub fn voice(&mut self, at_ms: i64, id: &str, kind: &str, more: Value) -> &mut Self {
        let mut fields = json!({"contact_id": id, "channel": "voice"});
        if kind == "queued" {
            fields["queue"] = json!("billing");
        }
        if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
            fields.extend(more);
        }
        self.add(at_ms, &format!("contact.{kind}"), fields)
    }

    /// The outcome by default settings.
    pub fn run(&self) -> Outcome {
        run(&Config::default(), &self.inputs)
    }

    /// The outcome by other settings.
    pub fn run_with(&self, config: &Config) -> Outcome {
        run(config, &self.inputs)
    }

    /// The records themselves.
    pub fn inputs(&mut self) -> &mut Vec<Input> {
        &mut self.inputs
    }
}

/// The record of a group in the 15 min window that begins so long after nine o'clock.
pub fn quarter(outcome: &Outcome, set: &str, values: &[&str], start_ms: i64) -> Record {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    let key = (set.to_owned(), values, "15m".to_owned(), NINE_MS + start_ms);
    outcome.records.get(&key).cloned().unwrap_or_default()
}

fn billing(outcome: &Outcome) -> Record {
    quarter(outcome, "tenant,channel,queue", &["acme", "voice", "billing"], 0)
}

fn tenant(outcome: &Outcome) -> Record {
    quarter(outcome, "tenant", &["acme"], 0)
}

fn counts(record: &Record) -> Vec<(&str, i64)> {
    record.counts.iter().map(|(name, count)| (name.as_str(), *count)).collect()
}

fn kpi(record: &Record, name: &str) -> Option<(f64, f64)> {
    record.kpis.get(name).copied()
}

#[test]
fn an_answered_call_with_hold_and_wrapup() {
    let mut tape = Tape::default();
    let agent = json!({"agent_id": "a1", "team": "red"});
    tape.voice(0, "c", "created", json!({})).voice(1_000, "c", "queued", json!({}));
    tape.voice(3_000, "c", "offered", agent.clone()).voice(13_000, "c", "answered", agent.clone());
    tape.voice(60_000, "c", "held", json!({})).voice(90_000, "c", "resumed", json!({}));
    tape.voice(120_000, "c", "ended", agent.clone()).voice(150_000, "c", "wrapup_ended", agent);
    let outcome = tape.run();
    let record = billing(&outcome);
    let expected = [
        ("answered_within_threshold", 1),
        ("contacts_answered", 1),
        ("contacts_completed", 1),
        ("contacts_handled", 1),
        ("contacts_offered", 1),
        ("first_response_judged", 1),
        ("first_response_within_threshold", 1),
        ("legs_held", 1),
    ];
    assert_eq!(counts(&record), expected);
    for (name, ms) in [
        ("wait_answered", 12_000),
        ("wait_all", 12_000),
        ("ring_time", 10_000),
        ("talk_time", 77_000),
        ("hold_time", 30_000),
        ("wrapup_time", 30_000),
        ("handle_time", 137_000),
        ("handle_time_without_wrapup", 107_000),
        ("contact_handle_time", 137_000),
        ("first_response_time", 12_000),
    ] {
        assert_eq!(record.durations.get(name), Some(&vec![ms]), "{name}");
    }
    assert_eq!(kpi(&record, "service_level:answered_plus_abandoned"), Some((1.0, 1.0)));
    assert_eq!(kpi(&record, "asa"), Some((12.0, 1.0)));
    assert_eq!(kpi(&record, "aht"), Some((137.0, 1.0)));
    assert_eq!(kpi(&record, "load_erlangs"), Some((137_000.0, 900_000.0)));
    assert_eq!(record.levels.get("contacts_waiting"), Some(&(0, 1, 12_000)));
    assert_eq!(record.levels.get("contacts_in_progress"), Some(&(0, 1, 107_000)));
    assert_eq!(record.levels.get("contacts_in_wrapup"), Some(&(0, 1, 30_000)));
    let whole = tenant(&outcome);
    assert_eq!(whole.counts.get("contacts_entered"), Some(&1));
    assert_eq!(whole.counts.get("contacts_created"), Some(&1));
    let red = quarter(&outcome, "tenant,team,agent_id", &["acme", "red", "a1"], 0);
    let expected = [
        ("contacts_handled", 1),
        ("first_response_judged", 1),
        ("first_response_within_threshold", 1),
        ("legs_held", 1),
    ];
    assert_eq!(counts(&red), expected);
    let share = quarter(&outcome, "tenant,channel", &["acme", "voice"], 0);
    assert_eq!(kpi(&share, "volume_share"), Some((1.0, 1.0)));
}

#[test]
fn the_threshold_itself_is_within_unless_strict() {
    let mut tape = Tape::default();
    tape.voice(0, "c", "queued", json!({})).voice(20_000, "c", "answered", json!({"agent_id": "a"}));
    tape.voice(30_000, "d", "queued", json!({})).voice(50_001, "d", "answered", json!({"agent_id": "b"}));
    assert_eq!(kpi(&billing(&tape.run()), "service_level:answered_only"), Some((1.0, 2.0)));
    let strict = Config { within_strict: true, ..Config::default() };
    assert_eq!(kpi(&billing(&tape.run_with(&strict)), "service_level:answered_only"), Some((0.0, 2.0)));
}

#[test]
fn short_abandons_leave_both_sides_of_the_rate() {
    let mut tape = Tape::default();
    tape.voice(0, "a", "queued", json!({})).voice(1_000, "b", "queued", json!({}));
    tape.voice(2_000, "c", "queued", json!({})).voice(3_000, "d", "queued", json!({}));
    tape.voice(4_999, "a", "abandoned", json!({})).voice(6_000, "b", "abandoned", json!({}));
    tape.voice(7_000, "c", "flowed_out", json!({"reason": "callback"}));
    tape.voice(8_000, "d", "answered", json!({"agent_id": "x"}));
    let outcome = tape.run();
    let record = billing(&outcome);
    assert_eq!(kpi(&record, "abandon_rate"), Some((1.0, 3.0)));
    assert_eq!(kpi(&record, "abandon_rate_offered"), Some((1.0, 3.0)));
    assert_eq!(kpi(&tenant(&outcome), "contact_abandon_rate"), Some((1.0, 2.0)));
    assert_eq!(record.kpis.get("contact_abandon_rate"), None);
    assert_eq!(record.counts.get("contacts_flowed_out_callback"), Some(&1));
    assert_eq!(record.counts.get("callbacks_requested"), Some(&1));
    // Offered 4, answered 1, abandoned 2 of which 1 short, all within 20 s, one callback within.
    for (formula, value) in [
        ("answered_plus_abandoned", (1.0, 3.0)),
        ("exclude_short", (1.0, 2.0)),
        ("answered_only", (1.0, 1.0)),
        ("offered", (1.0, 4.0)),
        ("offered_minus_short", (1.0, 3.0)),
        ("removed_in_x", (4.0, 4.0)),
        ("positive", (3.0, 3.0)),
        ("ignore_abandoned_within", (1.0, 1.0)),
    ] {
        assert_eq!(kpi(&record, &format!("service_level:{formula}")), Some(value), "{formula}");
    }
    assert_eq!(record.durations["wait_all"], vec![4_999, 5_000, 5_000, 5_000]);
}

#[test]
fn a_missing_wrapup_counts_at_its_timeout_with_none() {
    let mut tape = Tape::default();
    tape.voice(0, "c", "queued", json!({})).voice(10_000, "c", "answered", json!({"agent_id": "a"}));
    tape.voice(40_000, "c", "ended", json!({}));
    let outcome = tape.run();
    let record = billing(&outcome);
    assert_eq!(record.counts["contacts_handled"], 1);
    assert_eq!(record.durations["handle_time"], vec![30_000]);
    assert_eq!(record.durations.get("wrapup_time"), None);
    // The file ends at the last event, and so does the level.
    assert_eq!(record.levels.get("contacts_in_wrapup"), None);

    // Due at 640 s: an end of wrap-up just before it is one.
    tape.voice(639_999, "c", "wrapup_ended", json!({"agent_id": "a"}));
    assert_eq!(billing(&tape.run()).durations["wrapup_time"], vec![599_999]);

    // At that moment it comes too late, whether the watermark has got there or not.
    tape.inputs().pop();
    tape.voice(640_000, "c", "wrapup_ended", json!({"agent_id": "a", "id": "just-late"}));
    let outcome = tape.run();
    assert_eq!(outcome.results.get("inconsistent"), Some(&1));
    assert_eq!(billing(&outcome).durations.get("wrapup_time"), None);
    assert_eq!(billing(&outcome).levels["contacts_in_wrapup"], (0, 1, 600_000));
}

#[test]
fn a_transfer_makes_two_visits_and_two_legs_of_one_contact() {
    let mut tape = Tape::default();
    tape.voice(0, "c", "queued", json!({})).voice(10_000, "c", "answered", json!({"agent_id": "a"}));
    tape.voice(40_000, "c", "transferred", json!({"agent_id": "a", "kind": "queue", "context_passed": true}));
    tape.voice(40_000, "c", "queued", json!({"queue": "claims"}));
    tape.voice(50_000, "c", "wrapup_ended", json!({"agent_id": "a"}));
    tape.voice(70_000, "c", "answered", json!({"agent_id": "b"})).voice(100_000, "c", "ended", json!({}));
    tape.voice(105_000, "c", "wrapup_ended", json!({}));
    let outcome = tape.run();
    assert_eq!(outcome.results.get("folded"), Some(&8));
    let whole = tenant(&outcome);
    assert_eq!(kpi(&whole, "transfer_rate"), Some((1.0, 1.0)));
    assert_eq!(kpi(&whole, "context_transfer"), Some((1.0, 1.0)));
    assert_eq!(whole.counts["contacts_entered"], 1);
    assert_eq!(whole.counts["contacts_offered"], 2);
    assert_eq!(whole.durations["handle_time"], vec![35_000, 40_000]);
    assert_eq!(whole.durations["contact_handle_time"], vec![75_000]);
    assert_eq!(whole.durations["first_response_time"], vec![10_000]);
    assert_eq!(billing(&outcome).counts["transfers_queue"], 1);
    let claims = quarter(&outcome, "tenant,channel,queue", &["acme", "voice", "claims"], 0);
    assert_eq!(claims.counts["contacts_completed"], 1);
    assert_eq!(claims.durations["wait_answered"], vec![30_000]);
}

#[test]
fn a_chat_is_answered_by_its_first_public_reply() {
    let mut tape = Tape::default();
    let chat = |more: Value| {
        let mut fields = json!({"contact_id": "c", "channel": "chat"});
        if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
            fields.extend(more);
        }
        fields
    };
    tape.add(0, "contact.created", chat(json!({})));
    tape.add(0, "message.sent", chat(json!({"author": "customer"})));
    tape.add(1_000, "message.sent", chat(json!({"author": "bot"})));
    tape.add(5_000, "contact.queued", chat(json!({"queue": "help"})));
    tape.add(20_000, "message.sent", chat(json!({"author": "agent", "visibility": "internal"})));
    tape.add(45_000, "message.sent", chat(json!({"author": "agent", "agent_id": "a", "team": "red"})));
    tape.add(60_000, "message.sent", chat(json!({"author": "customer"})));
    tape.add(70_000, "message.sent", chat(json!({"author": "customer"})));
    tape.add(90_000, "message.sent", chat(json!({"author": "agent", "agent_id": "a", "team": "red"})));
    tape.add(100_000, "contact.ended", chat(json!({"by": "customer"})));
    let outcome = tape.run();
    let help = quarter(&outcome, "tenant,channel,queue", &["acme", "chat", "help"], 0);
    assert_eq!(help.durations["wait_answered"], vec![40_000]);
    assert_eq!(help.durations["first_response_time"], vec![45_000]);
    assert_eq!(help.durations["next_response_time"], vec![30_000, 45_000]);
    assert_eq!(help.durations["handle_time"], vec![55_000]);
    assert_eq!(kpi(&help, "first_response_within_target"), Some((1.0, 1.0)));
    assert_eq!(help.counts["contacts_completed"], 1);
    // The wait for the first response began before the queue was known.
    let unknown = quarter(&outcome, "tenant,channel,queue", &["acme", "chat", ""], 0);
    assert_eq!(unknown.levels["awaiting_first_response"], (0, 1, 45_000));
    let red = quarter(&outcome, "tenant,team", &["acme", "red"], 0);
    assert_eq!(red.durations["next_response_time"], vec![30_000, 45_000]);
}

#[test]
fn ends_without_an_answer() {
    let mut tape = Tape::default();
    tape.voice(0, "menu", "created", json!({})).voice(9_000, "menu", "ended", json!({}));
    tape.voice(10_000, "gone", "queued", json!({})).voice(40_000, "gone", "ended", json!({}));
    tape.voice(41_000, "cut", "queued", json!({})).voice(50_000, "cut", "ended", json!({"by": "system"}));
    let whole = tenant(&tape.run());
    assert_eq!(whole.counts["contacts_ended_before_queue"], 1);
    assert_eq!(whole.durations["wait_abandoned"], vec![30_000]);
    assert_eq!(whole.counts["contacts_flowed_out_system"], 1);
    assert_eq!(whole.counts.get("contacts_completed"), None);
    assert_eq!(kpi(&whole, "service_level:positive"), Some((0.0, 1.0)));
}

#[test]
fn a_second_queue_flows_the_first_visit_out_and_is_never_short() {
    let mut tape = Tape::default();
    tape.voice(0, "c", "queued", json!({})).voice(1_000, "c", "queued", json!({}));
    tape.voice(30_000, "c", "queued", json!({"queue": "claims"})).voice(32_000, "c", "abandoned", json!({}));
    let outcome = tape.run();
    assert_eq!(outcome.results.get("inconsistent"), Some(&1));
    assert_eq!(billing(&outcome).counts["contacts_flowed_out_other"], 1);
    let whole = tenant(&outcome);
    assert_eq!(whole.counts.get("contacts_short_abandoned"), None);
    assert_eq!(kpi(&whole, "abandon_rate"), Some((1.0, 2.0)));
}

#[test]
fn missed_rings_and_late_comers() {
    let mut tape = Tape::default();
    tape.voice(0, "c", "queued", json!({})).voice(1_000, "c", "offered", json!({"agent_id": "a"}));
    tape.voice(9_000, "c", "offer_failed", json!({"agent_id": "a", "reason": "missed"}));
    tape.voice(10_000, "c", "offered", json!({"agent_id": "b"}));
    tape.voice(11_000, "c", "offer_failed", json!({"agent_id": "b", "reason": "canceled"}));
    tape.voice(12_000, "c", "answered", json!({"agent_id": "c"}));
    tape.voice(13_000, "c", "answered", json!({"agent_id": "d"}));
    let outcome = tape.run();
    assert_eq!(outcome.results.get("inconsistent"), Some(&1));
    let whole = tenant(&outcome);
    assert_eq!(whole.counts["agent_non_response"], 1);
    assert_eq!(whole.durations["ring_time"], vec![1_000, 8_000]);
    let missed = quarter(&outcome, "tenant,team,agent_id", &["acme", "", "a"], 0);
    assert_eq!(counts(&missed), [("agent_non_response", 1)]);
}

#[test]
fn rings_end_with_the_contact() {
    let mut tape = Tape::default();
    tape.voice(0, "c", "queued", json!({})).voice(1_000, "c", "offered", json!({"agent_id": "a"}));
    tape.voice(3_000, "c", "ended", json!({"by": "system"}));
    // An answer that comes all the same opens the contact again; of the ring that ended nothing is measured.
    tape.voice(200_000, "c", "answered", json!({"agent_id": "a"}));
    let whole = tenant(&tape.run());
    assert_eq!(whole.counts["contacts_flowed_out"], 1);
    assert_eq!(whole.durations.get("ring_time"), None);
}
