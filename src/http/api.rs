//! The JSON API: the newest records, their sparkline points, the names of queues, the catalogue, the configuration.
//!
//! Records go out as they came. Pages are ordered by group and window; the address of the next page
//! stands in the `Link` header, so that the body stays a plain array.

use super::board::{Filter, Shown};
use super::record::{Place, Point};
use super::server::HttpState;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Records of a page where the request does not say.
const LIMIT_DEFAULT: usize = 1_000;
/// Most records of a page.
const LIMIT_MAX: usize = 10_000;

/// The parameters of a request for records; others are refused, so that a typing error is not a wider answer.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    tenant: Option<String>,
    channel: Option<String>,
    queue: Option<String>,
    window: Option<String>,
    group_set: Option<String>,
    limit: Option<usize>,
    after: Option<String>,
}

/// A request that cannot be answered as asked.
#[derive(Debug)]
pub struct Refusal(String);

/// GET /api/v1/kpis: the newest record of each group and window that matches, as a JSON array.
///
/// # Errors
/// An unknown parameter, or a `limit` or `after` that cannot be read.
pub async fn kpis(
    State(state): State<HttpState>,
    uri: Uri,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Refusal> {
    let page = Page::of(asked)?;
    let records = state.board.page(&page.filter, page.after.as_deref(), page.limit);
    let next = page.next(records.len(), records.last().map(|shown| shown.place.as_ref()), &uri);
    Ok(array(&records, next))
}

/// GET /api/v1/kpis/points: points for sparklines of each group and window that matches.
///
/// # Errors
/// As [`kpis`].
pub async fn points(
    State(state): State<HttpState>,
    uri: Uri,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Refusal> {
    let page = Page::of(asked)?;
    let lines = state.board.points(&page.filter, page.after.as_deref(), page.limit);
    let next = page.next(lines.len(), lines.last().map(|(place, _)| place.as_ref()), &uri);
    let sparklines: Vec<Sparkline<'_>> = lines.iter().map(Sparkline::of).collect();
    Ok(with_link(Json(sparklines).into_response(), next))
}

/// The name that people know a queue by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueName {
    /// The tenant.
    pub tenant: String,
    /// The queue as records name it.
    pub queue: String,
    /// The name to show.
    pub name: String,
}

/// The parameters of a request for names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedNames {
    tenant: Option<String>,
}

/// GET /api/v1/names: the names that people know queues by, as configured; a queue without one is not there.
///
/// # Errors
/// An unknown parameter.
pub async fn names(
    State(state): State<HttpState>,
    asked: Result<Query<AskedNames>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(asked) = asked.map_err(|rejection| Refusal(rejection.body_text()))?;
    let asks = |name: &&QueueName| asked.tenant.as_ref().is_none_or(|tenant| *tenant == name.tenant);
    Ok(Json(state.names.iter().filter(asks).collect::<Vec<_>>()).into_response())
}

/// GET /api/v1/catalog: the KPI catalogue as it was handed in.
pub async fn catalog(State(state): State<HttpState>) -> Response {
    json(state.catalog.to_string())
}

/// GET /api/v1/config: the configuration in effect, redacted by whoever handed it in.
pub async fn config(State(state): State<HttpState>) -> Response {
    json(state.config.to_string())
}

/// The filter of a request for a stream.
///
/// # Errors
/// An unknown parameter; `limit` and `after` say nothing of a stream and are refused.
pub fn stream_filter(asked: Result<Query<Asked>, QueryRejection>) -> Result<Filter, Refusal> {
    let Query(asked) = asked.map_err(|rejection| Refusal(rejection.body_text()))?;
    if asked.limit.is_some() || asked.after.is_some() {
        return Err(Refusal("a stream has no pages; leave out limit and after".to_owned()));
    }
    Ok(asked.filter())
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(text) = self;
        (StatusCode::BAD_REQUEST, format!("{text}\n")).into_response()
    }
}

impl Asked {
    fn filter(self) -> Filter {
        Filter {
            tenant: self.tenant,
            channel: self.channel,
            queue: self.queue,
            window: self.window,
            group_set: self.group_set,
        }
    }
}

struct Page {
    filter: Filter,
    after: Option<String>,
    limit: usize,
}

impl Page {
    fn of(asked: Result<Query<Asked>, QueryRejection>) -> Result<Page, Refusal> {
        let Query(mut asked) = asked.map_err(|rejection| Refusal(rejection.body_text()))?;
        let limit = asked.limit.take().unwrap_or(LIMIT_DEFAULT);
        if limit == 0 || limit > LIMIT_MAX {
            return Err(Refusal(format!("limit {limit} is not within 1 to {LIMIT_MAX}")));
        }
        let after = asked.after.take().map(|after| place_id(&after)).transpose()?;
        Ok(Page { filter: asked.filter(), after, limit })
    }

    /// The address of the next page, where this one is full.
    fn next(&self, length: usize, last: Option<&Place>, uri: &Uri) -> Option<HeaderValue> {
        let last = last.filter(|_| length == self.limit)?;
        let kept = uri.query().unwrap_or("").split('&');
        let kept = kept.filter(|part| !part.is_empty() && !part.starts_with("after="));
        let mut query: Vec<&str> = kept.collect();
        let after = format!("after={}", URL_SAFE_NO_PAD.encode(&last.id));
        query.push(&after);
        let link = format!("<{}?{}>; rel=\"next\"", uri.path(), query.join("&"));
        HeaderValue::from_str(&link).ok()
    }
}

fn place_id(after: &str) -> Result<String, Refusal> {
    let wrong = || Refusal("after is not from the Link header of a page before".to_owned());
    let bytes = URL_SAFE_NO_PAD.decode(after).map_err(|_| wrong())?;
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[derive(Serialize)]
struct Sparkline<'a> {
    tenant: &'a str,
    group_set: &'a str,
    window: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<&'a str>,
    at_ms: Vec<i64>,
    service_level: Vec<Option<f32>>,
    abandon_rate: Vec<Option<f32>>,
    contacts_waiting: Vec<Option<f32>>,
}

impl<'a> Sparkline<'a> {
    fn of((place, points): &'a (std::sync::Arc<Place>, Vec<Point>)) -> Sparkline<'a> {
        Sparkline {
            tenant: &place.tenant,
            group_set: &place.group_set,
            window: &place.window,
            channel: place.channel.as_deref(),
            queue: place.queue.as_deref(),
            at_ms: points.iter().map(|point| point.at_ms).collect(),
            service_level: points.iter().map(|point| point.service_level).collect(),
            abandon_rate: points.iter().map(|point| point.abandon_rate).collect(),
            contacts_waiting: points.iter().map(|point| point.contacts_waiting).collect(),
        }
    }
}

fn array(records: &[Shown], next: Option<HeaderValue>) -> Response {
    let bytes: usize = records.iter().map(|shown| shown.value.len() + 1).sum();
    let mut body = String::with_capacity(bytes + 2);
    body.push('[');
    for (place, shown) in records.iter().enumerate() {
        if place > 0 {
            body.push(',');
        }
        body.push_str(&shown.value);
    }
    body.push(']');
    with_link(json(body), next)
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn with_link(mut response: Response, next: Option<HeaderValue>) -> Response {
    if let Some(next) = next {
        response.headers_mut().insert(header::LINK, next);
    }
    response
}
