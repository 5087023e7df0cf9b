//! Where a measurement belongs: dimensions of events become groups, groups have thresholds.

use super::config::FoldConfig;
use super::names::Admission;
use super::sink::{Dims, Group};
use crate::event::{Channel, Event};
use crate::ids::{DenseMap, Sym};
use crate::kpi::groups::{Dimension, SetFamily};
use crate::measure::batch::Family;
use crate::time::Millis;
use std::sync::Arc;

const THRESHOLDS_MAX: usize = 100_000;

/// Turns the names of events into groups.
#[derive(Debug)]
pub struct Places {
    /// The names admitted.
    pub names: Admission,
    config: Arc<FoldConfig>,
    used: Vec<Dimension>,
    contact_mask: [bool; Dimension::LEN],
    leg_mask: [bool; Dimension::LEN],
    thresholds: DenseMap<(Sym, u8, Sym), Option<Millis>>,
}

impl Places {
    /// Places without names beyond the configured ones.
    #[must_use]
    pub fn new(config: &Arc<FoldConfig>) -> Places {
        let (mut contact_mask, mut leg_mask) = ([false; Dimension::LEN], [false; Dimension::LEN]);
        for set in &config.sets {
            for dimension in &set.dimensions {
                leg_mask[dimension.index()] = true;
                contact_mask[dimension.index()] |= set.family != SetFamily::Agents;
            }
        }
        // Thresholds are by channel and queue, whatever is published.
        for dimension in [Dimension::Tenant, Dimension::Channel, Dimension::Queue] {
            contact_mask[dimension.index()] = true;
            leg_mask[dimension.index()] = true;
        }
        let used = Dimension::ALL.into_iter().filter(|dimension| leg_mask[dimension.index()]).collect();
        Places {
            names: Admission::new(config.max_names, config.max_tenants, &config.configured_names),
            config: Arc::clone(config),
            used,
            contact_mask,
            leg_mask,
            thresholds: DenseMap::default(),
        }
    }

    /// Dimensions of which only the tenant is known.
    pub fn tenant_dims(&mut self, event: &Event<'_>) -> Dims {
        let mut dims = [Sym::EMPTY; Dimension::LEN];
        dims[Dimension::Tenant.index()] = self.names.tenant(&event.tenant);
        dims
    }

    /// Sets the dimension of a contact's channel.
    pub fn set_channel(&mut self, dims: &mut Dims, channel: Channel) {
        let tenant = dims[Dimension::Tenant.index()];
        dims[Dimension::Channel.index()] = self.names.name(tenant, Dimension::Channel, channel.name());
    }

    /// Remembers the dimensions that the event names, channel and tenant left alone.
    pub fn remember(&mut self, dims: &mut Dims, event: &Event<'_>) {
        let tenant = dims[Dimension::Tenant.index()];
        for dimension in self.used.iter().copied() {
            let named = dimension_of(event, dimension);
            let at = dimension.index();
            if !named.is_empty() && self.names.text(dims[at]) != named {
                dims[at] = self.names.name(tenant, dimension, named);
            }
        }
    }

    /// The group of contact measurements under `dims`.
    #[must_use]
    pub fn contact_group(&self, dims: &Dims) -> Group {
        Group { family: Family::Contact, dims: masked(dims, &self.contact_mask) }
    }

    /// The group of measurements of a contact with an agent: as of the contact where no agent is known.
    #[must_use]
    pub fn leg_group(&self, dims: &Dims, agent_known: bool) -> Group {
        if agent_known {
            Group { family: Family::Leg, dims: masked(dims, &self.leg_mask) }
        } else {
            self.contact_group(dims)
        }
    }

    /// The group of an agent's clock under `dims`.
    #[must_use]
    pub fn agent_group(&self, dims: &Dims) -> Group {
        Group { family: Family::Agent, dims: masked(dims, &self.leg_mask) }
    }

    /// The threshold of service level and first response under `dims`, milliseconds.
    pub fn threshold_ms(&mut self, channel: Channel, dims: &Dims) -> Option<Millis> {
        let (tenant, queue) = (dims[Dimension::Tenant.index()], dims[Dimension::Queue.index()]);
        let key = (tenant, channel.number(), queue);
        if let Some(threshold_ms) = self.thresholds.get(&key) {
            return *threshold_ms;
        }
        let (tenant, queue) = (self.names.text(tenant), self.names.text(queue));
        let threshold_ms = self.config.thresholds.find(tenant, channel, queue).flatten();
        if self.thresholds.len() >= THRESHOLDS_MAX {
            self.thresholds.clear();
        }
        self.thresholds.insert(key, threshold_ms);
        threshold_ms
    }
}

fn masked(dims: &Dims, mask: &[bool; Dimension::LEN]) -> Dims {
    std::array::from_fn(|at| if mask[at] { dims[at] } else { Sym::EMPTY })
}

/// What the event says of a dimension; tenant and channel are not remembered this way.
fn dimension_of<'e>(event: &'e Event<'_>, dimension: Dimension) -> &'e str {
    match dimension {
        Dimension::Tenant | Dimension::Channel => "",
        Dimension::Queue => &event.queue,
        Dimension::Team => &event.team,
        Dimension::Agent => &event.agent_id,
        Dimension::Language => &event.language,
        Dimension::Category => &event.category,
        Dimension::Priority => &event.priority,
        Dimension::CustomerTier => &event.customer_tier,
        Dimension::Region => &event.region,
    }
}
