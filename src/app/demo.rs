//! `demo`: everything in one process with nothing installed: an embedded broker, a simulated center, the real
//! pipeline and the page.
//!
//! The simulated hour that is past is fed first, as fast as both stages follow: the embedded broker keeps about 5 MiB a
//! partition, so the feeder stays well below that ahead of them. Then time is real.

use super::cli::DemoArgs;
use super::observe::{Times, Watch};
use super::run::kafka_config;
use super::serve::Front;
use super::{Failure, span_ms, table, wall_now};
use crate::kafka::{DemoBroker, EventProducer, KafkaConfig, Service, Stages};
use crate::settings::{Mode, QueueName, Settings, StartFrom};
use crate::shutdown::{self, Signals};
use crate::simulate::{Scenario, Simulation};
use crate::time::{EventMs, HOUR_MS, MINUTE_MS, Millis};
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const TOPIC: &str = "contact-center-events";
const PARTITIONS: u32 = 4;
const SHARDS: u32 = 4;
/// How far the feeder may be ahead of the fold, bytes over all partitions.
const AHEAD_BYTES: u64 = 3 * 1_024 * 1_024;
/// How far the fold may be ahead of the merge, event time.
const AHEAD_MS: Millis = 5 * MINUTE_MS;
const STOP_PATIENCE: Duration = Duration::from_secs(3);
const CLOSE_PATIENCE: Duration = Duration::from_millis(600);
const FLUSH: Duration = Duration::from_secs(10);

/// Runs the demo.
pub fn demo(args: &DemoArgs) -> Result<(), Failure> {
    let mut signals = shutdown::listen().map_err(|error| Failure::run("listen for signals", error))?;
    let bound = args.bound.as_deref().map(|text| span_ms("--for", text)).transpose()?;
    let listen: SocketAddr = args.listen.parse().map_err(|_| {
        Failure::Usage(format!("--listen {:?} is no address such as 127.0.0.1:9464", args.listen))
    })?;
    let settings = demo_settings(listen);
    let broker_config = kafka_config(&settings);
    let failed = |error: crate::kafka::KafkaError| Failure::Run(error.to_string());
    let broker = DemoBroker::start(&broker_config, PARTITIONS).map_err(failed)?;
    let kafka = Arc::new(KafkaConfig { brokers: broker.brokers().to_owned(), ..broker_config });
    let front = Front::open(&settings, listen)?;
    let inputs = vec![(TOPIC.to_owned(), PARTITIONS)];
    let stages = Stages {
        fold: Arc::new(settings.fold_config()),
        merge: Arc::new(settings.merge_config(inputs.clone())),
        inputs,
    };
    let watch = Arc::new(Watch::new(&front));
    let observer: Arc<Watch> = Arc::clone(&watch);
    let service = Service::start(Arc::clone(&kafka), stages, observer, front.board_feed()).map_err(failed)?;
    let feeder = Feeder::start(args, &kafka, Arc::clone(&watch));
    say(&greeting(&front, broker.brokers(), args));
    let outcome = show(&front, &mut signals, &watch, &feeder, bound);
    let fed = feeder.end();
    let stopped = service.stop(STOP_PATIENCE);
    summary(&front, &watch.times(), fed.as_ref().copied().unwrap_or(0));
    front.close(CLOSE_PATIENCE);
    if stopped.is_err() {
        shutdown::exit_now(outcome.is_err());
    }
    fed.and(outcome)
}

fn demo_settings(listen: SocketAddr) -> Settings {
    let mut settings = Settings::default();
    "demo".clone_into(&mut settings.service.id);
    settings.service.instance = Some("demo".to_owned());
    settings.service.mode = Mode::None;
    settings.service.start_from = StartFrom::Earliest;
    settings.kafka.input_topics = vec![TOPIC.to_owned()];
    settings.kafka.shards = SHARDS;
    settings.http.listen = listen;
    settings.names = names();
    settings
}

/// The names of the simulated center's queues.
fn names() -> Vec<QueueName> {
    let Scenario { tenants, queues, .. } = Scenario::demo(1.0);
    let named = |tenant: &String| {
        let tenant = tenant.clone();
        queues.clone().into_iter().filter_map(move |queue| {
            let (tenant, queue, name) = (tenant.clone(), queue.name, queue.display_name?);
            Some(QueueName { tenant, queue, name })
        })
    };
    tenants.iter().flat_map(named).collect()
}

fn greeting(front: &Front, brokers: &str, args: &DemoArgs) -> String {
    let address = front.address();
    format!(
        "intraday demo: a simulated contact center, {} events a second on average, seed {}.\n\
         The broker is embedded: in memory, without durability and without transactions.\n\n\
         wallboard   http://{address}/\n\
         metrics     http://{address}/metrics\n\
         KPIs        http://{address}/api/v1/kpis?window=15m\n\
         stream      http://{address}/api/v1/kpis/stream\n\
         broker      {brokers} (topic {TOPIC}, KPIs on demo.kpis)\n\n\
         Feeding the simulated hour that is past, then time is real. Ctrl-C ends.\n",
        args.rate, args.seed
    )
}

/// Shows the table until the end: the bound, a signal, or a failure of the feeder.
fn show(
    front: &Front,
    signals: &mut Signals,
    watch: &Watch,
    feeder: &Feeder,
    bound_ms: Option<Millis>,
) -> Result<(), Failure> {
    let began = Instant::now();
    let terminal = std::io::stdout().is_terminal();
    let every = Duration::from_secs(if terminal { 1 } else { 10 });
    let mut next = began + Duration::from_secs(2);
    front.block_on(async {
        loop {
            tokio::select! {
                _ = signals.first() => return Ok(()),
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
            }
            if feeder.is_over() {
                return Ok(());
            }
            let passed_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
            if bound_ms.is_some_and(|bound_ms| passed_ms >= bound_ms) {
                return Ok(());
            }
            if Instant::now() >= next {
                next += every;
                let phase = feeder.phase(&watch.times());
                let clear = if terminal { "\x1b[H\x1b[2J" } else { "" };
                say(&format!("{clear}{}\n{phase}\n", table::render(&front.board, wall_now())));
            }
        }
    })
}

fn summary(front: &Front, times: &Times, fed: u64) {
    let (all, wrong) = times.records.values().fold((0, 0), |sums, one| (sums.0 + one.0, sums.1 + one.1));
    say(&format!(
        "{}\n{fed} events sent, {all} folded in {} partitions, {wrong} of them not as expected\n",
        table::render(&front.board, wall_now()),
        times.records.len()
    ));
}

fn say(text: &str) {
    // A closed standard output is no reason to fail.
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// The thread that sends the simulated events.
struct Feeder {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    reached: Arc<AtomicU64>,
    began: EventMs,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Feeder {
    fn start(args: &DemoArgs, kafka: &Arc<KafkaConfig>, watch: Arc<Watch>) -> Feeder {
        let now = EventMs(wall_now().0);
        let began = now.plus(-HOUR_MS);
        let (stop, sent, reached) =
            (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (rate, seed, kafka) = (args.rate, args.seed, Arc::clone(kafka));
        let handles = (Arc::clone(&stop), Arc::clone(&sent), Arc::clone(&reached));
        let thread = std::thread::spawn(move || {
            let simulation = Simulation::new(Scenario::demo(f64::from(rate)), seed, began);
            feed(simulation, &kafka, &watch, &handles)
        });
        Feeder { stop, sent, reached, began, thread }
    }

    fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// What the feeder is doing, in words.
    fn phase(&self, times: &Times) -> String {
        let reached = EventMs(i64::try_from(self.reached.load(Ordering::Relaxed)).unwrap_or(0));
        let behind_ms = EventMs(wall_now().0).since(reached);
        let sent = self.sent.load(Ordering::Relaxed);
        let folded: u64 = times.records.values().map(|row| row.0).sum();
        if behind_ms > 2_000 {
            let percent = reached.since(self.began).max(0) * 100 / HOUR_MS;
            return format!("past hour: {percent} %, {sent} events sent, {folded} folded");
        }
        format!("live: {sent} events sent, {folded} folded")
    }

    fn end(self) -> Result<u64, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let sent = self.sent.load(Ordering::Relaxed);
        match self.thread.join() {
            Ok(Ok(())) => Ok(sent),
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(Failure::Run("the feeder of the demo panicked".to_owned())),
        }
    }
}

type FeederHandles = (Arc<AtomicBool>, Arc<AtomicU64>, Arc<AtomicU64>);

fn feed(
    mut simulation: Simulation,
    kafka: &KafkaConfig,
    watch: &Watch,
    (stop, sent, reached): &FeederHandles,
) -> Result<(), Failure> {
    let failed = |error: crate::kafka::KafkaError| Failure::Run(error.to_string());
    let mut producer = EventProducer::new(kafka, TOPIC).map_err(failed)?;
    let (mut bytes, mut events) = (0u64, 0u64);
    while !stop.load(Ordering::Relaxed) {
        let now = EventMs(wall_now().0);
        let mut until_look = 512;
        while let Some(event) = simulation.next_before(now) {
            producer.send(event.key.as_bytes(), &event.value).map_err(failed)?;
            bytes += event.value.len() as u64;
            events += 1;
            sent.store(events, Ordering::Relaxed);
            reached.store(event.time.0.unsigned_abs(), Ordering::Relaxed);
            until_look -= 1;
            if until_look == 0 {
                until_look = 512;
                wait_for_stages(&mut producer, watch, (bytes, events), stop);
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
        reached.store(now.0.unsigned_abs(), Ordering::Relaxed);
        producer.poll();
        std::thread::sleep(Duration::from_millis(20));
    }
    producer.flush(FLUSH).map_err(failed)
}

/// Waits while the stages are too far behind what was sent.
fn wait_for_stages(
    producer: &mut EventProducer,
    watch: &Watch,
    (bytes, events): (u64, u64),
    stop: &AtomicBool,
) {
    while !stop.load(Ordering::Relaxed) {
        let times = watch.times();
        let folded: u64 = times.records.values().map(|row| row.0).sum();
        let ahead_bytes = events.saturating_sub(folded) * (bytes / events.max(1));
        let fold_time = times.folded.values().min();
        let merge_time = times.merged.values().min();
        let merge_behind = match (fold_time, merge_time) {
            (Some(fold), Some(merge)) => fold.since(*merge) > AHEAD_MS,
            _ => false,
        };
        if ahead_bytes < AHEAD_BYTES && !merge_behind {
            return;
        }
        producer.poll();
        std::thread::sleep(Duration::from_millis(2));
    }
}
