//! The panes that a slice falls into, kept from one delta to the next.

use super::config::MergeConfig;
use super::config::calendar_of;
use super::panes::Panes;
use crate::time::window::{Pane, Slice, pane_of};

/// The panes of the slice that was added last, by calendar: most deltas of a batch share it.
#[derive(Debug, Default)]
pub(super) struct SlicePanes {
    slice: Option<Slice>,
    by_calendar: Vec<Option<Vec<Pane>>>,
}

impl SlicePanes {
    /// The pane of the window at `place` that holds `slice`.
    pub(super) fn pane(
        &mut self,
        slice: Slice,
        calendar: usize,
        place: usize,
        panes: &[Panes],
        config: &MergeConfig,
    ) -> Pane {
        if self.slice != Some(slice) {
            self.slice = Some(slice);
            self.by_calendar.clear();
        }
        if self.by_calendar.len() <= calendar {
            self.by_calendar.resize_with(calendar + 1, || None);
        }
        let made = self.by_calendar[calendar].get_or_insert_with(|| {
            let calendar = calendar_of(config, calendar);
            panes.iter().map(|panes| pane_of(panes.window.kind, calendar, slice.start())).collect()
        });
        made[place]
    }
}
