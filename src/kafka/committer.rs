//! A worker's committer: a thread that performs one handover at a time and says what became of it.
//!
//! Must never know: stages, rebalances. It keeps nothing between handovers but its producer.

use super::config::{KafkaConfig, Mode};
use super::error::KafkaError;
use super::halt::Halt;
use super::handover::{Fate, Handover, Outcome, Reply, Sealed, fate};
use super::observer::Observer;
use super::transaction::{Failure, Line, committed, offsets_client};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Producers opened in a row without a handover going through; then the worker stops.
const REOPENS_MAX: u32 = 20;
/// Pause before a producer is opened again.
const REOPEN_PAUSE: Duration = Duration::from_millis(500);
/// How often an idle committer serves its producer's events.
const SERVE_INTERVAL: Duration = Duration::from_millis(500);
/// How long an answer about committed offsets may take: longer than a pending transaction lives.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(20);

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
    ) -> Result<Committer, KafkaError> {
        let (handovers, inbox) = mpsc::sync_channel(1);
        let (outbox, replies) = mpsc::channel();
        let mut desk = Desk {
            config: Arc::clone(config),
            role,
            worker: worker.to_owned(),
            observer: Arc::clone(observer),
            halt: Arc::clone(halt),
            line: None,
            reopens: 0,
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
    line: Option<Line>,
    reopens: u32,
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
        let begun = Instant::now();
        let Some(line) = &self.line else {
            return Reply::Failed("the committer has no producer".to_owned());
        };
        let result = line.perform(&handover);
        let sealed = handover.sealed;
        let (sealed, records, trouble) = match result {
            Ok(records) => {
                self.reopens = 0;
                (all(sealed, Fate::Done), records, None)
            }
            Err(Failure::Aborted(cause)) => (all(sealed, Fate::Again), 0, Some(cause)),
            Err(Failure::Impossible(cause)) => return Reply::Failed(cause),
            Err(Failure::Unknown(cause)) => match self.settle(sealed) {
                Ok(judged) => (judged, 0, Some(cause)),
                Err(reason) => return Reply::Failed(format!("{cause}; {reason}")),
            },
        };
        Reply::Ended(Outcome { sealed, took: begun.elapsed(), records, trouble })
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
                Err(error) => {
                    self.reopens += 1;
                    if self.reopens > REOPENS_MAX || self.halt.is_asked() {
                        return Err(format!("committed offsets cannot be read: {error}"));
                    }
                    self.observer.client_error(&format!("committed offsets: {error}"));
                    self.halt.pause(REOPEN_PAUSE);
                }
            }
        };
        let judge = |one: Sealed| {
            let found = stored.iter().find(|(source, _)| *source == one.source);
            let fate = fate(&one, found.and_then(|(_, committed)| committed.as_ref()));
            (one, fate)
        };
        Ok(sealed.into_iter().map(judge).collect())
    }

    fn reopen(&mut self) -> Result<(), String> {
        // The old producer goes first: two of one name would fence each other.
        self.line = None;
        loop {
            self.reopens += 1;
            let reason = match Line::open(&self.config, self.role, &self.worker, &self.observer) {
                Ok(line) if self.reopens <= REOPENS_MAX => {
                    self.line = Some(line);
                    return Ok(());
                }
                Ok(_) => {
                    let instance = &self.config.instance;
                    return Err(format!(
                        "{REOPENS_MAX} producers in a row lost their transaction; is service.instance \"{instance}\" used twice?"
                    ));
                }
                Err(Failure::Impossible(reason)) => return Err(reason),
                Err(Failure::Aborted(reason) | Failure::Unknown(reason)) => reason,
            };
            if self.reopens > REOPENS_MAX || self.halt.is_asked() {
                return Err(reason);
            }
            self.observer.client_error(&reason);
            self.halt.pause(REOPEN_PAUSE);
        }
    }
}

fn all(sealed: Vec<Sealed>, fate: Fate) -> Vec<(Sealed, Fate)> {
    sealed.into_iter().map(|one| (one, fate)).collect()
}
