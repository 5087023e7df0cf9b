//! A cell: the sums of one group in one pane, and what was published of it.

use crate::measure::aggregate::Aggregate;

/// The sums of one group in one pane.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// The sums.
    pub sums: Aggregate,
    /// Partials offset + 1 of the last batch that changed it; batches below it are in the sums.
    pub as_of: i64,
    /// Whether it changed since it was published last.
    pub dirty: bool,
    /// Whether its final was published.
    pub finalised: bool,
    /// Whether a live record may have told of it: then a final is due even if nothing is left in it.
    pub shown: bool,
    /// Whether it changed since its state record was written.
    pub unsaved: bool,
    /// Whether a state record of it was ever written, so that a tombstone is due when it goes.
    pub saved: bool,
}
