//! The settings of the reference, said in the engine's terms; and how many seeds a run has.
//!
//! It must never know records.

use std::sync::Arc;

use intraday::event::Channel;
use intraday::fold::FoldConfig;
use intraday::fold::config::by_channel;
use intraday::kpi::rules::{Formula, Rules, Scope};
use intraday::merge::MergeConfig;
use intraday::time::window::{Window, WindowKind};

use crate::reference::Config;

/// How many shards of merge a run has: fewer than tenants, so that some share one.
pub const SHARDS: u32 = 2;

/// The settings of both stages.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Of the fold.
    pub fold: Arc<FoldConfig>,
    /// Of the merge; sources are still to be named.
    pub merge: MergeConfig,
}

/// The engine's settings for the reference's, with one service-level formula everywhere.
pub fn engine(config: &Config, formula: Formula) -> Engine {
    let channel = |named: &Option<String>| named.as_deref().and_then(Channel::parse);
    let rules = config.thresholds.iter().map(|rule| {
        let scope =
            Scope { tenant: rule.tenant.clone(), channel: channel(&rule.channel), queue: rule.queue.clone() };
        (scope, rule.threshold_ms)
    });
    let fold = FoldConfig {
        out_of_orderness_ms: config.out_of_orderness_ms,
        allowed_lateness_ms: config.allowed_lateness_ms,
        max_future_skew_ms: config.max_future_skew_ms,
        dedup_horizon_ms: config.dedup_horizon_ms,
        short_abandon_ms: config.short_abandon_ms,
        linger_ms: config.linger_ms,
        max_age_ms: by_channel(|channel| config.max_age_ms(channel.name())),
        wrapup_timeout_ms: by_channel(|channel| config.wrapup_timeout_ms(channel.name())),
        agent_timeout_ms: config.heartbeat_timeout_ms,
        silent_agent_timeout_ms: config.agent_timeout_ms,
        within_strict: config.within_strict,
        thresholds: Rules::new(rules.collect()),
        shards: SHARDS,
        ..FoldConfig::default()
    };
    let tumbling = |(name, length_ms): &(String, i64)| Window {
        name: name.clone(),
        kind: WindowKind::Tumbling { length_ms: *length_ms },
        pace_ms: 1_000,
    };
    let day = Window { name: "day".to_owned(), kind: WindowKind::Day, pace_ms: 1_000 };
    let merge = MergeConfig {
        windows: config.windows.iter().map(tumbling).chain([day]).collect(),
        grace_ms: config.grace_ms,
        allowed_lateness_ms: config.allowed_lateness_ms,
        live_rate: 0,
        formulas: Rules::new(vec![(Scope::default(), formula)]),
        hdr: false,
        shards: SHARDS,
        ..MergeConfig::default()
    };
    Engine { fold: Arc::new(fold), merge }
}

/// `usual` seeds, or as many as `INTRADAY_TEST_SEEDS` says, in the same proportion to a run of 100.
pub fn seeds(usual: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("INTRADAY_TEST_SEEDS").ok().and_then(|count| count.parse::<u64>().ok());
    0..asked.map_or(usual, |asked| (asked * usual).div_ceil(100).max(1))
}
