//! Settings by tenant, channel and queue: the most specific rule wins.
//!
//! Thresholds and service-level formulas are such settings. More named dimensions are more specific; among
//! equals queue beats channel beats tenant, and a later rule beats an earlier one.

use crate::event::Channel;
use crate::time::{HOUR_MS, MINUTE_MS, Millis, SECOND_MS};

/// What a rule applies to; an absent part applies to all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The tenant's name.
    pub tenant: Option<String>,
    /// The channel.
    pub channel: Option<Channel>,
    /// The queue's name.
    pub queue: Option<String>,
}

impl Scope {
    /// How specific the scope is for the place, or `None` where it does not apply.
    #[must_use]
    pub fn weight(&self, tenant: &str, channel: Channel, queue: &str) -> Option<u32> {
        let part = |named: bool, fits: bool, weight: u32| match (named, fits) {
            (false, _) => Some(0),
            (true, true) => Some(weight),
            (true, false) => None,
        };
        let tenant = part(self.tenant.is_some(), self.tenant.as_deref() == Some(tenant), 9)?;
        let channel = part(self.channel.is_some(), self.channel == Some(channel), 10)?;
        let queue = part(self.queue.is_some(), self.queue.as_deref() == Some(queue), 11)?;
        Some(tenant + channel + queue)
    }
}

/// Rules, each a scope and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules<T> {
    rules: Vec<(Scope, T)>,
}

impl<T: Copy> Rules<T> {
    /// Rules in the order of their writing.
    #[must_use]
    pub const fn new(rules: Vec<(Scope, T)>) -> Rules<T> {
        Rules { rules }
    }

    /// The value of the most specific rule for the place.
    #[must_use]
    pub fn find(&self, tenant: &str, channel: Channel, queue: &str) -> Option<T> {
        self.rules
            .iter()
            .enumerate()
            .filter_map(|(at, (scope, value))| Some((scope.weight(tenant, channel, queue)?, at, *value)))
            .max_by_key(|(weight, at, _)| (*weight, *at))
            .map(|(_, _, value)| value)
    }

    /// The rules in the order of their writing.
    pub fn iter(&self) -> impl Iterator<Item = &(Scope, T)> {
        self.rules.iter()
    }

    /// Adds a rule after the others.
    pub fn push(&mut self, scope: Scope, value: T) {
        self.rules.push((scope, value));
    }
}

/// Thresholds of service level and first response, milliseconds; `None`: none is set.
pub type Thresholds = Rules<Option<Millis>>;

/// The shipped thresholds by channel.
#[must_use]
pub const fn shipped_threshold_ms(channel: Channel) -> Option<Millis> {
    match channel {
        Channel::Voice | Channel::Video => Some(20 * SECOND_MS),
        Channel::Chat => Some(MINUTE_MS),
        Channel::Messaging | Channel::Sms | Channel::Social => Some(HOUR_MS),
        Channel::Email => Some(2 * HOUR_MS),
        Channel::Callback => Some(15 * MINUTE_MS),
        Channel::Ticket => Some(24 * HOUR_MS),
        Channel::Task | Channel::Other => None,
    }
}

/// The shipped thresholds as rules.
#[must_use]
pub fn shipped_thresholds() -> Thresholds {
    let rule =
        |channel| (Scope { channel: Some(channel), ..Scope::default() }, shipped_threshold_ms(channel));
    Rules::new(Channel::ALL.iter().copied().map(rule).collect())
}

/// How a service level is computed; the names are those of the KPI catalogue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Formula {
    /// within / (answered + abandoned)
    #[default]
    AnsweredPlusAbandoned,
    /// within / (answered + abandoned − short)
    ExcludeShort,
    /// within / answered
    AnsweredOnly,
    /// within / offered
    Offered,
    /// within / (offered − short)
    OfferedMinusShort,
    /// (within + abandoned within + callback flow-outs within) / offered
    RemovedInX,
    /// (within + abandoned within) / (answered + abandoned)
    Positive,
    /// within / (answered + abandoned − abandoned within)
    IgnoreAbandonedWithin,
}

impl Formula {
    /// All formulas.
    pub const ALL: [Formula; 8] = [
        Formula::AnsweredPlusAbandoned,
        Formula::ExcludeShort,
        Formula::AnsweredOnly,
        Formula::Offered,
        Formula::OfferedMinusShort,
        Formula::RemovedInX,
        Formula::Positive,
        Formula::IgnoreAbandonedWithin,
    ];

    /// The name in configuration and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Formula::AnsweredPlusAbandoned => "answered_plus_abandoned",
            Formula::ExcludeShort => "exclude_short",
            Formula::AnsweredOnly => "answered_only",
            Formula::Offered => "offered",
            Formula::OfferedMinusShort => "offered_minus_short",
            Formula::RemovedInX => "removed_in_x",
            Formula::Positive => "positive",
            Formula::IgnoreAbandonedWithin => "ignore_abandoned_within",
        }
    }

    /// The formula of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Formula> {
        Self::ALL.into_iter().find(|formula| formula.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(tenant: Option<&str>, channel: Option<Channel>, queue: Option<&str>) -> Scope {
        Scope { tenant: tenant.map(str::to_owned), channel, queue: queue.map(str::to_owned) }
    }

    #[test]
    fn the_most_specific_rule_wins_whatever_the_order() {
        let mut rules = shipped_thresholds();
        rules.push(scope(Some("acme"), None, Some("vip")), Some(10_000));
        rules.push(scope(None, Some(Channel::Voice), None), Some(30_000));
        rules.push(scope(Some("acme"), None, None), Some(1));
        assert_eq!(rules.find("acme", Channel::Voice, "vip"), Some(Some(10_000)));
        assert_eq!(rules.find("other", Channel::Voice, "vip"), Some(Some(30_000)));
        assert_eq!(rules.find("acme", Channel::Voice, "x"), Some(Some(30_000)));
        assert_eq!(rules.find("other", Channel::Task, "x"), Some(None));
    }
}
