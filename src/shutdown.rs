//! Signals and the end: the first asks for a clean stop, the second ends at once.

use tokio::signal::unix::{SignalKind, signal as listen};

/// Resolves with the name of the first SIGTERM or SIGINT; from then on a further one ends the process with code 1.
pub async fn signal() -> &'static str {
    let name = next().await;
    tokio::spawn(async {
        next().await;
        exit_now(true);
    });
    name
}

async fn next() -> &'static str {
    match (listen(SignalKind::terminate()), listen(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        },
        _ => std::future::pending().await,
    }
}

/// Ends the process now, whatever threads are still at work.
#[expect(clippy::exit, reason = "threads that do not end in time would hold up a return from main")]
pub fn exit_now(failed: bool) -> ! {
    std::process::exit(i32::from(failed))
}
