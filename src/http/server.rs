//! The server: accepts within limits, routes, and ends within a deadline.
//!
//! Connections are served here and not by axum's own loop, because that one sets no limits on connections,
//! on the time a request's head may take, or on how long open streams may hold up the end.

use super::{Board, Exposition, api, guard, page, probes, socket::Socket, stream};
use crate::vitals::web::Limit;
use crate::vitals::{Health, Vitals};
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use prometheus::{Registry, TEXT_FORMAT, TextEncoder};
use serde::Deserialize;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// The limits of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Open connections; further ones wait to be accepted.
    pub connections_max: usize,
    /// Open event streams; fewer than connections, so that probes and scrapes always find one.
    pub streams_max: usize,
    /// Scrapes rendered at the same time; further ones wait.
    pub renders_max: usize,
    /// Path and query of a request.
    pub uri_bytes_max: usize,
    /// The head of a request, all its headers.
    pub head_bytes_max: usize,
    /// From the first byte of a request's head to its last, and how long an idle connection is kept.
    pub head_time_max: Duration,
    /// From the request to the head of its answer.
    pub request_time_max: Duration,
    /// A write that makes no progress for this long ends the connection.
    pub stall_time_max: Duration,
    /// A worker without a beat for this long is stuck.
    pub still_time_max: Duration,
    /// From the call for the end to the end, whatever is open.
    pub drain_time_max: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        HttpLimits {
            connections_max: 512,
            streams_max: 256,
            renders_max: 2,
            uri_bytes_max: 4_096,
            head_bytes_max: 16 * 1_024,
            head_time_max: Duration::from_secs(30),
            request_time_max: Duration::from_secs(10),
            stall_time_max: Duration::from_secs(30),
            still_time_max: Duration::from_secs(30),
            drain_time_max: Duration::from_secs(3),
        }
    }
}

/// What the routes show. Cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub struct HttpState {
    pub(super) board: Board,
    pub(super) catalog: Arc<str>,
    pub(super) config: Arc<str>,
    pub(super) names: Arc<[api::QueueName]>,
    pub(super) vitals: Vitals,
    pub(super) limits: HttpLimits,
    pub(super) streams: Arc<Semaphore>,
    /// Turns true when the server ends; streams end by it.
    pub(super) closing: watch::Sender<bool>,
    exposition: Exposition,
    registry: Registry,
    pub(super) watch: probes::Watch,
    renders: Arc<Semaphore>,
}

/// What a state is made of.
#[derive(Debug)]
pub struct HttpParts {
    /// The KPI families.
    pub exposition: Exposition,
    /// The service's own metrics as a scrape reads them.
    pub registry: Registry,
    /// The service's own metrics as the server counts them.
    pub vitals: Vitals,
    /// The workers.
    pub health: Health,
    /// The newest records.
    pub board: Board,
    /// The KPI catalogue, JSON.
    pub catalog: String,
    /// The configuration in effect, redacted, JSON.
    pub config: String,
    /// The names that people know queues by.
    pub names: Vec<api::QueueName>,
    /// The limits.
    pub limits: HttpLimits,
}

impl HttpState {
    /// A state made of `parts`.
    #[must_use]
    pub fn new(parts: HttpParts) -> HttpState {
        let limits = parts.limits;
        let (closing, _) = watch::channel(false);
        HttpState {
            board: parts.board,
            catalog: parts.catalog.into(),
            config: parts.config.into(),
            names: parts.names.into(),
            vitals: parts.vitals,
            limits,
            streams: Arc::new(Semaphore::new(limits.streams_max)),
            closing,
            exposition: parts.exposition,
            registry: parts.registry,
            watch: probes::Watch::new(parts.health, limits.still_time_max),
            renders: Arc::new(Semaphore::new(limits.renders_max.max(1))),
        }
    }

    pub(super) fn streams_open(&self) -> usize {
        self.limits.streams_max.saturating_sub(self.streams.available_permits())
    }
}

/// Serves `state` until `shutdown` resolves, then ends what is open within the drain deadline.
pub async fn serve(listener: TcpListener, state: HttpState, shutdown: impl Future<Output = ()>) {
    let router = router(state.clone());
    let permits = Arc::new(Semaphore::new(state.limits.connections_max.max(1)));
    let mut connections = JoinSet::new();
    let mut look = tokio::time::interval(Duration::from_secs(1));
    let mut spare = None;
    tokio::pin!(shutdown);
    loop {
        if spare.is_none() {
            spare = permits.clone().try_acquire_owned().ok();
            if spare.is_none() {
                state.vitals.http_limited(Limit::Connections);
            }
        }
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            _tick = look.tick() => {
                // Probes may come seldom; looking each second tells how long a worker has stood still.
                let _verdict = state.watch.live(Instant::now());
            }
            // Ended connections are taken off the set and free a permit; there is nothing in their result.
            Some(_ended) = connections.join_next() => {}
            accepted = listener.accept(), if spare.is_some() => match (accepted, spare.take()) {
                (Ok((stream, _peer)), Some(permit)) => {
                    connections.spawn(connection(stream, permit, router.clone(), state.clone()));
                }
                (Ok(_), None) => {}
                (Err(error), _) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    // Out of descriptors, most likely: trying at once again would only burn time.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    state.closing.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(state.limits.drain_time_max, drained).await.is_err() {
        tracing::warn!("http connections were still open at the drain deadline and are cut");
        connections.shutdown().await;
    }
}

fn router(state: HttpState) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/assets/{file}", get(page::asset))
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/api/v1/kpis", get(api::kpis))
        .route("/api/v1/kpis/points", get(api::points))
        .route("/api/v1/kpis/stream", get(stream::stream))
        .route("/api/v1/names", get(api::names))
        .route("/api/v1/catalog", get(api::catalog))
        .route("/api/v1/config", get(api::config))
        .fallback(|| async { (StatusCode::NOT_FOUND, "no such address; / lists them\n") })
        .layer(axum::middleware::from_fn_with_state(state.clone(), guard::guard))
        .with_state(state)
}

async fn connection(stream: TcpStream, permit: OwnedSemaphorePermit, router: Router, state: HttpState) {
    // Events are small and should leave at once; a socket that cannot do this works all the same.
    let _slower = stream.set_nodelay(true);
    let socket = Socket::new(stream, state.limits.stall_time_max, state.vitals.clone());
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(state.limits.head_time_max)
        .max_header_size(state.limits.head_bytes_max)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let mut closing = state.closing.subscribe();
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        // An error says that the state is gone, which ends the connection as well.
        _ = closing.wait_for(|closing| *closing) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // Clients go away all the time: worth a line only for whoever looks for it.
    if let Err(error) = ended {
        tracing::debug!(%error, "http connection ended");
    }
    drop(permit);
}

/// The parameters of a scrape.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scrape {
    tenant: Option<String>,
}

async fn metrics(
    State(state): State<HttpState>,
    asked: Result<Query<Scrape>, QueryRejection>,
) -> Result<Response, (StatusCode, String)> {
    let Query(scrape) =
        asked.map_err(|rejection| (StatusCode::BAD_REQUEST, format!("{}\n", rejection.body_text())))?;
    let failed = |text: &str| (StatusCode::INTERNAL_SERVER_ERROR, format!("{text}\n"));
    let permit = state.renders.clone().acquire_owned().await;
    let permit = permit.map_err(|_| failed("the server is ending"))?;
    // The permit goes with the rendering: one that outlives its request still counts.
    let rendering = tokio::task::spawn_blocking(move || {
        let text = render(&state, scrape.tenant.as_deref());
        drop(permit);
        text
    });
    let text = rendering.await.map_err(|_| failed("rendering failed; the log has the reason"))?;
    let text = text.map_err(|error| failed(&format!("rendering failed: {error}")))?;
    Ok(([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response())
}

fn render(state: &HttpState, tenant: Option<&str>) -> prometheus::Result<String> {
    let begin = Instant::now();
    let mut rendered = state.exposition.render(tenant);
    state.vitals.exposition(begin.elapsed().as_secs_f64(), rendered.duplicates);
    // The service's own metrics are no tenant's.
    if tenant.is_none() {
        if let Some(since) = begin.checked_sub(state.exposition.silent_after()) {
            state.vitals.forget_silent(since);
        }
        TextEncoder::new().encode_utf8(&state.registry.gather(), &mut rendered.text)?;
    }
    Ok(rendered.text)
}

async fn livez(State(state): State<HttpState>) -> Response {
    answer(state.watch.live(Instant::now()))
}

async fn readyz(State(state): State<HttpState>) -> Response {
    answer(state.watch.ready())
}

fn answer(verdict: probes::Verdict) -> Response {
    let status = if verdict.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, verdict.text).into_response()
}
