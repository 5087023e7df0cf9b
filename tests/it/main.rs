//! The integration crate: what is judged from outside, by models that share no code with `src/` and against
//! real tools, in one test binary so that they share a broker.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and what it skips it tells on stderr; clippy knows only the functions \
              with #[test] for tests, and not those that they call"
)]

mod chaos;
mod checker;
mod clocks;
mod demo;
mod deploy;
mod differential;
mod golden;
mod harness;
mod http;
mod kafka_copies;
mod kafka_deployment;
mod kafka_events;
mod kafka_finals;
mod kafka_outage;
mod kafka_path;
mod kafka_poison;
mod kafka_rebalance;
mod kafka_restart;
mod kafka_scale;
mod kafka_shutdown;
mod kafka_topics;
mod metrics;
mod page;
mod reference;
mod scenario;
mod simulation;
mod tidy;
