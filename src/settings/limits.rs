//! `[limits]`: the declared maximum of everything that traffic could grow.

use super::fields::{Fields, Section};
use super::kinds::Count;
use crate::fold::FoldConfig;
use crate::merge::MergeConfig;

/// The section.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest record, bytes.
    pub max_record_bytes: usize,
    /// Ids remembered per input partition.
    pub max_ids: usize,
    /// Names per tenant and dimension.
    pub max_names: usize,
    /// Tenants per input partition.
    pub max_tenants: usize,
    /// Open or lingering contacts per input partition.
    pub max_contacts: usize,
    /// Agents per input partition.
    pub max_agents: usize,
    /// Group-windows per shard.
    pub max_windows: usize,
    /// Live records per second and shard.
    pub live_rate: u32,
    /// Series on /metrics per shard.
    pub max_series: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let (fold, merge) = (FoldConfig::default(), MergeConfig::default());
        Limits {
            max_record_bytes: fold.max_record_bytes,
            max_ids: fold.max_ids,
            max_names: fold.max_names,
            max_tenants: fold.max_tenants,
            max_contacts: fold.max_contacts,
            max_agents: fold.max_agents,
            max_windows: merge.max_windows,
            live_rate: merge.live_rate,
            max_series: merge.max_series,
        }
    }
}

impl Section for Limits {
    fn fields(&mut self, fields: &mut impl Fields) {
        let count = |least, most| Count { least, most };
        fields.value("max_record_bytes", &mut self.max_record_bytes, count(256, 64 << 20));
        fields.value("max_ids", &mut self.max_ids, count(1_000, 100_000_000));
        fields.value("max_names", &mut self.max_names, count(1, 1_000_000));
        fields.value("max_tenants", &mut self.max_tenants, count(1, 100_000));
        fields.value("max_contacts", &mut self.max_contacts, count(100, 100_000_000));
        fields.value("max_agents", &mut self.max_agents, count(10, 10_000_000));
        fields.value("max_windows", &mut self.max_windows, count(100, 100_000_000));
        fields.value("live_rate", &mut self.live_rate, count(1, 1_000_000));
        fields.value("max_series", &mut self.max_series, count(1_000, 100_000_000));
    }
}
