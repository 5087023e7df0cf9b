//! intraday reads contact-center events from Kafka, folds them into windowed aggregates in memory, and publishes
//! exact, live KPIs to a Kafka topic, a Prometheus endpoint and a page.
//!
//! ```text
//!  events topic(s)             fold (stage 1, per input partition)              partials topic
//!  key = contact or agent ──►  decode → dedup → life of contact and agent ──┐   shard = hash(tenant)
//!                              → measurements → deltas per (group, slice)   │
//!                                                                           ├──► merge (stage 2, per shard)
//!   one Kafka transaction per commit:                                       │      windows · levels · KPI formulas
//!   batches · state changes · dead letters · input offsets ─────────────────┘        │
//!                                                                                    ├─► kpis topic (live, final, corrected)
//!   fold-state, merge-state (compacted) ◄── what each stage needs to restart         └─► /metrics · API · page
//! ```
//!
//! A functional core in a thin shell. The core takes inputs and gives effects; it reads no clock and does no IO.
//! Live service, replay, tests and benches drive the same two stages.
//!
//! # Reading order
//! 1. [`time`], [`ids`]: kinds of time, windows, names as integers.
//! 2. [`event`]: the native event, decoded once.
//! 3. [`measure`]: what merges: counts, distributions, levels; the batch between the stages.
//! 4. [`kpi`]: the catalogue, one row a KPI: start here for what a number means.
//! 5. [`fold`]: stage 1; its first page rules what each event does.
//! 6. [`merge`]: stage 2; windows, closing, publishing.
//! 7. [`pipeline`]: both stages behind one seam; [`pipeline::memory`] drives them without Kafka.
//! 8. [`kafka`], [`http`], [`settings`], [`simulate`], [`vitals`], [`telemetry`], [`shutdown`]: the shell.
//! 9. [`app`]: the composition root and the commands.
//! 10. [`fault`]: how tests break it on purpose; empty in a release build.
//!
//! # Invariants
//! - **Determinism**: the last record per group and window is a function of the input log and the configuration. Integers
//!   in state, ratios only in formulas, no map order in an output, no clock in the core.
//! - **Only fold declares time**, per input partition; merge closes windows on the least watermark over all sources.
//! - **Conservation**: each record read has exactly one result, counted.
//! - **Bounds**: every map, queue and label set has a maximum; what hits it is counted.
//! - **A commit is a value**: effects and the offset that they lead to, performed whole or not at all.
//! - **Imports go one way**: app → shell → pipeline → fold, merge → kpi → measure → event → time → ids; a test says so.

pub mod app;
pub mod event;
pub mod fault;
pub mod fold;
pub mod http;
pub mod ids;
pub mod kafka;
pub mod kpi;
pub mod measure;
pub mod merge;
pub mod pipeline;
pub mod settings;
pub mod shutdown;
pub mod simulate;
pub mod telemetry;
pub mod time;
pub mod vitals;
