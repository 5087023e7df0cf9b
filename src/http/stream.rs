//! GET /api/v1/kpis/stream: the full state, then each change, as server-sent events.
//!
//! A stream holds the number of the last change it has sent and asks the board for what came after. So a
//! slow client skips steps instead of filling a queue, and the first answer is the full state by the same way.
//! Beats between them tell a quiet center from a dead line, and the client the server's clock.

use super::api::{self, Asked, Refusal};
use super::board::{Board, Filter, Shown};
use super::probes::Watch;
use super::server::HttpState;
use crate::vitals::web::Limit;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::convert::Infallible;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

/// Changes looked at in one go, and events held for a client that is about to read them.
const BATCH: usize = 256;
/// Rest between batches once a stream has caught up: a burst of changes of one group becomes one event.
const REST: Duration = Duration::from_millis(50);
/// Comment when nothing happens, so that proxies and clients see the connection alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// When a client asks again after the connection ended.
const RETRY: Duration = Duration::from_secs(2);
/// A beat behind the full state, then one in this time.
const BEAT: Duration = Duration::from_secs(5);

type Sent = Result<Event, Infallible>;

/// Opens a stream: `event: kpi` with the record as data and its revision as id; `event: beat` with the server's time,
/// when it last read a record, and whether it is ready.
///
/// # Errors
/// An unknown parameter.
pub async fn stream(
    State(state): State<HttpState>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Refusal> {
    let filter = api::stream_filter(asked)?;
    let Ok(permit) = state.streams.clone().try_acquire_owned() else {
        state.vitals.http_limited(Limit::Streams);
        let text = format!("all {} streams are in use; try again later\n", state.limits.streams_max);
        let retry = [(header::RETRY_AFTER, "10")];
        return Ok((StatusCode::SERVICE_UNAVAILABLE, retry, text).into_response());
    };
    let (sender, receiver) = mpsc::channel(BATCH);
    let closing = state.closing.subscribe();
    tokio::spawn(async move {
        state.vitals.http_streams(state.streams_open());
        Feed { board: state.board.clone(), watch: state.watch.clone(), filter, sender, closing, permit }
            .run()
            .await;
        state.vitals.http_streams(state.streams_open());
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive");
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(keep_alive).into_response())
}

struct Feed {
    board: Board,
    watch: Watch,
    filter: Filter,
    sender: mpsc::Sender<Sent>,
    closing: watch::Receiver<bool>,
    permit: OwnedSemaphorePermit,
}

impl Feed {
    /// Sends until the client goes or the server closes.
    async fn run(mut self) {
        let mut closing = self.closing.clone();
        let sender = self.sender.clone();
        tokio::select! {
            // An error says that the server is gone, which ends the stream as well.
            _ = closing.wait_for(|closing| *closing) => {}
            () = sender.closed() => {}
            () = self.feed() => {}
        }
        drop(self.permit);
    }

    fn beat(&self) -> Event {
        let verdict = self.watch.ready();
        let missing = if verdict.ok { String::new() } else { verdict.text };
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        let heard_ms = self.board.heard().map(|heard| heard.0);
        let beat = Beat { now_ms, heard_ms, ready: verdict.ok, missing };
        // Plain numbers and text always become JSON.
        Event::default().event("beat").data(serde_json::to_string(&beat).unwrap_or_default())
    }

    async fn feed(&mut self) {
        let mut changes = self.board.changes();
        let mut seen = 0;
        if self.sender.send(Ok(Event::default().retry(RETRY))).await.is_err() {
            return;
        }
        let mut beat_due: Option<Instant> = None;
        loop {
            if beat_due.is_some_and(|due| Instant::now() >= due) {
                beat_due = Some(Instant::now() + BEAT);
                if self.sender.send(Ok(self.beat())).await.is_err() {
                    return;
                }
            }
            let (records, reached) = self.board.changed_since(&self.filter, seen, BATCH);
            for record in &records {
                if self.sender.send(Ok(event(record))).await.is_err() {
                    return;
                }
            }
            if reached > seen {
                seen = reached;
                // Others may run between the batches of a great state.
                tokio::task::yield_now().await;
                continue;
            }
            // The first beat says that the full state was sent.
            let Some(due) = beat_due else {
                beat_due = Some(Instant::now());
                continue;
            };
            tokio::time::sleep(REST).await;
            // The number may have moved during the rest, or before this stream began to listen.
            let changed = changes.wait_for(|number| *number > seen);
            if let Ok(Err(_)) = tokio::time::timeout_at(due.into(), changed).await {
                return;
            }
        }
    }
}

/// What a beat says. Times in milliseconds since the Unix epoch.
#[derive(Serialize)]
struct Beat {
    now_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    heard_ms: Option<i64>,
    ready: bool,
    /// What is missing, a line per worker; empty when ready.
    missing: String,
}

fn event(record: &Shown) -> Event {
    Event::default().event("kpi").id(record.revision.to_string()).data(&record.value)
}
