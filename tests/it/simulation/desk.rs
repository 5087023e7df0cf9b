//! A worker's committer, step by step: what `kafka::committer` and `kafka::transaction` do on a thread of their own.
//!
//! Each step is one request to the broker, so that a copy can die between any two. It must never know stages.

use std::collections::BTreeSet;

use intraday::kafka::handover::{Committed, Fate, Sealed, fate};
use intraday::pipeline::{Commit, Effect, StageKind};

use super::broker::{Broker, Place, Refusal, Session, Stored, Topic};
use super::group::Membership;
use super::log::Content;
use super::world::World;
use crate::scenario::dice::Dice;

/// Commits that go together.
#[derive(Debug)]
pub struct Handover {
    /// The commits of one worker.
    pub sealed: Vec<Sealed>,
    /// The worker's membership when it handed over.
    pub membership: Membership,
}

/// What a committer tells its worker.
#[derive(Debug)]
pub enum Reply {
    /// Its producer is initialised.
    Ready,
    /// A handover has ended; its commits, each with its fate.
    Ended(Vec<(Sealed, Fate)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The next record to send: which commit, which effect.
    Send(usize, usize),
    Offsets,
    Commit,
    Abort,
    /// The outcome is not known: a new producer is needed.
    Reopen,
    /// The committed offsets decide.
    Settle,
}

/// The committer of one worker.
#[derive(Debug)]
pub struct Desk {
    name: String,
    kind: StageKind,
    has_transactions: bool,
    session: Option<Session>,
    job: Option<(Handover, Phase)>,
}

impl Desk {
    /// A committer that has not yet opened its producer.
    pub fn new(name: String, kind: StageKind, has_transactions: bool) -> Desk {
        Desk { name, kind, has_transactions, session: None, job: None }
    }

    /// Takes a handover; the last one has ended.
    pub fn take(&mut self, handover: Handover) {
        self.job = Some((handover, Phase::Send(0, 0)));
    }

    /// Whether there is something to do.
    pub fn is_busy(&self) -> bool {
        self.job.is_some() || self.session.is_none()
    }

    /// Does the next step; tells when it leads to an end.
    pub fn step(&mut self, world: &mut World) -> Option<Reply> {
        let World { broker, dice, faults, seen, .. } = world;
        let Some(session) = self.session.clone() else {
            self.session = Some(broker.open(&self.name));
            return Some(Reply::Ready);
        };
        let (handover, phase) = self.job.take()?;
        if !self.has_transactions {
            return self.produce(handover, phase, world);
        }
        // Records are many, the rest of a commit is three steps.
        let is_met = !matches!(phase, Phase::Send(..)) || dice.chance(8);
        let next = match phase {
            Phase::Send(..) | Phase::Offsets | Phase::Commit if is_met && often(dice, faults.refused) => {
                Phase::Abort
            }
            Phase::Send(..) | Phase::Offsets | Phase::Abort if is_met && often(dice, faults.unanswered) => {
                Phase::Reopen
            }
            Phase::Send(at, effect) => send(&session, &handover, (at, effect), broker),
            Phase::Offsets => {
                let stored = handover.sealed.iter().map(|sealed| stored(sealed, self.kind)).collect();
                match broker.send_offsets(&session, &handover.membership, stored) {
                    Ok(()) => Phase::Commit,
                    Err(Refusal::NotMember) => {
                        seen.count("offsets of former members refused");
                        Phase::Abort
                    }
                    Err(Refusal::Fenced) => Phase::Reopen,
                }
            }
            Phase::Commit => {
                // The moment at which it matters most is met more often.
                let is_lost = often(dice, 5 * faults.unanswered);
                // Half of the requests without an answer never arrived.
                if is_lost && dice.chance(50) {
                    Phase::Reopen
                } else if broker.end(&session, true).is_ok() && !is_lost {
                    return Some(all(handover, Fate::Done));
                } else {
                    Phase::Reopen
                }
            }
            Phase::Abort => match broker.end(&session, false) {
                Ok(()) => return Some(all(handover, Fate::Again)),
                Err(_) => Phase::Reopen,
            },
            Phase::Reopen => {
                seen.count("commits of unknown outcome");
                if broker.is_fenced(&session) {
                    seen.count("producers fenced");
                }
                self.session = Some(broker.open(&self.name));
                Phase::Settle
            }
            Phase::Settle => match judge(&handover, self.kind, broker) {
                Some(fates) => {
                    if fates.contains(&Fate::Done) {
                        seen.count("of them done");
                    }
                    return Some(Reply::Ended(handover.sealed.into_iter().zip(fates).collect()));
                }
                None => Phase::Settle,
            },
        };
        self.job = Some((handover, next));
        None
    }

    /// The way without transactions: records, then offsets; what is not answered goes again.
    fn produce(&mut self, handover: Handover, phase: Phase, world: &mut World) -> Option<Reply> {
        let World { broker, dice, faults, .. } = world;
        let Phase::Send(at, effect) = phase else {
            self.session = Some(broker.open(&self.name));
            return Some(all(handover, Fate::Again));
        };
        let Some(sealed) = handover.sealed.get(at) else {
            if !often(dice, faults.unanswered) {
                handover.sealed.iter().for_each(|sealed| broker.store(stored(sealed, self.kind)));
            }
            return Some(all(handover, Fate::Done));
        };
        let next = if dice.chance(8) && often(dice, faults.unanswered) {
            scatter(&handover, (at, effect), broker, dice);
            Phase::Reopen
        } else if let Some(next) = sealed.commit.effects.get(effect) {
            let (place, content) = record(&sealed.commit, next);
            broker.append(place, content);
            Phase::Send(at, effect + 1)
        } else {
            Phase::Send(at + 1, 0)
        };
        self.job = Some((handover, next));
        None
    }
}

/// Sends a record; tells what comes next.
fn send(session: &Session, handover: &Handover, (at, effect): (usize, usize), broker: &mut Broker) -> Phase {
    let Some(sealed) = handover.sealed.get(at) else { return Phase::Offsets };
    let Some(next) = sealed.commit.effects.get(effect) else { return Phase::Send(at + 1, 0) };
    let (place, content) = record(&sealed.commit, next);
    match broker.send(session, place, content) {
        Ok(()) => Phase::Send(at, effect + 1),
        Err(_) => Phase::Reopen,
    }
}

/// Of what was under way some arrives, in each partition from the front.
fn scatter(handover: &Handover, (at, effect): (usize, usize), broker: &mut Broker, dice: &mut Dice) {
    let mut cut: BTreeSet<Place> = BTreeSet::new();
    let rest = handover.sealed.iter().skip(at).enumerate().flat_map(|(later, sealed)| {
        let skipped = if later == 0 { effect } else { 0 };
        sealed.commit.effects.iter().skip(skipped).map(|effect| record(&sealed.commit, effect))
    });
    for (place, content) in rest {
        if !cut.contains(&place) && dice.chance(70) {
            broker.append(place, content);
        } else {
            cut.insert(place);
        }
    }
}

/// Whether something that happens so often in a thousand happens now.
pub fn often(dice: &mut Dice, per_thousand: usize) -> bool {
    dice.below(1_000) < per_thousand
}

fn all(handover: Handover, fate: Fate) -> Reply {
    Reply::Ended(handover.sealed.into_iter().map(|sealed| (sealed, fate)).collect())
}

/// The fates by the committed offsets; none while one of them is pending.
fn judge(handover: &Handover, kind: StageKind, broker: &Broker) -> Option<Vec<Fate>> {
    let of = |sealed: &Sealed| {
        let committed = broker.committed(kind, sealed.source.number()).ok()?;
        Some(fate(sealed, committed.as_ref()))
    };
    handover.sealed.iter().map(of).collect()
}

fn stored(sealed: &Sealed, kind: StageKind) -> Stored {
    let Commit { from, to, .. } = sealed.commit;
    let committed = Committed { offset: to, mark: sealed.mark.clone() };
    Stored { kind, partition: sealed.source.number(), from, committed }
}

/// An effect as the broker gets it.
fn record(commit: &Commit, effect: &Effect) -> (Place, Content) {
    let partition = commit.partition;
    match effect.clone() {
        Effect::Batch { shard, bytes } => ((Topic::Partials, shard), Content::Batch(bytes)),
        Effect::State { key, value } => {
            let topic = if commit.stage == StageKind::Fold { Topic::FoldState } else { Topic::MergeState };
            ((topic, partition), Content::State(key, value))
        }
        Effect::Kpi(kpi) => ((Topic::Kpis, partition), Content::Kpi(kpi)),
        Effect::DeadLetter(letter) => ((Topic::DeadLetters, 0), Content::Letter(partition, letter)),
    }
}
