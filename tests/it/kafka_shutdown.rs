//! Stops in good order, many in a row and at bad moments: each ends with code 0 within 5 s, and nothing is lost.
//!
//! `INTRADAY_TEST_STOPS` sets how many there are. The judge at the end is `replay` of the same events.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::guard::Signal;
use crate::harness::kafka::Broker;
use crate::harness::process::{Process, free_port};
use crate::harness::records::Outgoing;
use crate::kafka_deployment::{Deployment, LIMIT, NEVER_IDLE, last_words};
use crate::kafka_restart::{LAST_MS, PARTITIONS, assert_as_replayed, placed, simulated};
use crate::scenario::dice::Dice;

/// What a stop may take, from the signal.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// The service has said this when it has an address and is about to ask for its partitions.
const SERVING: &str = "serving";
const SEED: u64 = 6;

/// When the signal comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// The service is ready and events flow; an event stream and a connection that says nothing are open.
    Ready,
    /// Somewhere between the start and readiness: before the first assignment, or while state is read.
    Starting,
    /// While a second copy joins, or leaves.
    Rebalance,
    /// The broker has been dead for a moment.
    BrokerDead,
    /// The broker is suspended: connections are open and nothing answers.
    BrokerSilent,
    /// The broker was dead before the start.
    NoBroker,
}

/// Most stops happen with a broker; those without one wait for it as long as they may.
const MOMENTS: [Moment; 12] = [
    Moment::Starting,
    Moment::Ready,
    Moment::Starting,
    Moment::Rebalance,
    Moment::Ready,
    Moment::BrokerDead,
    Moment::Starting,
    Moment::Rebalance,
    Moment::Starting,
    Moment::BrokerSilent,
    Moment::Ready,
    Moment::NoBroker,
];

struct Stops {
    deployment: Deployment,
    /// Everything sent so far.
    sent: Vec<Outgoing>,
    dice: Dice,
    longest: Duration,
}

impl Stops {
    /// A broker of this test alone, since it is killed and paused. Deployments want one that lives as long as the process.
    fn deployment() -> Option<Deployment> {
        let kafka: &'static Broker = Box::leak(Box::new(Broker::start_own()?));
        let deployment = Deployment::new(kafka, "stops", PARTITIONS, NEVER_IDLE);
        deployment.create_topics();
        Some(deployment)
    }

    fn produce(&mut self, events: &[Outgoing]) {
        self.deployment.produce(events);
        self.sent.extend_from_slice(events);
    }

    fn run(&mut self, moment: Moment, events: &[Outgoing]) {
        let kafka = self.deployment.kafka;
        match moment {
            Moment::NoBroker => {
                kafka.kill();
                let mut service = self.deployment.start();
                service.wait_for_line(SERVING, LIMIT);
                self.linger(1_500);
                self.stop(&mut service, moment);
                kafka.restart();
                self.produce(events);
            }
            Moment::Starting => {
                self.produce(events);
                let mut service = self.deployment.start();
                service.wait_for_line(SERVING, LIMIT);
                self.linger(1_200);
                self.stop(&mut service, moment);
            }
            Moment::Ready => {
                let mut service = self.deployment.start_ready();
                let open = self.connections();
                self.produce(events);
                self.linger(300);
                self.stop(&mut service, moment);
                drop(open);
            }
            Moment::Rebalance => {
                let mut service = self.deployment.start_ready();
                self.produce(events);
                let mut other = self.other_copy();
                other.wait_for_line(SERVING, LIMIT);
                self.linger(1_500);
                self.stop(&mut service, moment);
                self.stop(&mut other, moment);
            }
            Moment::BrokerDead | Moment::BrokerSilent => {
                let mut service = self.deployment.start_ready();
                self.produce(events);
                if moment == Moment::BrokerDead {
                    kafka.kill();
                } else {
                    kafka.pause();
                }
                self.linger(1_500);
                self.stop(&mut service, moment);
                drop(service);
                kafka.restart();
            }
        }
    }

    fn stop(&mut self, service: &mut Process, moment: Moment) {
        let began = Instant::now();
        service.signal(Signal::Term);
        let status = service.exit_within(STOP_LIMIT);
        let took = began.elapsed();
        assert_eq!(status.code(), Some(0), "{moment:?}:\n{}", service.output());
        self.longest = self.longest.max(took);
        eprintln!("{moment:?}: {} ms", took.as_millis());
    }

    fn linger(&mut self, most_ms: i64) {
        std::thread::sleep(Duration::from_millis(self.dice.between(0, most_ms).unsigned_abs()));
    }

    /// An event stream that is read no further, and a connection whose request never ends.
    fn connections(&self) -> [TcpStream; 2] {
        let connect = |request: &str| {
            let mut stream = TcpStream::connect(self.deployment.address()).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            stream
        };
        let mut streaming = connect("GET /api/v1/kpis/stream HTTP/1.1\r\nhost: a\r\n\r\n");
        streaming.read_exact(&mut [0; 12]).unwrap();
        [streaming, connect("GET /metrics HTTP/1.1\r\nhost:")]
    }

    fn other_copy(&self) -> Process {
        let mut command: Command = self.deployment.command(&["run"]);
        command.env("INTRADAY__SERVICE__INSTANCE", "two");
        command.env("INTRADAY__HTTP__LISTEN", format!("127.0.0.1:{}", free_port()));
        Process::start(&command)
    }
}

#[test]
fn every_stop_ends_in_time_with_code_0_and_loses_nothing() {
    let Some(deployment) = Stops::deployment() else { return };
    let stops: usize = std::env::var("INTRADAY_TEST_STOPS").map_or(24, |text| text.parse().unwrap());
    let events = placed(&simulated(&deployment));
    let mut test = Stops { deployment, sent: Vec::new(), dice: Dice::new(SEED), longest: Duration::ZERO };
    let share = events.len().div_ceil(stops);
    for (number, events) in events.chunks(share).enumerate() {
        test.run(MOMENTS[number % MOMENTS.len()], events);
    }
    eprintln!("{stops} times, the longest stop took {} ms", test.longest.as_millis());
    test.produce(&last_words(PARTITIONS, LAST_MS));
    let mut service = test.deployment.start();
    assert_as_replayed(&test.deployment, &mut service, &test.sent);
    assert_eq!(test.deployment.folded_count(), test.sent.len() as i64);
}
