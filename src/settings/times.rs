//! `[time]`: disorder, lateness, timeouts, paces and calendars.

use super::fields::{Fields, Kind, Rows, Section};
use super::kinds::{Count, Optional, Scalar, Span, Text};
use super::lists::{missing, repeated};
use super::problem::{Path, Problems, nearest};
use super::tree::{Content, Node};
use crate::event::Channel;
use crate::fold::FoldConfig;
use crate::fold::config::CHANNELS;
use crate::merge::MergeConfig;
use crate::time::window::Calendar;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, Millis, SECOND_MS};
use serde_json::{Map, Value as Json};

/// The calendar of one tenant.
#[derive(Clone, Debug, Default)]
pub(super) struct TenantCalendar {
    pub(super) tenant: String,
    pub(super) timezone: Option<String>,
    pub(super) reset_hour: Option<i8>,
}

impl Section for TenantCalendar {
    fn fields(&mut self, fields: &mut impl Fields) {
        fields.value("tenant", &mut self.tenant, Text { bytes_max: 256 });
        fields.value("timezone", &mut self.timezone, Optional(Text { bytes_max: 64 }));
        fields.value("reset_hour", &mut self.reset_hour, Optional(Count { least: 0, most: 23 }));
    }

    fn check(&self, path: &Path, problems: &mut Problems<'_>) {
        let nothing = self.timezone.is_none() && self.reset_hour.is_none();
        missing(&[("tenant", self.tenant.is_empty()), ("timezone", nothing)], path, problems);
        if let Some(Err(text)) = self.timezone.as_deref().map(|zone| Calendar::new(zone, 0)) {
            problems.add(&path.key("timezone"), text);
        }
    }
}

/// The section; what is not public goes into the fold's and the merge's own configuration.
#[derive(Clone, Debug)]
pub struct Times {
    /// An input partition without records is idle after this long, milliseconds.
    pub idle_after_ms: Millis,
    /// A partition this far ahead of the slowest one waits, milliseconds of event time.
    pub max_ahead_ms: Millis,
    /// Fold commits at least this often, milliseconds.
    pub commit_interval_ms: Millis,
    /// Merge publishes this often, milliseconds.
    pub publish_interval_ms: Millis,
    pub(super) out_of_orderness_ms: Millis,
    pub(super) allowed_lateness_ms: Millis,
    pub(super) grace_ms: Millis,
    pub(super) max_future_skew_ms: Millis,
    pub(super) agent_timeout_ms: Millis,
    pub(super) silent_agent_timeout_ms: Millis,
    pub(super) short_abandon_ms: Millis,
    pub(super) linger_ms: Millis,
    pub(super) dedup_horizon_ms: Millis,
    pub(super) agent_pace_ms: Millis,
    pub(super) republish_ms: Millis,
    pub(super) announce_ms: Millis,
    pub(super) wrapup_timeout_ms: [Millis; CHANNELS],
    pub(super) max_age_ms: [Millis; CHANNELS],
    pub(super) risk_horizon_ms: [Millis; CHANNELS],
    pub(super) timezone: String,
    pub(super) reset_hour: i8,
    pub(super) tenants: Vec<TenantCalendar>,
}

impl Times {
    /// The calendar of all tenants that have none of their own.
    pub(super) fn calendar(&self) -> Calendar {
        Calendar::new(&self.timezone, self.reset_hour).unwrap_or_default()
    }

    /// The calendar of a row; what it leaves out is as for all tenants.
    pub(super) fn calendar_of(&self, row: &TenantCalendar) -> Calendar {
        let zone = row.timezone.as_deref().unwrap_or(&self.timezone);
        Calendar::new(zone, row.reset_hour.unwrap_or(self.reset_hour)).unwrap_or_default()
    }
}

impl Default for Times {
    fn default() -> Self {
        let (fold, merge) = (FoldConfig::default(), MergeConfig::default());
        Times {
            idle_after_ms: 5 * SECOND_MS,
            max_ahead_ms: 5 * MINUTE_MS,
            commit_interval_ms: 100,
            publish_interval_ms: 200,
            out_of_orderness_ms: fold.out_of_orderness_ms,
            allowed_lateness_ms: fold.allowed_lateness_ms,
            grace_ms: merge.grace_ms,
            max_future_skew_ms: fold.max_future_skew_ms,
            agent_timeout_ms: fold.agent_timeout_ms,
            silent_agent_timeout_ms: fold.silent_agent_timeout_ms,
            short_abandon_ms: fold.short_abandon_ms,
            linger_ms: fold.linger_ms,
            dedup_horizon_ms: fold.dedup_horizon_ms,
            agent_pace_ms: merge.agent_pace_ms,
            republish_ms: merge.republish_ms,
            announce_ms: merge.announce_ms,
            wrapup_timeout_ms: fold.wrapup_timeout_ms,
            max_age_ms: fold.max_age_ms,
            risk_horizon_ms: fold.risk_horizon_ms,
            timezone: "UTC".to_owned(),
            reset_hour: 0,
            tenants: Vec::new(),
        }
    }
}

const fn span(least_ms: Millis, most_ms: Millis) -> Span {
    Span { least_ms, most_ms }
}

impl Section for Times {
    fn fields(&mut self, fields: &mut impl Fields) {
        fields.value("out_of_orderness", &mut self.out_of_orderness_ms, span(0, HOUR_MS));
        fields.value("allowed_lateness", &mut self.allowed_lateness_ms, span(0, 31 * DAY_MS));
        fields.value("grace", &mut self.grace_ms, span(0, DAY_MS));
        fields.value("max_future_skew", &mut self.max_future_skew_ms, span(SECOND_MS, DAY_MS));
        fields.value("idle_after", &mut self.idle_after_ms, span(100, HOUR_MS));
        fields.value("max_ahead", &mut self.max_ahead_ms, span(SECOND_MS, DAY_MS));
        fields.value("agent_timeout", &mut self.agent_timeout_ms, span(SECOND_MS, DAY_MS));
        fields.value("silent_agent_timeout", &mut self.silent_agent_timeout_ms, span(SECOND_MS, 7 * DAY_MS));
        fields.value("short_abandon", &mut self.short_abandon_ms, span(0, HOUR_MS));
        fields.value("linger", &mut self.linger_ms, span(0, 7 * DAY_MS));
        fields.value("dedup_horizon", &mut self.dedup_horizon_ms, span(SECOND_MS, 31 * DAY_MS));
        fields.value("timezone", &mut self.timezone, Text { bytes_max: 64 });
        fields.value("reset_hour", &mut self.reset_hour, Count { least: 0, most: 23 });
        fields.value("commit_interval", &mut self.commit_interval_ms, span(10, 10 * SECOND_MS));
        fields.value("publish_interval", &mut self.publish_interval_ms, span(10, MINUTE_MS));
        fields.value("agent_pace", &mut self.agent_pace_ms, span(0, HOUR_MS));
        fields.value("republish", &mut self.republish_ms, span(SECOND_MS, HOUR_MS));
        fields.value("announce", &mut self.announce_ms, span(0, HOUR_MS));
        fields.field("wrapup_timeout", &mut self.wrapup_timeout_ms, ByChannel(span(0, DAY_MS)));
        fields.field("max_age", &mut self.max_age_ms, ByChannel(span(MINUTE_MS, 3_660 * DAY_MS)));
        fields.field("risk_horizon", &mut self.risk_horizon_ms, ByChannel(span(0, DAY_MS)));
        fields.field("tenants", &mut self.tenants, Rows { rows_max: 100_000 });
    }

    fn check(&self, path: &Path, problems: &mut Problems<'_>) {
        if let Err(text) = Calendar::new(&self.timezone, 0) {
            problems.add(&path.key("timezone"), text);
        }
        if self.grace_ms > self.allowed_lateness_ms {
            let text = "is longer than time.allowed_lateness; events would be late before windows are final";
            problems.add(&path.key("grace"), text);
        }
        let tenant = |row: &TenantCalendar| Some(row.tenant.clone()).filter(|name| !name.is_empty());
        repeated(&self.tenants, &path.key("tenants"), "tenant", problems, tenant);
    }
}

/// A duration for each channel; those not named keep theirs.
#[derive(Clone, Copy)]
struct ByChannel(Span);

impl Kind<[Millis; CHANNELS]> for ByChannel {
    fn read(&self, node: &Node, path: &Path, value: &mut [Millis; CHANNELS], problems: &mut Problems<'_>) {
        let Content::Table(table) = &node.content else {
            return problems.add(path, format!("is {}; write a table of durations by channel", node.kind()));
        };
        for (key, node) in table {
            let path = path.key(key);
            let Some(channel) = Channel::parse(key) else {
                let near = nearest(key, Channel::WORDS).unwrap_or_default();
                problems.add(&path, format!("is not a channel; the nearest one is {near}"));
                continue;
            };
            match self.0.parse(node) {
                Ok(span_ms) => value[usize::from(channel.number())] = span_ms,
                Err(text) => problems.add(&path, text),
            }
        }
    }

    fn show(&self, value: &[Millis; CHANNELS]) -> Option<Json> {
        let entry = |(channel, span_ms): (&Channel, &Millis)| {
            Some((channel.name().to_owned(), self.0.print(span_ms)?))
        };
        let table: Map<String, Json> = Channel::ALL.iter().zip(value).filter_map(entry).collect();
        Some(Json::Object(table))
    }

    fn list(&self, key: &str, keys: &mut Vec<String>) {
        keys.extend(Channel::WORDS.iter().map(|channel| format!("{key}.{channel}")));
    }
}
