//! intraday.
pub mod event;
pub mod ids;
pub mod time;
