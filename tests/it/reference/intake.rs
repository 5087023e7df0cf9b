//! Which records are accepted, and what each partition's clock showed at each of them.
//!
//! It obeys the order of judgement of the rulings up to the life of the contact or agent, and must
//! never know what an event means.

use std::collections::BTreeMap;

use super::Input;
use super::config::Config;
use super::event::{Event, Subject};

/// What the watermark showed before and after an accepted event moved it.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Before; `i64::MIN` before the first event.
    pub before_ms: i64,
    /// After; never less than before.
    pub after_ms: i64,
}

impl Step {
    /// Nothing older than this is measured at this step.
    pub fn floor_ms(&self, config: &Config) -> i64 {
        self.before_ms.saturating_sub(config.allowed_lateness_ms)
    }
}

/// An event that is no duplicate, at its place in the partition.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The event.
    pub event: Event,
    /// The step at which it came.
    pub step: usize,
    /// Where it lies.
    pub coordinates: (u32, i64),
}

/// What one partition brought.
#[derive(Clone, Debug, Default)]
pub struct Partition {
    /// One step for each accepted event, and one for the end of the file.
    pub steps: Vec<Step>,
    accepted: Vec<Accepted>,
    seen: BTreeMap<(String, String), i64>,
    stream_ms: Option<i64>,
}

/// What all partitions brought.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// By partition number.
    pub partitions: BTreeMap<u32, Partition>,
    /// Results that are settled without looking at a life.
    pub judgements: BTreeMap<(u32, i64), &'static str>,
}

/// Judges every record in order.
pub fn take_in(config: &Config, inputs: &[Input]) -> Intake {
    let mut intake = Intake::default();
    for input in inputs {
        let partition = intake.partitions.entry(input.partition).or_default();
        if let Some(verdict) = partition.judge(config, input) {
            intake.judgements.insert((input.partition, input.offset), verdict);
        }
    }
    intake
}

impl Partition {
    /// The result, or none where the life of a contact or agent decides.
    fn judge(&mut self, config: &Config, input: &Input) -> Option<&'static str> {
        if input.malformed {
            return Some("rejected");
        }
        let Some(event) = Event::read(&input.value) else { return Some("rejected") };
        if event.time_ms > input.wall_ms + config.max_future_skew_ms {
            return Some("rejected");
        }
        let generation_ms = (config.dedup_horizon_ms / 3).max(1);
        let generation = |time_ms: i64| time_ms.div_euclid(generation_ms);
        let now = self.stream_ms.map(generation);
        let remembered = self.seen.get(&event.identity());
        if let (Some(now), Some(&seen)) = (now, remembered)
            && now - seen <= 3
        {
            return Some("duplicate");
        }
        let before_ms = self.steps.last().map_or(i64::MIN, |step| step.after_ms);
        let stream_ms = self.stream_ms.map_or(event.time_ms, |known| known.max(event.time_ms));
        self.stream_ms = Some(stream_ms);
        self.seen.insert(event.identity(), generation(stream_ms));
        let step = Step { before_ms, after_ms: stream_ms - config.out_of_orderness_ms };
        self.steps.push(step);
        let subject = event.subject();
        let is_late = event.time_ms < step.floor_ms(config);
        let coordinates = (input.partition, input.offset);
        self.accepted.push(Accepted { event, step: self.steps.len() - 1, coordinates });
        match subject {
            Subject::Unknown => Some("unknown_type"),
            _ if is_late => Some("late"),
            Subject::Nobody => Some("folded"),
            Subject::Contact | Subject::Agent => None,
        }
    }

    /// The events of each contact, in offset order.
    pub fn contact_stories(&self) -> Vec<Vec<Accepted>> {
        self.stories(Subject::Contact, "contact_id")
    }

    /// The events of each agent, in offset order.
    pub fn agent_stories(&self) -> Vec<Vec<Accepted>> {
        self.stories(Subject::Agent, "agent_id")
    }

    fn stories(&self, subject: Subject, key: &str) -> Vec<Vec<Accepted>> {
        let mut stories: BTreeMap<(String, Option<String>), Vec<Accepted>> = BTreeMap::new();
        for accepted in self.accepted.iter().filter(|accepted| accepted.event.subject() == subject) {
            let who = (accepted.event.tenant.clone(), accepted.event.text(key));
            stories.entry(who).or_default().push(accepted.clone());
        }
        stories.into_values().collect()
    }
}

impl Intake {
    /// The greatest event time accepted on any partition.
    pub fn last_ms(&self) -> Option<i64> {
        self.partitions.values().filter_map(|partition| partition.stream_ms).max()
    }

    /// Moves each watermark to the end of the last open window and the grace after it.
    pub fn close_file(&mut self, config: &Config) {
        let Some(last_ms) = self.last_ms() else { return };
        let end_of = |length_ms: i64| last_ms.div_euclid(length_ms) * length_ms + length_ms;
        let windows = config.all_windows();
        let Some(end_ms) = windows.iter().map(|(_, length_ms)| end_of(*length_ms)).max() else { return };
        for partition in self.partitions.values_mut() {
            let before_ms = partition.steps.last().map_or(i64::MIN, |step| step.after_ms);
            let after_ms = before_ms.max(end_ms + config.grace_ms);
            partition.steps.push(Step { before_ms, after_ms });
        }
    }
}

/// The first step at or after `from` at which the watermark has reached `due_ms`.
pub fn firing_step(steps: &[Step], from: usize, due_ms: i64) -> Option<usize> {
    let waiting = steps.get(from..)?.partition_point(|step| step.after_ms < due_ms);
    Some(from + waiting).filter(|step| *step < steps.len())
}
