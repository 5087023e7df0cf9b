//! What the stories write down: one row for each measurement, one span for each level held.
//!
//! It must never know why something was measured.

use std::collections::BTreeMap;

/// The dimensions of a measurement.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dims {
    /// The tenant.
    pub tenant: String,
    /// The channel.
    pub channel: String,
    /// The queue, empty where unknown.
    pub queue: String,
    /// The team, empty where unknown.
    pub team: String,
    /// The agent, empty where unknown.
    pub agent_id: String,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many more.
    Count(i64),
    /// One duration, in milliseconds.
    Duration(i64),
}

/// One measurement.
#[derive(Clone, Debug)]
pub struct Row {
    /// When it counts.
    pub time_ms: i64,
    /// Its dimensions.
    pub dims: Dims,
    /// Its name.
    pub what: String,
    /// How much.
    pub amount: Amount,
}

/// Which family of groups a level belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Groups of contacts.
    Contact,
    /// Groups of agents.
    Agent,
}

/// A level held from a time on, in milliseconds since the epoch, up to but not including another.
#[derive(Clone, Debug)]
pub struct Span {
    /// From this time on.
    pub from_ms: i64,
    /// Until before this time.
    pub to_ms: i64,
    /// Its dimensions.
    pub dims: Dims,
    /// Whose groups it counts in.
    pub family: Family,
    /// Its name.
    pub what: String,
    /// How much it adds.
    pub value: i64,
}

/// All that was written down.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Measurements.
    pub rows: Vec<Row>,
    /// Levels.
    pub spans: Vec<Span>,
    /// Results that a life decided.
    pub verdicts: BTreeMap<(u32, i64), &'static str>,
}

impl Ledger {
    /// Ends every level at `last_ms` at the latest and drops those that held for no time.
    pub fn stop_levels(&mut self, last_ms: i64) {
        for span in &mut self.spans {
            span.to_ms = span.to_ms.min(last_ms);
        }
        self.spans.retain(|span| span.from_ms < span.to_ms);
    }
}

impl Dims {
    /// The contact groups these dimensions belong to: set and values.
    pub fn contact_groups(&self) -> Vec<(&'static str, Vec<String>)> {
        let (tenant, channel, queue) = (self.tenant.clone(), self.channel.clone(), self.queue.clone());
        vec![
            ("tenant", vec![tenant.clone()]),
            ("tenant,channel", vec![tenant.clone(), channel.clone()]),
            ("tenant,channel,queue", vec![tenant, channel, queue]),
        ]
    }

    /// The agent groups these dimensions belong to below the tenant: set and values.
    pub fn agent_groups(&self) -> Vec<(&'static str, Vec<String>)> {
        let (tenant, team, agent_id) = (self.tenant.clone(), self.team.clone(), self.agent_id.clone());
        vec![
            ("tenant,team", vec![tenant.clone(), team.clone()]),
            ("tenant,team,agent_id", vec![tenant, team, agent_id]),
        ]
    }
}
