//! What /metrics shows of a shard's groups: which tiers, which windows, and when a new group leaves its zeros.

use super::config::calendar_of;
use super::groups::GroupId;
use super::shard::Shard;
use crate::kpi::expose::{
    ExposeInclude, Tier, expose_counters, expose_data_timestamp, expose_levels, expose_queue_agents,
    expose_target, expose_window,
};
use crate::kpi::exposed::{Exposed, Series};
use crate::kpi::groups::Dimension;
use crate::kpi::record::place_of;
use crate::measure::aggregate::Aggregate;
use crate::measure::totals::Totals;
use crate::time::WallMs;
use crate::time::window::{WindowKind, pane_of};

/// Least time between two renderings of a group's window gauges, wall time.
const WINDOWS_PACE_MS: i64 = 1_000;

/// Born before anybody could look: such a group is never shown at 0 for what it has counted.
pub(super) const ALWAYS: WallMs = WallMs(i64::MIN / 2);
/// Ids of exposed groups of agents by queue begin here; published groups are far below.
const QUEUE_AGENTS_FROM: u32 = 1 << 31;
/// Ids of the names of queues begin here.
pub(super) const QUEUE_NAMES_FROM: u32 = 3 << 30;

impl Shard {
    /// The queues of shard `own` that the configuration names are exposed at 0 before anything is known of them.
    pub fn announce(&mut self, own: u32) {
        let finest = [Dimension::Tenant, Dimension::Channel, Dimension::Queue];
        let Some(set) = self.config.sets.iter().position(|set| set.dimensions == finest) else { return };
        let config = std::sync::Arc::clone(&self.config);
        for known in config.announced.iter().filter(|known| known.shard == own) {
            let group = self.groups.group(set, &[&known.tenant, &known.channel, &known.queue]);
            self.states.resize_with(self.groups.len(), super::group_state::GroupState::default);
            self.expose_due(group);
        }
    }

    /// A group's exposition is due.
    pub(super) fn expose_due(&mut self, group: GroupId) {
        let state = &mut self.states[group as usize];
        if !state.exposure_due {
            state.exposure_due = true;
            self.exposure_due.push(group);
        }
    }

    /// Renders the groups whose exposition is due.
    pub(super) fn expose(&mut self, out: &mut Vec<Exposed>) {
        self.replayed_due = 0;
        self.expose_tenants_due();
        self.expose_queue_names(out);
        let due = std::mem::take(&mut self.exposure_due);
        for group in due {
            self.states[group as usize].exposure_due = false;
            let Some(tier) = self.tier(group) else { continue };
            if tier == Tier::Queue && self.states[group as usize].born.is_none() {
                self.saver.born.push(group);
            }
            let born = *self.states[group as usize].born.get_or_insert(self.wall);
            // Further away on either side the clock was set, and nobody knows how old the group is.
            let young = self.wall.since(born).abs() < self.config.announce_ms && born.0 > 0;
            let windows_due = self.wall.is_due(self.states[group as usize].windows_shown.1, WINDOWS_PACE_MS);
            if (young && tier == Tier::Queue) || !windows_due {
                self.expose_again.push(group);
            }
            if windows_due {
                self.show_windows(group, tier);
            }
            out.push(self.exposed(group, tier, young));
        }
        // Those that were young come again until they have shown what they counted meanwhile.
        for group in std::mem::take(&mut self.expose_again) {
            self.expose_due(group);
        }
        if std::mem::take(&mut self.queue_agents_due) {
            self.expose_queue_agents(out);
        }
    }

    /// Tenants show up to when their figures are complete, also while nothing of theirs changes.
    fn expose_tenants_due(&mut self) {
        let watermark = self.sources.least_watermark();
        if watermark == self.shown_watermark {
            return;
        }
        self.shown_watermark = watermark;
        for group in 0..self.groups.len() as GroupId {
            if self.tier(group) == Some(Tier::Tenant) {
                self.expose_due(group);
            }
        }
    }

    fn tier(&self, group: GroupId) -> Option<Tier> {
        use Dimension::{Agent, Channel, Queue, Team, Tenant};
        let tier = match self.groups.set(group).dimensions.as_slice() {
            [Tenant] => Tier::Tenant,
            [Tenant, Channel] => Tier::Channel,
            [Tenant, Channel, Queue] => Tier::Queue,
            [Tenant, Team] => Tier::Team,
            [Tenant, Team, Agent] if self.config.expose_agents => Tier::Agent,
            _ => return None,
        };
        Some(tier)
    }

    fn exposed(&mut self, group: GroupId, tier: Tier, young: bool) -> Exposed {
        // As many as last time: what grows by doubling keeps room for twice as much.
        let mut series = Vec::with_capacity(self.states[group as usize].series);
        if tier == Tier::Queue {
            let include = ExposeInclude { histograms: self.config.include.histograms };
            match &self.states[group as usize].totals {
                Some(totals) if !young => expose_counters(totals, include, &mut series),
                _ => expose_counters(&Totals::default(), include, &mut series),
            }
        }
        series.extend_from_slice(&self.states[group as usize].windows_shown.0);
        expose_levels(&self.states[group as usize].levels, &self.now_of(group), tier, &mut series);
        if let Some(watermark) = self.sources.least_watermark().filter(|_| tier == Tier::Tenant) {
            expose_data_timestamp(watermark, &mut series);
        }
        let set = self.groups.set(group);
        let values = self.groups.texts(group);
        if let Some(shard_time) = self.sources.shard_time {
            expose_target(tier, &self.config.targets, place_of(set, &values), shard_time, &mut series);
        }
        let labels = set.dimensions.iter().zip(&values);
        let labels = labels.map(|(dimension, value)| (dimension.label(), (*value).to_owned())).collect();
        self.states[group as usize].series = series.len();
        Exposed { group, labels, series }
    }

    /// Renders the gauges of the group's windows: dearer than its counters and levels, so at a pace of their own.
    fn show_windows(&mut self, group: GroupId, tier: Tier) {
        let mut series = Vec::with_capacity(self.states[group as usize].windows_shown.0.len());
        self.expose_sliding(group, tier, &mut series);
        self.expose_days(group, tier, &mut series);
        self.states[group as usize].windows_shown = (series, self.wall);
    }

    fn expose_sliding(&mut self, group: GroupId, tier: Tier, series: &mut Vec<Series>) {
        let totals = self.states[group as usize].levels;
        for place in 0..self.sliding.len() {
            let Some(pane) = self.sliding[place].pane() else { continue };
            let figures = self.sliding[place].figures(group, pane, &totals);
            self.sliding[place].settle(group);
            let empty = Aggregate::default();
            let sums = self.sliding[place].sums(group).unwrap_or(&empty);
            let facts = self.facts(group, sums, &figures, pane, Some(self.now_of(group)), None);
            let (set, values) = (self.groups.set(group), self.groups.texts(group));
            let quantiles = self.config.include.quantiles;
            let name = &self.sliding[place].window.name;
            let target_place = place_of(set, &values);
            expose_window(name, &facts, tier, &self.config.targets, target_place, quantiles, series);
        }
    }

    fn expose_days(&self, group: GroupId, tier: Tier, series: &mut Vec<Series>) {
        let Some(shard_time) = self.sources.shard_time else { return };
        let calendar = self.groups.row(group).calendar;
        for (place, panes) in self.panes.iter().enumerate() {
            if panes.window.kind != WindowKind::Day {
                continue;
            }
            let pane = pane_of(panes.window.kind, calendar_of(&self.config, calendar), shard_time);
            let figures = panes.figures(pane, calendar, group, &self.states[group as usize].levels);
            let empty = Aggregate::default();
            let cell = panes.panes.get(&(pane, calendar)).and_then(|open| open.cells.get(&group));
            let sums = cell.map_or(&empty, |cell| &cell.sums);
            let facts = self.facts(group, sums, &figures, pane, Some(self.now_of(group)), Some(place));
            let (set, values) = (self.groups.set(group), self.groups.texts(group));
            let (name, quantiles) = (&panes.window.name, self.config.include.quantiles);
            let target_place = place_of(set, &values);
            expose_window(name, &facts, tier, &self.config.targets, target_place, quantiles, series);
        }
    }

    fn expose_queue_agents(&self, out: &mut Vec<Exposed>) {
        for (at, ((tenant, queue), levels)) in self.queue_agents.iter().enumerate() {
            let mut series = Vec::new();
            expose_queue_agents(levels, &mut series);
            let labels = vec![("tenant", tenant.clone()), ("queue", queue.clone())];
            out.push(Exposed { group: QUEUE_AGENTS_FROM + at as u32, labels, series });
        }
    }
}
