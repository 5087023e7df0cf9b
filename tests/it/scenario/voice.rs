//! Lives of calls: voice, video, callbacks, calls out.
//!
//! They must never hold what a call could not do; oddities are added elsewhere.

use serde_json::{Value, json};

use super::dice::Dice;
use super::life::{Life, Staff, mostly};

/// The queues of calls.
pub const QUEUES: [&str; 4] = ["billing", "claims", "sales", "42"];

/// How a visit to a queue went.
enum Outcome {
    Answered(String, &'static str),
    Left,
    Moved(&'static str),
}

/// A call from its beginning to its last wrap-up.
pub fn call(dice: &mut Dice, life: &mut Life, staff: &mut Staff) {
    let channel = if dice.chance(85) { "voice" } else { dice.pick(&["video", "callback"]) };
    if dice.chance(70) {
        life.tell("contact.created", json!({"channel": channel, "direction": mostly(dice, 20, "inbound")}));
        life.pass(dice, 0, 40_000);
        if dice.chance(10) {
            life.tell("contact.ended", json!({"by": mostly(dice, 50, "customer")}));
            return;
        }
    }
    let mut queue = dice.pick(&QUEUES);
    for _ in 0..4 {
        match visit(dice, life, staff, channel, queue) {
            Outcome::Answered(agent_id, team) => match leg(dice, life, &agent_id, team) {
                None => break,
                Some(next) => queue = next,
            },
            Outcome::Moved(next) => queue = next,
            Outcome::Left => break,
        }
    }
}

/// A call to a customer: known, never measured.
pub fn call_out(dice: &mut Dice, life: &mut Life, staff: &mut Staff) {
    let (agent_id, team) = staff.meet();
    let opening = json!({"channel": "voice", "direction": "outbound", "agent_id": agent_id, "team": team});
    if dice.chance(50) {
        life.tell("contact.created", opening.clone());
        life.pass(dice, 0, 9_000);
    }
    life.tell("contact.answered", opening);
    life.pass(dice, 5_000, 300_000);
    life.tell("contact.ended", json!({"agent_id": agent_id}));
    life.pass(dice, 0, 60_000);
    life.tell("contact.wrapup_ended", json!({"agent_id": agent_id}));
}

/// How long a caller waits: short, near the threshold, at it, or long.
fn patience_ms(dice: &mut Dice) -> i64 {
    match dice.below(6) {
        0 => dice.between(0, 6_000),
        1 => dice.between(4_998, 5_002),
        2 => dice.between(19_998, 20_002),
        3 => dice.between(0, 40_000),
        4 => 20_000,
        _ => dice.between(0, 400_000),
    }
}

fn visit(dice: &mut Dice, life: &mut Life, staff: &mut Staff, channel: &str, queue: &'static str) -> Outcome {
    let named: Value = match queue.parse::<i64>() {
        Ok(number) if dice.chance(50) => json!(number),
        _ => json!(queue),
    };
    life.tell("contact.queued", json!({"channel": channel, "queue": named}));
    let mut wait_ms = patience_ms(dice);
    let (mut agent_id, mut team) = staff.meet();
    if dice.chance(60) {
        let ring_ms = wait_ms / 2;
        life.now_ms += wait_ms - ring_ms;
        wait_ms = ring_ms;
        life.tell("contact.offered", json!({"agent_id": agent_id}));
        if dice.chance(30) {
            life.now_ms += wait_ms / 2;
            wait_ms -= wait_ms / 2;
            let reason = dice.pick(&["missed", "rejected", "error", "canceled"]);
            life.tell("contact.offer_failed", json!({"agent_id": agent_id, "team": team, "reason": reason}));
            (agent_id, team) = staff.meet();
            if dice.chance(50) {
                life.tell("contact.offered", json!({"agent_id": agent_id}));
            }
        }
    }
    life.now_ms += wait_ms;
    match dice.below(20) {
        0..=12 => {
            life.tell("contact.answered", json!({"agent_id": agent_id, "team": mostly(dice, 80, team)}));
            Outcome::Answered(agent_id, team)
        }
        13..=15 => {
            life.tell("contact.abandoned", json!({"by": mostly(dice, 40, "customer")}));
            after_leaving(dice, life)
        }
        16 => {
            life.tell("contact.abandoned", json!({"by": "system"}));
            after_leaving(dice, life)
        }
        17..=18 => {
            let reasons = ["timeout", "overflow", "key", "callback", "voicemail", "closed", "moonlight"];
            let reason = dice.pick(&reasons);
            life.tell("contact.flowed_out", json!({"reason": mostly(dice, 90, reason)}));
            after_leaving(dice, life)
        }
        _ => Outcome::Moved(another(dice, queue)),
    }
}

fn after_leaving(dice: &mut Dice, life: &mut Life) -> Outcome {
    match dice.below(5) {
        0 => {
            life.pass(dice, 0, 600_000);
            Outcome::Moved(dice.pick(&QUEUES))
        }
        1 => {
            life.pass(dice, 0, 2_000);
            life.tell("contact.ended", json!({}));
            Outcome::Left
        }
        _ => Outcome::Left,
    }
}

fn another(dice: &mut Dice, queue: &str) -> &'static str {
    let place = QUEUES.iter().position(|known| *known == queue).unwrap_or(0);
    QUEUES[(place + 1 + dice.below(QUEUES.len() - 1)) % QUEUES.len()]
}

/// An agent's part of the call; gives the next queue if the call goes on.
fn leg(dice: &mut Dice, life: &mut Life, agent_id: &str, team: &str) -> Option<&'static str> {
    life.pass(dice, 0, 240_000);
    for _ in 0..dice.below(3) {
        life.tell("contact.held", json!({"agent_id": mostly(dice, 70, agent_id)}));
        life.pass(dice, 0, 90_000);
        // A leg that is not resumed ends in hold.
        if dice.chance(15) {
            break;
        }
        life.tell("contact.resumed", json!({"agent_id": mostly(dice, 70, agent_id)}));
        life.pass(dice, 0, 120_000);
    }
    if dice.chance(25) {
        let passed = [Value::Null, json!(true), json!(false)][dice.below(3)].clone();
        let kind = dice.pick(&["blind", "consult", "queue"]);
        life.tell(
            "contact.transferred",
            json!({"agent_id": mostly(dice, 80, agent_id), "kind": mostly(dice, 80, kind), "context_passed": passed}),
        );
        let next = dice.pick(&QUEUES);
        if dice.chance(50) {
            life.tell("contact.wrapup_ended", json!({"agent_id": agent_id}));
        }
        life.pass(dice, 0, 3_000);
        return Some(next);
    }
    let by = dice.pick(&["customer", "agent", "system"]);
    life.tell("contact.ended", json!({"agent_id": mostly(dice, 60, agent_id), "by": mostly(dice, 60, by)}));
    if dice.chance(75) {
        let named_percent = if life.is_loose { 80 } else { 100 };
        let most_ms = if life.is_loose && dice.chance(10) { 900_000 } else { 120_000 };
        life.pass(dice, 0, most_ms);
        life.tell(
            "contact.wrapup_ended",
            json!({"agent_id": mostly(dice, named_percent, agent_id), "team": mostly(dice, 20, team)}),
        );
    }
    if dice.chance(6) {
        life.pass(dice, 0, 3_000_000);
        return Some(dice.pick(&QUEUES));
    }
    None
}
