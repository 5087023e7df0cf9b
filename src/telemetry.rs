//! Logs: one subscriber, JSON where a machine reads, and panics as log lines.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging to standard error; `RUST_LOG` filters, `info` without it. JSON unless a terminal reads.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = std::io::stderr().is_terminal();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start keeps the first: tests start several services in one process.
    let _ = if terminal { subscriber.try_init() } else { subscriber.json().flatten_event(true).try_init() };
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(%panic, "a thread panicked: a defect, please report it");
    }));
}
