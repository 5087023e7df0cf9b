//! Signals and the end: the first asks for a clean stop, the second ends at once, and so does a stop that takes too long.
//!
//! Must never know: what is to be stopped.

use std::io;
use std::sync::mpsc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal as listen_for};
use tokio::sync::watch;

/// How long after the first signal the process ends at the latest, whatever is still at work.
const END_BY: Duration = Duration::from_millis(4_300);

/// The first SIGTERM or SIGINT, for whoever asks.
#[derive(Clone, Debug)]
pub struct Signals {
    first: watch::Receiver<Option<&'static str>>,
}

/// Listens from now on, on a thread of its own.
///
/// A second signal ends the process with code 1. A stop that has not ended within 4.3 s of the first is cut short with
/// code 0: a commit that did not end in time has promised nothing and is redone.
///
/// # Errors
/// The system gives no thread or takes no listener.
pub fn listen() -> io::Result<Signals> {
    let (sender, first) = watch::channel(None);
    let (ready, listening) = mpsc::channel();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(ready.send(Err(error))),
        };
        runtime.block_on(async {
            match (listen_for(SignalKind::terminate()), listen_for(SignalKind::interrupt())) {
                (Ok(terminate), Ok(interrupt)) => {
                    // Nobody waits any more if the start was given up.
                    let _ = ready.send(Ok(()));
                    attend(terminate, interrupt, &sender).await;
                }
                (Err(error), _) | (_, Err(error)) => drop(ready.send(Err(error))),
            }
        });
    })?;
    listening.recv().unwrap_or_else(|_| Err(io::Error::other("the thread for signals ended")))?;
    Ok(Signals { first })
}

impl Signals {
    /// Resolves with the name of the first signal, at once if it has come already.
    pub async fn first(&mut self) -> &'static str {
        match self.first.wait_for(Option::is_some).await {
            Ok(name) => name.unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }
}

async fn attend(mut terminate: Signal, mut interrupt: Signal, first: &watch::Sender<Option<&'static str>>) {
    first.send_replace(Some(next(&mut terminate, &mut interrupt).await));
    tokio::select! {
        _ = next(&mut terminate, &mut interrupt) => exit_now(true),
        () = tokio::time::sleep(END_BY) => {
            tracing::warn!("still at work at the deadline; what is not committed is redone at the next start");
            exit_now(false);
        }
    }
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// Ends the process now, whatever threads are still at work.
#[expect(clippy::exit, reason = "threads that do not end in time would hold up a return from main")]
pub fn exit_now(failed: bool) -> ! {
    std::process::exit(i32::from(failed))
}
