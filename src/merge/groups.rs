//! The groups of a shard: what a batch names is expanded to the grouping sets, each a dense id.
//!
//! A base is a group as fold names it (the union of dimensions); its targets are the published groups that its
//! measurements are added to. It knows names, sets and calendars, not sums.

use super::config::MergeConfig;
use crate::event::Channel;
use crate::ids::{DenseMap, Names, OTHER_NAME, Sym};
use crate::kpi::groups::{Dimension, GroupSet, SetFamily};
use crate::kpi::rules::Formula;
use crate::measure::batch::Family;
use std::sync::Arc;

/// A published group of the shard.
pub type GroupId = u32;
/// A group as fold names it.
pub type BaseId = u32;

/// Values by dimension; of a group those that its set has, in the set's order, the rest empty.
type Values = [Sym; Dimension::LEN];

/// What is known of a published group.
#[derive(Clone, Debug)]
pub struct GroupRow {
    /// Place of its set in the configuration.
    pub set: usize,
    /// Its values, in the order of the set's dimensions.
    pub values: Vec<Sym>,
    /// Its channel, where the set has that dimension and the name is one.
    pub channel: Option<Channel>,
    /// Place of its calendar.
    pub calendar: usize,
    /// The service-level formula that holds for it.
    pub formula: Formula,
    /// The group of its tenant alone, where that set is published.
    pub tenant_group: Option<GroupId>,
    /// Whether it is one agent's.
    pub has_agent: bool,
    /// Whether it is of the set whose counters are exported: tenant, channel, queue.
    pub is_finest_contact: bool,
    /// The bases that are added to it and have levels of now.
    pub waiting: Vec<BaseId>,
}

/// A group as fold names it.
#[derive(Clone, Debug)]
pub struct Base {
    /// Which measurements it takes.
    pub family: Family,
    /// Its dimension values.
    pub values: [Sym; Dimension::LEN],
    /// The published groups that they are added to.
    pub targets: Box<[GroupId]>,
}

/// Bases, and their places by what they are.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<Base>,
    ids: DenseMap<(Family, Values), BaseId>,
}

/// Bases with an agent that are remembered from batch to batch: there may be as many as agents × queues.
const PASSING_MAX: usize = 32_768;

/// Set in the id of such a base.
const PASSING: BaseId = 1 << 31;

/// The groups of a shard.
#[derive(Debug)]
pub struct Groups {
    config: Arc<MergeConfig>,
    names: Names,
    calendars: Vec<String>,
    rows: Vec<GroupRow>,
    ids: DenseMap<(usize, Values), GroupId>,
    bases: Table,
    passing: Table,
    tenant_set: Option<usize>,
    coarse_sets: Vec<bool>,
    /// Groups that were joined to `__other__` because there are too many.
    pub overflow: u64,
}

impl Groups {
    /// No groups yet.
    #[must_use]
    pub fn new(config: &Arc<MergeConfig>) -> Groups {
        Groups {
            config: Arc::clone(config),
            names: Names::default(),
            calendars: std::iter::once(String::new())
                .chain(config.tenant_calendars.keys().cloned())
                .collect(),
            rows: Vec::new(),
            ids: DenseMap::default(),
            bases: Table::default(),
            passing: Table::default(),
            tenant_set: config.sets.iter().position(|set| set.family == SetFamily::Both),
            coarse_sets: config
                .sets
                .iter()
                .map(|set| !set.has(Dimension::Queue) && !set.has(Dimension::Agent))
                .collect(),
            overflow: 0,
        }
    }

    /// The ids of a batch's dictionary.
    pub fn intern_all(&mut self, strings: &[&str]) -> Vec<Sym> {
        strings.iter().map(|string| self.names.intern(string)).collect()
    }

    /// Before the bases of a batch are asked for: those of agents that were asked for earlier may be forgotten.
    pub fn begin_batch(&mut self) {
        if self.passing.rows.len() > PASSING_MAX {
            self.passing = Table::default();
        }
    }

    /// The base with these values, known or new. That of a contact is kept; one with an agent holds for the batch.
    pub fn base(&mut self, family: Family, values: Values) -> BaseId {
        let passes = matches!(family, Family::Leg | Family::Agent);
        let (table, mark) = if passes { (&self.passing, PASSING) } else { (&self.bases, 0) };
        if let Some(base) = table.ids.get(&(family, values)) {
            return *base | mark;
        }
        let targets = self.targets(family, &values);
        let table = if passes { &mut self.passing } else { &mut self.bases };
        let base = table.rows.len() as BaseId;
        table.rows.push(Base { family, values, targets });
        table.ids.insert((family, values), base);
        base | mark
    }

    /// Notes whether a base has levels of now with the groups that it is added to; told once for each change.
    pub fn set_waiting(&mut self, base: BaseId, waiting: bool) {
        for target in self.bases.rows.get(base as usize).map_or(&[][..], |row| &row.targets) {
            let known = &mut self.rows[*target as usize].waiting;
            if waiting { known.push(base) } else { known.retain(|other| *other != base) }
        }
    }

    /// What is known of a base.
    #[must_use]
    pub fn base_row(&self, base: BaseId) -> &Base {
        match base & PASSING {
            0 => &self.bases.rows[base as usize],
            mark => &self.passing.rows[(base ^ mark) as usize],
        }
    }

    /// A base as a batch would name it: family and dimension values.
    #[must_use]
    pub fn base_values(&self, base: BaseId) -> (Family, [&str; Dimension::LEN]) {
        let row = self.base_row(base);
        (row.family, row.values.map(|sym| self.names.name(sym)))
    }

    /// What is known of a group.
    #[must_use]
    pub fn row(&self, group: GroupId) -> &GroupRow {
        &self.rows[group as usize]
    }

    /// The group's set.
    #[must_use]
    pub fn set(&self, group: GroupId) -> &GroupSet {
        &self.config.sets[self.rows[group as usize].set]
    }

    /// The group's values as strings, in the order of its set's dimensions.
    #[must_use]
    pub fn texts(&self, group: GroupId) -> Vec<&str> {
        self.rows[group as usize].values.iter().map(|sym| self.names.name(*sym)).collect()
    }

    /// The group's value of a dimension; empty where its set does not have it.
    #[must_use]
    pub fn text(&self, group: GroupId, dimension: Dimension) -> &str {
        let row = &self.rows[group as usize];
        let place = self.config.sets[row.set].dimensions.iter().position(|known| *known == dimension);
        place.map_or("", |at| self.names.name(row.values[at]))
    }

    /// Whether many groups of a batch fall into this one: its set tells neither queues nor agents apart.
    #[must_use]
    pub fn is_coarse(&self, group: GroupId) -> bool {
        self.coarse_sets[self.rows[group as usize].set]
    }

    /// Whether the group tells channels apart and no queues: it has a share of its tenant's volume.
    #[must_use]
    pub fn has_share(&self, group: GroupId) -> bool {
        self.set(group).has(Dimension::Channel) && !self.set(group).has(Dimension::Queue)
    }

    /// Whether the group is one agent's.
    #[must_use]
    pub fn has_agent(&self, group: GroupId) -> bool {
        self.rows[group as usize].has_agent
    }

    /// How many published groups there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The tenants of the calendars in their order; the default one has no name.
    #[must_use]
    pub fn calendar_names(&self) -> &[String] {
        &self.calendars
    }

    /// How many calendars there are: the default one and one a tenant that has its own.
    #[must_use]
    pub fn calendars(&self) -> usize {
        self.calendars.len()
    }

    /// The group of a set with these values, known or new.
    pub fn group(&mut self, set: usize, values: &[&str]) -> GroupId {
        let mut syms = [Sym::EMPTY; Dimension::LEN];
        for (sym, value) in syms.iter_mut().zip(values) {
            *sym = self.names.intern(value);
        }
        self.intern(set, syms)
    }

    fn targets(&mut self, family: Family, values: &Values) -> Box<[GroupId]> {
        let config = Arc::clone(&self.config);
        let takes = |set: &GroupSet| match family {
            Family::Contact => set.family != SetFamily::Agents,
            Family::Leg => true,
            Family::Agent => set.family != SetFamily::Contacts,
            Family::QueueAgents => false,
        };
        let sets = config.sets.iter().enumerate().filter(|(_, set)| takes(set));
        sets.map(|(at, set)| {
            let mut projected = [Sym::EMPTY; Dimension::LEN];
            for (sym, dimension) in projected.iter_mut().zip(&set.dimensions) {
                *sym = values[dimension.index()];
            }
            self.intern(at, projected)
        })
        .collect()
    }

    fn intern(&mut self, set: usize, mut values: Values) -> GroupId {
        if let Some(group) = self.ids.get(&(set, values)) {
            return *group;
        }
        if self.rows.len() >= self.config.max_windows {
            self.overflow += 1;
            let other = self.names.intern(OTHER_NAME);
            let dimensions = self.config.sets[set].dimensions.len();
            values[..dimensions].iter_mut().skip(1).for_each(|value| *value = other);
            if let Some(group) = self.ids.get(&(set, values)) {
                return *group;
            }
        }
        if let Some(tenant_set) = self.tenant_set.filter(|tenant_set| *tenant_set != set) {
            // The tenant's own group comes first, wherever its set stands in the configuration.
            self.intern(tenant_set, of_tenant(values[0]));
        }
        let group = self.rows.len() as GroupId;
        self.ids.insert((set, values), group);
        let values = values[..self.config.sets[set].dimensions.len()].to_vec();
        let row = self.describe(set, values);
        self.rows.push(row);
        group
    }

    fn describe(&mut self, set: usize, values: Vec<Sym>) -> GroupRow {
        let text = |dimension: Dimension| {
            let place = self.config.sets[set].dimensions.iter().position(|known| *known == dimension);
            place.map_or("", |at| self.names.name(values[at]))
        };
        let (tenant, queue) = (text(Dimension::Tenant), text(Dimension::Queue));
        let channel = Channel::parse(text(Dimension::Channel));
        let formula = self.config.formulas.find(tenant, channel.unwrap_or(Channel::Other), queue);
        let calendar = self.calendars.iter().position(|known| !known.is_empty() && known == tenant);
        let tenant_group = match self.tenant_set {
            Some(tenant_set) if tenant_set != set => {
                self.ids.get(&(tenant_set, of_tenant(values[0]))).copied()
            }
            _ => None,
        };
        let dimensions = &self.config.sets[set].dimensions;
        GroupRow {
            set,
            values,
            has_agent: dimensions.contains(&Dimension::Agent),
            is_finest_contact: *dimensions == [Dimension::Tenant, Dimension::Channel, Dimension::Queue],
            channel,
            calendar: calendar.unwrap_or(0),
            formula: formula.unwrap_or_default(),
            tenant_group,
            waiting: Vec::new(),
        }
    }
}

fn of_tenant(tenant: Sym) -> Values {
    std::array::from_fn(|at| if at == 0 { tenant } else { Sym::EMPTY })
}
