//! The own fields of each type: from a record's texts to a [`Kind`].
//!
//! One arm for each type of the contract, grouped by the first part of its name. The envelope has
//! been read before; here it only shows as what a type requires of it.

use super::cell::Cell;
use super::contract::{MAX_AMOUNT, MAX_COUNT, MAX_QUEUES, MAX_SLOTS, MAX_SPAN_MS};
use super::field::Field as F;
use super::kind::{FinalRecord, Kind, Slot, SurveyResponse};
use super::record::{MAX_TEXT_BYTES, Record};
use super::reject::Reject;
use super::words::{
    Automaton, DiscardReason, FlowOut, OfferFailure, Party, SurveyKind, TransferKind, Visibility, Word,
};
use crate::time::EventMs;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The kind of the event that `record` is, by its type; [`Kind::Unknown`] for an unknown type.
pub(super) fn kind<'a>(type_name: &str, record: &mut Record<'a>) -> Result<Kind<'a>, Reject> {
    let Some((family, rest)) = type_name.split_once('.') else {
        return Ok(Kind::Unknown);
    };
    match family {
        "contact" => contact(rest, record),
        "agent" => agent(rest, record),
        "customer" => customer(rest, record),
        "survey" => survey(rest, record),
        _ => single(type_name, record),
    }
}

fn contact<'a>(rest: &str, r: &mut Record<'a>) -> Result<Kind<'a>, Reject> {
    let kind = match rest {
        "created" => Kind::ContactCreated,
        "queued" => {
            r.need(F::Queue)?;
            Kind::ContactQueued { due: r.instant(F::Due)? }
        }
        "offered" => Kind::ContactOffered,
        "offer_failed" => Kind::ContactOfferFailed { reason: or(r, F::Reason, OfferFailure::Other)? },
        "answered" => Kind::ContactAnswered,
        "abandoned" => Kind::ContactAbandoned { by: or(r, F::By, Party::Customer)? },
        "flowed_out" => Kind::ContactFlowedOut { reason: or(r, F::Reason, FlowOut::Other)? },
        "held" => Kind::ContactHeld,
        "resumed" => Kind::ContactResumed,
        "agent_joined" => {
            r.need(F::AgentId)?;
            Kind::ContactAgentJoined { role: r.word(F::Role)? }
        }
        "agent_left" => {
            r.need(F::AgentId)?;
            Kind::ContactAgentLeft { role: r.word(F::Role)? }
        }
        "transferred" => Kind::ContactTransferred {
            kind: or(r, F::Kind, TransferKind::Blind)?,
            to_queue: r.name(F::ToQueue)?,
            to_agent: r.name(F::ToAgent)?,
            context_passed: r.flag(F::ContextPassed)?,
        },
        "ended" => Kind::ContactEnded { by: or(r, F::By, Party::Customer)? },
        "wrapup_ended" => Kind::ContactWrapupEnded { disposition: r.name(F::Disposition)? },
        "assigned" => Kind::ContactAssigned,
        "status_changed" => Kind::ContactStatusChanged { status: r.need_word(F::Status)? },
        "handed_off" => {
            Kind::ContactHandedOff { from: r.word::<Automaton>(F::From)?, requested: r.flag(F::Requested)? }
        }
        "resolved" => Kind::ContactResolved { first_contact: r.flag(F::FirstContact)? },
        "reopened" => Kind::ContactReopened,
        "escalated" => {
            Kind::ContactEscalated { to_team: r.name(F::ToTeam)?, justified: r.flag(F::Justified)? }
        }
        "discarded" => {
            Kind::ContactDiscarded { reason: or(r, F::Reason, DiscardReason::Other)?, into: r.id(F::Into)? }
        }
        "attempt_failed" => Kind::ContactAttemptFailed { reason: r.word(F::Reason)?.unwrap_or(Word::OTHER) },
        "final" => Kind::ContactFinal(final_record(r)?),
        _ => return Ok(Kind::Unknown),
    };
    r.need(F::ContactId)?;
    Ok(kind)
}

fn final_record(r: &mut Record<'_>) -> Result<FinalRecord, Reject> {
    Ok(FinalRecord {
        outcome: r.word(F::Outcome)?,
        wait_ms: r.count(F::WaitMs, MAX_SPAN_MS)?,
        ring_ms: r.count(F::RingMs, MAX_SPAN_MS)?,
        talk_ms: r.count(F::TalkMs, MAX_SPAN_MS)?,
        hold_ms: r.count(F::HoldMs, MAX_SPAN_MS)?,
        wrapup_ms: r.count(F::WrapupMs, MAX_SPAN_MS)?,
        queued_at: r.instant(F::QueuedAt)?,
        answered_at: r.instant(F::AnsweredAt)?,
        ended_at: r.instant(F::EndedAt)?,
    })
}

fn agent<'a>(rest: &str, r: &mut Record<'a>) -> Result<Kind<'a>, Reject> {
    let kind = match rest {
        "state_changed" => Kind::AgentStateChanged {
            state: r.need_word(F::State)?,
            reason: r.name(F::Reason)?,
            queues: match r.get(F::Queues) {
                Some(cell) => queues(cell)?,
                None => Vec::new(),
            },
            slots: match r.get(F::Slots) {
                Some(cell) => slots(cell, r)?,
                None => Vec::new(),
            },
        },
        "heartbeat" => Kind::AgentHeartbeat,
        "described" => Kind::AgentDescribed { name: r.need_name(F::Name)? },
        _ => return Ok(Kind::Unknown),
    };
    r.need(F::AgentId)?;
    Ok(kind)
}

fn queues(cell: Cell<'_>) -> Result<Vec<super::envelope::Str<'_>>, Reject> {
    cell.elements(MAX_QUEUES)?.into_iter().map(|element| element.name(MAX_TEXT_BYTES)).collect()
}

/// One element of `slots`, its values unread.
#[derive(Deserialize)]
struct SlotTexts<'a> {
    #[serde(borrow, default)]
    channel: Option<&'a RawValue>,
    #[serde(borrow, default)]
    active: Option<&'a RawValue>,
    #[serde(borrow, default)]
    max: Option<&'a RawValue>,
}

fn slots<'a>(cell: Cell<'a>, r: &mut Record<'a>) -> Result<Vec<Slot>, Reject> {
    let part = |value: Option<&'a RawValue>| value.map(|value| Cell { text: value.get(), ..cell });
    let size = |value: Option<&'a RawValue>| -> Result<u32, Reject> {
        let count = part(value).ok_or(Reject::MissingField(cell.field.name()))?.count(MAX_COUNT)?;
        u32::try_from(count).map_err(|_| Reject::BadValue(cell.field.name()))
    };
    let mut slots = Vec::new();
    for element in cell.elements(MAX_SLOTS)? {
        // Arrays would be read as structs too; the contract says objects.
        let texts = Some(element.text).filter(|text| text.starts_with('{'));
        let texts: Option<SlotTexts<'a>> = texts.and_then(|text| serde_json::from_str(text).ok());
        let texts = texts.ok_or(Reject::WrongType(cell.field.name()))?;
        let channel = part(texts.channel).map(|channel| r.word_of(channel)).transpose()?;
        slots.push(Slot { channel, active: size(texts.active)?, max: size(texts.max)? });
    }
    Ok(slots)
}

fn customer<'a>(rest: &str, r: &mut Record<'a>) -> Result<Kind<'a>, Reject> {
    Ok(match rest {
        "base" => Kind::CustomerBase {
            count: r.need(F::Count)?.count(MAX_AMOUNT)?,
            revenue_micros: amount(r, F::Revenue)?,
            currency: r.name(F::Currency)?,
            as_of: r.instant(F::AsOf)?,
        },
        "acquired" => {
            Kind::CustomerAcquired { revenue_micros: amount(r, F::Revenue)?, currency: r.name(F::Currency)? }
        }
        "lost" => Kind::CustomerLost {
            revenue_micros: amount(r, F::Revenue)?,
            currency: r.name(F::Currency)?,
            acquired_at: r.instant(F::AcquiredAt)?,
            reason: r.name(F::Reason)?,
        },
        "revenue_changed" => Kind::CustomerRevenueChanged {
            delta_micros: need_amount(r, F::Delta)?,
            currency: r.need_name(F::Currency)?,
        },
        "signal" => Kind::CustomerSignal {
            kind: r.need_word(F::Kind)?,
            score_micros: r.need(F::Score)?.micros(0, 1)?,
        },
        "forget" => {
            r.need(F::CustomerId)?;
            Kind::CustomerForget
        }
        _ => Kind::Unknown,
    })
}

fn survey<'a>(rest: &str, r: &mut Record<'a>) -> Result<Kind<'a>, Reject> {
    Ok(match rest {
        "sent" => Kind::SurveySent { kind: r.need_word(F::Kind)?, survey_id: r.need_id(F::SurveyId)? },
        "responded" => {
            let kind = r.need_word(F::Kind)?;
            let survey_id = r.need_id(F::SurveyId)?;
            if kind != SurveyKind::Servqual {
                r.need(F::Score)?;
            }
            Kind::SurveyResponded(SurveyResponse {
                kind,
                survey_id,
                score_micros: amount(r, F::Score)?,
                scale_min_micros: amount(r, F::ScaleMin)?,
                scale_max_micros: amount(r, F::ScaleMax)?,
                higher_is_better: r.flag(F::HigherIsBetter)?,
                dimension: r.name(F::Dimension)?,
                expectation_micros: amount(r, F::Expectation)?,
                perception_micros: amount(r, F::Perception)?,
            })
        }
        _ => Kind::Unknown,
    })
}

/// The types that are alone, or nearly, in their family.
fn single<'a>(type_name: &str, r: &mut Record<'a>) -> Result<Kind<'a>, Reject> {
    Ok(match type_name {
        "message.sent" => {
            r.need(F::ContactId)?;
            let author = r.need_word(F::Author)?;
            Kind::MessageSent { author, visibility: or(r, F::Visibility, Visibility::Public)? }
        }
        "queue.described" => {
            r.need(F::Queue)?;
            Kind::QueueDescribed { name: r.need_name(F::Name)? }
        }
        "selfservice.ended" => {
            Kind::SelfserviceEnded { session_id: r.need_id(F::SessionId)?, outcome: r.need_word(F::Outcome)? }
        }
        "bot.ended" => Kind::BotEnded {
            session_id: r.need_id(F::SessionId)?,
            outcome: r.need_word(F::Outcome)?,
            human_requested: r.flag(F::HumanRequested)?,
            turns: r.count(F::Turns, MAX_COUNT)?.and_then(|turns| u32::try_from(turns).ok()),
        },
        "sentiment.scored" => {
            let score_micros = r.micros(F::Score, -1, 1)?;
            let label = r.word(F::Label)?;
            if score_micros.is_none() && label.is_none() {
                return Err(Reject::MissingField(F::Score.name()));
            }
            let participant = r.word(F::Participant)?;
            Kind::SentimentScored { participant, score_micros, label, model: r.name(F::Model)? }
        }
        "feedback.given" => {
            Kind::FeedbackGiven { sentiment: r.word(F::Sentiment)?, reason: r.name(F::Reason)? }
        }
        "offer.made" => {
            Kind::OfferMade { kind: r.need_word(F::Kind)?, accepted: r.need(F::Accepted)?.flag()? }
        }
        "source.restarted" => Kind::SourceRestarted,
        _ => return business(type_name, r),
    })
}

fn business<'a>(type_name: &str, r: &mut Record<'a>) -> Result<Kind<'a>, Reject> {
    Ok(match type_name {
        "cost.incurred" => Kind::CostIncurred {
            amount_micros: need_amount(r, F::Amount)?,
            currency: r.need_name(F::Currency)?,
            kind: r.word(F::Kind)?.unwrap_or(Word::OTHER),
        },
        "conversion.recorded" => Kind::ConversionRecorded {
            name: r.need_name(F::Name)?,
            value_micros: amount(r, F::Value)?,
            currency: r.name(F::Currency)?,
        },
        "outreach.made" => {
            Kind::OutreachMade { campaign: r.name(F::Campaign)?, converted: r.flag(F::Converted)? }
        }
        "milestone.reached" => {
            Kind::MilestoneReached { name: r.need_name(F::Name)?, value_micros: amount(r, F::Value)? }
        }
        "schedule.interval" => {
            r.need(F::AgentId)?;
            let (start, end) = interval(r)?;
            let state = r.need_word(F::State)?;
            Kind::ScheduleInterval { start, end, state, productive: r.flag(F::Productive)? }
        }
        "forecast.interval" => {
            r.need(F::Queue)?;
            let (start, end) = interval(r)?;
            Kind::ForecastInterval {
                start,
                end,
                contacts_micros: r.need(F::Contacts)?.micros(0, MAX_AMOUNT)?,
                // Seconds in millionths to milliseconds.
                aht_ms: r.micros(F::AhtSeconds, 0, MAX_SPAN_MS / 1_000)?.map(|micros| micros / 1_000),
                agents_micros: r.micros(F::Agents, 0, MAX_AMOUNT)?,
            }
        }
        _ => Kind::Unknown,
    })
}

/// An optional word with a default of its own.
fn or<W: Word>(r: &mut Record<'_>, field: F, absent: W) -> Result<W, Reject> {
    Ok(r.word(field)?.unwrap_or(absent))
}

fn amount(r: &Record<'_>, field: F) -> Result<Option<i64>, Reject> {
    r.micros(field, -MAX_AMOUNT, MAX_AMOUNT)
}

fn need_amount(r: &Record<'_>, field: F) -> Result<i64, Reject> {
    r.need(field)?.micros(-MAX_AMOUNT, MAX_AMOUNT)
}

/// A required start and end, the end after the start.
fn interval(r: &Record<'_>) -> Result<(EventMs, EventMs), Reject> {
    let (start, end) = (r.need(F::Start)?.instant()?, r.need(F::End)?.instant()?);
    if end > start { Ok((start, end)) } else { Err(Reject::BadValue(F::End.name())) }
}
