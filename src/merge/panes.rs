//! The panes of one window of the configuration: cells by pane and group, closing, and dropping.
//!
//! Panes are kept in the order of their start. It knows watermarks as arguments, and neither names nor KPIs.

use super::cell::Cell;
use super::groups::GroupId;
use crate::ids::DenseMap;
use crate::measure::aggregate::LevelFigures;
use crate::measure::ids::Level;
use crate::time::window::{Pane, Window};
use crate::time::{EventMs, Millis};
use std::collections::{BTreeMap, BTreeSet};

/// A pane with its cells.
#[derive(Debug, Default)]
pub struct OpenPane {
    /// Whether its end + grace was passed: what is published now is final or corrected.
    pub closed: bool,
    /// Its cells by group.
    pub cells: DenseMap<GroupId, Box<Cell>>,
}

/// The panes of one tumbling or calendar window.
#[derive(Debug)]
pub struct Panes {
    /// The window.
    pub window: Window,
    /// Panes by start and end, with the place of the calendar that made them.
    pub panes: BTreeMap<(Pane, usize), OpenPane>,
    /// Panes that the shard time was in when a batch ended, and that are not closed: live records may have told of them. A
    /// clock that leaps ahead passes over the others, be they thousands.
    pub current: BTreeSet<(Pane, usize)>,
    /// By calendar: everything that ends by this moment is closed.
    pub closed_through: Vec<EventMs>,
    /// Panes that end by this moment were finalised by force.
    pub forced_through: EventMs,
    /// Partials offset + 1 at which that happened last: what comes to them later is lost, and counted.
    pub forced_at: i64,
}

impl Panes {
    /// No panes yet.
    #[must_use]
    pub fn new(window: Window, calendars: usize) -> Panes {
        Panes {
            window,
            panes: BTreeMap::new(),
            current: BTreeSet::new(),
            closed_through: vec![EventMs::MIN; calendars],
            forced_through: EventMs::MIN,
            forced_at: 0,
        }
    }

    /// The cell of a group in a pane, made if it is not there; `None` if the pane takes nothing any more:
    /// closed and not correctable, or finalised by force.
    pub fn cell(&mut self, pane: Pane, calendar: usize, group: GroupId) -> Option<(&mut Cell, bool)> {
        if pane.end <= self.forced_through && !self.panes.contains_key(&(pane, calendar)) {
            return None;
        }
        let closed = pane.end <= self.closed_through[calendar];
        if closed && !self.window.kind.correctable() {
            return None;
        }
        let open =
            self.panes.entry((pane, calendar)).or_insert_with(|| OpenPane { closed, ..OpenPane::default() });
        Some((&mut **open.cells.entry(group).or_default(), open.closed))
    }

    /// What a level was for a group in a pane, from its total over all time.
    #[must_use]
    pub fn figures(
        &self,
        pane: Pane,
        calendar: usize,
        group: GroupId,
        totals: &[i64; Level::LEN],
    ) -> [LevelFigures; Level::LEN] {
        let mut base = *totals;
        let from = (pane, calendar);
        for ((_, other), open) in self.panes.range(from..) {
            if *other != calendar {
                continue;
            }
            if let Some(cell) = open.cells.get(&group) {
                cell.sums.levels().iter().for_each(|line| base[line.level.index()] -= line.net);
            }
        }
        let mut figures =
            base.map(|value| LevelFigures { last: value, max: value, area_ms: value * pane.length_ms() });
        if let Some(cell) = self.panes.get(&from).and_then(|open| open.cells.get(&group)) {
            for line in cell.sums.levels() {
                let at = line.level.index();
                figures[at] = line.figures(base[at], pane.start, pane.end);
            }
        }
        figures
    }

    /// The first pane that is not closed but may be: it ends by `limit`.
    #[must_use]
    pub fn next_to_close(&self, calendar: usize, limit: EventMs) -> Option<Pane> {
        let open = self.panes.iter().filter(|((_, other), open)| *other == calendar && !open.closed);
        open.map(|((pane, _), _)| *pane).find(|pane| pane.end <= limit)
    }

    /// Panes that need not be kept any more: they end before `limit`.
    #[must_use]
    pub fn droppable(&self, watermark: EventMs, keep_ms: Millis) -> Vec<(Pane, usize)> {
        let limit = watermark.plus(-keep_ms);
        let closed = self.panes.iter().filter(|(_, open)| open.closed);
        closed
            .map(|(key, _)| *key)
            .take_while(|(pane, _)| pane.start < limit)
            .filter(|(pane, _)| pane.end < limit)
            .collect()
    }

    /// Cells of all panes.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.panes.values().map(|open| open.cells.len()).sum()
    }
}
