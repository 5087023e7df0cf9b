//! A server with a board that the test itself fills: queues with the figures that it wants to see on the page.
//!
//! The server is the product's own; only the tail of the kpis topic is replaced, by [`Center::put`].

use intraday::http::{Board, BoardLimits, Exposition, HttpLimits, HttpParts, HttpState, QueueName, serve};
use intraday::time::WallMs;
use intraday::vitals::{Beat, Build, Health, Vitals};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::harness::process::free_port;

/// What a queue's record says.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    pub tenant: &'static str,
    pub channel: &'static str,
    pub queue: String,
    pub name: Option<String>,
    pub waiting: i64,
    pub breaching: i64,
    /// How long the oldest waits, when the record is put in.
    pub oldest_s: Option<i64>,
    /// Answered within the threshold, of those judged.
    pub within: (i64, i64),
    pub abandoned: i64,
    pub asa_s: f64,
    /// p50, p90, p95, p99, max.
    pub waits_s: [f64; 5],
    pub agents: Value,
}

impl Queue {
    /// A queue on target.
    pub fn new(queue: &str) -> Queue {
        Queue {
            tenant: "acme",
            channel: "voice",
            queue: queue.to_owned(),
            name: None,
            waiting: 2,
            breaching: 0,
            oldest_s: Some(8),
            within: (92, 100),
            abandoned: 1,
            asa_s: 7.2,
            waits_s: [5.1, 14.6, 18.9, 31.0, 44.4],
            agents: json!({"available": 6, "ringing": 1, "contact": 23, "wrapup": 4, "break": 3, "lunch": 2}),
        }
    }

    /// A queue that misses its service level by so much, in per cent, with so many waiting.
    pub fn in_trouble(queue: &str, short: i64, waiting: i64) -> Queue {
        Queue {
            waiting,
            breaching: waiting / 2,
            oldest_s: Some(20 + 3 * waiting),
            within: (80 - short, 100),
            abandoned: 6,
            waits_s: [18.4, 71.0, 95.2, 140.8, 181.3],
            agents: json!({"contact": 31, "wrapup": 5, "break": 9}),
            ..Queue::new(queue)
        }
    }

    fn record(&self, revision: i64, now_ms: i64) -> (String, String) {
        let (within, judged) = self.within;
        let level = within as f64 / judged.max(1) as f64;
        let abandon = self.abandoned as f64 / judged.max(1) as f64;
        let status = |met: bool| match judged {
            0..10 => "insufficient",
            _ if met => "met",
            _ => "missed",
        };
        let [p50, p90, p95, p99, max] = self.waits_s;
        let answered = judged - self.abandoned;
        let mut levels = json!({"queue_agents": self.agents});
        if self.waiting > 0 {
            levels["contacts_waiting"] =
                json!({"last": self.waiting, "max": self.waiting, "mean": self.waiting});
        }
        if self.breaching > 0 {
            levels["contacts_breaching"] = json!({"last": self.breaching});
        }
        if let Some(oldest_s) = self.oldest_s {
            levels["oldest_wait_start"] = json!(time(now_ms - 1_000 * oldest_s));
        }
        let value = json!({
            "schema": "intraday.kpi.v1", "status": "live", "revision": revision,
            "group_set": "tenant,channel,queue",
            "group": {"tenant": self.tenant, "channel": self.channel, "queue": self.queue},
            "window": {"name": "5m", "kind": "sliding", "start_ms": 0, "end_ms": 300_000},
            "watermark": time(now_ms - 5_000), "published_at": time(now_ms),
            "counts": {"contacts_offered": judged, "contacts_answered": answered},
            "kpis": {
                "service_level": {"value": level, "numerator": within, "denominator": judged, "unit": "ratio",
                    "threshold_seconds": 20, "target": {"at_least": 0.8}, "status": status(level >= 0.8)},
                "service_level_live": {"value": level, "numerator": within, "denominator": judged, "unit": "ratio"},
                "abandon_rate": {"value": abandon, "numerator": self.abandoned, "denominator": judged,
                    "unit": "ratio", "target": {"at_most": 0.05}, "status": status(abandon <= 0.05)},
                "asa": {"value": self.asa_s, "numerator": self.asa_s, "denominator": 1, "unit": "seconds"},
            },
            "durations": {"wait_answered": {"unit": "seconds", "count": answered, "sum": self.asa_s,
                "min": 0.4, "max": max, "p50": p50, "p90": p90, "p95": p95, "p99": p99}},
            "levels": levels,
        });
        let Queue { tenant, channel, queue, .. } = self;
        let key = json!([tenant, "tenant,channel,queue", [channel, queue], "5m", "latest"]);
        (key.to_string(), value.to_string())
    }
}

/// A running server.
pub struct Center {
    runtime: Runtime,
    port: u16,
    names: Vec<QueueName>,
    revision: i64,
    running: Option<Running>,
}

struct Running {
    board: Board,
    beat: Beat,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Center {
    /// Starts a server whose board has these queues.
    pub fn open(queues: &[Queue]) -> Center {
        let mut center = Center::empty(queues);
        center.put_all(queues);
        center
    }

    /// As [`Center::open`], and the queues have a quarter of an hour behind them.
    pub fn open_with_past(queues: &[Queue]) -> Center {
        let mut center = Center::empty(queues);
        center.put_past(queues);
        center
    }

    fn empty(queues: &[Queue]) -> Center {
        let named = |queue: &Queue| {
            let (tenant, name) = (queue.tenant.to_owned(), queue.name.clone()?);
            Some(QueueName { tenant, queue: queue.queue.clone(), name })
        };
        let names = queues.iter().filter_map(named).collect();
        let runtime = Runtime::new().unwrap();
        let mut center = Center { runtime, port: free_port(), names, revision: 0, running: None };
        center.start();
        center
    }

    /// The page's address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Starts the server with an empty board, at the address it had.
    pub fn start(&mut self) {
        let registry = prometheus::Registry::new();
        let build = Build { version: "0.0.1", revision: "r", rustc: "c" };
        let vitals = Vitals::new(&registry, build, WallMs(0)).unwrap();
        let board = Board::new(BoardLimits::default(), vitals.clone());
        let health = Health::default();
        let beat = health.worker("merge-0");
        beat.ready(true);
        let windows =
            json!([{"name": "5m", "kind": "sliding", "length": "5m"}, {"name": "day", "kind": "day"}]);
        let state = HttpState::new(HttpParts {
            exposition: Exposition::new(&[], std::time::Duration::from_secs(60)),
            registry,
            vitals,
            health,
            board: board.clone(),
            catalog: "[]".to_owned(),
            config: json!({"windows": windows}).to_string(),
            names: self.names.clone(),
            limits: HttpLimits::default(),
        });
        let address = format!("127.0.0.1:{}", self.port);
        let listener = self.runtime.block_on(TcpListener::bind(&address)).unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = self.runtime.spawn(serve(listener, state, async {
            let _either_way = stopped.await;
        }));
        self.running = Some(Running { board, beat, stop, serving });
    }

    /// Ends the server.
    pub fn stop(&mut self) {
        let Running { stop, serving, .. } = self.running.take().expect("a running server");
        stop.send(()).unwrap();
        self.runtime.block_on(serving).unwrap();
    }

    /// Says whether the server is ready, and if not, why.
    pub fn ready(&self, missing: Option<&str>) {
        let beat = &self.running.as_ref().expect("a running server").beat;
        beat.reason(missing.unwrap_or(""));
        beat.ready(missing.is_none());
    }

    /// Puts in a record of the queue, as of now.
    pub fn put(&mut self, queue: &Queue) {
        self.put_aged(queue, 0);
    }

    /// Puts in a record that was published some time ago.
    pub fn put_aged(&mut self, queue: &Queue, age_ms: i64) {
        self.revision += 1;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now_ms = i64::try_from(since.as_millis()).unwrap() - age_ms;
        let (key, value) = queue.record(self.revision, now_ms);
        self.running.as_ref().expect("a running server").board.apply(&key, &value, WallMs(now_ms));
    }

    /// Puts in what the queues may have been in the quarter of an hour before now.
    fn put_past(&mut self, queues: &[Queue]) {
        let mut lot = Lot(11);
        for queue in queues {
            let (mut waiting, mut within) = (queue.waiting, queue.within.0);
            for step in (1..60).rev() {
                waiting = (waiting + lot.below(5) - 2).clamp(0, 3 * queue.waiting + 3);
                within = (within + lot.below(5) - 2).clamp(queue.within.1 / 3, queue.within.1);
                let past = Queue { waiting, within: (within, queue.within.1), ..queue.clone() };
                self.put_aged(&past, step * 16_000);
            }
        }
        self.put_all(queues);
    }

    /// Puts in a record of each queue.
    pub fn put_all(&mut self, queues: &[Queue]) {
        queues.iter().for_each(|queue| self.put(queue));
    }
}

fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
}

const NAMES: [&str; 16] = [
    "Billing",
    "Sales",
    "Technical support",
    "Cancellations",
    "Mortgage service and arrears",
    "Claims",
    "Claims: motor, third party",
    "Fraud hotline",
    "Broadband faults",
    "Moving home",
    "Priority customers",
    "Outage information",
    "Complaints",
    "Welcome calls",
    "Kundenservice Nord",
    "Chat: orders",
];

/// Figures that look drawn by lot and are the same each time.
struct Lot(u64);

impl Lot {
    fn below(&mut self, limit: i64) -> i64 {
        // Knuth's MMIX generator: a figure for a picture needs no better one.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// So many queues of all kinds, the same each time.
pub fn many(number: usize) -> Vec<Queue> {
    let mut lot = Lot(7);
    let mut made = |at: usize| {
        let queue = format!("queue_{at:03}");
        let offered = 40 + lot.below(260);
        let within = |per_cent: i64| (offered * per_cent / 100, offered);
        let (trouble, waiting, level) = (4 + lot.below(20), lot.below(6), 84 + lot.below(17));
        let mut made = match lot.below(10) {
            0 | 1 => Queue::in_trouble(&queue, 0, trouble),
            2 => Queue { waiting: 1 + waiting, oldest_s: Some(130), breaching: 1, ..Queue::new(&queue) },
            3 => Queue { waiting: 0, ..Queue::new(&queue) },
            _ => Queue { waiting, oldest_s: Some(2 + lot.below(17)), ..Queue::new(&queue) },
        };
        let is_missed = made.within == (80, 100);
        made.within = within(if is_missed { 50 + lot.below(29) } else { level });
        made.abandoned = made.abandoned * offered / 100;
        if made.waiting == 0 {
            (made.within, made.abandoned) = ((3, 4), 0);
        }
        let slower = 0.6 + lot.below(100) as f64 / 70.0;
        (made.asa_s, made.waits_s) = (made.asa_s * slower, made.waits_s.map(|wait_s| wait_s * slower));
        let [contact, wrapup, free, pause] = [12, 5, 8, 6].map(|limit| lot.below(limit));
        made.agents = json!({"available": if is_missed { 0 } else { free }, "ringing": 1, "contact": 3 + contact,
            "wrapup": wrapup, "break": pause});
        made.tenant = if number > 20 && at % 3 == 1 { "zeta" } else { "acme" };
        made.channel = ["voice", "chat", "voice"][at % 3];
        let (name, round) = (NAMES[at % NAMES.len()], at / NAMES.len());
        made.name = Some(if round == 0 { name.to_owned() } else { format!("{name} {round}") });
        made.oldest_s = made.oldest_s.filter(|_| made.waiting > 0);
        made
    };
    (0..number).map(&mut made).collect()
}
