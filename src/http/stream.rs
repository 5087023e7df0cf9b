//! GET /api/v1/kpis/stream: the full state, then each change, as server-sent events.
//!
//! A stream holds the number of the last change it has sent and asks the board for what came after. So a
//! slow client skips steps instead of filling a queue, and the first answer is the full state by the same way.

use super::api::{self, Asked, Refusal};
use super::board::{Board, Filter, Shown};
use super::server::HttpState;
use crate::vitals::web::Limit;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use std::time::Duration;
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

type Sent = Result<Event, Infallible>;

/// Opens a stream: `event: kpi` with the record as data and its revision as id.
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
        Feed { board: state.board.clone(), filter, sender, closing, permit }.run().await;
        state.vitals.http_streams(state.streams_open());
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive");
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(keep_alive).into_response())
}

struct Feed {
    board: Board,
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

    async fn feed(&mut self) {
        let mut changes = self.board.changes();
        let mut seen = 0;
        if self.sender.send(Ok(Event::default().retry(RETRY))).await.is_err() {
            return;
        }
        loop {
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
            tokio::time::sleep(REST).await;
            // The number may have moved during the rest, or before this stream began to listen.
            if changes.wait_for(|number| *number > seen).await.is_err() {
                return;
            }
        }
    }
}

fn event(record: &Shown) -> Event {
    Event::default().event("kpi").id(record.revision.to_string()).data(&record.value)
}
