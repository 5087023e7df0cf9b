//! intraday.
pub mod ids;
pub mod simulate;
pub mod time;
