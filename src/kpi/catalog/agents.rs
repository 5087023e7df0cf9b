//! Rows of agents. Agent time is the area of the level of agents in a state: it needs no message from a silent agent.

use super::{BLANK, Groups, Row, RowKind, Unit, level};
use crate::kpi::facts::Facts;
use crate::kpi::figure::Figure;
use crate::measure::ids::{Count, Level};
use crate::time::Millis;

const SOURCE: &str = "KPI catalogue, Agents";
const AGENT: &[&str] = &["agent.state_changed", "agent.heartbeat"];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "occupancy",
        help: "share of their time on contacts and wrap-up, of agents who worked or could have",
        formula: "(contact + wrapup) / (contact + wrapup + available), agent time by state",
        source: "KPI catalogue, Agents: ringing is on neither side; Amazon Connect's occupancy",
        counted_at: "the time itself, split at window edges",
        events: AGENT,
        groups: Groups::Agents,
        family: Some("contact_center_team_occupancy_ratio"),
        compute: Some(|facts| {
            let busy_ms = busy_ms(facts);
            Figure::share_of_time(busy_ms, busy_ms + facts.area_ms(Level::AgentsAvailable))
        }),
        ..BLANK
    },
    Row {
        name: "utilization",
        help: "share of their time on contacts and wrap-up, of agents logged in",
        formula: "(contact + wrapup) / all states but offline, agent time by state",
        source: "KPI catalogue, Agents: breaks and trainings are in the denominator",
        counted_at: "the time itself, split at window edges",
        events: AGENT,
        groups: Groups::Agents,
        family: Some("contact_center_team_utilization_ratio"),
        compute: Some(|facts| {
            let logged_in_ms = Level::AGENT_STATES.map(|state| facts.levels[state].area_ms).sum();
            Figure::share_of_time(busy_ms(facts), logged_in_ms)
        }),
        ..BLANK
    },
    Row {
        name: "capacity_utilization",
        help: "share of the slots for contacts that were in use",
        formula: "slots_active / slots_max, time-weighted",
        source: SOURCE,
        counted_at: "the time itself, split at window edges",
        events: &["agent.state_changed"],
        groups: Groups::Agents,
        family: Some("contact_center_team_capacity_utilization_ratio"),
        compute: Some(|facts| {
            Figure::share_of_time(facts.area_ms(Level::SlotsActive), facts.area_ms(Level::SlotsMax))
        }),
        ..BLANK
    },
    Row {
        name: "agent_time_per_contact",
        unit: Unit::Seconds,
        kind: RowKind::Mean,
        help: "agents' wall-clock time on contacts for each leg handled; for chats in parallel less than aht",
        formula: "agent time in state contact / contacts_handled",
        source: SOURCE,
        counted_at: "the time itself; the legs at the end of their wrap-up",
        events: &["agent.state_changed", "contact.answered", "contact.ended", "contact.wrapup_ended"],
        groups: Groups::Agents,
        compute: Some(|facts| {
            // Without agent events there is no agent time to speak of.
            let contact_ms = facts.area_ms(Level::AgentsContact);
            Figure::time_per(contact_ms, facts.count(Count::ContactsHandled)).filter(|_| contact_ms > 0)
        }),
        ..BLANK
    },
    state("agents_available", Level::AgentsAvailable, "agents available"),
    state("agents_ringing", Level::AgentsRinging, "agents being offered a contact"),
    state("agents_contact", Level::AgentsContact, "agents on a contact"),
    state("agents_wrapup", Level::AgentsWrapup, "agents in wrap-up"),
    state("agents_not_responding", Level::AgentsNotResponding, "agents who did not respond to an offer"),
    state("agents_non_acd", Level::AgentsNonAcd, "agents on work that is not routed"),
    state("agents_break", Level::AgentsBreak, "agents on a break"),
    state("agents_lunch", Level::AgentsLunch, "agents at lunch"),
    state("agents_training", Level::AgentsTraining, "agents in training"),
    state("agents_meeting", Level::AgentsMeeting, "agents in a meeting"),
    state("agents_busy", Level::AgentsBusy, "agents busy otherwise"),
    state("agents_other", Level::AgentsOther, "agents in another state"),
    Row {
        name: "slots_active",
        help: "slots with a contact, of agents logged in",
        formula: "sum over the agents' slots; last, max over slice ends, mean weighted by time",
        events: &["agent.state_changed"],
        source: SOURCE,
        groups: Groups::Agents,
        family: Some("contact_center_slots_active"),
        ..level(Level::SlotsActive)
    },
    Row {
        name: "slots_max",
        help: "slots for contacts, of agents logged in",
        formula: "sum over the agents' slots; last, max over slice ends, mean weighted by time",
        events: &["agent.state_changed"],
        source: SOURCE,
        groups: Groups::Agents,
        family: Some("contact_center_slots_max"),
        ..level(Level::SlotsMax)
    },
];

fn busy_ms(facts: &Facts<'_>) -> Millis {
    facts.area_ms(Level::AgentsContact) + facts.area_ms(Level::AgentsWrapup)
}

const fn state(name: &'static str, state: Level, help: &'static str) -> Row {
    Row {
        name,
        help,
        formula: "each agent once, in one state; last, max over slice ends, mean weighted by time",
        events: AGENT,
        source: SOURCE,
        groups: Groups::Agents,
        family: Some("contact_center_agents"),
        ..level(state)
    }
}
