//! Stage 2: batches become windows, windows become KPI records. Pure: no clock, no IO.
//!
//! Read `shard.rs` first: what a batch does. Then `closing.rs`: when panes close; `panes.rs` and `sliding.rs`: where sums
//! are kept; `publish.rs`: what goes out and when; `state.rs`, `head.rs` and `restore.rs`: what a restart needs.
//! `sources.rs` holds the rule by which a batch counts once.

pub mod cell;
mod closing;
mod coarse;
pub mod config;
mod expose;
mod group_state;
pub mod groups;
mod head;
mod live;
mod now;
pub mod panes;
pub mod publish;
mod queues;
mod restore;
pub mod shard;
mod slice_panes;
pub mod sliding;
pub mod sources;
pub mod state;

pub use config::{AnnouncedQueue, MergeConfig};
pub use publish::{KpiRecord, Publication};
pub use shard::Shard;
