//! What shapes the fold: horizons, limits, thresholds. Values only; where they come from is not known here.

use crate::event::Channel;
use crate::kpi::groups::{Dimension, GroupSet};
use crate::kpi::rules::{Thresholds, shipped_thresholds};
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, Millis, SECOND_MS};

/// How many channels there are; arrays by channel are indexed by [`Channel::number`].
pub const CHANNELS: usize = Channel::ALL.len();

/// How much of a late or rejected record goes to the dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeadLetterContent {
    /// Key and value as they came.
    #[default]
    Original,
    /// Key and value with every letter and digit replaced, so that the shape stays.
    Redacted,
    /// Neither key nor value.
    None,
}

/// Settings of the fold, resolved. Equal settings give equal results.
#[derive(Clone, Debug)]
pub struct FoldConfig {
    /// How far events of different keys may be out of order: watermark = stream time − this.
    pub out_of_orderness_ms: Millis,
    /// How old, behind the watermark, an event may be and still be measured.
    pub allowed_lateness_ms: Millis,
    /// How far ahead of the clock an event may be.
    pub max_future_skew_ms: Millis,
    /// How long (event time) an id is remembered at least.
    pub dedup_horizon_ms: Millis,
    /// How many ids are remembered at most, per partition.
    pub max_ids: usize,
    /// An abandon of a first visit with less wait than this is short.
    pub short_abandon_ms: Millis,
    /// How long an ended contact is remembered.
    pub linger_ms: Millis,
    /// Per channel: an open contact older than this expires.
    pub max_age_ms: [Millis; CHANNELS],
    /// Per channel: wrap-up of 0 is assumed this long after a leg's end.
    pub wrapup_timeout_ms: [Millis; CHANNELS],
    /// An agent that has sent heartbeats is offline this long after its last sign.
    pub agent_timeout_ms: Millis,
    /// An agent that never sent one is offline this long after its last sign.
    pub silent_agent_timeout_ms: Millis,
    /// Per channel: a waiting contact whose threshold passes within this is at risk.
    pub risk_horizon_ms: [Millis; CHANNELS],
    /// Within means `<` instead of `<=`.
    pub within_strict: bool,
    /// Thresholds of service level and first response.
    pub thresholds: Thresholds,
    /// Names admitted per tenant and dimension; configured ones come on top.
    pub max_names: usize,
    /// Tenants admitted.
    pub max_tenants: usize,
    /// Names always admitted: (tenant, dimension, name).
    pub configured_names: Vec<(String, Dimension, String)>,
    /// Contacts kept per partition; the newest beyond it is refused and counted.
    pub max_contacts: usize,
    /// Agents kept per partition.
    pub max_agents: usize,
    /// Records longer than this are rejected.
    pub max_record_bytes: usize,
    /// Grouping sets: only their dimensions are told apart.
    pub sets: Vec<GroupSet>,
    /// Shards of merge.
    pub shards: u32,
    /// Key of all hashes of ids and tenants.
    pub hash_key: [u8; 16],
    /// Hash of the settings that shape measures.
    pub config_epoch: u64,
    /// What dead letters hold.
    pub dead_letters: DeadLetterContent,
}

impl Default for FoldConfig {
    fn default() -> Self {
        FoldConfig {
            out_of_orderness_ms: 5 * SECOND_MS,
            allowed_lateness_ms: HOUR_MS,
            max_future_skew_ms: 60 * SECOND_MS,
            dedup_horizon_ms: 10 * MINUTE_MS,
            max_ids: 1_000_000,
            short_abandon_ms: 5 * SECOND_MS,
            linger_ms: 30 * MINUTE_MS,
            max_age_ms: by_channel(shipped_max_age_ms),
            wrapup_timeout_ms: by_channel(shipped_wrapup_timeout_ms),
            agent_timeout_ms: 90 * SECOND_MS,
            silent_agent_timeout_ms: 14 * HOUR_MS,
            risk_horizon_ms: by_channel(shipped_risk_horizon_ms),
            within_strict: false,
            thresholds: shipped_thresholds(),
            max_names: 5_000,
            max_tenants: 1_000,
            configured_names: Vec::new(),
            max_contacts: 1_000_000,
            max_agents: 100_000,
            max_record_bytes: 1 << 20,
            sets: GroupSet::shipped(),
            shards: 8,
            hash_key: DEFAULT_HASH_KEY,
            config_epoch: 0,
            dead_letters: DeadLetterContent::Original,
        }
    }
}

/// The documented default of `service.hash_key`: fine for ids that are no secret, to be set where they are.
pub const DEFAULT_HASH_KEY: [u8; 16] = *b"intraday-hash-v1";

/// An array by channel from a function of the channel.
#[must_use]
pub fn by_channel(value: impl Fn(Channel) -> Millis) -> [Millis; CHANNELS] {
    std::array::from_fn(|number| value(Channel::ALL[number]))
}

/// Shipped `max_age`: voice and video 8 h, chat 24 h, the rest 90 d.
#[must_use]
pub const fn shipped_max_age_ms(channel: Channel) -> Millis {
    match channel {
        Channel::Voice | Channel::Video => 8 * HOUR_MS,
        Channel::Chat => 24 * HOUR_MS,
        _ => 90 * DAY_MS,
    }
}

/// Shipped `wrapup_timeout`: voice, video and callback 10 min, others 0.
#[must_use]
pub const fn shipped_wrapup_timeout_ms(channel: Channel) -> Millis {
    match channel {
        Channel::Voice | Channel::Video | Channel::Callback => 10 * MINUTE_MS,
        _ => 0,
    }
}

/// Shipped `risk_horizon`: voice 10 s, others 5 min.
#[must_use]
pub const fn shipped_risk_horizon_ms(channel: Channel) -> Millis {
    match channel {
        Channel::Voice => 10 * SECOND_MS,
        _ => 5 * MINUTE_MS,
    }
}
