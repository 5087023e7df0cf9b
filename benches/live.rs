//! A live load and how soon it is seen: events paced by the clock, among them markers, and those who watch for them.
//!
//! Each event has an intended moment and is stamped with it; latency counts from there, so that a producer that is held
//! up makes the figures worse and not better. A marker is a new contact in one of a few queues of a tenant of their own;
//! each queue has one partition, so that a count of n says that the first n are seen.
//! Must never know: how the service is started, what the figures should be.

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The markers' tenant.
pub const TENANT: &str = "marker";
/// The markers' queues.
pub const QUEUES: usize = 10;
/// Markers produced each second.
pub const MARKERS_PER_S: u64 = 100;

const STORY: [&str; 5] =
    ["contact.created", "contact.queued", "contact.answered", "contact.ended", "contact.wrapup_ended"];
/// From the contact's beginning to each of its events; short, so that a load is steady after half a minute.
const AFTER_MS: [u64; 5] = [0, 80, 1_400, 25_400, 28_100];
/// The load is steady after this.
pub const STEADY_AFTER: Duration = Duration::from_millis(28_100);
const TENANTS: usize = 10;

/// What a load is made of.
#[derive(Clone, Copy, Debug)]
pub struct Center {
    /// Events each second, once it is steady.
    pub events_per_s: u64,
    /// Queues over all tenants.
    pub queues: usize,
    /// Agents over all tenants.
    pub agents: usize,
}

/// A load that is being produced.
pub struct Load {
    /// The markers so far.
    pub markers: Arc<Markers>,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

/// When each marker of each queue was to be produced.
#[derive(Debug, Default)]
pub struct Markers([Mutex<Vec<Instant>>; QUEUES]);

/// A marker that was seen.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Its queue.
    pub queue: usize,
    /// When it was to be produced.
    pub intended: Instant,
    /// When it was seen.
    pub at: Instant,
}

/// Someone who watches for markers on a thread.
pub struct Watcher {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Seen>>,
}

impl Load {
    /// Begins to produce to `topic`, until stopped.
    pub fn start(brokers: &str, topic: &str, partitions: i32, center: Center) -> Load {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("partitioner", "murmur2_random")
            .set("queue.buffering.max.messages", "1000000")
            .set("linger.ms", "2")
            .create()
            .unwrap();
        let (markers, stop, sent) = (Arc::default(), Arc::default(), Arc::default());
        let topic = topic.to_owned();
        let (seen_by, stopped, counted) = (Arc::clone(&markers), Arc::clone(&stop), Arc::clone(&sent));
        let thread = std::thread::spawn(move || {
            produce(&producer, &topic, partitions, center, &seen_by, &stopped, &counted);
            producer.flush(Duration::from_secs(30)).unwrap();
        });
        Load { markers, stop, sent, thread }
    }

    /// Events produced so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Ends it once everything is delivered; how many events there were.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.sent.load(Ordering::Relaxed)
    }
}

fn produce(
    producer: &BaseProducer,
    topic: &str,
    partitions: i32,
    center: Center,
    markers: &Markers,
    stop: &AtomicBool,
    sent: &AtomicU64,
) {
    let (began, began_ms) = (Instant::now(), now_ms());
    let mut moments = moments(center).peekable();
    let mut marker = 0;
    while !stop.load(Ordering::Relaxed) {
        let now_us = began.elapsed().as_micros() as u64;
        while let Some((after_ms, contact, step)) = moments.next_if(|next| next.0 * 1_000 <= now_us) {
            let (key, value) = event(center, contact as usize, step, began_ms + after_ms as i64);
            send(producer, BaseRecord::to(topic).key(&key).payload(&value));
            sent.fetch_add(1, Ordering::Relaxed);
        }
        while marker * 1_000_000 / MARKERS_PER_S <= now_us {
            let after_us = marker * 1_000_000 / MARKERS_PER_S;
            let (queue, at_ms) = (marker as usize % QUEUES, began_ms + (after_us / 1_000) as i64);
            let (key, value) = marker_event(began_ms, marker, queue, at_ms);
            markers.0[queue].lock().unwrap().push(began + Duration::from_micros(after_us));
            let partition = queue as i32 % partitions;
            send(producer, BaseRecord::to(topic).partition(partition).key(&key).payload(&value));
            sent.fetch_add(1, Ordering::Relaxed);
            marker += 1;
        }
        producer.poll(Duration::ZERO);
        std::thread::sleep(Duration::from_micros(500));
    }
}

fn send(producer: &BaseProducer, mut record: BaseRecord<'_, String, String>) {
    while let Err((_, back)) = producer.send(record) {
        producer.poll(Duration::from_millis(1));
        record = back;
    }
}

/// What happens when, without an end: milliseconds after the beginning, contact, step of its story.
pub fn moments(center: Center) -> impl Iterator<Item = (u64, u64, usize)> {
    let contacts_per_s = (center.events_per_s / STORY.len() as u64).max(1);
    let mut next = [0u64; STORY.len()];
    std::iter::from_fn(move || {
        let at_ms = |step: usize| next[step] * 1_000 / contacts_per_s + AFTER_MS[step];
        let step = (0..STORY.len()).min_by_key(|step| at_ms(*step))?;
        let moment = (at_ms(step), next[step], step);
        next[step] += 1;
        Some(moment)
    })
}

/// Key and value of an event.
pub fn event(center: Center, contact: usize, step: usize, time_ms: i64) -> (String, String) {
    // A multiplicative hash spreads contacts over queues and agents; an agent works for one tenant.
    let spread = contact.wrapping_mul(2_654_435_761) >> 7;
    let queue = spread % center.queues;
    let tenant = queue % TENANTS;
    let agent = tenant + TENANTS * ((spread / center.queues) % (center.agents / TENANTS).max(1));
    let key = format!("c-{contact:08}-7aa1-4c1e-9f00");
    let time = jiff::Timestamp::from_millisecond(time_ms).unwrap();
    let value = format!(
        concat!(
            r#"{{"id":"{:010}-{}-01JGTV8XQ4M3N0Z7","type":"{}","time":"{:.3}","source":"acd-eu-1/cluster-3","#,
            r#""tenant":"tenant-{}","contact_id":"{}","channel":"voice","queue":"queue-{:04}","#,
            r#""team":"team-{}","agent_id":"agent-{:04}","customer_id":"cu-{:07}","attributes":{{"trunk":"sip-{}"}}}}"#
        ),
        contact,
        step,
        STORY[step],
        time,
        tenant,
        key,
        queue,
        agent % 20,
        agent,
        contact % 500_000,
        contact % 9,
    );
    (key, value)
}

fn marker_event(run: i64, marker: u64, queue: usize, time_ms: i64) -> (String, String) {
    let key = format!("m-{run}-{marker}");
    let value = format!(
        r#"{{"id":"{key}","type":"contact.queued","time":{time_ms},"source":"bench","tenant":"{TENANT}","contact_id":"{key}","channel":"voice","queue":"m-{queue}"}}"#
    );
    (key, value)
}

impl Markers {
    /// Notes what is seen first of a queue's markers when its count is `count`.
    fn note(&self, queue: usize, count: usize, seen: &mut [usize; QUEUES], out: &mut Vec<Seen>) {
        let Some(known) = seen.get_mut(queue).filter(|known| **known < count) else { return };
        let now = Instant::now();
        let markers = self.0[queue].lock().unwrap();
        let fresh = markers[*known..count.min(markers.len())].iter();
        out.extend(fresh.map(|intended| Seen { queue, intended: *intended, at: now }));
        *known = count;
    }

    /// How many were to be produced between two moments.
    pub fn between(&self, from: Instant, to: Instant) -> usize {
        let of = |queue: &Mutex<Vec<Instant>>| {
            queue.lock().unwrap().iter().filter(|at| (from..to).contains(*at)).count()
        };
        self.0.iter().map(of).sum()
    }
}

impl Watcher {
    /// Watches a partition of the kpis topic as a read_committed consumer does.
    pub fn of_topic(brokers: &str, topic: &str, partition: u32, markers: &Arc<Markers>) -> Watcher {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "bench-watcher")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "10")
            .set("fetch.queue.backoff.ms", "5")
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition as i32, Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        Watcher::start(markers, move |markers, seen, out| {
            let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) else { return };
            let (key, value) = (text(message.key()), text(message.payload()));
            // The sliding window has one record per queue, whose count only grows for its first five minutes.
            if let Some((_, rest)) = key.split_once(r#""tenant,channel,queue",["voice","m-"#)
                && key.contains(r#","5m","#)
                && key.contains(TENANT)
                && let (Some(queue), Some(count)) = (number(rest), after(value, r#""contacts_offered":"#))
            {
                markers.note(queue, count, seen, out);
            }
        })
    }

    /// Asks for the markers' tenant on /metrics again and again, `interval` after each answer.
    pub fn of_metrics(address: &str, interval: Duration, markers: &Arc<Markers>) -> Watcher {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .proxy(None)
            .build()
            .into();
        let url = format!("http://{address}/metrics?tenant={TENANT}");
        Watcher::start(markers, move |markers, seen, out| {
            let answer = agent.get(&url).call().map(|mut answer| answer.body_mut().read_to_string());
            if let Ok(Ok(body)) = answer {
                for line in
                    body.lines().filter(|line| line.starts_with("contact_center_contacts_offered_total{"))
                {
                    let count = line.rsplit(' ').next().and_then(|count| count.parse::<f64>().ok());
                    if let (Some(queue), Some(count)) = (after(line, r#"queue="m-"#), count) {
                        markers.note(queue, count as usize, seen, out);
                    }
                }
            }
            std::thread::sleep(interval);
        })
    }

    fn start(
        markers: &Arc<Markers>,
        mut look: impl FnMut(&Markers, &mut [usize; QUEUES], &mut Vec<Seen>) + Send + 'static,
    ) -> Watcher {
        let (stop, markers) = (Arc::<AtomicBool>::default(), Arc::clone(markers));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut seen, mut out) = ([0; QUEUES], Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                look(&markers, &mut seen, &mut out);
            }
            out
        });
        Watcher { stop, thread }
    }

    /// Ends it; what it has seen.
    pub fn stop(self) -> Vec<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Latencies in milliseconds of the markers that were to be produced between two moments, sorted.
pub fn latencies_ms(seen: &[Seen], from: Instant, to: Instant) -> Vec<f64> {
    let of_span = seen.iter().filter(|one| (from..to).contains(&one.intended));
    let mut latencies: Vec<f64> =
        of_span.map(|one| one.at.duration_since(one.intended).as_secs_f64() * 1_000.0).collect();
    latencies.sort_by(f64::total_cmp);
    latencies
}

/// The nearest rank of a quantile among sorted values; not a number if there are none.
pub fn quantile(sorted: &[f64], quantile: f64) -> f64 {
    let rank = (quantile * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

fn text(bytes: Option<&[u8]>) -> &str {
    bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}

fn after(text: &str, mark: &str) -> Option<usize> {
    text.split_once(mark).and_then(|(_, rest)| number(rest))
}

fn number(text: &str) -> Option<usize> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}
