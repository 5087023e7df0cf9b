//! The composition root: settings become stages, clients and servers; commands become runs.
//!
//! The only room that knows all others. It holds no logic of its own about contacts, windows or Kafka.

pub mod cli;

mod catalog;
mod check;
mod demo;
mod generate;
mod history;
mod lines;
mod looks;
mod observe;
mod openmetrics;
mod replay;
mod report;
mod rows;
mod run;
mod serve;
mod table;
mod topics;

use crate::settings::Settings;
use crate::time::WallMs;
use cli::{Cli, Command, ConfigArgs, TopicsAction};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// Bad usage or configuration: exit code 64.
    Usage(String),
    /// It failed at run time: exit code 1.
    Run(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Usage(text) | Failure::Run(text)) = self;
        f.write_str(text)
    }
}

impl Failure {
    /// The exit code.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Failure::Usage(_) => 64,
            Failure::Run(_) => 1,
        }
    }

    /// A failure at run time, said as "failed to …".
    pub(crate) fn run(what: &str, error: impl fmt::Display) -> Failure {
        Failure::Run(format!("{what}: {error}"))
    }
}

/// Does what the command line asks.
///
/// # Errors
/// Why it could not be done; the caller prints it and exits with its code.
pub fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Demo(args) => demo::demo(&args),
        Command::Run(args) => run::run(&settings(&args)?),
        Command::Check(args) => check::check(&args),
        Command::Topics(args) => match args.action {
            TopicsAction::Create(args) => topics::create(&settings(&args)?),
        },
        Command::Replay(args) => replay::replay(&args),
        Command::Generate(args) => generate::generate(&args),
        Command::Catalog(args) => catalog::print(&args),
    }
}

/// The settings of files and environment.
fn settings(args: &ConfigArgs) -> Result<Settings, Failure> {
    let settings =
        Settings::load(&args.config, std::env::vars()).map_err(|error| Failure::Usage(error.to_string()))?;
    let known: Vec<&str> = crate::kpi::catalog::CATALOG.iter().map(|row| row.name).collect();
    let unknown = settings.unknown_target_kpis(&known);
    if unknown.is_empty() {
        return Ok(settings);
    }
    let lines: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    Err(Failure::Usage(lines.join("\n")))
}

/// The wall clock.
fn wall_now() -> WallMs {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallMs(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// A span of the command line, such as `90s` or `1h30m`, milliseconds.
fn span_ms(option: &str, text: &str) -> Result<i64, Failure> {
    crate::settings::parse_span(text).map_err(|error| Failure::Usage(format!("{option} {text:?}: {error}")))
}
