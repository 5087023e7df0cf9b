//! The command line and its exit codes: 0 done, 1 failed at run time, 64 bad usage or configuration.

use clap::Parser;
use intraday::app::{self, cli::Cli};
use std::io::Write;
use std::process::ExitCode;

/// Stages make and drop many small buffers and some large ones; with the system's allocator a tenth of the CPU went into
/// fresh pages (benches/drain.rs).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come as errors too; they go to standard output and are no failure.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match app::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "intraday: {failure}");
            ExitCode::from(failure.code())
        }
    }
}
