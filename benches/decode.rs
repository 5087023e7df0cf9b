//! What decoding one event costs, next to a bare derived struct of the same fields.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use intraday::event::{Limits, decode};
use serde::Deserialize;
use std::hint::black_box;

const EVENT: &str = r#"{"id":"01JGTV8XQ4M3N0Z7R5K2W9YB6C","type":"contact.answered","time":"2026-01-05T09:30:11.412Z","source":"acd-eu-1/cluster-3","tenant":"acme","contact_id":"c-7f3a2b90-77aa-4c1e-9f00-0c2d7b1e5a44","customer_id":"cu-99120","channel":"voice","queue":"billing-de","team":"team-7","agent_id":"a-1204"}"#;

/// The floor: the same fields, borrowed, nothing checked.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only the reading of them is measured")]
struct Bare<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    type_name: &'a str,
    time: &'a str,
    source: &'a str,
    tenant: &'a str,
    contact_id: &'a str,
    customer_id: &'a str,
    channel: &'a str,
    queue: &'a str,
    team: &'a str,
    agent_id: &'a str,
}

fn decoding(c: &mut Criterion) {
    let limits = Limits::default();
    assert!(decode(EVENT.as_bytes(), &limits).is_ok());
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Bytes(EVENT.len() as u64));
    group.bench_function("event", |b| b.iter(|| decode(black_box(EVENT.as_bytes()), &limits)));
    group.bench_function("bare_struct", |b| {
        b.iter(|| serde_json::from_slice::<Bare<'_>>(black_box(EVENT.as_bytes())));
    });
    group.finish();
}

criterion_group!(benches, decoding);
criterion_main!(benches);
