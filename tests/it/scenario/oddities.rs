//! What goes wrong with lives on the way: missing, doubled, swapped and stray events.
//!
//! Times never go back within a key here; that is the contract's order.

use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::life::{Draft, Life, agent};

/// Makes a contact's life odd, perhaps.
pub fn befall(dice: &mut Dice, life: &mut Life) {
    if life.drafts.is_empty() {
        return;
    }
    if dice.chance(14) {
        let index = dice.below(life.drafts.len());
        life.drafts.remove(index);
    }
    if dice.chance(12) && !life.drafts.is_empty() {
        let index = dice.below(life.drafts.len());
        let again = Draft { time_ms: time_after(dice, life, index), ..life.drafts[index].clone() };
        life.drafts.insert(index + 1, again);
    }
    if dice.chance(10) && life.drafts.len() > 2 {
        // Not the first one: it fixes the channel.
        let index = 1 + dice.below(life.drafts.len() - 2);
        let first = std::mem::take(&mut life.drafts[index].fields);
        let second = std::mem::replace(&mut life.drafts[index + 1].fields, first);
        life.drafts[index].fields = second;
    }
    if dice.chance(12) && !life.drafts.is_empty() {
        let index = dice.below(life.drafts.len());
        let time_ms = time_after(dice, life, index);
        let fields = stray(dice, &life.drafts[index].fields);
        life.drafts.insert(index + 1, Draft { time_ms, fields, held_back_ms: 0 });
    }
    name_channel(life);
}

/// Holds back all that follows some event, so that it arrives late.
pub fn hold_back(dice: &mut Dice, life: &mut Life, least_ms: i64, last_arrival_ms: i64) {
    let held_back_ms = least_ms + dice.between(600_000, 1_800_000);
    let Some(last) = life.drafts.last() else { return };
    if last.time_ms + held_back_ms < last_arrival_ms {
        let index = dice.below(life.drafts.len());
        for draft in &mut life.drafts[index..] {
            draft.held_back_ms = held_back_ms;
        }
    }
}

fn time_after(dice: &mut Dice, life: &Life, index: usize) -> i64 {
    let time_ms = life.drafts[index].time_ms;
    let most_ms = life.drafts.get(index + 1).map_or(time_ms + 60_000, |next| next.time_ms);
    dice.between(time_ms, most_ms)
}

/// Whichever event comes to open the contact says its channel.
fn name_channel(life: &mut Life) {
    let named = life.drafts.iter().find_map(|draft| draft.fields.get("channel").cloned());
    for draft in &mut life.drafts {
        if let Some(channel) = &named {
            draft.fields.insert("channel".to_owned(), channel.clone());
        }
    }
}

fn stray(dice: &mut Dice, beside: &Map<String, Value>) -> Map<String, Value> {
    let (agent_id, team) = agent(100 + dice.below(3));
    let strays = [
        ("contact.created", json!({})),
        ("contact.queued", json!({"queue": "sales"})),
        ("contact.offered", json!({"agent_id": agent_id})),
        ("contact.offer_failed", json!({"agent_id": agent_id, "reason": "missed"})),
        ("contact.answered", json!({"agent_id": agent_id, "team": team})),
        ("contact.abandoned", json!({})),
        ("contact.flowed_out", json!({"reason": "full"})),
        ("contact.held", json!({})),
        ("contact.resumed", json!({})),
        ("contact.transferred", json!({})),
        ("contact.ended", json!({})),
        ("contact.ended", json!({"agent_id": agent_id})),
        ("contact.wrapup_ended", json!({})),
        ("contact.attempt_failed", json!({"reason": "busy"})),
        ("contact.assigned", json!({"agent_id": agent_id})),
        ("contact.resolved", json!({})),
        ("message.sent", json!({"author": "agent", "agent_id": agent_id, "team": team})),
        ("contact.teleported", json!({})),
    ];
    let (kind, more) = strays[dice.below(strays.len())].clone();
    let mut fields = Map::new();
    for name in ["tenant", "contact_id", "channel", "direction"] {
        if let Some(value) = beside.get(name) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    fields.insert("type".to_owned(), json!(kind));
    if let Value::Object(more) = more {
        fields.extend(more);
    }
    fields
}
