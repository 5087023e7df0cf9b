//! Records that break the contract, each in its own way.
//!
//! Their time is as good as any: were they accepted, it would show.

use serde_json::{Value, json};

use super::dice::Dice;

/// How many kinds of spoiled records there are.
pub const KINDS: usize = 16;

/// The bytes of a spoiled record of a kind below [`KINDS`].
pub fn bytes(dice: &mut Dice, kind: usize, time_ms: i64) -> Vec<u8> {
    let mut event = json!({
        "id": format!("spoiled-{}", dice.bits()), "type": "contact.queued", "time": time_ms, "tenant": "acme",
        "contact_id": "spoiled", "channel": "voice", "queue": "billing",
    });
    let long = "x".repeat(300);
    let drop = |event: &mut Value, name: &str| {
        if let Some(fields) = event.as_object_mut() {
            fields.remove(name);
        }
    };
    match kind {
        0 => return b"hello".to_vec(),
        1 => return Vec::new(),
        2 => return b"[1,2,3]".to_vec(),
        3 => return event.to_string().into_bytes().into_iter().take(40).collect(),
        4 => {
            let mut bytes = event.to_string().into_bytes();
            bytes.splice(2..3, [0xff, 0xfe]);
            return bytes;
        }
        5 => drop(&mut event, "id"),
        6 => drop(&mut event, "type"),
        7 => drop(&mut event, "time"),
        8 => drop(&mut event, "contact_id"),
        9 => drop(&mut event, "queue"),
        10 => event["id"] = json!(long),
        11 => event["tenant"] = json!(long),
        12 => event["queue"] = json!(long),
        13 => event["time"] = json!("yesterday"),
        14 => event["time"] = json!("2026-01-05T21:30:00"),
        _ => event["contact_id"] = json!(["a", "list"]),
    }
    event.to_string().into_bytes()
}
