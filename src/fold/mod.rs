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
