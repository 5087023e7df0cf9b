//! What a shard keeps of a published group beside its cells: levels, totals, and what was exposed of it.
//!
//! It must never know which group it is of.

use crate::kpi::exposed::Series;
use crate::measure::ids::Level;
use crate::measure::totals::Totals;
use crate::time::WallMs;

/// What a shard keeps of a published group beside its cells.
#[derive(Clone, Debug)]
pub struct GroupState {
    /// Sum of all level changes, ever.
    pub levels: [i64; Level::LEN],
    /// Cumulative counters; groups of the finest contact set have them once they count something.
    pub totals: Option<Box<Totals>>,
    /// Partials offset + 1 up to which it holds everything, as its state record said.
    pub as_of: i64,
    /// When it was exposed first; until then + `announce_ms` at 0.
    pub born: Option<WallMs>,
    /// The gauges of its windows as exposed last, and when.
    pub windows_shown: (Vec<Series>, WallMs),
    /// How many series it had when it was exposed last.
    pub series: usize,
    /// Whether its exposition is due.
    pub exposure_due: bool,
    /// Whether it changed since its state record was written.
    pub unsaved: bool,
    /// Whether a state record of it was ever written.
    pub saved: bool,
}

impl Default for GroupState {
    fn default() -> Self {
        GroupState {
            levels: [0; Level::LEN],
            totals: None,
            as_of: 0,
            born: None,
            windows_shown: (Vec::new(), WallMs(i64::MIN / 2)),
            series: 0,
            exposure_due: false,
            unsaved: false,
            saved: false,
        }
    }
}
