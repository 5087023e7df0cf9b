//! intraday.
pub mod ids;
pub mod time;
