//! Whether a scenario can be played, and what to change where it cannot.

use std::collections::BTreeSet;

use super::scenario::{Incident, Queue, Scenario, Team};
use super::span::Span;

/// Tenants, queues, teams or incidents of one scenario.
const LIST_MAX: usize = 1_000;
/// Categories of a queue, breaks of a team.
const SHORT_LIST_MAX: usize = 100;
/// Agents of one team on duty.
const TEAM_AGENTS_MAX: u32 = 100_000;
/// Contacts an agent can have at once.
const SLOTS_MAX: u32 = 100;
/// Longest name in bytes, as the event contract has it for dimensions.
const NAME_BYTES_MAX: usize = 128;
/// Longest tenant in bytes, as the event contract has it.
const TENANT_BYTES_MAX: usize = 64;
/// Arrivals per hour, and events per second.
const RATE_MAX: f64 = 1e6;

/// Why a scenario cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Not JSON, or not of the scenario's shape.
    #[error("read scenario: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// A list has too few or too many entries.
    #[error("scenario has {count} {list}; give 1 to {max}")]
    Count {
        /// What is counted.
        list: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// A name is empty, too long or there twice.
    #[error(
        "name {name:?} of a {what} is empty, too long or not unique; give each one its own, up to {bytes_max} bytes"
    )]
    Name {
        /// What bears it.
        what: &'static str,
        /// The name.
        name: String,
        /// Longest name.
        bytes_max: usize,
    },
    /// A queue is named that the scenario does not describe.
    #[error("{by} names the queue {queue:?}, which the scenario does not describe; add it to queues")]
    UnknownQueue {
        /// Who names it.
        by: String,
        /// The name.
        queue: String,
    },
    /// A number is out of its range.
    #[error("{what} is {value}; give a number from {low} to {high}")]
    Range {
        /// What it is.
        what: String,
        /// What was given.
        value: f64,
        /// Least.
        low: f64,
        /// Greatest.
        high: f64,
    },
    /// A duration's numbers make no sense.
    #[error("{what} is no duration; give finite numbers that are not negative, in order")]
    Duration {
        /// What it is.
        what: String,
    },
    /// The profile has a wrong length.
    #[error("day_profile of {queue:?} has {count} values; give 1, 24 or 48")]
    Profile {
        /// The queue.
        queue: String,
        /// How many there are.
        count: usize,
    },
    /// A setting does not fit the channel.
    #[error("{queue:?} has {setting}, which its channel does not have; remove it")]
    Channel {
        /// The queue.
        queue: String,
        /// The setting.
        setting: &'static str,
    },
    /// A team has several slots and spoken queues.
    #[error("team {team:?} has {slots} slots and serves {queue:?}, which is spoken; give it 1 slot")]
    Slots {
        /// The team.
        team: String,
        /// Its slots.
        slots: u32,
        /// The queue.
        queue: String,
    },
}

impl Scenario {
    /// Whether the scenario can be played.
    ///
    /// # Errors
    /// The first thing that cannot, by name.
    pub fn check(&self) -> Result<(), ScenarioError> {
        for (list, count, least, max) in [
            ("tenants", self.tenants.len(), 1, LIST_MAX),
            ("queues", self.queues.len(), 1, LIST_MAX),
            ("teams", self.teams.len(), 1, LIST_MAX),
            ("incidents", self.incidents.len(), 0, LIST_MAX),
        ] {
            within(list, count, least, max)?;
        }
        unique("tenant", self.tenants.iter(), TENANT_BYTES_MAX)?;
        unique("queue", self.queues.iter().map(|queue| &queue.name), NAME_BYTES_MAX)?;
        unique("team", self.teams.iter().map(|team| &team.name), NAME_BYTES_MAX)?;
        self.queues.iter().try_for_each(|queue| self.check_queue(queue))?;
        self.teams.iter().try_for_each(|team| self.check_team(team))?;
        self.incidents.iter().try_for_each(|incident| self.check_incident(incident))?;
        if let Some(offer) = &self.offer {
            duration("ring", Some(&offer.ring))?;
            range("limit_seconds", offer.limit_seconds, 0.001, 3600.0)?;
            range("penalty_seconds", offer.penalty_seconds, 0.0, 3600.0)?;
            range("missed_share", offer.missed_share, 0.0, 0.9)?;
            range("rejected_share", offer.rejected_share, 0.0, 0.9 - offer.missed_share)?;
        }
        if let Some(shift) = &self.shift {
            range("shift hours", shift.hours, 0.5, 23.0)?;
        }
        if let Some(seconds) = self.heartbeat_seconds {
            range("heartbeat_seconds", f64::from(seconds), 1.0, 86_400.0)?;
        }
        range("customers", f64::from(self.customers), 1.0, f64::from(u32::MAX))?;
        self.rate.map_or(Ok(()), |rate| range("rate", rate, 0.001, RATE_MAX))
    }

    fn check_queue(&self, queue: &Queue) -> Result<(), ScenarioError> {
        let name = &queue.name;
        range(&format!("arrivals_per_hour of {name:?}"), queue.arrivals_per_hour, 0.0, RATE_MAX)?;
        range(&format!("priority_share of {name:?}"), queue.priority_share, 0.0, 1.0)?;
        within("categories", queue.categories.len(), 0, SHORT_LIST_MAX)?;
        unique("category", queue.categories.iter(), NAME_BYTES_MAX)?;
        if ![1, 24, 48].contains(&queue.day_profile.len()) {
            return Err(ScenarioError::Profile { queue: name.clone(), count: queue.day_profile.len() });
        }
        for value in &queue.day_profile {
            range(&format!("day_profile of {name:?}"), *value, 0.0, 100.0)?;
        }
        let messages = queue.messages.as_ref();
        for (what, span) in [
            ("talk", Some(&queue.talk)),
            ("wrapup", queue.wrapup.as_ref()),
            ("patience", queue.patience.as_ref()),
            ("menu", queue.menu.as_ref().map(|menu| &menu.span)),
            ("hold", queue.hold.as_ref().map(|hold| &hold.span)),
            ("callback delay", queue.callback.as_ref().map(|callback| &callback.delay)),
            ("customer's pace", messages.map(|messages| &messages.customer)),
            ("agent's pace", messages.map(|messages| &messages.agent)),
        ] {
            duration(&format!("{what} of {name:?}"), span)?;
        }
        for (what, share) in [
            ("menu", queue.menu.as_ref().map(|menu| menu.exit_share)),
            ("hold", queue.hold.as_ref().map(|hold| hold.share)),
            ("transfer", queue.transfer.as_ref().map(|transfer| transfer.share)),
            ("callback", queue.callback.as_ref().map(|callback| callback.share)),
        ] {
            range(&format!("share of {what} of {name:?}"), share.unwrap_or(0.0), 0.0, 1.0)?;
        }
        let written = queue.channel.is_written();
        for (setting, refused) in [
            ("wrapup", written && queue.wrapup.is_some()),
            ("hold", written && queue.hold.is_some()),
            ("callback", written && queue.callback.is_some()),
            ("messages", !written && queue.messages.is_some()),
        ] {
            if refused {
                return Err(ScenarioError::Channel { queue: name.clone(), setting });
            }
        }
        let targets = [
            queue.transfer.as_ref().map(|transfer| &transfer.to),
            queue.overflow.as_ref().map(|overflow| &overflow.to),
        ];
        for to in targets.into_iter().flatten() {
            self.known(&format!("queue {name:?}"), to)?;
            if self.queues.iter().any(|known| known.name == *to && known.channel.is_written() != written) {
                let setting = "a transfer or overflow to another kind of channel";
                return Err(ScenarioError::Channel { queue: name.clone(), setting });
            }
        }
        Ok(())
    }

    fn check_team(&self, team: &Team) -> Result<(), ScenarioError> {
        let name = &team.name;
        range(&format!("agents of {name:?}"), f64::from(team.agents), 0.0, f64::from(TEAM_AGENTS_MAX))?;
        range(&format!("slots of {name:?}"), f64::from(team.slots), 1.0, f64::from(SLOTS_MAX))?;
        within("queues of a team", team.queues.len(), 1, LIST_MAX)?;
        within("breaks of a team", team.breaks.len(), 0, SHORT_LIST_MAX)?;
        unique("team's queue", team.queues.iter(), NAME_BYTES_MAX)?;
        for queue in &team.queues {
            self.known(&format!("team {name:?}"), queue)?;
            let spoken = self.queues.iter().any(|known| known.name == *queue && !known.channel.is_written());
            if spoken && team.slots > 1 {
                let (team, slots) = (name.clone(), team.slots);
                return Err(ScenarioError::Slots { team, slots, queue: queue.clone() });
            }
        }
        for pause in &team.breaks {
            range(&format!("after_minutes of {name:?}"), f64::from(pause.after_minutes), 0.0, 1440.0)?;
            range(&format!("minutes of {name:?}"), f64::from(pause.minutes), 1.0, 1440.0)?;
        }
        Ok(())
    }

    fn check_incident(&self, incident: &Incident) -> Result<(), ScenarioError> {
        let (queue, at, lasts) = match incident {
            Incident::AgentsLeave { queue, at_offset_seconds, duration_seconds, share } => {
                range("share of an incident", *share, 0.0, 1.0)?;
                (queue, at_offset_seconds, duration_seconds)
            }
            Incident::Surge { queue, at_offset_seconds, duration_seconds, factor } => {
                range("factor of an incident", *factor, 0.0, 100.0)?;
                (queue, at_offset_seconds, duration_seconds)
            }
        };
        range("at_offset_seconds of an incident", *at, 0.0, 1e9)?;
        range("duration_seconds of an incident", *lasts, 0.0, 1e9)?;
        self.known("an incident", queue)
    }

    fn known(&self, by: &str, queue: &str) -> Result<(), ScenarioError> {
        if self.queues.iter().any(|known| known.name == queue) {
            return Ok(());
        }
        Err(ScenarioError::UnknownQueue { by: by.to_owned(), queue: queue.to_owned() })
    }
}

fn within(list: &'static str, count: usize, least: usize, max: usize) -> Result<(), ScenarioError> {
    if (least..=max).contains(&count) { Ok(()) } else { Err(ScenarioError::Count { list, count, max }) }
}

fn unique<'a>(
    what: &'static str,
    names: impl Iterator<Item = &'a String>,
    bytes_max: usize,
) -> Result<(), ScenarioError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if name.is_empty() || name.len() > bytes_max || !seen.insert(name) {
            return Err(ScenarioError::Name { what, name: name.clone(), bytes_max });
        }
    }
    Ok(())
}

fn range(what: &str, value: f64, low: f64, high: f64) -> Result<(), ScenarioError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(ScenarioError::Range { what: what.to_owned(), value, low, high })
}

fn duration(what: &str, span: Option<&Span>) -> Result<(), ScenarioError> {
    if span.is_none_or(Span::is_sound) {
        Ok(())
    } else {
        Err(ScenarioError::Duration { what: what.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{
        "tenants": ["acme"],
        "queues": [{"name": "sales", "channel": "voice", "arrivals_per_hour": 60,
                    "talk": {"law": "exponential", "mean_seconds": 120}}],
        "teams": [{"name": "one", "agents": 3, "queues": ["sales"]}],
        "incidents": [{"kind": "surge", "queue": "sales", "at_offset_seconds": 60,
                       "duration_seconds": 600, "factor": 2}]
    }"#;

    fn error_of(json: &str) -> String {
        Scenario::from_json(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_small_file_is_read_with_defaults() {
        let scenario = Scenario::from_json(SMALL.as_bytes()).unwrap();
        assert_eq!(scenario.queues[0].day_profile, [1.0]);
        assert_eq!(scenario.teams[0].slots, 1);
        assert_eq!(scenario.rate, None);
    }

    #[test]
    fn unknown_fields_are_refused_at_every_depth() {
        for (from, to) in [
            ("\"tenants\"", "\"tenant\": 1, \"tenants\""),
            ("\"agents\": 3", "\"agents\": 3, \"agnts\": 4"),
            ("\"mean_seconds\": 120", "\"mean_seconds\": 120, \"sigma\": 1"),
            ("\"factor\": 2", "\"factor\": 2, \"share\": 1"),
        ] {
            let message = error_of(&SMALL.replace(from, to));
            assert!(message.contains("unknown field"), "{message}");
        }
    }

    #[test]
    fn what_cannot_be_played_is_named_with_a_remedy() {
        for (from, to, expected) in [
            ("[\"sales\"]", "[\"slaes\"]", "team \"one\" names the queue \"slaes\""),
            ("\"factor\": 2", "\"factor\": 200", "give a number from 0 to 100"),
            ("\"agents\": 3", "\"agents\": 3, \"slots\": 2", "give it 1 slot"),
            ("120}", "-1}", "talk of \"sales\" is no duration"),
            ("\"talk\"", "\"day_profile\": [1, 2], \"talk\"", "has 2 values; give 1, 24 or 48"),
            ("[\"acme\"]", "[]", "scenario has 0 tenants"),
        ] {
            let message = error_of(&SMALL.replace(from, to));
            assert!(message.contains(expected), "{message}");
        }
    }
}
