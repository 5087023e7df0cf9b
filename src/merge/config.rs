//! What shapes the merge: windows, grouping sets, formulas, targets, limits. Values only.

use crate::kpi::groups::GroupSet;
use crate::kpi::rules::{Formula, Rules};
use crate::kpi::targets::Targets;
use crate::time::window::{Calendar, Window};
use crate::time::{HOUR_MS, MINUTE_MS, Millis, SECOND_MS};
use std::collections::BTreeMap;

/// Which optional families /metrics carries beyond the default ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetricsInclude {
    /// Histograms of abandoned wait and first response.
    pub histograms: bool,
    /// Quantiles 0.95 and 0.99, means and maxima.
    pub quantiles: bool,
}

/// Settings of the merge, resolved.
#[derive(Clone, Debug)]
pub struct MergeConfig {
    /// Windows; names are unique.
    pub windows: Vec<Window>,
    /// Grouping sets.
    pub sets: Vec<GroupSet>,
    /// Calendar of tenants that have none of their own.
    pub calendar: Calendar,
    /// Calendars by tenant.
    pub tenant_calendars: BTreeMap<String, Calendar>,
    /// A window is final when the least watermark passes its end + this.
    pub grace_ms: Millis,
    /// Windows of 15 min and longer are corrected until the least watermark passes their end + this.
    pub allowed_lateness_ms: Millis,
    /// Group-windows kept per shard; beyond it the oldest are finalised by force.
    pub max_windows: usize,
    /// Live records per second and shard.
    pub live_rate: u32,
    /// Least time between live records of one group with an agent, wall time.
    pub agent_pace_ms: Millis,
    /// The current pane of each window is published again at least this often while it has content, wall time.
    pub republish_ms: Millis,
    /// Which service-level formula holds where; none found: the default.
    pub formulas: Rules<Formula>,
    /// Targets.
    pub targets: Targets,
    /// Finals carry HDR bytes.
    pub hdr: bool,
    /// All sources: (topic, partitions). One not yet heard of holds finals.
    pub sources: Vec<(String, u32)>,
    /// Queues named in the configuration, exported at 0 from the start.
    pub announced: Vec<AnnouncedQueue>,
    /// The names that people know queues by, by tenant and queue.
    pub queue_names: BTreeMap<(String, String), String>,
    /// A group that nobody announced is exported at 0 for this long, wall time.
    pub announce_ms: Millis,
    /// Agents' groups on /metrics.
    pub expose_agents: bool,
    /// Optional families.
    pub include: MetricsInclude,
    /// Series on /metrics per shard.
    pub max_series: usize,
    /// Hash of the settings that shape measures.
    pub config_epoch: u64,
    /// Shards of merge.
    pub shards: u32,
    /// A cycle of state records begins this long after the last one began, wall time.
    pub cycle_ms: Millis,
    /// Bytes of state records written with one commit, about; what a commit must say itself comes on top.
    pub commit_bytes: usize,
    /// Fingerprint of the hash key: part of what cannot change under existing state.
    pub hash_fingerprint: u64,
}

/// A queue that is known before anything happens in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncedQueue {
    /// The shard of its tenant.
    pub shard: u32,
    /// The tenant.
    pub tenant: String,
    /// The channel, as labels name it.
    pub channel: String,
    /// The queue.
    pub queue: String,
}

impl Default for MergeConfig {
    fn default() -> Self {
        MergeConfig {
            windows: Window::shipped(),
            sets: GroupSet::shipped(),
            calendar: Calendar::default(),
            tenant_calendars: BTreeMap::new(),
            grace_ms: MINUTE_MS,
            allowed_lateness_ms: HOUR_MS,
            max_windows: 200_000,
            live_rate: 5_000,
            agent_pace_ms: 30 * SECOND_MS,
            republish_ms: MINUTE_MS,
            formulas: Rules::new(Vec::new()),
            targets: Targets::shipped(),
            hdr: true,
            sources: Vec::new(),
            announced: Vec::new(),
            queue_names: BTreeMap::new(),
            announce_ms: 30 * SECOND_MS,
            expose_agents: false,
            include: MetricsInclude::default(),
            max_series: 250_000,
            config_epoch: 0,
            shards: 8,
            cycle_ms: MINUTE_MS,
            commit_bytes: 256 << 10,
            hash_fingerprint: 0,
        }
    }
}

/// The calendar at a place: 0 is the default, then the tenants' own in the order of their names.
pub(super) fn calendar_of(config: &MergeConfig, place: usize) -> &Calendar {
    match place.checked_sub(1) {
        None => &config.calendar,
        Some(at) => config.tenant_calendars.values().nth(at).unwrap_or(&config.calendar),
    }
}
