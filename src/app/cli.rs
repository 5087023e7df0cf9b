//! The command line: what can be asked of the program. Every command has an example.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Exact, live contact-center KPIs from Kafka.
#[derive(Debug, Parser)]
#[command(name = "intraday", version, about, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show everything at work in one process, with nothing installed
    #[command(after_help = "Example:\n  intraday demo --for 60s --rate 200 --seed 7")]
    Demo(DemoArgs),
    /// Run the service
    #[command(
        after_help = "Example:\n  INTRADAY__KAFKA__BROKERS=broker:9092 intraday run --config production.toml"
    )]
    Run(ConfigArgs),
    /// Check configuration, brokers and a sample of events
    #[command(
        after_help = "Examples:\n  intraday check --config production.toml --connect\n  intraday check --events sample.ndjson"
    )]
    Check(CheckArgs),
    /// Prepare the topics that the service needs
    Topics(TopicsArgs),
    /// Compute KPIs from a file of events, without Kafka
    #[command(
        after_help = "Examples:\n  intraday replay --input day.ndjson.gz --window 15m --output kpis.ndjson\n  intraday replay --input day.ndjson.gz --output-format openmetrics --output day.om\n  promtool tsdb create-blocks-from openmetrics day.om /var/lib/prometheus"
    )]
    Replay(ReplayArgs),
    /// Write simulated events to a file or to Kafka
    #[command(
        after_help = "Examples:\n  intraday generate --rate 200 --for 1h --to day.ndjson\n  intraday generate --rate 500 --to kafka --config production.toml"
    )]
    Generate(GenerateArgs),
    /// Print the KPI catalogue, the event types and the metric families
    #[command(after_help = "Example:\n  intraday catalog --format json")]
    Catalog(CatalogArgs),
}

/// Where the configuration comes from.
#[derive(Args, Debug, Default)]
pub struct ConfigArgs {
    /// TOML files, later ones over earlier ones; then the environment INTRADAY__SECTION__KEY
    #[arg(long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
}

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// End after this long, with a summary; without it the demo runs until Ctrl-C
    #[arg(long = "for", value_name = "DURATION")]
    pub bound: Option<String>,
    /// Events per second of the simulated center
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub rate: u32,
    /// Seed of the simulation
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Address of metrics, API and wallboard; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:9464")]
    pub listen: String,
}

/// Arguments of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Configuration
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Ask the brokers too: topics, and 100 records of the input
    #[arg(long)]
    pub connect: bool,
    /// Lint a producer's sample: one event a line, plain or .gz
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
}

/// Arguments of `topics`.
#[derive(Args, Debug)]
pub struct TopicsArgs {
    /// What to do with the topics.
    #[command(subcommand)]
    pub action: TopicsAction,
}

/// What can be done with topics.
#[derive(Debug, Subcommand)]
pub enum TopicsAction {
    /// Create the topics that are missing, with the right policies
    #[command(after_help = "Example:\n  intraday topics create --config production.toml")]
    Create(ConfigArgs),
}

/// Forms of replayed output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// One KPI record a line
    Ndjson,
    /// One KPI, count or duration a row
    Csv,
    /// What /metrics would have shown, every --step, for promtool tsdb create-blocks-from openmetrics
    #[value(name = "openmetrics")]
    OpenMetrics,
}

/// Arguments of `replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// Events, one a line, plain or .gz; - reads standard input
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// Put the events into the order of their time first
    #[arg(long)]
    pub sort: bool,
    /// Windows to report, by name; repeat or separate by commas [default: 15m,day; for openmetrics those that /metrics has]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub window: Vec<String>,
    /// Where the records go; - is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    /// Form of the records
    #[arg(long, value_enum, default_value = "ndjson")]
    pub output_format: OutputFormat,
    /// Event time between two samples of openmetrics [default: 15s]
    #[arg(long, value_name = "DURATION")]
    pub step: Option<String>,
    /// Samples of openmetrics at most; each is about 130 bytes of text
    #[arg(long, value_name = "NUMBER", default_value_t = 300_000_000)]
    pub max_samples: u64,
    /// Where late and rejected events go, with their reasons
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Give finals their histogram bytes
    #[arg(long)]
    pub hdr: bool,
    /// Report groups with an agent too
    #[arg(long)]
    pub agents: bool,
    /// Configuration
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Arguments of `generate`.
#[derive(Args, Debug)]
pub struct GenerateArgs {
    /// Events per second of the simulated center, over the day
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: u32,
    /// `kafka`, or the file to write; - is standard output
    #[arg(long, value_name = "TARGET")]
    pub to: String,
    /// How much simulated time; to Kafka it passes in real time
    #[arg(long = "for", value_name = "DURATION", default_value = "1h")]
    pub span: String,
    /// First moment, RFC 3339; default: now, less the span for a file
    #[arg(long, value_name = "TIME")]
    pub start: Option<String>,
    /// Seed of the simulation
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Scenario file (JSON) instead of the built-in center
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Send to Kafka as fast as it takes them instead of in real time
    #[arg(long)]
    pub fast: bool,
    /// Configuration
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Forms of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CatalogFormat {
    /// Tables to read
    Markdown,
    /// For programs
    Json,
}

/// Arguments of `catalog`.
#[derive(Args, Debug)]
pub struct CatalogArgs {
    /// Form of the catalogue
    #[arg(long, value_enum, default_value = "markdown")]
    pub format: CatalogFormat,
}
