//! What the parts of the pipeline cost: a fold step, the merging of a batch, the rendering of a record; and both stages
//! together per event. `cargo bench --bench pipeline`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a bench ends where a test would fail, and tells on stderr what it counted"
)]

#[path = "workload.rs"]
mod workload;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use intraday::fold::FoldConfig;
use intraday::merge::MergeConfig;
use intraday::pipeline::memory::Memory;
use intraday::pipeline::{Effect, FoldInput, FoldStage, MergeInput, MergeStage, Record};
use intraday::time::WallMs;
use std::sync::Arc;
use workload::LoadEvent;

const EVENTS: usize = 20_000;
const WALL: WallMs = WallMs(workload::START_MS + 3_600_000);

fn load() -> Vec<LoadEvent> {
    workload::events(EVENTS).collect()
}

fn record(offset: usize, event: &LoadEvent) -> Record<'_> {
    let (key, value) = (Some(event.key.as_bytes()), Some(event.value.as_bytes()));
    Record { offset: offset as i64, appended: None, wall: WALL, key, value }
}

fn folded(config: &Arc<FoldConfig>, load: &[LoadEvent]) -> FoldStage {
    let mut stage = FoldStage::new(Arc::clone(config), "events", 0, 0);
    for (offset, value) in load.iter().enumerate() {
        stage.step(FoldInput::Record(record(offset, value)));
    }
    stage
}

fn stages(c: &mut Criterion) {
    let load = load();
    let config = Arc::new(FoldConfig::default());
    let merge = Arc::new(MergeConfig { sources: vec![("events".to_owned(), 1)], ..MergeConfig::default() });
    let mut group = c.benchmark_group("pipeline");
    group.sample_size(20).throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("fold_step", |b| b.iter(|| folded(&config, &load)));
    group.bench_function("fold_step_and_commit", |b| {
        b.iter(|| folded(&config, &load).commit(WALL));
    });
    let commit = folded(&config, &load).commit(WALL).unwrap();
    let batches: Vec<(u32, Vec<u8>)> = commit
        .effects
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Batch { shard, bytes } => Some((shard, bytes)),
            _ => None,
        })
        .collect();
    group.bench_function("merge_batches", |b| {
        b.iter_batched(
            || (0..8).map(|shard| MergeStage::new(Arc::clone(&merge), shard, 0)).collect::<Vec<_>>(),
            |mut shards| {
                for (shard, bytes) in &batches {
                    shards[*shard as usize].step(MergeInput::Batch { offset: 0, bytes }).unwrap();
                }
                shards
            },
            BatchSize::LargeInput,
        );
    });
    group.bench_function("both_stages", |b| {
        b.iter(|| {
            let mut memory = Memory::new(&config, &merge, "events", 1);
            let mut records = 0;
            for (offset, value) in load.iter().enumerate() {
                memory.record(0, record(offset, value), &mut |_| records += 1).unwrap();
            }
            memory.end(WALL, &mut |_| records += 1).unwrap();
            records
        });
    });
    group.finish();
}

fn publish(c: &mut Criterion) {
    let load = load();
    let config = Arc::new(FoldConfig::default());
    let merge = MergeConfig { live_rate: 1_000_000, ..MergeConfig::default() };
    let mut memory = Memory::new(&config, &merge, "events", 1);
    for (offset, value) in load.iter().enumerate() {
        memory.record(0, record(offset, value), &mut |_| {}).unwrap();
    }
    memory.commit(WALL, &mut |_| {}).unwrap();
    let mut wall = WALL.0;
    let mut rendered = 0usize;
    c.bench_function("pipeline/publish_tick_of_all_groups", |b| {
        b.iter(|| {
            // A minute later every group with content is due again.
            wall += 60_000;
            memory.commit(WallMs(wall), &mut |_| rendered += 1).unwrap();
        });
    });
    eprintln!("records rendered in all ticks: {rendered}");
}

criterion_group!(benches, stages, publish);
criterion_main!(benches);
