//! Stage 1: records become measurements. Pure: no clock, no IO.
//!
//! Read `partition.rs` first: the order in which a record is judged. Then `contact.rs`, what is remembered of a contact, and
//! `life/`, what each event does to it; `agent.rs` for agents. `place.rs` turns names into groups, `sink.rs` collects the
//! deltas of a commit, `now.rs` who waits at this moment; `commit.rs` and `state/` write batches and state records.
//!
#![doc = include_str!("rulings.md")]

pub mod agent;
pub mod clock;
pub mod commit;
pub mod config;
pub mod conservation;
pub mod contact;
pub mod dedup;
pub mod life;
pub mod names;
pub mod now;
pub mod partition;
pub mod place;
mod report;
pub mod sink;
pub mod state;
pub mod timers;
pub use config::FoldConfig;
