//! Lives of agents: shifts, slots, heartbeats, silence.
//!
//! They must never know contacts.

use serde_json::{Value, json};

use super::dice::Dice;
use super::life::{Life, mostly};

const STATES: [&str; 14] = [
    "available",
    "available",
    "available",
    "contact",
    "contact",
    "wrapup",
    "ringing",
    "break",
    "lunch",
    "training",
    "non_acd",
    "not_responding",
    "busy",
    "yodeling",
];

/// A shift until about `until_ms`.
pub fn shift(dice: &mut Dice, life: &mut Life, team: &str, until_ms: i64) {
    let has_slots = dice.chance(30);
    let beats_ms = if dice.chance(30) { dice.between(40_000, 80_000) } else { 0 };
    // A heart beats for a while only, so that its events do not drown the others.
    let beats_until_ms = life.now_ms + dice.between(600_000, 2_400_000);
    let mut team = team.to_owned();
    while life.now_ms < until_ms {
        if dice.chance(4) {
            team = dice.pick(&["red", "blue", "green"]).to_owned();
        }
        let state = dice.pick(&STATES);
        let slots = if has_slots { slots(dice, state) } else { Value::Null };
        life.tell(
            "agent.state_changed",
            json!({"state": state, "team": mostly(dice, 80, &team), "slots": slots}),
        );
        let stays_until_ms = life.now_ms + dice.between(5_000, 1_500_000);
        while beats_ms > 0 && life.now_ms + beats_ms < stays_until_ms.min(beats_until_ms) {
            life.now_ms += beats_ms;
            // Now and then a beat is missed, which is longer than the timeout.
            if dice.chance(96) {
                life.tell("agent.heartbeat", json!({"team": mostly(dice, 20, &team)}));
            }
        }
        life.now_ms = stays_until_ms;
        if dice.chance(4) {
            break;
        }
    }
    if dice.chance(80) {
        life.tell("agent.state_changed", json!({"state": "offline"}));
    }
}

fn slots(dice: &mut Dice, state: &str) -> Value {
    let max = dice.between(1, 4);
    let active = if state == "available" && dice.chance(60) { dice.between(0, max) } else { 0 };
    json!([{"channel": "chat", "active": active, "max": max}, {"channel": "voice", "active": 0, "max": 1}])
}
