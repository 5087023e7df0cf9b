//! The bytes of contacts and agents: exact, every field, nothing for what is absent.
//!
//! Times are told from a base, dimensions by a mask of those that differ from a base. What follows from the rest
//! (the moment of the timer) is not written. Fields are taken apart by name, so that a new one cannot be forgotten.

use super::fields::{NO_DIMS, malformed, read_dims, read_sym, read_time, read_u32, write_dims, write_time};
use crate::event::{AgentState, Channel};
use crate::fold::agent::Agent;
use crate::fold::contact::{Contact, Leg, LegState, PARTIES_MAX, Response, Ring, Visit};
use crate::measure::wire::{Reader, WireError, Writer};
use crate::time::EventMs;

/// Bits of a contact's flags.
mod flag {
    pub const INBOUND: u64 = 1;
    pub const CREATED: u64 = 1 << 1;
    pub const ENTERED: u64 = 1 << 2;
    pub const COMPLETED: u64 = 1 << 3;
    pub const LEFT: u64 = 1 << 4;
    pub const AGENT: u64 = 1 << 5;
    pub const VISITED: u64 = 1 << 6;
    pub const VISIT: u64 = 1 << 7;
    pub const RINGS: u64 = 1 << 8;
    pub const LEGS: u64 = 1 << 9;
    pub const HANDLED: u64 = 1 << 10;
    pub const UNANSWERED: u64 = 1 << 11;
    pub const ENDED: u64 = 1 << 12;
    pub const AWAITING: u64 = 1 << 13;
    pub const RESPONDED: u64 = 1 << 14;
    pub const BEGUN: u64 = 1 << 15;
}

fn flags_of(contact: &Contact) -> u64 {
    let bits = [
        (contact.inbound, flag::INBOUND),
        (contact.created, flag::CREATED),
        (contact.entered, flag::ENTERED),
        (contact.completed, flag::COMPLETED),
        (contact.left, flag::LEFT),
        (contact.agent_key != 0, flag::AGENT),
        (contact.visits != 0 || contact.first_queued.is_some(), flag::VISITED),
        (contact.visit.is_some(), flag::VISIT),
        (!contact.rings.is_empty(), flag::RINGS),
        (!contact.legs.is_empty(), flag::LEGS),
        (contact.handled_ms != 0 || contact.handled_at != EventMs::MIN, flag::HANDLED),
        (contact.unanswered.is_some(), flag::UNANSWERED),
        (contact.ended.is_some(), flag::ENDED),
        (matches!(contact.response, Response::Awaiting { .. }), flag::AWAITING),
        (contact.response == Response::Done, flag::RESPONDED),
        (contact.legs_begun != 0, flag::BEGUN),
    ];
    bits.iter().filter(|(set, _)| *set).fold(0, |flags, (_, bit)| flags | bit)
}

/// Writes a contact; times are told from `base`.
pub(super) fn write_contact(contact: &Contact, base: EventMs, out: &mut Writer) {
    let Contact {
        channel,
        dims,
        agent_key,
        first,
        last,
        visits,
        first_queued,
        visit,
        rings,
        legs,
        legs_begun,
        handled_ms,
        handled_at,
        response,
        unanswered,
        ended,
        // In the flags.
        inbound: _,
        created: _,
        entered: _,
        completed: _,
        left: _,
        // Not written.
        scheduled: _,
        changed: _,
    } = contact;
    let flags = flags_of(contact);
    out.unsigned(flags);
    out.byte(channel.number());
    write_dims(dims, &NO_DIMS, out);
    write_time(*first, base, out);
    write_time(*last, *first, out);
    if flags & flag::AGENT != 0 {
        out.fixed(*agent_key);
    }
    if flags & flag::VISITED != 0 {
        out.unsigned(u64::from(*visits));
        out.optional(first_queued.map(|at| at.0.wrapping_sub(first.0)));
    }
    if let Some(visit) = visit {
        write_visit(visit, contact, out);
    }
    if flags & flag::BEGUN != 0 {
        out.unsigned(u64::from(*legs_begun));
    }
    if flags & flag::RINGS != 0 {
        out.unsigned(rings.len() as u64);
        rings.iter().for_each(|ring| write_ring(*ring, *first, out));
    }
    if flags & flag::LEGS != 0 {
        out.unsigned(legs.len() as u64);
        legs.iter().for_each(|leg| write_leg(leg, contact, out));
    }
    if flags & flag::HANDLED != 0 {
        out.signed(*handled_ms);
        write_time(*handled_at, *first, out);
    }
    if let Response::Awaiting { since, dims, in_level } = response {
        write_time(*since, *first, out);
        write_dims(dims, &contact.dims, out);
        out.byte(u8::from(*in_level));
    }
    for at in [unanswered, ended].into_iter().flatten() {
        write_time(*at, *first, out);
    }
}

fn write_ring(Ring { agent_key, began }: Ring, first: EventMs, out: &mut Writer) {
    out.fixed(agent_key);
    write_time(began, first, out);
}

fn write_visit(visit: &Visit, contact: &Contact, out: &mut Writer) {
    let Visit { queued, dims, breach_at, breaching } = visit;
    write_time(*queued, contact.first, out);
    write_dims(dims, &contact.dims, out);
    out.optional(breach_at.map(|at| at.0.wrapping_sub(queued.0)));
    out.byte(u8::from(*breaching));
}

fn write_leg(leg: &Leg, contact: &Contact, out: &mut Writer) {
    let Leg { agent_key, dims, state, since, talk_ms, hold_ms, held } = leg;
    out.byte(*state as u8 | u8::from(*held) << 2);
    out.fixed(*agent_key);
    write_dims(dims, &contact.dims, out);
    write_time(*since, contact.first, out);
    out.signed(*talk_ms);
    out.signed(*hold_ms);
}

/// Reads a contact whose names are among the first `names`.
pub(super) fn read_contact(
    reader: &mut Reader<'_>,
    base: EventMs,
    names: usize,
) -> Result<Contact, WireError> {
    let flags = reader.unsigned()?;
    let has = |bit: u64| flags & bit != 0;
    let channel = Channel::from_number(reader.byte()?).ok_or(malformed("a known channel"))?;
    let dims = read_dims(reader, &NO_DIMS, names)?;
    let first = read_time(reader, base)?;
    let mut contact = Contact::new(channel, has(flag::INBOUND), dims, first);
    contact.last = read_time(reader, first)?;
    contact.created = has(flag::CREATED);
    contact.entered = has(flag::ENTERED);
    contact.completed = has(flag::COMPLETED);
    contact.left = has(flag::LEFT);
    if has(flag::AGENT) {
        contact.agent_key = reader.fixed()?;
    }
    if has(flag::VISITED) {
        contact.visits = read_u32(reader)?;
        contact.first_queued = reader.optional()?.map(|span| EventMs(first.0.wrapping_add(span)));
    }
    if has(flag::VISIT) {
        contact.visit = Some(read_visit(reader, &contact, names)?);
    }
    if has(flag::BEGUN) {
        contact.legs_begun = read_u32(reader)?;
    }
    if has(flag::RINGS) {
        for _ in 0..read_parties(reader)? {
            let agent_key = reader.fixed()?;
            contact.rings.push(Ring { agent_key, began: read_time(reader, first)? });
        }
    }
    if has(flag::LEGS) {
        for _ in 0..read_parties(reader)? {
            let leg = read_leg(reader, &contact, names)?;
            contact.legs.push(leg);
        }
    }
    if has(flag::HANDLED) {
        contact.handled_ms = reader.signed()?;
        contact.handled_at = read_time(reader, first)?;
    }
    if has(flag::AWAITING) {
        let since = read_time(reader, first)?;
        let dims = read_dims(reader, &contact.dims, names)?;
        contact.response = Response::Awaiting { since, dims, in_level: reader.byte()? != 0 };
    } else if has(flag::RESPONDED) {
        contact.response = Response::Done;
    }
    if has(flag::UNANSWERED) {
        contact.unanswered = Some(read_time(reader, first)?);
    }
    if has(flag::ENDED) {
        contact.ended = Some(read_time(reader, first)?);
    }
    Ok(contact)
}

fn read_visit(reader: &mut Reader<'_>, contact: &Contact, names: usize) -> Result<Visit, WireError> {
    let queued = read_time(reader, contact.first)?;
    let dims = read_dims(reader, &contact.dims, names)?;
    let breach_at = reader.optional()?.map(|span| EventMs(queued.0.wrapping_add(span)));
    Ok(Visit { queued, dims, breach_at, breaching: reader.byte()? != 0 })
}

fn read_leg(reader: &mut Reader<'_>, contact: &Contact, names: usize) -> Result<Leg, WireError> {
    let bits = reader.byte()?;
    let state = match bits & 3 {
        0 => LegState::Talk,
        1 => LegState::Hold,
        2 => LegState::Wrapup,
        _ => return Err(malformed("a known state of a leg")),
    };
    Ok(Leg {
        agent_key: reader.fixed()?,
        dims: read_dims(reader, &contact.dims, names)?,
        state,
        since: read_time(reader, contact.first)?,
        talk_ms: reader.signed()?,
        hold_ms: reader.signed()?,
        held: bits & 4 != 0,
    })
}

/// Writes an agent; times are told from `base`.
pub(super) fn write_agent(agent: &Agent, base: EventMs, out: &mut Writer) {
    let Agent { dims, state, slots_active, slots_max, queues, last, beats, scheduled: _, changed: _ } = agent;
    out.byte(state.number());
    out.byte(u8::from(*beats));
    write_dims(dims, &NO_DIMS, out);
    write_time(*last, base, out);
    out.signed(*slots_active);
    out.signed(*slots_max);
    out.unsigned(queues.len() as u64);
    queues.iter().for_each(|queue| out.unsigned(u64::from(queue.0)));
}

/// Reads an agent whose names are among the first `names`.
pub(super) fn read_agent(reader: &mut Reader<'_>, base: EventMs, names: usize) -> Result<Agent, WireError> {
    let state = AgentState::from_number(reader.byte()?).ok_or(malformed("a known state of an agent"))?;
    let beats = reader.byte()? != 0;
    let dims = read_dims(reader, &NO_DIMS, names)?;
    let mut agent = Agent::new(dims, read_time(reader, base)?);
    (agent.state, agent.beats) = (state, beats);
    (agent.slots_active, agent.slots_max) = (reader.signed()?, reader.signed()?);
    for _ in 0..reader.count()? {
        agent.queues.push(read_sym(reader, names)?);
    }
    Ok(agent)
}

fn read_parties(reader: &mut Reader<'_>) -> Result<usize, WireError> {
    let count = reader.count()?;
    if count <= PARTIES_MAX { Ok(count) } else { Err(malformed("at most 16 rings or legs")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::sink::Dims;
    use crate::ids::Sym;
    use proptest::prelude::*;

    fn dims() -> impl Strategy<Value = Dims> {
        proptest::array::uniform10(0u32..500).prop_map(|syms| syms.map(Sym))
    }

    fn leg() -> impl Strategy<Value = Leg> {
        let state = prop_oneof![Just(LegState::Talk), Just(LegState::Hold), Just(LegState::Wrapup)];
        (any::<u64>(), dims(), state, any::<[i64; 3]>(), any::<bool>()).prop_map(
            |(agent_key, dims, state, [since, talk_ms, hold_ms], held)| Leg {
                agent_key,
                dims,
                state,
                since: EventMs(since),
                talk_ms,
                hold_ms,
                held,
            },
        )
    }

    fn contact() -> impl Strategy<Value = Contact> {
        let times = (any::<[i64; 5]>(), any::<[Option<i64>; 4]>());
        let visit = proptest::option::of((dims(), any::<bool>()));
        let legs = proptest::collection::vec(leg(), 0..4);
        (dims(), times, visit, legs, any::<[bool; 5]>(), any::<[u32; 3]>(), 0u8..3).prop_map(
            |(dims, (times, maybe), visit, legs, bits, numbers, response)| {
                let [first, last, handled_ms, handled_at, since] = times;
                let mut contact = Contact::new(Channel::Chat, bits[0], dims, EventMs(first));
                let [first_queued, unanswered, ended, breach_at] = maybe.map(|at| at.map(EventMs));
                (contact.last, contact.handled_ms) = (EventMs(last), handled_ms);
                contact.handled_at = if bits[1] { EventMs(handled_at) } else { EventMs::MIN };
                (contact.first_queued, contact.unanswered, contact.ended) = (first_queued, unanswered, ended);
                [contact.created, contact.entered, contact.completed, contact.left] =
                    [bits[1], bits[2], bits[3], bits[4]];
                (contact.visits, contact.legs_begun) = (numbers[0], numbers[1]);
                contact.agent_key = u64::from(numbers[2]) * u64::from(bits[2]);
                contact.rings =
                    legs.iter().map(|leg| Ring { agent_key: leg.agent_key, began: leg.since }).collect();
                contact.visit = visit.map(|(dims, breaching)| Visit {
                    queued: EventMs(since),
                    dims,
                    breach_at,
                    breaching,
                });
                contact.response = match response {
                    0 => Response::Idle,
                    1 => Response::Awaiting { since: EventMs(since), dims, in_level: bits[3] },
                    _ => Response::Done,
                };
                contact.legs = legs;
                contact
            },
        )
    }

    proptest! {
        #[test]
        fn contacts_read_back_whole(contact in contact(), base: i64) {
            let mut out = Writer::default();
            write_contact(&contact, EventMs(base), &mut out);
            let bytes = out.into_bytes();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(read_contact(&mut reader, EventMs(base), 500).unwrap(), contact);
            prop_assert!(reader.at_end());
        }

        #[test]
        fn agents_read_back_whole(dims in dims(), numbers: [i64; 4], state in 0u8..13, queues: Vec<u16>) {
            let [last, base, slots_active, slots_max] = numbers;
            let mut agent = Agent::new(dims, EventMs(last));
            (agent.slots_active, agent.slots_max, agent.beats) = (slots_active, slots_max, last > base);
            agent.state = AgentState::from_number(state).unwrap();
            agent.queues = queues.iter().map(|queue| Sym(u32::from(*queue))).collect();
            let mut out = Writer::default();
            write_agent(&agent, EventMs(base), &mut out);
            let bytes = out.into_bytes();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(read_agent(&mut reader, EventMs(base), 1 << 16).unwrap(), agent);
            prop_assert!(reader.at_end());
        }
    }
}
