//! The wall clock, read in this room only where an input needs it.

use crate::time::WallMs;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the clock says; a clock before 1970 says 0.
#[must_use]
pub fn wall_now() -> WallMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
