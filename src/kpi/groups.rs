//! Dimensions and grouping sets: by what measures are told apart, and which totals are published.
//!
//! A grouping set is named by its dimensions in canonical order: `tenant,channel,queue`.

use std::fmt;

/// A dimension of a measurement. The order is that of names of grouping sets and of record keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Dimension {
    /// Who the platform serves; every group has one.
    Tenant,
    /// Medium of the contact.
    Channel,
    /// Where contacts wait.
    Queue,
    /// Group of agents.
    Team,
    /// One agent.
    Agent,
    /// Language of the contact.
    Language,
    /// Category of the contact.
    Category,
    /// Priority of the contact.
    Priority,
    /// Tier of the customer.
    CustomerTier,
    /// Region of the customer.
    Region,
}

impl Dimension {
    /// All dimensions in canonical order.
    pub const ALL: [Dimension; 10] = [
        Dimension::Tenant,
        Dimension::Channel,
        Dimension::Queue,
        Dimension::Team,
        Dimension::Agent,
        Dimension::Language,
        Dimension::Category,
        Dimension::Priority,
        Dimension::CustomerTier,
        Dimension::Region,
    ];
    /// How many there are.
    pub const LEN: usize = Self::ALL.len();

    /// The name in events, records and configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Dimension::Tenant => "tenant",
            Dimension::Channel => "channel",
            Dimension::Queue => "queue",
            Dimension::Team => "team",
            Dimension::Agent => "agent_id",
            Dimension::Language => "language",
            Dimension::Category => "category",
            Dimension::Priority => "priority",
            Dimension::CustomerTier => "customer_tier",
            Dimension::Region => "region",
        }
    }

    /// The Prometheus label; renamed where it would meet target labels.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Dimension::Team => "agent_team",
            Dimension::Region => "customer_region",
            other => other.name(),
        }
    }

    /// The dimension of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Dimension> {
        Self::ALL.into_iter().find(|dimension| dimension.name() == name)
    }

    /// A dense index, for arrays.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Which measurements a grouping set takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetFamily {
    /// Contacts and agents in one record: the set `tenant`.
    Both,
    /// Contacts.
    Contacts,
    /// Agents, and what contacts say of the agent who handled them.
    Agents,
}

/// A grouping set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSet {
    /// Its dimensions in canonical order; the first is the tenant.
    pub dimensions: Vec<Dimension>,
    /// Which measurements it takes.
    pub family: SetFamily,
}

impl GroupSet {
    /// The set over `dimensions`; the tenant is added, the order made canonical. Sets that name a team or an agent but
    /// no queue or channel are of agents.
    #[must_use]
    pub fn new(dimensions: &[Dimension]) -> GroupSet {
        let mut dimensions = dimensions.to_vec();
        dimensions.push(Dimension::Tenant);
        dimensions.sort_unstable();
        dimensions.dedup();
        let agents = |dimension: &Dimension| matches!(dimension, Dimension::Team | Dimension::Agent);
        let family = match &dimensions[1..] {
            [] => SetFamily::Both,
            rest if rest.iter().all(agents) => SetFamily::Agents,
            _ => SetFamily::Contacts,
        };
        GroupSet { dimensions, family }
    }

    /// The shipped sets: tenant; tenant, channel; tenant, channel, queue; tenant, team; tenant, team, agent.
    #[must_use]
    pub fn shipped() -> Vec<GroupSet> {
        use Dimension::{Agent, Channel, Queue, Team};
        [&[] as &[Dimension], &[Channel], &[Channel, Queue], &[Team], &[Team, Agent]]
            .into_iter()
            .map(GroupSet::new)
            .collect()
    }

    /// Whether the set tells `dimension` apart.
    #[must_use]
    pub fn has(&self, dimension: Dimension) -> bool {
        self.dimensions.contains(&dimension)
    }
}

impl fmt::Display for GroupSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, dimension) in self.dimensions.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}", dimension.name())?;
        }
        Ok(())
    }
}
