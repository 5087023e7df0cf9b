//! The simulated contact center behind `demo`, `generate`, tests and benches.
//!
//! Discrete events, seeded: contacts arrive, wait, are rung through, talk, hold, move and leave;
//! agents come, work, pause and go. What happens is told as native events in time order. The room
//! must never know a clock, Kafka, or how KPIs are computed: it knows only what a platform would say.
//!
//! - The same scenario, seed and start give the same bytes (on one platform's math library).
//! - Events come in order of time; turns of one millisecond happen in the order they were planned.
//! - A scenario is scaled by adding *sites*: copies of the center that share names but route apart,
//!   so that a hundred times the load shows the same service level and not that of one huge pool.

mod agenda;
mod agent;
mod arrivals;
mod center;
mod contact;
pub mod erlang;
mod leg;
mod presets;
mod random;
mod record;
mod roster;
mod routing;
mod scale;
mod scenario;
mod scenario_check;
mod simulation;
mod span;

#[cfg(test)]
mod closed_forms_test;
#[cfg(test)]
mod demo_test;
#[cfg(test)]
mod story;

pub use scenario::{
    Away, Break, Callback, Channel, Hold, Incident, Menu, Messages, Offer, Overflow, Queue, Scenario, Shift,
    Team, Transfer, TransferKind,
};
pub use scenario_check::ScenarioError;
pub use simulation::{SimulatedEvent, Simulation};
pub use span::Span;
