//! The HTTP side through a real listener: routes, filters, limits, streams, the end.

use intraday::http::{Board, BoardLimits, Exposition, HttpLimits, HttpParts, HttpState, QueueName, serve};
use intraday::kpi::exposed::{Exposed, Family, FamilyKind, Series, SeriesValue};
use intraday::time::WallMs;
use intraday::vitals::{Beat, Build, Health, Vitals};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const FAMILIES: &[Family] = &[Family {
    name: "contact_center_contacts_offered_total",
    help: "contacts_offered: queue visits begun; moves when an event is folded",
    kind: FamilyKind::Counter,
}];

struct Service {
    runtime: Runtime,
    address: SocketAddr,
    board: Board,
    exposition: Exposition,
    health: Health,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

impl Service {
    fn start(limits: HttpLimits) -> Service {
        let registry = prometheus::Registry::new();
        let build = Build { version: "0.0.1", revision: "r", rustc: "c" };
        let vitals = Vitals::new(&registry, build, WallMs(0)).unwrap();
        let board = Board::new(BoardLimits::default(), vitals.clone());
        let exposition = Exposition::new(FAMILIES, Duration::from_secs(3_600));
        let health = Health::default();
        let state = HttpState::new(HttpParts {
            exposition: exposition.clone(),
            registry,
            vitals,
            health: health.clone(),
            board: board.clone(),
            catalog: r#"[{"name":"asa"}]"#.to_owned(),
            config: r#"{"http":{}}"#.to_owned(),
            names: vec![named("acme"), named("zeta")],
            limits,
        });
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = runtime.spawn(serve(listener, state, async {
            let _either_way = stopped.await;
        }));
        let (stop, serving) = (Some(stop), Some(serving));
        Service { runtime, address, board, exposition, health, stop, serving }
    }

    /// Stops the server; gives how long that took.
    fn stop(&mut self) -> Duration {
        let begin = Instant::now();
        self.stop.take().unwrap().send(()).unwrap();
        let serving = self.serving.take().unwrap();
        self.runtime.block_on(serving).unwrap();
        begin.elapsed()
    }

    fn get(&self, path: &str) -> Answer {
        let url = format!("http://{}{path}", self.address);
        let mut response = agent().get(&url).call().unwrap();
        let header =
            |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (kind, link, nosniff) =
            (header("content-type"), header("link"), header("x-content-type-options"));
        assert_eq!(nosniff, "nosniff", "{path}");
        assert!(
            header("content-security-policy")
                .starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{path}"
        );
        let status = response.status().as_u16();
        Answer { status, kind, link, body: response.body_mut().read_to_string().unwrap() }
    }

    fn stream(&self, query: &str) -> Stream {
        let url = format!("http://{}/api/v1/kpis/stream{query}", self.address);
        let response = agent().get(&url).call().unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let kind = response.headers().get("content-type").unwrap();
        assert_eq!(kind, "text/event-stream");
        Stream { lines: BufReader::new(Box::new(response.into_body().into_reader())) }
    }

    fn put(&self, queue: &str, revision: i64, filling: &str) {
        let key = format!(r#"["acme","tenant,channel,queue",["voice","{queue}"],"5m","latest"]"#);
        let value = format!(
            r#"{{"status":"live","revision":{revision},"group_set":"tenant,channel,queue","group":{{"tenant":"acme","channel":"voice","queue":"{queue}"}},"window":{{"name":"5m","start_ms":0}},"levels":{{"contacts_waiting":{{"last":{revision}}}}},"filling":"{filling}"}}"#
        );
        self.board.apply(&key, &value, WallMs(revision * 1_000));
    }
}

struct Answer {
    status: u16,
    kind: String,
    link: String,
    body: String,
}

impl Answer {
    fn revisions(&self) -> Vec<i64> {
        let records: Vec<serde_json::Value> = serde_json::from_str(&self.body).unwrap();
        records.iter().map(|record| record["revision"].as_i64().unwrap()).collect()
    }
}

struct Stream {
    lines: BufReader<Box<dyn Read>>,
}

impl Stream {
    /// The id and data of the next `kpi` event; `None` at the end of the stream.
    fn next(&mut self) -> Option<(i64, serde_json::Value)> {
        let (mut name, mut id, mut data) = (String::new(), 0, String::new());
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", text)) => text.clone_into(&mut name),
                Some(("id", text)) => id = text.parse().unwrap(),
                Some(("data", text)) => text.clone_into(&mut data),
                None if name == "kpi" => return Some((id, serde_json::from_str(&data).unwrap())),
                _ => {}
            }
        }
    }
}

fn named(tenant: &str) -> QueueName {
    QueueName { tenant: tenant.to_owned(), queue: "a".to_owned(), name: "The first".to_owned() }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(120)))
        .build()
        .into()
}

fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < Duration::from_secs(10), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn metrics_show_kpis_and_vitals_and_filter_by_tenant() {
    let service = Service::start(HttpLimits::default());
    let exposed = |group, tenant: &str| Exposed {
        group,
        labels: vec![("tenant", tenant.to_owned())],
        series: vec![Series { family: 0, labels: [].into(), value: SeriesValue::Number(7.0) }],
    };
    service.exposition.apply(0, vec![exposed(0, "acme"), exposed(1, "zeta")]);
    let all = service.get("/metrics");
    assert_eq!((all.status, all.kind.as_str()), (200, "text/plain; version=0.0.4"));
    assert!(all.body.contains("contact_center_contacts_offered_total{tenant=\"acme\"} 7\n"));
    assert!(all.body.contains("intraday_build_info{"));
    let one = service.get("/metrics?tenant=zeta");
    assert!(one.body.contains("tenant=\"zeta\"") && !one.body.contains("acme"));
    assert!(!one.body.contains("intraday_"), "vitals are no tenant's");
    assert_eq!(service.get("/metrics?tenants=zeta").status, 400);
    let counted = service.get("/metrics").body;
    assert!(
        counted.contains("intraday_http_requests_total{code=\"400\",route=\"/metrics\"} 1\n"),
        "{counted}"
    );
}

#[test]
fn probes_tell_what_is_missing() {
    let limits = HttpLimits { still_time_max: Duration::from_millis(300), ..HttpLimits::default() };
    let service = Service::start(limits);
    assert_eq!(service.get("/readyz").status, 503);
    let beat: Beat = service.health.worker("fold-0");
    beat.reason("restoring events/3");
    let waiting = service.get("/readyz");
    assert_eq!((waiting.status, waiting.body.as_str()), (503, "fold-0: restoring events/3\n"));
    beat.ready(true);
    assert_eq!(service.get("/readyz").status, 200);

    assert_eq!(service.get("/livez").status, 200);
    eventually("a worker without beats is called stuck", || service.get("/livez").status == 503);
    assert!(service.get("/livez").body.starts_with("fold-0: no beat for"));
    beat.beat();
    assert_eq!(service.get("/livez").status, 200);
}

#[test]
fn the_api_filters_and_pages() {
    let service = Service::start(HttpLimits::default());
    for (revision, queue) in ["a", "b", "c", "d"].iter().enumerate() {
        service.put(queue, i64::try_from(revision).unwrap() + 1, "");
    }
    let all = service.get("/api/v1/kpis");
    assert_eq!((all.status, all.kind.as_str()), (200, "application/json"));
    assert_eq!(all.revisions(), [1, 2, 3, 4]);
    assert_eq!(service.get("/api/v1/kpis?tenant=acme&queue=c&channel=voice").revisions(), [3]);
    assert_eq!(service.get("/api/v1/kpis?window=day").body, "[]");
    assert_eq!(service.get("/api/v1/kpis?group_set=tenant").body, "[]");

    let first = service.get("/api/v1/kpis?window=5m&limit=3");
    assert_eq!(first.revisions(), [1, 2, 3]);
    let next = first.link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    let second = service.get(next);
    assert_eq!((second.revisions(), second.link.as_str()), (vec![4], ""));

    let points: serde_json::Value =
        serde_json::from_str(&service.get("/api/v1/kpis/points?queue=b").body).unwrap();
    assert_eq!(points[0]["contacts_waiting"], serde_json::json!([2.0]));
    assert_eq!(points[0]["at_ms"], serde_json::json!([2_000]));
    let names = |query: &str| service.get(&format!("/api/v1/names{query}"));
    assert_eq!(names("?tenant=zeta").body, r#"[{"tenant":"zeta","queue":"a","name":"The first"}]"#);
    assert_eq!(names("?queue=a").status, 400);
    assert_eq!(service.get("/api/v1/catalog").body, r#"[{"name":"asa"}]"#);
    assert_eq!(service.get("/api/v1/config").body, r#"{"http":{}}"#);
}

#[test]
fn what_cannot_be_answered_is_refused_with_a_reason() {
    let service = Service::start(HttpLimits::default());
    assert!(service.get("/api/v1/kpis?queues=a").body.contains("queues"));
    for path in ["?queues=a", "?limit=0", "?limit=10001", "?limit=x", "?after=%20", "/stream?limit=1"] {
        assert_eq!(service.get(&format!("/api/v1/kpis{path}")).status, 400, "{path}");
    }
    assert_eq!(service.get("/nowhere").status, 404);
    assert_eq!(service.get(&format!("/api/v1/kpis?queue={}", "x".repeat(5_000))).status, 414);
    for path in ["/", "/metrics", "/api/v1/kpis", "/api/v1/config", "/readyz"] {
        let response = agent().post(&format!("http://{}{path}", service.address)).send("x").unwrap();
        assert_eq!(response.status().as_u16(), 405, "{path}");
    }
    let page = service.get("/");
    assert!(page.kind.starts_with("text/html") && page.body.contains("/assets/main.js"));
    assert!(service.get("/assets/main.js").kind.starts_with("text/javascript"));
    assert!(service.get("/assets/tile.css").kind.starts_with("text/css"));
    assert_eq!(service.get("/assets/../Cargo.toml").status, 404);
}

#[test]
fn a_stream_gives_the_state_then_each_change_that_matches() {
    let service = Service::start(HttpLimits::default());
    service.put("a", 1, "");
    service.put("b", 2, "");
    let mut all = service.stream("");
    let mut only_b = service.stream("?queue=b");
    assert_eq!(all.next().unwrap().0, 1);
    assert_eq!(all.next().unwrap().0, 2);
    assert_eq!(only_b.next().unwrap().0, 2);
    service.put("a", 3, "");
    let (id, record) = all.next().unwrap();
    assert_eq!((id, record["group"]["queue"].as_str()), (3, Some("a")));
    service.put("b", 4, "");
    assert_eq!(all.next().unwrap().0, 4);
    assert_eq!(only_b.next().unwrap().0, 4);
}

#[test]
fn a_beat_follows_the_full_state_and_tells_time_and_readiness() {
    let service = Service::start(HttpLimits::default());
    let fold: Beat = service.health.worker("fold-0");
    fold.reason("restoring events/3");
    service.put("a", 1, "");
    let mut stream = service.stream("");
    assert_eq!(stream.next().unwrap().0, 1);
    let mut beats =
        stream.lines.by_ref().lines().map_while(Result::ok).skip_while(|line| line != "event: beat");
    let beat = beats.nth(1).unwrap();
    let beat: serde_json::Value = serde_json::from_str(beat.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&beat["ready"], &beat["missing"]), (&false.into(), &"fold-0: restoring events/3\n".into()));
    assert!(beat["heard_ms"] == 1_000 && beat["now_ms"].as_i64().unwrap() > 1_700_000_000_000);
}

#[test]
fn streams_are_limited_and_their_end_makes_room() {
    let service = Service::start(HttpLimits { streams_max: 1, ..HttpLimits::default() });
    let first = service.stream("");
    assert_eq!(service.get("/api/v1/kpis/stream").status, 503);
    assert!(service.get("/metrics").body.contains("intraday_http_streams 1\n"));
    drop(first);
    eventually("the stream of a gone client ends", || {
        service.get("/metrics").body.contains("intraday_http_streams 0\n")
    });
    service.put("a", 1, "");
    assert_eq!(service.stream("").next().unwrap().0, 1);
}

#[test]
fn a_slow_client_holds_up_nobody_and_sees_the_newest_record() {
    let service = Service::start(HttpLimits::default());
    let mut slow = service.stream("");
    let mut quick = service.stream("?queue=quick");
    let filling = "x".repeat(64 * 1_024);
    let begin = Instant::now();
    for revision in 1..=1_000 {
        service.put("slow", revision, &filling);
    }
    service.put("quick", 1, "");
    assert_eq!(quick.next().unwrap().0, 1);
    assert!(begin.elapsed() < Duration::from_secs(90), "{:?}", begin.elapsed());
    let (mut seen, mut last) = (0, 0);
    while last < 1_000 {
        let (id, record) = slow.next().unwrap();
        if record["group"]["queue"] == "slow" {
            assert!(id > last, "revisions only grow");
            last = id;
            seen += 1;
        }
    }
    assert!(seen < 1_000, "a slow client skips steps, saw {seen}");
}

#[test]
fn the_server_stops_within_a_second_with_a_stream_open() {
    let mut service = Service::start(HttpLimits::default());
    service.put("a", 1, "");
    let mut stream = service.stream("");
    assert_eq!(stream.next().unwrap().0, 1);
    let idle = TcpStream::connect(service.address).unwrap();
    let took = service.stop();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(stream.next().is_none());
    assert!(TcpStream::connect(service.address).is_err());
    drop(idle);
}

#[test]
fn the_drain_deadline_cuts_a_client_that_never_reads() {
    let limits = HttpLimits { drain_time_max: Duration::from_millis(300), ..HttpLimits::default() };
    let mut service = Service::start(limits);
    let filling = "x".repeat(128 * 1_024);
    for queue in 0..200 {
        service.put(&format!("queue-{queue:03}"), 1, &filling);
    }
    let mut deaf = TcpStream::connect(service.address).unwrap();
    deaf.write_all(b"GET /api/v1/kpis HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    eventually("the request is answered", || {
        let counted = "route=\"/api/v1/kpis\"} 1\n";
        service.get("/metrics").body.contains(counted)
    });
    let took = service.stop();
    assert!(took >= Duration::from_millis(250) && took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn connections_beyond_the_limit_wait_for_one_that_ends() {
    let service = Service::start(HttpLimits { connections_max: 1, ..HttpLimits::default() });
    let held = TcpStream::connect(service.address).unwrap();
    let mut waiting = TcpStream::connect(service.address).unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    waiting.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    assert!(waiting.read_to_string(&mut text).is_err(), "answered beyond the limit: {text}");
    drop(held);
    waiting.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    waiting.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(service.get("/metrics").body.contains("intraday_http_limited_total{limit=\"connections\"}"));
}

#[test]
fn a_request_that_never_ends_is_cut() {
    let limits = HttpLimits { head_time_max: Duration::from_millis(200), ..HttpLimits::default() };
    let service = Service::start(limits);
    let mut slow = TcpStream::connect(service.address).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    slow.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    let begin = Instant::now();
    let mut text = Vec::new();
    let mut stream = service.stream("");
    // Either an end or a reset: in both cases the connection is over.
    let _either_way = slow.read_to_end(&mut text);
    assert!(begin.elapsed() < Duration::from_secs(5));
    // The limit is one of reading: a stream that was open all the while goes on.
    std::thread::sleep(Duration::from_millis(300));
    service.put("a", 1, "");
    assert_eq!(stream.next().unwrap().0, 1);

    let mut greedy = TcpStream::connect(service.address).unwrap();
    let long = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(32 * 1_024));
    greedy.write_all(long.as_bytes()).unwrap();
    let mut answer = [0; 12];
    greedy.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
}
