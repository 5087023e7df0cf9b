//! Kafka: clients, workers, committers, rebalance, restore, topics. The only room that names the client library.
//!
//! `Service` runs workers; a `worker` owns one consumer and the stages of its partitions, and hands each commit
//! as a value to its `committer`, which makes it visible whole or not at all. What others may see goes to the
//! `Observer` after the commit is acknowledged, never before.
//!
//! Read `service.rs`, then `worker.rs` with the `role` that makes it a fold or merge worker (`fold_role`, `merge_role`); a
//! `seat` is one partition of a worker, `assignment` how it comes and goes, `restore` how its stage comes back. `commits` is the
//! worker's side of a commit, `handover` what passes, `committer` the thread that performs it by a `transaction`.

pub mod check;
pub mod client;
pub mod config;
pub mod error;
pub mod fold_role;
pub mod handover;
pub mod merge_role;
pub mod mock;
pub mod names;
pub mod observer;
pub mod produce;
pub mod role;
pub mod service;
pub mod source;
pub mod topics;

mod assignment;
mod clock;
mod commits;
mod committer;
mod context;
mod damage;
mod damper;
mod delivery;
mod fence;
mod halt;
mod intake;
mod moment;
mod orphans;
mod pace;
mod probe;
mod progress;
#[cfg(test)]
mod proving;
mod prune;
mod quiet;
mod records;
mod restore;
mod seat;
mod state_reader;
mod tail;
mod topic_settings;
mod transaction;
mod wait;
mod watchdog;
mod worker;

pub use config::{GroupProtocol, KafkaConfig, Mode, StartFrom};
pub use error::KafkaError;
pub use handover::Trouble;
pub use mock::DemoBroker;
pub use names::TopicNames;
pub use observer::{Observer, PartitionsMoved};
pub use produce::EventProducer;
pub use service::{Service, Stages};
