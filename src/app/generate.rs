//! `generate`: the simulated contact center as a source of events.

use super::cli::GenerateArgs;
use super::run::kafka_config;
use super::{Failure, settings, span_ms, wall_now};
use crate::kafka::EventProducer;
use crate::simulate::{Scenario, SimulatedEvent, Simulation};
use crate::time::EventMs;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Duration;

/// Longest wait between two looks at the clock.
const WAIT: Duration = Duration::from_millis(50);
/// How long the last events may take to be delivered.
const FLUSH: Duration = Duration::from_secs(30);

/// Generates events into a file or Kafka.
pub fn generate(args: &GenerateArgs) -> Result<(), Failure> {
    let span_ms = span_ms("--for", &args.span)?;
    let to_kafka = args.to == "kafka";
    let start = match &args.start {
        Some(text) => parse_time(text)?,
        None if to_kafka && !args.fast => EventMs(wall_now().0),
        None => EventMs(wall_now().0 - span_ms),
    };
    let mut simulation = Simulation::new(scenario(args)?, args.seed, start);
    let end = start.plus(span_ms);
    let events = std::iter::from_fn(|| simulation.next_before(end));
    if to_kafka { send(args, events) } else { write(&args.to, events) }
}

fn scenario(args: &GenerateArgs) -> Result<Scenario, Failure> {
    let Some(path) = &args.scenario else { return Ok(Scenario::demo(f64::from(args.rate))) };
    let name = path.display();
    let bytes = std::fs::read(path).map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
    Scenario::from_json(&bytes).map_err(|error| Failure::Usage(format!("{name}: {error}")))
}

fn parse_time(text: &str) -> Result<EventMs, Failure> {
    let time: jiff::Timestamp = text.parse().map_err(|error| {
        Failure::Usage(format!("--start {text:?} is no RFC 3339 time such as 2026-01-05T08:00:00Z: {error}"))
    })?;
    Ok(EventMs(time.as_millisecond()))
}

fn write(target: &str, events: impl Iterator<Item = SimulatedEvent>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::run(&format!("write {target}"), error);
    let mut out: Box<dyn Write> = if target == "-" {
        Box::new(BufWriter::new(std::io::stdout()))
    } else {
        Box::new(BufWriter::with_capacity(1 << 18, File::create(target).map_err(failed)?))
    };
    for event in events {
        out.write_all(&event.value).and_then(|()| out.write_all(b"\n")).map_err(failed)?;
    }
    out.flush().map_err(failed)
}

fn send(args: &GenerateArgs, events: impl Iterator<Item = SimulatedEvent>) -> Result<(), Failure> {
    let kafka = kafka_config(&settings(&args.config)?);
    let failed = |error: crate::kafka::KafkaError| Failure::Run(error.to_string());
    let topic = kafka.input_topics.first().cloned().unwrap_or_default();
    let mut producer = EventProducer::new(&kafka, &topic).map_err(failed)?;
    let mut sent = 0u64;
    for event in events {
        while !args.fast && event.time.0 > wall_now().0 {
            producer.poll();
            std::thread::sleep(WAIT.min(Duration::from_millis(event.time.0.abs_diff(wall_now().0))));
        }
        producer.send(event.key.as_bytes(), &event.value).map_err(failed)?;
        sent += 1;
    }
    producer.flush(FLUSH).map_err(failed)?;
    let _ = writeln!(std::io::stderr(), "{sent} events sent to {topic}");
    Ok(())
}
