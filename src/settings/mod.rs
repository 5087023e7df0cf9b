//! Settings: from files and environment to the resolved values that the rooms are built from.
//!
//! ```text
//! files, environment ─► layers ─► tree ─► draft, checked ─► Settings ─► FoldConfig, MergeConfig
//! ```
//! Each section is one file that declares its keys once, in `fields`; reading, printing and the list of
//! known keys all follow that declaration, so they cannot disagree. Reading does not stop at the first
//! problem: all are reported together, each with its file or variable and its key. That is why serde's
//! derive is not used here.
//!
//! This room must never know Kafka clients, HTTP or clocks, and its effects end at reading the files it is
//! given.

mod client;
mod draft;
mod epoch;
mod fields;
mod groups;
mod http;
mod kafka;
mod kinds;
mod layers;
mod limits;
mod lists;
mod metrics;
mod names;
mod problem;
#[cfg(test)]
mod refusals;
mod resolved;
mod secret;
mod service;
mod span;
mod targets;
#[cfg(test)]
mod tests;
mod thresholds;
mod times;
mod toml;
mod tree;
mod windows;

pub use http::Http;
pub use kafka::{GroupProtocol, Kafka};
pub use limits::Limits;
pub use metrics::Metrics;
pub use names::QueueName;
pub use problem::{Problem, SettingsError};
pub use resolved::Settings;
pub use secret::REDACTED;
pub use service::host_name;
pub use service::{Mode, Service, StartFrom};
pub use span::{format_span, parse_span};
pub use times::Times;
