//! Why a stage stops.

use std::fmt;

/// Why a stage stops: a guarantee is broken or its state does not fit. Never silent, never retried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop(pub String);

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Stop {}
