//! What live records leave behind: whatever was shown of a window before it closed, its last record is settled.

use std::collections::BTreeMap;

use intraday::kpi::rules::Formula;
use intraday::merge::MergeConfig;
use intraday::pipeline::memory::{Memory, Output};
use intraday::pipeline::{KpiRecord, Record};
use intraday::time::WallMs;
use serde_json::json;

use super::settings;

/// 2026-01-05T08:00:00Z.
const BEGIN_MS: i64 = 1_767_600_000_000;
const MINUTE_MS: i64 = 60_000;

#[test]
fn a_window_that_was_shown_and_then_emptied_gets_a_final() {
    let engine = settings::engine(&crate::reference::Config::default(), Formula::default());
    let merge = MergeConfig { live_rate: 1_000, ..engine.merge.clone() };
    let mut memory = Memory::new(&engine.fold, &merge, "events", 2);
    let mut records: BTreeMap<String, Vec<KpiRecord>> = BTreeMap::new();
    let mut offsets = [0_i64; 2];
    let mut wall = BEGIN_MS + 86_400_000;
    let mut tell = |partition: u32, kind: &str, contact: &str, minute: i64| {
        let value = json!({"id": format!("{contact}-{kind}"), "type": kind, "time": BEGIN_MS + minute * MINUTE_MS,
            "tenant": "acme", "contact_id": contact, "channel": "voice", "queue": contact});
        let value = value.to_string().into_bytes();
        let offset = &mut offsets[partition as usize];
        // Long enough for everything to be published again.
        wall += 61_000;
        let record =
            Record { offset: *offset, appended: None, wall: WallMs(wall), key: None, value: Some(&value) };
        *offset += 1;
        let mut take = |output: Output| {
            if let Output::Kpi(record) = output {
                records.entry(record.key.clone()).or_default().push(record);
            }
        };
        memory.record(partition, record, &mut take).unwrap();
        memory.commit(WallMs(wall), &mut take).unwrap();
    };
    // The partition of the waiting contact is behind the other, which has brought the next window.
    tell(0, "contact.queued", "slow", 10);
    tell(1, "contact.queued", "fast", 16);
    tell(0, "contact.abandoned", "slow", 14);
    tell(0, "contact.queued", "later", 200);
    tell(1, "contact.abandoned", "fast", 200);
    let window = r#"["acme","tenant,channel,queue",["voice","slow"],"15m","2026-01-05T08:15:00Z"]"#;
    let statuses: Vec<&str> = records[window].iter().map(|record| record.status).collect();
    assert_eq!(statuses, ["live", "final"], "{:?}", records[window]);
    let last: serde_json::Value = serde_json::from_str(&records[window][1].value).unwrap();
    assert!(last["levels"]["contacts_waiting"]["max"].as_i64().unwrap_or(0) == 0, "{last}");
}
