//! What the integration tests stand on: a real broker, a real Prometheus, the real binary.
//!
//! A test asks for what it needs and returns early where this machine cannot have it:
//!
//! ```ignore
//! let Some(kafka) = harness::kafka() else { return };
//! ```
//!
//! The skip is told on stderr; with `INTRADAY_TEST_REQUIRE=1` it fails the test instead.
//! `INTRADAY_TEST_KAFKA` names the bootstrap servers of a running broker, `INTRADAY_TEST_PROMETHEUS`
//! the path of a Prometheus binary, `INTRADAY_TEST_CACHE` a folder for fetched tools.
//!
//! The harness knows processes, ports and files. It must never know an event, a KPI or a topic's
//! meaning: those belong to the tests.

#![allow(dead_code, reason = "each test uses a part of the harness, and some parts await their tests")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

pub mod browser;
pub mod folder;
pub mod generations;
pub mod guard;
pub mod http;
pub mod jars;
pub mod kafka;
pub mod npm;
pub mod process;
pub mod prometheus;
pub mod provision;
pub mod records;
pub mod segment;
pub mod stream;

use std::sync::OnceLock;

use self::kafka::Broker;
use self::provision::{Absent, present};

/// The broker that the tests of this process share, started by the first that asks.
///
/// Use [`records::unique_name`] for topics and groups. Do not stop it: take [`Broker::start_own`].
/// None where no broker can be had; panics where one can but does not start.
pub fn kafka() -> Option<&'static Broker> {
    static SHARED: OnceLock<Result<Broker, Absent>> = OnceLock::new();
    let shared = SHARED.get_or_init(Broker::shared);
    present(shared.as_ref().map_err(Clone::clone))
}
