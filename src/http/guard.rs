//! What every request passes: the length of its address, its time, the headers of its answer, a count.
//!
//! It knows the routes by name only, so that the label of the count stays a closed set.

use super::server::HttpState;
use crate::vitals::web::Limit;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Every address that is answered, in the order in which the page lists them.
pub const ROUTES: &[&str] = &[
    "/",
    "/metrics",
    "/livez",
    "/readyz",
    "/api/v1/kpis",
    "/api/v1/kpis/points",
    "/api/v1/kpis/stream",
    "/api/v1/names",
    "/api/v1/catalog",
    "/api/v1/config",
    "/assets/",
];

/// Passes a request on within the limits and dresses its answer.
pub async fn guard(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    let route = route_name(request.uri().path());
    let uri_bytes = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    let mut response = if uri_bytes > state.limits.uri_bytes_max {
        state.vitals.http_limited(Limit::Uri);
        let text = format!("address longer than {} bytes\n", state.limits.uri_bytes_max);
        (StatusCode::URI_TOO_LONG, text).into_response()
    } else {
        // The time is that to the answer's head: a stream goes on as long as it is read.
        match tokio::time::timeout(state.limits.request_time_max, next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                state.vitals.http_limited(Limit::Time);
                let seconds = state.limits.request_time_max.as_secs_f64();
                let text = format!("no answer within {seconds} s; ask for less\n");
                (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
            }
        }
    };
    state.vitals.http_request(route, response.status().as_str());
    dress(response.headers_mut());
    response
}

fn route_name(path: &str) -> &'static str {
    let path = if path.starts_with("/assets/") { "/assets/" } else { path };
    ROUTES.iter().find(|route| **route == path).copied().unwrap_or("other")
}

/// Nothing is loaded from elsewhere, run inline, kept by caches, or guessed.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
        ),
    ),
];

fn dress(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_answered_share_a_label() {
        assert_eq!(route_name("/api/v1/kpis"), "/api/v1/kpis");
        assert_eq!(route_name("/api/v1/kpis/"), "other");
        assert_eq!(route_name("/../etc/passwd"), "other");
    }
}
