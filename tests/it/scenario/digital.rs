//! Lives of chats, messages and mails.
//!
//! They must never hold what such a contact could not do; oddities are added elsewhere.

use serde_json::json;

use super::dice::Dice;
use super::life::{Life, Staff, mostly};

const QUEUES: [&str; 3] = ["help", "orders", "billing"];

/// A contact that lives by messages.
pub fn conversation(dice: &mut Dice, life: &mut Life, staff: &mut Staff) {
    let channel = match dice.below(10) {
        0..=5 => "chat",
        6 => "email",
        7 => "messaging",
        8 => "task",
        // Not a channel of the contract: read as other.
        _ => "fax",
    };
    let pace_ms = if channel == "chat" { 45_000 } else { 600_000 };
    open(dice, life, channel);
    for _ in 0..dice.between(1, 2) {
        let queue = dice.pick(&QUEUES);
        let is_queued = dice.chance(85);
        if is_queued {
            life.pass(dice, 0, 5_000);
            life.tell("contact.queued", json!({"channel": channel, "queue": queue}));
            if dice.chance(12) {
                life.pass(dice, 0, 2 * pace_ms);
                let (kind, fields) = match dice.below(3) {
                    0 => ("contact.flowed_out", json!({"reason": "closed"})),
                    _ => ("contact.abandoned", json!({})),
                };
                life.tell(kind, fields);
                return;
            }
        }
        let (agent_id, team) = staff.meet();
        life.pass(dice, 0, 2 * pace_ms);
        if dice.chance(45) || !(is_queued || life.is_loose) {
            life.tell("contact.answered", json!({"agent_id": agent_id, "team": team}));
        } else if !life.is_loose {
            life.tell("message.sent", json!({"author": "agent", "agent_id": agent_id, "team": team}));
        }
        talk(dice, life, &agent_id, team, pace_ms);
        if !dice.chance(20) {
            end(dice, life, &agent_id);
            return;
        }
        let was_passed = dice.chance(50);
        life.tell(
            "contact.transferred",
            json!({"agent_id": agent_id, "kind": "queue", "context_passed": was_passed}),
        );
    }
}

fn open(dice: &mut Dice, life: &mut Life, channel: &str) {
    let language = mostly(dice, 20, "de");
    match dice.below(4) {
        0 => life.tell("contact.created", json!({"channel": channel, "language": language})),
        1 => life.tell("message.sent", json!({"channel": channel, "author": "customer"})),
        2 => {
            life.tell("contact.created", json!({"channel": channel}));
            life.tell("message.sent", json!({"author": "customer"}));
            life.pass(dice, 0, 3_000);
            life.tell("message.sent", json!({"author": "bot"}));
        }
        _ => {
            life.tell("message.sent", json!({"channel": channel, "author": "customer"}));
            life.pass(dice, 0, 2_000);
            life.tell("message.sent", json!({"author": "system", "visibility": "public"}));
        }
    }
}

fn talk(dice: &mut Dice, life: &mut Life, agent_id: &str, team: &str, pace_ms: i64) {
    for _ in 0..dice.between(1, 6) {
        let (author, visibility) = match dice.below(8) {
            0..=2 => ("customer", "public"),
            3 => ("agent", "internal"),
            _ => ("agent", "public"),
        };
        let mut fields = json!({"author": author, "visibility": mostly(dice, 50, visibility)});
        if visibility == "internal" {
            fields["visibility"] = json!("internal");
        }
        if author == "agent" {
            fields["agent_id"] = json!(agent_id);
            fields["team"] = json!(team);
        }
        life.tell("message.sent", fields);
        life.pass(dice, 0, pace_ms);
    }
}

fn end(dice: &mut Dice, life: &mut Life, agent_id: &str) {
    if dice.chance(85) {
        let by = dice.pick(&["customer", "agent", "system"]);
        life.tell(
            "contact.ended",
            json!({"agent_id": mostly(dice, 40, agent_id), "by": mostly(dice, 70, by)}),
        );
    }
    if dice.chance(10) {
        life.pass(dice, 0, 60_000);
        life.tell("message.sent", json!({"author": "customer"}));
    }
}
