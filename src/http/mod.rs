//! What the outside sees: metrics exposition, JSON API and event stream, health, the page.
//!
//! Reads what others hand in ([`Exposition`], [`Board`], [`crate::vitals::Health`]) and changes nothing: no
//! route mutates. It never knows Kafka, and takes plain values instead of settings.

pub mod api;
pub mod board;
pub mod exposition;
pub mod guard;
pub mod labels;
pub mod page;
pub mod probes;
pub mod record;
pub mod server;
pub mod socket;
pub mod stream;

pub use api::QueueName;
pub use board::{Board, BoardLimits, Filter};
pub use exposition::Exposition;
pub use server::{HttpLimits, HttpParts, HttpState, serve};
