//! The settings that the model obeys, with the defaults of the contracts.
//!
//! It must never know where settings come from.

use std::collections::BTreeMap;

/// Milliseconds of a second.
pub const SECOND_MS: i64 = 1_000;
/// Milliseconds of a minute.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds of a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// A threshold for what matches all the named parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThresholdRule {
    /// The tenant, or any.
    pub tenant: Option<String>,
    /// The channel, or any.
    pub channel: Option<String>,
    /// The queue, or any.
    pub queue: Option<String>,
    /// The threshold in milliseconds; none leaves the visit unjudged.
    pub threshold_ms: Option<i64>,
}

/// The settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Thresholds; the rule with the most named parts wins, then the one naming the queue, then the channel.
    pub thresholds: Vec<ThresholdRule>,
    /// Whether `within` is `<` instead of `≤`.
    pub within_strict: bool,
    /// Waits below this are short abandons.
    pub short_abandon_ms: i64,
    /// Disorder across keys.
    pub out_of_orderness_ms: i64,
    /// Older than the watermark by more than this is late.
    pub allowed_lateness_ms: i64,
    /// From a window's end to its final record.
    pub grace_ms: i64,
    /// How long an id is remembered at least.
    pub dedup_horizon_ms: i64,
    /// Further in the future than this is rejected.
    pub max_future_skew_ms: i64,
    /// Wrap-up timeout by channel; 0 for channels not named.
    pub wrapup_timeout_ms: BTreeMap<String, i64>,
    /// Greatest age of an open contact by channel; 90 days for channels not named.
    pub max_age_ms: BTreeMap<String, i64>,
    /// How long a contact that is over is remembered.
    pub linger_ms: i64,
    /// Silence after which an agent that sends heartbeats is offline.
    pub heartbeat_timeout_ms: i64,
    /// Silence after which any other agent is offline.
    pub agent_timeout_ms: i64,
    /// Silence after which an offline agent is forgotten.
    pub agent_forget_ms: i64,
    /// Tumbling windows; their lengths are whole slices of 10 s. The UTC day is added to them.
    pub windows: Vec<(String, i64)>,
}

impl Default for Config {
    fn default() -> Self {
        let rule = |(channel, threshold_ms): (&str, i64)| ThresholdRule {
            channel: Some(channel.to_owned()),
            threshold_ms: Some(threshold_ms),
            ..ThresholdRule::default()
        };
        let thresholds = [
            ("voice", 20 * SECOND_MS),
            ("video", 20 * SECOND_MS),
            ("chat", MINUTE_MS),
            ("messaging", HOUR_MS),
            ("sms", HOUR_MS),
            ("social", HOUR_MS),
            ("email", 2 * HOUR_MS),
            ("callback", 15 * MINUTE_MS),
            ("ticket", DAY_MS),
        ];
        Config {
            thresholds: thresholds.into_iter().map(rule).collect(),
            within_strict: false,
            short_abandon_ms: 5 * SECOND_MS,
            out_of_orderness_ms: 5 * SECOND_MS,
            allowed_lateness_ms: HOUR_MS,
            grace_ms: MINUTE_MS,
            dedup_horizon_ms: 10 * MINUTE_MS,
            max_future_skew_ms: MINUTE_MS,
            wrapup_timeout_ms: by_channel(&[("voice", 10), ("video", 10), ("callback", 10)]),
            max_age_ms: by_channel(&[("voice", 480), ("video", 480), ("chat", 1_440)]),
            linger_ms: 30 * MINUTE_MS,
            heartbeat_timeout_ms: 90 * SECOND_MS,
            agent_timeout_ms: 14 * HOUR_MS,
            agent_forget_ms: 14 * HOUR_MS,
            windows: vec![("15m".to_owned(), 15 * MINUTE_MS), ("1h".to_owned(), HOUR_MS)],
        }
    }
}

impl Config {
    /// The threshold of a visit or a first response, in milliseconds.
    pub fn threshold_ms(&self, tenant: &str, channel: &str, queue: &str) -> Option<i64> {
        let fits = |part: &Option<String>, value: &str| part.as_deref().is_none_or(|named| named == value);
        let rank = |rule: &ThresholdRule| {
            let named = [rule.queue.is_some(), rule.channel.is_some(), rule.tenant.is_some()];
            (named.iter().filter(|part| **part).count(), named)
        };
        self.thresholds
            .iter()
            .filter(|rule| {
                fits(&rule.tenant, tenant) && fits(&rule.channel, channel) && fits(&rule.queue, queue)
            })
            .max_by_key(|rule| rank(rule))
            .and_then(|rule| rule.threshold_ms)
    }

    /// Whether a wait is within a threshold, both in milliseconds.
    pub fn is_within(&self, wait_ms: i64, threshold_ms: i64) -> bool {
        if self.within_strict { wait_ms < threshold_ms } else { wait_ms <= threshold_ms }
    }

    /// The wrap-up timeout of a channel in milliseconds.
    pub fn wrapup_timeout_ms(&self, channel: &str) -> i64 {
        self.wrapup_timeout_ms.get(channel).copied().unwrap_or(0)
    }

    /// The greatest age of an open contact of a channel in milliseconds.
    pub fn max_age_ms(&self, channel: &str) -> i64 {
        self.max_age_ms.get(channel).copied().unwrap_or(90 * DAY_MS)
    }

    /// The tumbling windows and the day: name and length in milliseconds.
    pub fn all_windows(&self) -> Vec<(String, i64)> {
        let mut windows = self.windows.clone();
        windows.push(("day".to_owned(), DAY_MS));
        windows
    }
}

fn by_channel(minutes: &[(&str, i64)]) -> BTreeMap<String, i64> {
    minutes.iter().map(|&(channel, count)| (channel.to_owned(), count * MINUTE_MS)).collect()
}
