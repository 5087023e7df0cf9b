//! The root of the configuration: all sections as they are written, and what must hold between them.

use super::fields::{Fields, Rows, Section, Table};
use super::groups::{self, GROUPS_MAX, GroupRow};
use super::http::Http;
use super::kafka::Kafka;
use super::limits::Limits;
use super::metrics::Metrics;
use super::names::{self, NAMES_MAX, QueueName};
use super::problem::{Path, Problems};
use super::service::Service;
use super::targets::{self, TARGETS_MAX, TargetRow};
use super::thresholds::{self, THRESHOLDS_MAX, ThresholdRow};
use super::times::Times;
use super::windows::{self, WINDOWS_MAX, WindowRow};
use crate::kpi::groups::GroupSet;
use crate::time::window::Window;

/// Longest name of a topic, bytes.
const TOPIC_BYTES_MAX: usize = 249;
/// The service's own topics after `<id>.`; that of the fold's state ends in an input topic.
const OWN_TOPICS: [&str; 4] = ["partials", "merge-state", "kpis", "dead-letters"];
const FOLD_STATE: &str = "fold-state.";

/// All sections as written.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) service: Service,
    pub(super) kafka: Kafka,
    pub(super) http: Http,
    pub(super) time: Times,
    pub(super) limits: Limits,
    pub(super) metrics: Metrics,
    pub(super) windows: Vec<WindowRow>,
    pub(super) groups: Vec<GroupRow>,
    pub(super) thresholds: Vec<ThresholdRow>,
    pub(super) targets: Vec<TargetRow>,
    pub(super) names: Vec<QueueName>,
}

impl Default for Draft {
    fn default() -> Self {
        Draft {
            service: Service::default(),
            kafka: Kafka::default(),
            http: Http::default(),
            time: Times::default(),
            limits: Limits::default(),
            metrics: Metrics::default(),
            windows: Window::shipped().iter().map(WindowRow::of).collect(),
            groups: GroupSet::shipped().iter().map(GroupRow::of).collect(),
            thresholds: Vec::new(),
            targets: Vec::new(),
            names: Vec::new(),
        }
    }
}

impl Section for Draft {
    fn fields(&mut self, fields: &mut impl Fields) {
        fields.field("service", &mut self.service, Table);
        fields.field("kafka", &mut self.kafka, Table);
        fields.field("http", &mut self.http, Table);
        fields.field("time", &mut self.time, Table);
        fields.field("limits", &mut self.limits, Table);
        fields.field("metrics", &mut self.metrics, Table);
        fields.field("windows", &mut self.windows, Rows { rows_max: WINDOWS_MAX });
        fields.field("groups", &mut self.groups, Rows { rows_max: GROUPS_MAX });
        fields.field("thresholds", &mut self.thresholds, Rows { rows_max: THRESHOLDS_MAX });
        fields.field("targets", &mut self.targets, Rows { rows_max: TARGETS_MAX });
        fields.field("names", &mut self.names, Rows { rows_max: NAMES_MAX });
    }

    fn check(&self, path: &Path, problems: &mut Problems<'_>) {
        windows::check(&self.windows, &path.key("windows"), problems);
        groups::check(&self.groups, &path.key("groups"), problems);
        thresholds::check(&self.thresholds, &path.key("thresholds"), problems);
        targets::check(&self.targets, &path.key("targets"), problems);
        names::check(&self.names, &path.key("names"), problems);
        self.check_topics(&path.key("kafka").key("input_topics"), problems);
        if self.time.commit_interval_ms * 2 > self.kafka.transaction_timeout_ms {
            let text = "is more than half of kafka.transaction_timeout; transactions would be aborted";
            problems.add(&path.key("time").key("commit_interval"), text);
        }
    }
}

impl Draft {
    fn check_topics(&self, path: &Path, problems: &mut Problems<'_>) {
        let id = &self.service.id;
        for (at, topic) in self.kafka.input_topics.iter().enumerate() {
            let rest = topic.strip_prefix(id.as_str()).and_then(|rest| rest.strip_prefix('.'));
            if rest.is_some_and(|rest| OWN_TOPICS.contains(&rest) || rest.starts_with(FOLD_STATE)) {
                let text = format!("{topic} is a topic of the service itself; change it or service.id");
                problems.add(&path.item(at), text);
            }
            let bytes = id.len() + 1 + FOLD_STATE.len() + topic.len();
            if bytes > TOPIC_BYTES_MAX {
                let text =
                    format!("is too long: {id}.{FOLD_STATE}<topic> has {bytes} bytes of {TOPIC_BYTES_MAX}");
                problems.add(&path.item(at), text);
            }
        }
    }
}
