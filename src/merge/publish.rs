//! The publish tick: finals and corrections of closed panes, live records at their pace, expositions.
//!
//! Rendering only: it changes no sum. Wall time is an argument and decides paces, nothing else.

use super::config::calendar_of;
use super::expose::ALWAYS;
use super::groups::GroupId;
use super::shard::{PanePlace, Shard};
use crate::kpi::exposed::Exposed;
use crate::kpi::facts::Facts;
use crate::kpi::groups::Dimension;
use crate::kpi::record::{RecordInput, render, render_key};
use crate::measure::aggregate::{Aggregate, LevelFigures};
use crate::measure::batch::NowLevels;
use crate::measure::ids::{Count, Level};
use crate::time::window::{Pane, Slice, Window, pane_of};
use crate::time::{Millis, WallMs};

/// A KPI record as it goes to the kpis topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KpiRecord {
    /// JSON array: tenant, group set, values, window, start.
    pub key: String,
    /// The JSON object.
    pub value: String,
    /// live, final or corrected.
    pub status: &'static str,
    /// Grows for a key; at equal revisions corrected > final > live.
    pub revision: i64,
}

/// What a publish tick made.
#[derive(Debug, Default)]
pub struct Publication {
    /// KPI records.
    pub records: Vec<KpiRecord>,
    /// State records: key and value, or a tombstone.
    pub state: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Groups whose exposition changed.
    pub exposed: Vec<Exposed>,
}

/// Paces of live output, wall time.
#[derive(Debug, Default)]
pub(super) struct Paces {
    windows: Vec<WallMs>,
    agents: WallMs,
    republished: WallMs,
    credit: f64,
    last: WallMs,
}

impl Shard {
    /// Publishes what is due.
    pub fn publish(&mut self, wall: WallMs) -> Publication {
        self.wall = wall;
        let mut publication =
            Publication { records: std::mem::take(&mut self.forced), ..Publication::default() };
        for place in std::mem::take(&mut self.due) {
            self.publish_closed(place, None, &mut publication.records);
        }
        self.publish_live(&mut publication.records);
        self.expose(&mut publication.exposed);
        self.drop_panes();
        self.save(&mut publication.state);
        publication
    }

    /// Takes everything as published, as in the replay of a restore: what it was due for went out before, and which finals
    /// did stands in the state.
    pub(super) fn publish_nothing(&mut self) {
        for (at, pane, calendar) in std::mem::take(&mut self.due) {
            let settled = self.settled();
            let Some(open) = self.panes[at].panes.get_mut(&(pane, calendar)) else { continue };
            open.cells.values_mut().filter(|cell| cell.dirty).for_each(|cell| {
                cell.sums.settle(settled);
                (cell.dirty, cell.unsaved) = (false, true);
            });
        }
        self.live.clear();
        self.drop_panes();
        // What a group counted was shown before, too: zeros now would be a reset to whoever scrapes it.
        for group in self.exposure_due.iter().skip(self.replayed_due) {
            self.states[*group as usize].born.get_or_insert(ALWAYS);
        }
        self.replayed_due = self.exposure_due.len();
    }

    /// Finalises a pane by force.
    pub(super) fn publish_forced(&mut self, place: PanePlace) {
        let mut records = Vec::new();
        if let Some(open) = self.panes[place.0].panes.get_mut(&(place.1, place.2)) {
            open.cells.values_mut().for_each(|cell| cell.dirty |= !cell.finalised);
        }
        self.publish_closed(place, Some("forced"), &mut records);
        self.forced.append(&mut records);
    }

    fn publish_closed(&mut self, place: PanePlace, reason: Option<&'static str>, out: &mut Vec<KpiRecord>) {
        let (at, pane, calendar) = place;
        let settled = self.settled();
        let Some(open) = self.panes[at].panes.get_mut(&(pane, calendar)) else { return };
        let mut due: Vec<(GroupId, bool, bool)> = Vec::new();
        #[expect(clippy::iter_over_hash_type, reason = "what is collected is sorted below")]
        for (group, cell) in &mut open.cells {
            if cell.dirty {
                cell.sums.settle(settled);
                due.push((*group, cell.finalised, cell.shown));
                (cell.dirty, cell.unsaved) = (false, true);
            }
        }
        due.sort_unstable();
        for (group, finalised, shown) in due {
            let status = if finalised { "corrected" } else { "final" };
            let panes = &self.panes[at];
            let figures = panes.figures(pane, calendar, group, &self.states[group as usize].levels);
            let cell = panes.panes.get(&(pane, calendar)).and_then(|open| open.cells.get(&group));
            let Some(cell) = cell else { continue };
            // One that was published, if only live, is published again even if nothing is left in it.
            let emptied = !has_content(&cell.sums, &figures);
            if emptied && !finalised && !shown {
                continue;
            }
            let mut facts = self.facts(group, &cell.sums, &figures, pane, None, Some(at));
            // Nothing is not a share of something.
            facts.tenant_created = facts.tenant_created.filter(|_| !emptied);
            out.push(self.render(group, &panes.window, &facts, status, reason));
            if !finalised {
                self.set_finalised(place, group);
                self.saver.finals.push((place, group));
            }
        }
    }

    fn set_finalised(&mut self, (place, pane, calendar): PanePlace, group: GroupId) {
        let open = self.panes[place].panes.get_mut(&(pane, calendar));
        if let Some(cell) = open.and_then(|open| open.cells.get_mut(&group)) {
            cell.finalised = true;
        }
    }

    fn publish_live(&mut self, out: &mut Vec<KpiRecord>) {
        let wall = self.wall;
        let windows = self.panes.len() + self.sliding.len();
        self.paces.windows.resize(windows, WallMs(i64::MIN / 2));
        let passed_ms = wall.since(self.paces.last).clamp(0, 1_000);
        self.paces.last = wall;
        let rate = f64::from(self.config.live_rate);
        self.paces.credit = (self.paces.credit + rate * passed_ms as f64 / 1_000.0).min(rate);
        if wall.is_due(self.paces.republished, self.config.republish_ms) {
            self.paces.republished = wall;
            self.queue_all();
        }
        self.push_changed_queues();
        for window in 0..windows {
            let pace_ms = self.window(window).pace_ms;
            if wall.is_due(self.paces.windows[window], pace_ms) {
                self.paces.windows[window] = wall;
                self.publish_live_window(window, false, out);
            }
        }
        if wall.is_due(self.paces.agents, self.config.agent_pace_ms) {
            self.paces.agents = wall;
            for window in 0..windows {
                self.publish_live_window(window, true, out);
            }
        }
    }

    fn publish_live_window(&mut self, window: usize, agents: bool, out: &mut Vec<KpiRecord>) {
        while self.paces.credit >= 1.0 {
            let Some(group) = self.live.pop(window, agents) else { return };
            if let Some(record) = self.live_record(window, group) {
                self.paces.credit -= 1.0;
                out.push(record);
            }
        }
    }

    fn live_record(&mut self, window: usize, group: GroupId) -> Option<KpiRecord> {
        let now = self.now_of(group);
        let totals = self.states[group as usize].levels;
        if let Some(place) = window.checked_sub(self.panes.len()) {
            let sliding = &mut self.sliding[place];
            let pane = sliding.pane()?;
            let figures = sliding.figures(group, pane, &totals);
            sliding.settle(group);
            let (sliding, empty) = (&self.sliding[place], Aggregate::default());
            let sums = sliding.sums(group).unwrap_or(&empty);
            let facts = self.facts(group, sums, &figures, pane, Some(now), None);
            let record = self.render(group, &sliding.window, &facts, "live", None);
            self.sliding[place].forget_if_empty(group);
            return Some(record);
        }
        let calendar = self.groups.row(group).calendar;
        let kind = self.panes[window].window.kind;
        let pane = pane_of(kind, calendar_of(&self.config, calendar), self.sources.shard_time?);
        if pane.end <= self.panes[window].closed_through[calendar] {
            return None;
        }
        let settled = self.settled();
        if let Some(cell) =
            self.panes[window].panes.get_mut(&(pane, calendar)).and_then(|open| open.cells.get_mut(&group))
        {
            cell.sums.settle(settled);
        }
        let panes = &self.panes[window];
        let figures = panes.figures(pane, calendar, group, &totals);
        let empty = Aggregate::default();
        let cell = panes.panes.get(&(pane, calendar)).and_then(|open| open.cells.get(&group));
        let sums = cell.map_or(&empty, |cell| &cell.sums);
        if !has_content(sums, &figures) {
            return None;
        }
        let facts = self.facts(group, sums, &figures, pane, Some(now), Some(window));
        Some(self.render(group, &panes.window, &facts, "live", None))
    }

    /// Puts every group with content into the live queues, so that a quiet one is heard of too.
    fn queue_all(&mut self) {
        for group in 0..self.groups.len() as GroupId {
            let has_agent = self.groups.has_agent(group);
            for place in 0..self.panes.len() {
                self.live.push(place, group, has_agent);
            }
            for (place, sliding) in self.sliding.iter().enumerate() {
                if sliding.has(group) {
                    self.live.push(self.panes.len() + place, group, has_agent);
                }
            }
        }
    }

    fn window(&self, window: usize) -> &Window {
        match window.checked_sub(self.panes.len()) {
            Some(place) => &self.sliding[place].window,
            None => &self.panes[window].window,
        }
    }

    /// Everything known of a group in a pane, as formulas take it.
    pub(super) fn facts<'f>(
        &self,
        group: GroupId,
        sums: &'f Aggregate,
        levels: &'f [LevelFigures; Level::LEN],
        pane: Pane,
        live: Option<NowLevels>,
        place: Option<usize>,
    ) -> Facts<'f> {
        let row = self.groups.row(group);
        let set = self.groups.set(group);
        let tenant_created = row.tenant_group.and_then(|tenant| {
            let sums = match place {
                Some(place) => {
                    let open = self.panes[place].panes.get(&(pane, row.calendar))?;
                    &open.cells.get(&tenant)?.sums
                }
                None => self.sliding.first()?.sums(tenant)?,
            };
            Some(sums.count(Count::ContactsCreated))
        });
        Facts {
            aggregate: sums,
            levels,
            pane,
            family: set.family,
            has_queue: set.has(Dimension::Queue),
            has_channel: set.has(Dimension::Channel),
            formula: row.formula,
            tenant_created,
            live,
            serving: live.and_then(|_| self.serving(group)),
        }
    }

    fn render(
        &self,
        group: GroupId,
        window: &Window,
        facts: &Facts<'_>,
        status: &'static str,
        reason: Option<&'static str>,
    ) -> KpiRecord {
        let set = self.groups.set(group);
        let values = self.groups.texts(group);
        let latest = matches!(window.kind, crate::time::window::WindowKind::Sliding { .. });
        let calendar = calendar_of(&self.config, self.groups.row(group).calendar);
        let mut value = String::with_capacity(4_096);
        let input = RecordInput {
            status,
            revision: self.revision,
            set,
            values: &values,
            window,
            pane: facts.pane,
            timezone: calendar.zone_name(),
            watermark: self.sources.least_watermark(),
            published: self.wall,
            facts,
            targets: &self.config.targets,
            hdr: self.config.hdr && status != "live",
            latest,
            reason,
        };
        render(&input, &mut value);
        let start = (!latest).then_some(facts.pane.start);
        KpiRecord {
            key: render_key(set, &values, &window.name, start),
            value,
            status,
            revision: self.revision,
        }
    }

    /// Level changes before this slice can come no more.
    pub(super) fn settled(&self) -> Slice {
        let kept_ms: Millis = self.config.grace_ms + self.config.allowed_lateness_ms;
        self.sources.least_watermark().map_or(Slice(i64::MIN), |at| Slice::of(at.plus(-kept_ms)))
    }

    /// Drops panes that nothing reaches any more.
    fn drop_panes(&mut self) {
        let Some(watermark) = self.sources.least_watermark() else { return };
        for place in 0..self.panes.len() {
            let kind = self.panes[place].window.kind;
            let keep_ms =
                if kind.correctable() { self.config.allowed_lateness_ms } else { self.config.grace_ms };
            for (pane, calendar) in self.panes[place].droppable(watermark, keep_ms) {
                let panes = &mut self.panes[place];
                if let Some(open) = panes.panes.remove(&(pane, calendar)) {
                    self.saver.dropped(&panes.window.name, pane, &open, &self.groups);
                }
            }
        }
    }
}

/// Whether there is something to tell of a cell with these figures of its levels.
pub(super) fn has_content(sums: &Aggregate, figures: &[LevelFigures; Level::LEN]) -> bool {
    sums.has_counts() || figures.iter().any(|figure| !figure.is_zero())
}
