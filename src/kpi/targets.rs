//! Targets of KPIs and the status that a value has against them.

use super::rules::Scope;
use crate::event::Channel;
use crate::time::{DAY_MS, EventMs};

/// Where a target is looked for: tenant, channel and queue of a group; none or empty where it has none.
pub type Place<'a> = (&'a str, Option<Channel>, &'a str);

/// What a value is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// At least this value.
    AtLeast(f64),
    /// At most this value.
    AtMost(f64),
    /// Within these values.
    Band(f64, f64),
}

/// A target of one KPI in a scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The KPI's name in the catalogue.
    pub kpi: String,
    /// Where it holds.
    pub scope: Scope,
    /// What the value is held to.
    pub goal: Goal,
    /// A value between this and the goal is at risk rather than missed (for a band: this far outside it).
    pub warn: Option<f64>,
    /// Fewer cases than this are no ground for a status; ratios default to 10, quantiles to 20.
    pub min_count: i64,
    /// Holds from this moment on.
    pub from: Option<EventMs>,
    /// Holds until this moment; with `baseline`, the goal's date.
    pub until: Option<EventMs>,
    /// Where progress is counted from.
    pub baseline: Option<f64>,
}

/// How a value stands against its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// The goal is met.
    Met,
    /// Between warn and goal.
    AtRisk,
    /// Missed.
    Missed,
    /// Too few cases.
    Insufficient,
    /// No value.
    NoData,
}

impl Status {
    /// The word in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Status::Met => "met",
            Status::AtRisk => "at_risk",
            Status::Missed => "missed",
            Status::Insufficient => "insufficient",
            Status::NoData => "no_data",
        }
    }
}

impl Target {
    /// A target that holds everywhere and always, with no warning zone.
    #[must_use]
    pub fn new(kpi: &str, goal: Goal) -> Target {
        Target {
            kpi: kpi.to_owned(),
            scope: Scope::default(),
            goal,
            warn: None,
            min_count: 10,
            from: None,
            until: None,
            baseline: None,
        }
    }

    /// The status of a value over `cases` cases.
    #[must_use]
    pub fn status(&self, value: Option<f64>, cases: i64) -> Status {
        let Some(value) = value else { return Status::NoData };
        if cases < self.min_count {
            return Status::Insufficient;
        }
        let (met, warned) = match self.goal {
            Goal::AtLeast(goal) => (value >= goal, self.warn.is_some_and(|warn| value >= warn)),
            Goal::AtMost(goal) => (value <= goal, self.warn.is_some_and(|warn| value <= warn)),
            Goal::Band(least, most) => {
                let inside = |margin: f64| value >= least - margin && value <= most + margin;
                (inside(0.0), self.warn.is_some_and(inside))
            }
        };
        match (met, warned) {
            (true, _) => Status::Met,
            (false, true) => Status::AtRisk,
            (false, false) => Status::Missed,
        }
    }

    /// Progress of a value from the baseline to the goal, 0..1 and beyond, where a baseline is set.
    #[must_use]
    pub fn progress(&self, value: f64) -> Option<f64> {
        let baseline = self.baseline?;
        let goal = match self.goal {
            Goal::AtLeast(goal) | Goal::AtMost(goal) => goal,
            Goal::Band(least, most) => f64::midpoint(least, most),
        };
        let promised = goal - baseline;
        (promised != 0.0).then(|| (value - baseline) / promised)
    }
}

/// All targets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    targets: Vec<Target>,
}

impl Targets {
    /// Targets in the order of their writing.
    #[must_use]
    pub const fn new(targets: Vec<Target>) -> Targets {
        Targets { targets }
    }

    /// The shipped targets of the KPIs that are built: abandon rate ≤ 5 %, service level ≥ 80 %, occupancy and utilization 75–85 %.
    #[must_use]
    pub fn shipped() -> Targets {
        Targets::new(vec![
            Target::new("abandon_rate", Goal::AtMost(0.05)),
            Target::new("service_level", Goal::AtLeast(0.80)),
            Target { min_count: 0, ..Target::new("occupancy", Goal::Band(0.75, 0.85)) },
            Target { min_count: 0, ..Target::new("utilization", Goal::Band(0.75, 0.85)) },
        ])
    }

    /// The target of a KPI at a place and moment: the most specific, among equals the later written.
    #[must_use]
    pub fn find(&self, kpi: &str, place: Place<'_>, at: EventMs) -> Option<&Target> {
        let (tenant, channel, queue) = place;
        self.targets
            .iter()
            .enumerate()
            .filter(|(_, target)| target.kpi == kpi)
            .filter(|(_, target)| target.from.is_none_or(|from| at >= from))
            .filter(|(_, target)| {
                target.until.is_none_or(|until| at < until.plus(DAY_MS)) || target.baseline.is_some()
            })
            .filter_map(|(order, target)| {
                Some((weight(&target.scope, tenant, channel, queue)?, order, target))
            })
            .max_by_key(|(weight, order, _)| (*weight, *order))
            .map(|(_, _, target)| target)
    }

    /// The targets in the order of their writing.
    pub fn iter(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter()
    }
}

/// As [`Scope::weight`]; a scope that names a channel does not apply to a group without one.
fn weight(scope: &Scope, tenant: &str, channel: Option<Channel>, queue: &str) -> Option<u32> {
    match channel {
        Some(channel) => scope.weight(tenant, channel, queue),
        None if scope.channel.is_some() => None,
        None => scope.weight(tenant, Channel::Other, queue),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_met_at_risk_missed_or_not_judged() {
        let target = Target { warn: Some(0.7), ..Target::new("service_level", Goal::AtLeast(0.8)) };
        assert_eq!(target.status(Some(0.8), 10), Status::Met);
        assert_eq!(target.status(Some(0.75), 10), Status::AtRisk);
        assert_eq!(target.status(Some(0.5), 10), Status::Missed);
        assert_eq!(target.status(Some(0.5), 9), Status::Insufficient);
        assert_eq!(target.status(None, 0), Status::NoData);
        let band = Target { min_count: 0, ..Target::new("occupancy", Goal::Band(0.75, 0.85)) };
        assert_eq!(band.status(Some(0.86), 0), Status::Missed);
    }

    #[test]
    fn progress_is_the_share_of_the_promised_change() {
        let target = Target { baseline: Some(0.10), ..Target::new("abandon_rate", Goal::AtMost(0.05)) };
        assert!((target.progress(0.08).unwrap() - 0.4).abs() < 1e-9);
    }

    #[test]
    fn the_most_specific_target_holds_where_it_applies() {
        let mut targets = Targets::shipped().targets;
        let scope = Scope { channel: Some(Channel::Voice), ..Scope::default() };
        targets.push(Target { scope, ..Target::new("abandon_rate", Goal::AtMost(0.03)) });
        let targets = Targets::new(targets);
        let goal = |channel| targets.find("abandon_rate", ("a", channel, ""), EventMs(0)).unwrap().goal;
        assert_eq!(goal(Some(Channel::Voice)), Goal::AtMost(0.03));
        assert_eq!(goal(Some(Channel::Chat)), Goal::AtMost(0.05));
        assert_eq!(goal(None), Goal::AtMost(0.05));
    }
}
