//! A worker's committer: a thread that performs one handover at a time and says what became of it.
//!
//! Must never know: stages, rebalances. It keeps nothing between handovers but its producer.

use super::config::{KafkaConfig, Mode};
use super::context::PlainContext;
use super::delivery::Allowance;
use super::error::KafkaError;
use super::halt::Halt;
use super::handover::{Fate, Handover, Outcome, Reply, Sealed, Trouble, fate};
use super::observer::Observer;
use super::source::Source;
use super::transaction::{Failure, Line, committed, offsets_client};
use super::watchdog::Turns;
use rdkafka::consumer::BaseConsumer;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Producers displaced in a row without a handover going through; then the worker stops.
const FENCED_MAX: u32 = 20;
/// Pause before a producer is opened again.
const REOPEN_PAUSE: Duration = Duration::from_millis(500);
/// How often an idle committer serves its producer's events.
const SERVE_INTERVAL: Duration = Duration::from_millis(500);
/// How long an answer about committed offsets may take: longer than a pending transaction lives.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(20);
/// The same before a commit, which goes again where it takes longer.
const DOUBT_TIMEOUT: Duration = Duration::from_secs(5);

/// The worker's end of its committer.
pub struct Committer {
    /// Takes the next handover; the worker sends one only after the last has ended.
    pub handovers: SyncSender<Handover>,
    /// What the committer says.
    pub replies: Receiver<Reply>,
    /// Ends when `handovers` is dropped.
    pub thread: JoinHandle<()>,
}

impl Committer {
    /// Starts the thread; its first reply says whether the producer could be initialised.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        config: &Arc<KafkaConfig>,
        role: &'static str,
        worker: &str,
        observer: &Arc<dyn Observer>,
        halt: &Arc<Halt>,
        turns: Turns,
    ) -> Result<Committer, KafkaError> {
        let (handovers, inbox) = mpsc::sync_channel(1);
        let (outbox, replies) = mpsc::channel();
        let mut desk = Desk {
            config: Arc::clone(config),
            role,
            worker: worker.to_owned(),
            observer: Arc::clone(observer),
            halt: Arc::clone(halt),
            turns,
            line: None,
            asker: None,
            fenced: 0,
            allowance: Allowance::default(),
        };
        let thread = std::thread::Builder::new()
            .name(format!("commit-{worker}"))
            .spawn(move || desk.run(&inbox, &outbox))
            .map_err(|source| KafkaError::Thread { worker: format!("the committer of {worker}"), source })?;
        Ok(Committer { handovers, replies, thread })
    }

    /// Ends the thread once what it is doing is done.
    pub fn end(self) {
        drop(self.handovers);
        if self.thread.join().is_err() {
            tracing::error!("a committer panicked");
        }
    }
}

struct Desk {
    config: Arc<KafkaConfig>,
    role: &'static str,
    worker: String,
    observer: Arc<dyn Observer>,
    halt: Arc<Halt>,
    turns: Turns,
    line: Option<Line>,
    /// Reads stored offsets, once that was needed.
    asker: Option<BaseConsumer<PlainContext>>,
    /// Producers in a row that were displaced before a handover went through.
    fenced: u32,
    allowance: Allowance,
}

impl Desk {
    fn run(&mut self, inbox: &Receiver<Handover>, outbox: &mpsc::Sender<Reply>) {
        // A worker that is gone does not read replies; then there is nobody left to tell.
        let opening = match self.reopen() {
            Ok(()) => Reply::Ready,
            Err(reason) => Reply::Failed(reason),
        };
        let _ = outbox.send(opening);
        loop {
            self.turns.turn();
            match inbox.recv_timeout(SERVE_INTERVAL) {
                Ok(handover) => {
                    let _ = outbox.send(self.perform(handover));
                }
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(line) = &self.line {
                        line.serve();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn perform(&mut self, handover: Handover) -> Reply {
        if self.allowance.relax()
            && let Err(reason) = self.reopen()
        {
            return Reply::Failed(reason);
        }
        let begun = Instant::now();
        if handover.doubt && self.config.mode == Mode::ExactlyOnce {
            match self.superseded(&handover.sealed) {
                Ok(gone) if gone.is_empty() => {}
                Ok(gone) => {
                    let cause = format!("another has committed {} of these partitions meanwhile", gone.len());
                    return refused(handover.sealed, &gone, cause, begun.elapsed());
                }
                Err(cause) => return refused(handover.sealed, &[], cause, begun.elapsed()),
            }
        }
        let Some(line) = &mut self.line else {
            return Reply::Failed("the committer has no producer".to_owned());
        };
        let result = line.perform(&handover);
        let slow = line.is_slow();
        if self.allowance.count(begun.elapsed(), slow, self.config.transaction_timeout) {
            let span_ms = self.span().as_millis();
            tracing::warn!(
                worker = self.worker,
                span_ms,
                "a commit needs more time; its transactions have more"
            );
        }
        let sealed = handover.sealed;
        let (sealed, records, trouble) = match result {
            Ok(records) => {
                self.fenced = 0;
                (all(sealed, Fate::Done), records, None)
            }
            Err(Failure::Aborted(cause)) => {
                if slow && let Err(reason) = self.reopen() {
                    return Reply::Failed(reason);
                }
                (all(sealed, Fate::Again), 0, Some((Trouble::Aborted, cause)))
            }
            Err(Failure::Impossible(cause)) => return Reply::Failed(cause),
            Err(failure @ (Failure::Unknown(_) | Failure::Fenced(_))) => {
                let (kind, cause) = match failure {
                    Failure::Fenced(cause) => (Trouble::Fenced, cause),
                    Failure::Unknown(cause) | Failure::Aborted(cause) | Failure::Impossible(cause) => {
                        (Trouble::Unknown, cause)
                    }
                };
                tracing::warn!(worker = self.worker, ?kind, cause, "the fate of a commit is asked for");
                match self.count_fenced(kind).and_then(|()| self.settle(sealed)) {
                    Ok(judged) => (judged, 0, Some((kind, cause))),
                    Err(reason) => return Reply::Failed(format!("{cause}; {reason}")),
                }
            }
        };
        Reply::Ended(Outcome { sealed, took: begun.elapsed(), records, trouble })
    }

    /// The partitions of which the group has stored something else than these commits follow.
    fn superseded(&mut self, sealed: &[Sealed]) -> Result<Vec<Source>, String> {
        let asker = match self.asker.take() {
            Some(asker) => asker,
            None => offsets_client(&self.config, self.role, &self.worker, &self.observer)?,
        };
        self.turns.turn();
        let stored = committed(&asker, sealed.iter().map(|one| &one.source), DOUBT_TIMEOUT);
        self.asker = Some(asker);
        let stored = stored.map_err(|error| format!("committed offsets cannot be read: {error}"))?;
        let differs = |one: &&Sealed| {
            !stored.iter().any(|(source, found)| *source == one.source && *found == one.stored)
        };
        Ok(sealed.iter().filter(differs).map(|one| one.source.clone()).collect())
    }

    /// How long a transaction may take at present.
    fn span(&self) -> Duration {
        self.allowance.span(self.config.transaction_timeout)
    }

    /// After an unknown outcome: a new producer ends the old one's transaction, then the stored offsets decide.
    fn settle(&mut self, sealed: Vec<Sealed>) -> Result<Vec<(Sealed, Fate)>, String> {
        self.reopen()?;
        if self.config.mode == Mode::None {
            // Without transactions sending again is harmless: merge ignores what it has seen.
            return Ok(all(sealed, Fate::Again));
        }
        let client = offsets_client(&self.config, self.role, &self.worker, &self.observer)?;
        let stored = loop {
            match committed(&client, sealed.iter().map(|sealed| &sealed.source), OFFSETS_TIMEOUT) {
                Ok(stored) => break stored,
                Err(error) => self.wait(format!("committed offsets cannot be read: {error}"))?,
            }
        };
        let judge = |one: Sealed| {
            let found = stored.iter().find(|(source, _)| *source == one.source);
            let fate = fate(&one, found.and_then(|(_, committed)| committed.as_ref()));
            (one, fate)
        };
        Ok(sealed.into_iter().map(judge).collect())
    }

    /// Opens a producer, however long brokers are away: an outage is waited out.
    fn reopen(&mut self) -> Result<(), String> {
        self.turns.turn();
        // The old producer goes first: two of one name would fence each other.
        self.line = None;
        loop {
            let names = (self.role, self.worker.as_str());
            match Line::open(&self.config, names, &self.observer, self.span(), self.turns.clone()) {
                Ok(line) => {
                    self.line = Some(line);
                    return Ok(());
                }
                Err(Failure::Impossible(reason)) => return Err(reason),
                Err(Failure::Fenced(reason)) => {
                    self.count_fenced(Trouble::Fenced)?;
                    self.wait(reason)?;
                }
                Err(Failure::Aborted(reason) | Failure::Unknown(reason)) => self.wait(reason)?,
            }
        }
    }

    /// Two that displace each other in turn would do so for ever: that is no outage, and it is not waited out.
    fn count_fenced(&mut self, kind: Trouble) -> Result<(), String> {
        if kind != Trouble::Fenced {
            return Ok(());
        }
        self.fenced += 1;
        if self.fenced <= FENCED_MAX {
            return Ok(());
        }
        let instance = &self.config.instance;
        Err(format!(
            "{FENCED_MAX} producers in a row were displaced by another of the same name; \
             is service.instance \"{instance}\" used twice?"
        ))
    }

    fn wait(&mut self, reason: String) -> Result<(), String> {
        self.turns.turn();
        if self.halt.is_asked() {
            return Err(reason);
        }
        tracing::warn!(worker = self.worker, reason, "asking again");
        self.halt.pause(REOPEN_PAUSE);
        Ok(())
    }
}

/// Nothing was sent: what others have committed is elsewhere, the rest goes again.
fn refused(sealed: Vec<Sealed>, gone: &[Source], cause: String, took: Duration) -> Reply {
    let judge = |one: Sealed| {
        let fate = if gone.contains(&one.source) { Fate::Elsewhere } else { Fate::Again };
        (one, fate)
    };
    let sealed = sealed.into_iter().map(judge).collect();
    Reply::Ended(Outcome { sealed, took, records: 0, trouble: Some((Trouble::Aborted, cause)) })
}

fn all(sealed: Vec<Sealed>, fate: Fate) -> Vec<(Sealed, Fate)> {
    sealed.into_iter().map(|one| (one, fate)).collect()
}
