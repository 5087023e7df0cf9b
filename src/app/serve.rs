//! The front of the service: metrics, API, probes and page on one address, with what feeds them.

use super::{Failure, wall_now};
use crate::http::{Board, BoardLimits, Exposition, HttpLimits, HttpParts, HttpState, QueueName, serve};
use crate::kafka::Service;
use crate::kpi::families::FAMILIES;
use crate::kpi::print::catalog_json;
use crate::settings::Settings;
use crate::shutdown::Signals;
use crate::vitals::{Build, Health, Registry, Vitals};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// A worker without a commit is left out of scrapes after half the session timeout, but not sooner than this: without
/// news there is a commit a second, and a loaded machine takes its time.
const SILENT_AFTER_MIN: Duration = Duration::from_secs(3);

/// The running front.
pub struct Front {
    runtime: Runtime,
    address: SocketAddr,
    /// The newest records.
    pub board: Board,
    /// The series of the groups that this copy owns.
    pub exposition: Exposition,
    /// The service's own metrics.
    pub vitals: Vitals,
    /// Signs of life of the workers.
    pub health: Health,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
}

impl Front {
    /// Binds the address and begins to serve.
    pub fn open(settings: &Settings, listen: SocketAddr) -> Result<Front, Failure> {
        let failed = |what: &str, error: &dyn std::fmt::Display| Failure::Run(format!("{what}: {error}"));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("front")
            .enable_all()
            .build()
            .map_err(|error| failed("start the runtime", &error))?;
        let listener = runtime.block_on(TcpListener::bind(listen)).map_err(|error| {
            failed(&format!("listen on {listen}; set http.listen to a free address"), &error)
        })?;
        let address = listener.local_addr().map_err(|error| failed("listen", &error))?;
        let registry = Registry::new();
        let build = Build {
            version: env!("CARGO_PKG_VERSION"),
            revision: option_env!("INTRADAY_REVISION").unwrap_or("unknown"),
            rustc: option_env!("INTRADAY_RUSTC").unwrap_or("unknown"),
        };
        let vitals =
            Vitals::new(&registry, build, wall_now()).map_err(|error| failed("register metrics", &error))?;
        let (board, health) = (Board::new(BoardLimits::default(), vitals.clone()), Health::default());
        let session = Duration::from_millis(settings.kafka.session_timeout_ms.unsigned_abs());
        let exposition = Exposition::new(FAMILIES, SILENT_AFTER_MIN.max(session / 2));
        let state = HttpState::new(HttpParts {
            exposition: exposition.clone(),
            registry,
            vitals: vitals.clone(),
            health: health.clone(),
            board: board.clone(),
            catalog: catalog_json(),
            config: settings.to_json_redacted().to_string(),
            names: names(settings),
            limits: HttpLimits::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let served = runtime.spawn(serve(listener, state, async {
            // A dropped sender ends the server too.
            let _ = stopped.await;
        }));
        Ok(Front { runtime, address, board, exposition, vitals, health, stop, served })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes records of the kpis topic to the board.
    pub fn board_feed(&self) -> impl FnMut(&[u8], &[u8]) + Send + 'static {
        let board = self.board.clone();
        move |key, value| {
            if let (Ok(key), Ok(value)) = (std::str::from_utf8(key), std::str::from_utf8(value)) {
                board.apply(key, value, wall_now());
            }
        }
    }

    /// Does `work` on a thread of its own; `None` if a signal comes first.
    ///
    /// # Errors
    /// The work panicked.
    pub fn unless_signal<T: Send + 'static>(
        &self,
        signals: &mut Signals,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, Failure> {
        let (done, result) = oneshot::channel();
        std::thread::spawn(move || {
            // Nobody listens once a signal has come.
            let _ = done.send(work());
        });
        self.runtime.block_on(async {
            tokio::select! {
                _ = signals.first() => Ok(None),
                result = result => outcome(result).map(Some),
            }
        })
    }

    /// Waits for a signal, or for the service to fail; what failed.
    pub fn until_signal_or(&self, signals: &mut Signals, service: &Arc<Service>) -> Option<String> {
        let failing = Arc::clone(service);
        let (failed, failure) = oneshot::channel();
        std::thread::spawn(move || {
            // Nobody listens once a signal has come.
            let _ = failed.send(failing.wait().map(|error| error.to_string()));
        });
        self.runtime.block_on(async {
            tokio::select! {
                signal = signals.first() => {
                    tracing::info!(signal, "stopping");
                    None
                }
                failure = failure => outcome(failure).unwrap_or_else(|panic| Some(panic.to_string())),
            }
        })
    }

    /// Runs a future on the front's runtime.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Ends the server within `patience`: streams are told, what is still open then is cut.
    pub fn close(self, patience: Duration) {
        let _ = self.stop.send(());
        let ended = self.runtime.block_on(async { tokio::time::timeout(patience, self.served).await });
        if ended.is_err() {
            tracing::warn!("connections were still open at the end");
        }
        self.runtime.shutdown_background();
    }
}

/// What a thread came to. One that panicked has said so itself and sends nothing, which is no success.
fn outcome<T>(result: Result<T, oneshot::error::RecvError>) -> Result<T, Failure> {
    result.map_err(|_| Failure::Run("a thread panicked; a defect, please report it".to_owned()))
}

fn names(settings: &Settings) -> Vec<QueueName> {
    let names = settings.names.iter().cloned();
    names.map(|row| QueueName { tenant: row.tenant, queue: row.queue, name: row.name }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_panicked_is_a_failure_and_no_signal() {
        let (done, result) = oneshot::channel::<u32>();
        drop(done);
        let Err(Failure::Run(text)) = outcome(result.blocking_recv()) else { panic!("no failure") };
        assert!(text.contains("panicked"), "{text}");
        let (done, result) = oneshot::channel();
        done.send(7).unwrap();
        assert_eq!(outcome(result.blocking_recv()).ok(), Some(7));
    }
}
