//! What the HTTP side counts: requests, streams, limits hit, scrapes, and the board behind the API.
//!
//! It knows these as names and numbers only.

use super::{Vitals, counters, gauges, histograms, table};
use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec, Registry};

/// A limit of the HTTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// All connections came to be in use: further ones wait.
    Connections,
    /// All streams were in use when another was asked for: refused.
    Streams,
    /// A request took too long.
    Time,
    /// The address of a request was too long.
    Uri,
    /// A client did not read what was written to it.
    Stall,
}

/// What became of a record of the kpis topic on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoardResult {
    /// It is the newest of its group and window.
    Shown,
    /// A newer one is shown.
    Older,
    /// The board is full.
    Refused,
    /// Its group was not heard of for too long.
    Forgotten,
    /// It is no KPI record.
    Unreadable,
}

impl Vitals {
    /// A request to `route`, one of a fixed set, was answered with `code`.
    pub fn http_request(&self, route: &'static str, code: &str) {
        self.meters.web.requests.with_label_values(&[route, code]).inc();
    }

    /// A limit was hit.
    pub fn http_limited(&self, limit: Limit) {
        self.meters.web.limited.with_label_values(&[limit.name()]).inc();
    }

    /// Event streams open now.
    pub fn http_streams(&self, open: usize) {
        let open = i64::try_from(open).unwrap_or(i64::MAX);
        self.meters.web.streams.with_label_values::<&str>(&[]).set(open);
    }

    /// A scrape was rendered in `seconds`, without `duplicates` samples.
    pub fn exposition(&self, seconds: f64, duplicates: u64) {
        let web = &self.meters.web;
        web.exposition.with_label_values::<&str>(&[]).observe(seconds);
        web.duplicates.with_label_values::<&str>(&[]).inc_by(duplicates);
    }

    /// What became of `count` records, and how many groups the board now shows.
    pub fn board(&self, result: BoardResult, count: u64, groups: usize) {
        let web = &self.meters.web;
        web.board_records.with_label_values(&[result.name()]).inc_by(count);
        let groups = i64::try_from(groups).unwrap_or(i64::MAX);
        web.board_groups.with_label_values::<&str>(&[]).set(groups);
    }
}

impl Limit {
    fn name(self) -> &'static str {
        match self {
            Limit::Connections => "connections",
            Limit::Streams => "streams",
            Limit::Time => "time",
            Limit::Uri => "uri",
            Limit::Stall => "stall",
        }
    }
}

impl BoardResult {
    fn name(self) -> &'static str {
        match self {
            BoardResult::Shown => "shown",
            BoardResult::Older => "older",
            BoardResult::Refused => "refused",
            BoardResult::Forgotten => "forgotten",
            BoardResult::Unreadable => "unreadable",
        }
    }
}

#[derive(Debug)]
pub(super) struct Meters {
    requests: IntCounterVec,
    limited: IntCounterVec,
    streams: IntGaugeVec,
    exposition: HistogramVec,
    duplicates: IntCounterVec,
    board_records: IntCounterVec,
    board_groups: IntGaugeVec,
}

impl Meters {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Meters> {
        Ok(Meters {
            requests: counters(registry, &table::HTTP_REQUESTS)?,
            limited: counters(registry, &table::HTTP_LIMITED)?,
            streams: gauges(registry, &table::HTTP_STREAMS)?,
            exposition: histograms(registry, &table::EXPOSITION_DURATION, EXPOSITION_BOUNDS)?,
            duplicates: counters(registry, &table::EXPOSITION_DUPLICATES)?,
            board_records: counters(registry, &table::BOARD_RECORDS)?,
            board_groups: gauges(registry, &table::BOARD_GROUPS)?,
        })
    }
}

/// Seconds: 10,000 series take about 10 ms, the greatest exposition about a second.
const EXPOSITION_BOUNDS: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallMs;
    use crate::vitals::Build;

    #[test]
    fn the_board_counts_records_and_says_its_size() {
        let registry = Registry::new();
        let build = Build { version: "1", revision: "r", rustc: "c" };
        let vitals = Vitals::new(&registry, build, WallMs(0)).unwrap();
        vitals.board(BoardResult::Shown, 3, 2);
        vitals.board(BoardResult::Forgotten, 2, 0);
        vitals.http_limited(Limit::Uri);
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        assert!(text.contains("intraday_board_records_total{result=\"shown\"} 3\n"));
        assert!(text.contains("intraday_board_records_total{result=\"forgotten\"} 2\n"));
        assert!(text.contains("intraday_board_groups 0\n"));
        assert!(text.contains("intraday_http_limited_total{limit=\"uri\"} 1\n"));
    }
}
