//! Small stories of clocks, levels and agents, worked out by hand from the contracts.
//!
//! They hold the model, so they must never compute what they expect.

use serde_json::json;

use super::stories::{NINE_MS, Tape, quarter};
use super::{Config, Input, ThresholdRule};

const SECOND_MS: i64 = 1_000;
const QUARTER_MS: i64 = 900_000;
const HOUR_MS: i64 = 3_600_000;

#[test]
fn each_record_has_one_result() {
    let mut tape = Tape::default();
    tape.voice(0, "c", "queued", json!({}));
    let again = Input { offset: 1, ..tape.inputs()[0].clone() };
    tape.inputs().push(again);
    tape.voice(1_000, "x", "answered", json!({"agent_id": "a"}));
    tape.voice(2_000, "c", "resumed", json!({}));
    tape.add(3_000, "contact.teleported", json!({"contact_id": "c"}));
    tape.add(4_000, "survey.sent", json!({"kind": "csat", "survey_id": "s"}));
    tape.voice(70_001, "c", "abandoned", json!({}));
    tape.voice(5_000, "c", "abandoned", json!({}));
    tape.inputs()[6].wall_ms = NINE_MS + 10_000;
    tape.inputs()[7].malformed = true;
    let outcome = tape.run();
    let results: Vec<(&str, i64)> =
        outcome.results.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    let expected = [
        ("duplicate", 1),
        ("folded", 2),
        ("inconsistent", 1),
        ("rejected", 2),
        ("unknown_contact", 1),
        ("unknown_type", 1),
    ];
    assert_eq!(results, expected);
    assert_eq!(outcome.last_ms, Some(NINE_MS + 4_000));
}

#[test]
fn a_late_end_measures_nothing_but_ends_its_levels() {
    let mut tape = Tape::default();
    tape.voice(0, "c", "queued", json!({}));
    tape.voice(2 * HOUR_MS, "other", "created", json!({}));
    tape.voice(10_000, "c", "abandoned", json!({}));
    tape.voice(3 * HOUR_MS, "other", "ended", json!({}));
    let outcome = tape.run();
    assert_eq!(outcome.results.get("late"), Some(&1));
    let day = ("tenant".to_owned(), vec!["acme".to_owned()], "day".to_owned(), NINE_MS - 9 * HOUR_MS);
    let record = &outcome.records[&day];
    assert_eq!(record.counts.get("contacts_abandoned"), None);
    // The watermark stood at 11:00 less 5 s, the level ends an hour before that.
    assert_eq!(record.levels["contacts_waiting"], (0, 1, HOUR_MS - 5 * SECOND_MS));
    assert_eq!(record.levels["contacts_breaching"], (0, 1, HOUR_MS - 25 * SECOND_MS - 1));
}

#[test]
fn levels_are_split_at_windows_and_looked_at_when_slices_end() {
    let mut tape = Tape::default();
    // Waiting from 09:14:50 to 09:15:25; a second one for 9 s within a slice.
    tape.voice(890_000, "c", "queued", json!({})).voice(901_000, "d", "queued", json!({}));
    tape.voice(909_999, "d", "abandoned", json!({})).voice(925_000, "c", "abandoned", json!({}));
    let outcome = tape.run();
    let group = ["acme", "voice", "billing"];
    let first = quarter(&outcome, "tenant,channel,queue", &group, 0);
    let second = quarter(&outcome, "tenant,channel,queue", &group, QUARTER_MS);
    assert_eq!(first.levels["contacts_waiting"], (1, 1, 10_000));
    assert_eq!(second.levels["contacts_waiting"], (0, 1, 25_000 + 8_999));
    // Over 20 s at 09:15:10, the first millisecond beyond is one later.
    assert_eq!(second.levels["contacts_breaching"], (0, 1, 14_999));
    assert_eq!(first.counts["contacts_offered"], 1);
    assert_eq!(second.counts["contacts_abandoned"], 2);
}

#[test]
fn an_open_contact_expires_unmeasured() {
    let mut tape = Tape::default();
    tape.voice(0, "c", "queued", json!({})).voice(10_000, "c", "answered", json!({"agent_id": "a"}));
    tape.voice(9 * HOUR_MS, "d", "created", json!({}));
    tape.voice(9 * HOUR_MS + 1_000, "c", "ended", json!({}));
    let outcome = tape.run();
    assert_eq!(outcome.results.get("unknown_contact"), Some(&1));
    let day = ("tenant".to_owned(), vec!["acme".to_owned()], "day".to_owned(), NINE_MS - 9 * HOUR_MS);
    let record = &outcome.records[&day];
    assert_eq!(record.levels["contacts_in_progress"].2, 8 * HOUR_MS - 10_000);
    assert_eq!(record.counts.get("contacts_handled"), None);
    // The second one expires when the file closes, a day's end later.
    assert_eq!(outcome.expired, 1);
}

#[test]
fn an_id_can_be_used_again_after_its_end() {
    let mut tape = Tape::default();
    tape.voice(0, "c", "queued", json!({})).voice(10_000, "c", "answered", json!({"agent_id": "a"}));
    tape.voice(20_000, "c", "ended", json!({})).voice(25_000, "c", "wrapup_ended", json!({}));
    tape.voice(30_000, "c", "held", json!({})).voice(60_000, "c", "queued", json!({}));
    tape.voice(62_000, "c", "abandoned", json!({}));
    let outcome = tape.run();
    assert_eq!(outcome.results.get("inconsistent"), Some(&1));
    let record = quarter(&outcome, "tenant", &["acme"], 0);
    assert_eq!(record.counts["contacts_short_abandoned"], 1);
    assert_eq!(record.counts["contacts_entered"], 1);
}

#[test]
fn agent_time_is_the_area_of_the_states() {
    let mut tape = Tape::default();
    let state = |state: &str| json!({"agent_id": "a", "team": "red", "state": state});
    tape.add(0, "agent.state_changed", state("available"));
    tape.add(300_000, "agent.state_changed", state("contact"));
    tape.add(540_000, "agent.state_changed", state("wrapup"));
    tape.add(600_000, "agent.state_changed", state("break"));
    tape.add(590_000, "agent.state_changed", state("lunch"));
    tape.add(660_000, "agent.state_changed", state("offline"));
    tape.add(
        800_000,
        "agent.state_changed",
        json!({"agent_id": "b", "team": "red", "state": "available",
        "slots": [{"channel": "chat", "active": 1, "max": 3}]}),
    );
    tape.add(900_000, "agent.state_changed", state("offline"));
    let outcome = tape.run();
    assert_eq!(outcome.results.get("inconsistent"), Some(&1));
    let a = quarter(&outcome, "tenant,team,agent_id", &["acme", "red", "a"], 0);
    assert_eq!(a.kpis["occupancy"], (300_000.0, 600_000.0));
    assert_eq!(a.kpis["utilization"], (300_000.0, 660_000.0));
    let red = quarter(&outcome, "tenant,team", &["acme", "red"], 0);
    assert_eq!(red.levels["agents_contact"], (1, 1, 340_000));
    assert_eq!(red.kpis["capacity_utilization"], (100_000.0, 300_000.0));
}

#[test]
fn a_silent_agent_goes_offline_at_its_timeout() {
    let mut tape = Tape::default();
    tape.add(0, "agent.state_changed", json!({"agent_id": "a", "state": "available"}));
    tape.add(10_000, "agent.heartbeat", json!({"agent_id": "a"}));
    tape.add(80_000, "agent.heartbeat", json!({"agent_id": "a"}));
    tape.add(200_000, "agent.heartbeat", json!({"agent_id": "a"}));
    tape.add(300_000, "agent.state_changed", json!({"agent_id": "a", "state": "busy"}));
    tape.add(310_000, "agent.heartbeat", json!({"agent_id": "b", "team": "red"}));
    let record = quarter(&tape.run(), "tenant", &["acme"], 0);
    assert_eq!(record.levels["agents_available"], (0, 1, 170_000));
    assert_eq!(record.levels["agents_busy"], (0, 1, 10_000));
    assert_eq!(record.levels.len(), 2);
}

#[test]
fn the_most_specific_threshold_wins_and_none_leaves_unjudged() {
    let rule = |tenant: Option<&str>, queue: Option<&str>, threshold_ms| ThresholdRule {
        tenant: tenant.map(str::to_owned),
        channel: Some("voice".to_owned()),
        queue: queue.map(str::to_owned),
        threshold_ms,
    };
    let mut config = Config::default();
    config.thresholds.push(rule(None, Some("billing"), None));
    config.thresholds.push(rule(Some("acme"), Some("claims"), Some(5_000)));
    config.thresholds.push(rule(Some("acme"), None, Some(50_000)));
    let mut tape = Tape::default();
    tape.voice(0, "a", "queued", json!({})).voice(0, "b", "queued", json!({"queue": "claims"}));
    tape.voice(0, "c", "queued", json!({"queue": "sales"}));
    for id in ["a", "b", "c"] {
        tape.voice(30_000, id, "answered", json!({"agent_id": id}));
    }
    let record = quarter(&tape.run_with(&config), "tenant", &["acme"], 0);
    assert_eq!(record.kpis["service_level:answered_only"], (1.0, 2.0));
    assert_eq!(record.counts["answered_unjudged"], 1);
    assert_eq!(record.counts["first_response_judged"], 2);
    let billing = config.threshold_ms("other", "voice", "billing");
    assert_eq!(billing, None);
}

#[test]
fn a_duplicate_is_forgotten_beyond_the_horizon() {
    let mut tape = Tape::default();
    tape.add(0, "survey.sent", json!({"kind": "csat", "survey_id": "s"}));
    for (after_ms, offset) in [(590_000, 2), (900_000, 4)] {
        tape.add(after_ms, "agent.heartbeat", json!({"agent_id": "a"}));
        let again = Input { offset, ..tape.inputs()[0].clone() };
        tape.inputs().push(again);
        tape.inputs().last_mut().into_iter().for_each(|input| input.wall_ms = NINE_MS + after_ms);
    }
    let outcome = tape.run();
    assert_eq!(outcome.judgements[&(0, 2)], "duplicate");
    assert_eq!(outcome.judgements[&(0, 4)], "folded");
}

#[test]
fn calls_out_are_known_and_not_measured() {
    let mut tape = Tape::default();
    let out = json!({"direction": "outbound", "agent_id": "a"});
    tape.voice(0, "c", "answered", out).voice(60_000, "c", "ended", json!({}));
    let outcome = tape.run();
    assert_eq!(outcome.results.get("folded"), Some(&2));
    assert!(outcome.records.is_empty(), "{:?}", outcome.records);
}

#[test]
fn quantiles_are_of_the_nearest_rank() {
    let mut tape = Tape::default();
    for (index, wait_ms) in [1_000, 2_000, 3_000, 4_000].into_iter().enumerate() {
        let id = format!("c{index}");
        let queued_ms = index as i64 * 10_000;
        tape.voice(queued_ms, &id, "queued", json!({}));
        tape.voice(queued_ms + wait_ms, &id, "answered", json!({"agent_id": id.clone()}));
    }
    let record = quarter(&tape.run(), "tenant", &["acme"], 0);
    assert_eq!(record.quantile_ms("wait_answered", 0.5), Some(2_000));
    assert_eq!(record.quantile_ms("wait_answered", 0.9), Some(4_000));
    assert_eq!(record.quantile_ms("wait_abandoned", 0.5), None);
}
