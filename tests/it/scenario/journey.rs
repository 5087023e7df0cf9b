//! How events travel: ids, notation of time, delays, gaps, copies, partitions and offsets.
//!
//! It must never change what an event says.

use serde_json::json;

use super::dice::Dice;
use super::life::{Draft, Life};
use crate::reference::Input;

/// A record on its way.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// When it is read, in milliseconds since the epoch.
    pub arrival_ms: i64,
    /// Where it goes.
    pub key: String,
    /// Its bytes.
    pub value: Vec<u8>,
    /// Whether it breaks the contract.
    pub malformed: bool,
}

/// What the way does to events.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// The longest delay of an event that is not held back, in milliseconds.
    pub delay_ms: i64,
    /// Nothing happens for `gap_ms` after this time.
    pub gap_from_ms: i64,
    /// The length of the gap in milliseconds.
    pub gap_ms: i64,
}

impl Way {
    /// A time as it is with the gap.
    pub fn shifted(&self, time_ms: i64) -> i64 {
        if time_ms > self.gap_from_ms { time_ms + self.gap_ms } else { time_ms }
    }
}

/// Sends a life off; within it, nothing overtakes.
pub fn send(dice: &mut Dice, way: Way, life: &Life, serial: &mut u64, parcels: &mut Vec<Parcel>) {
    let mut last_ms = i64::MIN;
    for draft in &life.drafts {
        let mut arrival_ms = draft.time_ms + draft.held_back_ms + dice.between(0, way.delay_ms);
        if draft.held_back_ms == 0 && draft.time_ms <= way.gap_from_ms {
            // The gap is one of events, not of the way: what happened before it arrives before it.
            arrival_ms = arrival_ms.min(way.gap_from_ms);
        }
        last_ms = last_ms.max(arrival_ms);
        let value = written(dice, draft, way.shifted(draft.time_ms), *serial);
        *serial += 1;
        let (arrival_ms, key) = (way.shifted(last_ms), life.key.clone());
        parcels.push(Parcel { arrival_ms, key, value, malformed: false });
    }
}

/// Sends some again, a little later.
pub fn copy_some(dice: &mut Dice, percent: i64, parcels: &mut Vec<Parcel>) {
    for index in 0..parcels.len() {
        if dice.chance(percent) {
            let mut copy = parcels[index].clone();
            copy.arrival_ms += dice.between(0, 120_000);
            parcels.push(copy);
        }
    }
}

/// Lays the records on partitions by key, in the order of arrival.
pub fn arrive(mut parcels: Vec<Parcel>, partitions: u32) -> Vec<Input> {
    // The sort is stable, so that the order within a key stands.
    parcels.sort_by_key(|parcel| parcel.arrival_ms);
    let mut offsets = vec![0_i64; partitions as usize];
    let mut inputs = Vec::with_capacity(parcels.len());
    for Parcel { arrival_ms: wall_ms, key, value, malformed } in parcels {
        let partition = place(&key, partitions);
        let offset = offsets[partition as usize];
        // Offsets have holes, as behind a transaction.
        offsets[partition as usize] += if wall_ms % 97 == 0 { 2 } else { 1 };
        inputs.push(Input { partition, offset, value, wall_ms, malformed });
    }
    inputs
}

fn place(key: &str, partitions: u32) -> u32 {
    let mixed =
        key.bytes().fold(2_166_136_261_u32, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(16_777_619));
    (mixed >> 8) % partitions
}

/// The bytes of an event. Two sources share each id.
fn written(dice: &mut Dice, draft: &Draft, time_ms: i64, serial: u64) -> Vec<u8> {
    let mut fields = draft.fields.clone();
    fields.insert("id".to_owned(), json!(format!("{:x}", serial / 2)));
    fields.insert("source".to_owned(), json!(["pbx", "desk"][(serial % 2) as usize]));
    let zoned =
        |ms: i64| jiff::Timestamp::from_millisecond(ms).map(|time| time.to_string()).unwrap_or_default();
    let time = match dice.below(4) {
        0 => json!(zoned(time_ms)),
        1 => json!(zoned(time_ms + 7_200_000).replace('Z', "+02:00")),
        _ => json!(time_ms),
    };
    fields.insert("time".to_owned(), time);
    serde_json::Value::Object(fields).to_string().into_bytes()
}
