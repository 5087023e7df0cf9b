//! Which panes close and when, and what a change makes of those that are closed.
//!
//! A pane closes when the least watermark passes its end + grace, also one in which nothing happened while a level stood.
//! It decides what is due; it renders nothing.

use super::config::calendar_of;
use super::groups::GroupId;
use super::panes::Panes;
use super::publish::has_content;
use super::shard::{PanePlace, Shard};
use crate::time::EventMs;
use crate::time::window::{Pane, Slice, pane_of};

impl Shard {
    /// Closes every pane whose end + grace the least watermark has passed.
    pub(super) fn close(&mut self, watermark: EventMs) {
        let limit = watermark.plus(-self.config.grace_ms);
        for place in 0..self.panes.len() {
            for calendar in 0..self.groups.calendars() {
                while let Some(pane) = self.next_to_close(place, calendar, limit) {
                    self.close_pane(place, pane, calendar);
                }
            }
        }
    }

    fn next_to_close(&mut self, place: usize, calendar: usize, limit: EventMs) -> Option<Pane> {
        let panes = &self.panes[place];
        let through = panes.closed_through[calendar];
        if through != EventMs::MIN && panes.panes.is_empty() && through >= limit {
            return None;
        }
        let existing = panes.next_to_close(calendar, limit);
        if through == EventMs::MIN {
            return existing;
        }
        let kind = panes.window.kind;
        let next = pane_of(kind, calendar_of(&self.config, calendar), through);
        if next.end > limit || existing.is_some_and(|pane| pane.start <= next.start) {
            return existing;
        }
        if self.any_level(place, next, calendar) {
            return Some(next);
        }
        // Nothing goes on in the gap: everything up to the limit, or the next pane there is, counts as closed.
        let current = pane_of(kind, calendar_of(&self.config, calendar), limit).start;
        let reached = existing.map_or(current, |pane| pane.start.min(current));
        self.panes[place].closed_through[calendar] = reached.max(through);
        existing
    }

    /// Notes which panes live records can have told of: those of the shard time before a batch.
    pub(super) fn note_current(&mut self) {
        let Some(shard_time) = self.sources.shard_time else { return };
        let slice = Slice::of(shard_time);
        if self.noted_current.replace(slice) == Some(slice) {
            return;
        }
        for panes in &mut self.panes {
            for calendar in 0..self.groups.calendars() {
                let pane = pane_of(panes.window.kind, calendar_of(&self.config, calendar), shard_time);
                let Panes { current, closed_through, .. } = &mut *panes;
                current.retain(|(pane, of)| *of != calendar || pane.end > closed_through[calendar]);
                if pane.end > closed_through[calendar] {
                    current.insert((pane, calendar));
                }
            }
        }
    }

    /// Whether a level of any group is not 0 in a pane: those of later panes, added already, left out.
    fn any_level(&self, place: usize, pane: Pane, calendar: usize) -> bool {
        let groups = 0..self.states.len() as GroupId;
        groups.filter(|group| self.groups.row(*group).calendar == calendar).any(|group| {
            let levels = &self.states[group as usize].levels;
            self.panes[place].figures(pane, calendar, group, levels).iter().any(|figure| !figure.is_zero())
        })
    }

    fn close_pane(&mut self, place: usize, pane: Pane, calendar: usize) {
        let panes = &mut self.panes[place];
        panes.closed_through[calendar] = panes.closed_through[calendar].max(pane.end);
        // Its finals went out.
        if pane.end <= panes.forced_through {
            return;
        }
        panes.panes.entry((pane, calendar)).or_default().closed = true;
        let mut alive = Vec::new();
        for (group, state) in self.states.iter().enumerate() {
            let group = group as GroupId;
            if self.groups.row(group).calendar != calendar {
                continue;
            }
            // A group without cells in this pane has a record if a level was not 0 throughout.
            let figures = self.panes[place].figures(pane, calendar, group, &state.levels);
            if figures.iter().any(|figure| !figure.is_zero()) {
                alive.push(group);
            }
        }
        if let Some(open) = self.panes[place].panes.get_mut(&(pane, calendar)) {
            for group in alive {
                open.cells.entry(group).or_default().shown = true;
            }
            // Live records may have told of what is there, even if it is gone before the next tick.
            open.cells.values_mut().for_each(|cell| {
                (cell.dirty, cell.unsaved) = (true, true);
                cell.shown |= cell.sums.has_counts();
            });
        }
        self.due.insert((place, pane, calendar));
    }

    /// Too many group-windows: the oldest panes are finalised and go.
    pub(super) fn force(&mut self) {
        while self.cells() > self.config.max_windows {
            let oldest = self.panes.iter().enumerate().filter_map(|(place, panes)| {
                let (key, _) = panes.panes.iter().next()?;
                Some((key.0.end, place, key.0, key.1))
            });
            let Some((_, place, pane, calendar)) = oldest.min() else { return };
            // A level that stands through it belongs into its final as well.
            if self.panes[place].panes.get(&(pane, calendar)).is_some_and(|open| !open.closed) {
                self.close_pane(place, pane, calendar);
            }
            self.publish_forced((place, pane, calendar));
            let panes = &mut self.panes[place];
            panes.forced_through = panes.forced_through.max(pane.end);
            panes.forced_at = self.revision;
            self.saver.forced.insert(place);
            if let Some(open) = panes.panes.remove(&(pane, calendar)) {
                self.counts.forced += open.cells.len() as u64;
                self.saver.dropped(&panes.window.name, pane, &open, &self.groups);
            }
            self.due.remove(&(place, pane, calendar));
        }
    }

    /// A level that changed in `pane` is another in every later pane: those that are closed are corrected, also the
    /// ones that had nothing to show so far.
    pub(super) fn dirty_later(&mut self, place: usize, pane: Pane, calendar: usize, group: GroupId) {
        let panes = &mut self.panes[place];
        let through = panes.closed_through[calendar];
        let mut later = pane.end;
        while later < through {
            let pane = pane_of(panes.window.kind, calendar_of(&self.config, calendar), later);
            later = pane.end;
            let open = panes.panes.entry((pane, calendar)).or_default();
            open.closed = true;
            let cell = open.cells.entry(group).or_default();
            (cell.dirty, cell.unsaved) = (true, true);
            self.due.insert((place, pane, calendar));
            self.changed_closed.push(((place, pane, calendar), group));
        }
    }

    /// What stands in a closed pane when a batch ends may go out, if only in a transaction that is aborted: it is taken
    /// back by a final if nothing is left of it later.
    pub(super) fn show_closed(&mut self) {
        for ((place, pane, calendar), group) in std::mem::take(&mut self.changed_closed) {
            let panes = &mut self.panes[place];
            let figures = panes.figures(pane, calendar, group, &self.states[group as usize].levels);
            let open = panes.panes.get_mut(&(pane, calendar));
            if let Some(cell) = open.and_then(|open| open.cells.get_mut(&group)) {
                cell.shown |= has_content(&cell.sums, &figures);
            }
        }
    }

    /// A level that changed in `pane` may have been shown otherwise in later panes that are current or were: those that
    /// are still open owe a final, whatever is left in them. Told by the batches alone, so that a replay tells the same.
    pub(super) fn show_later(&mut self, place: usize, pane: Pane, calendar: usize, group: GroupId) {
        let Panes { panes, current, closed_through, .. } = &mut self.panes[place];
        let start = pane.end.max(closed_through[calendar]);
        let from = (Pane { start, end: start }, 0);
        for key in current.range(from..).filter(|(_, of)| *of == calendar) {
            let open = panes.entry(*key).or_default();
            let cell = open.cells.entry(group).or_default();
            cell.unsaved |= !cell.shown;
            cell.shown = true;
        }
    }

    /// The tenant's `contacts_created` changed in a closed pane: every share of it is another.
    pub(super) fn dirty_shares(&mut self, (place, pane, calendar): PanePlace, tenant: GroupId) {
        let Some(open) = self.panes[place].panes.get_mut(&(pane, calendar)) else { return };
        #[expect(clippy::iter_over_hash_type, reason = "each cell is marked by itself, in no order")]
        for (group, cell) in &mut open.cells {
            if self.groups.row(*group).tenant_group == Some(tenant) && self.groups.has_share(*group) {
                (cell.dirty, cell.unsaved) = (true, true);
            }
        }
    }
}
