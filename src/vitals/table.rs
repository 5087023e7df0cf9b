//! The table of the service's own metrics: every name, unit, label and help stands here once.
//!
//! It never knows where a value comes from; [`FIGURES`] ties what a stage says of itself to rows.

use crate::pipeline::StageKind;

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VitalKind {
    /// Only grows while the process lives, or over the life of a partition where it is restored.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative classic buckets.
    Histogram,
}

/// A metric of the service itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vital {
    /// Full name, base unit last.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: VitalKind,
    /// The unit of its values.
    pub unit: &'static str,
    /// Its labels, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// What it says, in a sentence.
    pub help: &'static str,
}

/// A figure of a stage's report and the row that shows it.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Whose report it stands in.
    pub stage: StageKind,
    /// Its name in [`crate::pipeline::StageReport::figures`].
    pub name: &'static str,
    /// The row that shows it.
    pub vital: Vital,
    /// How many of the figure's units make one of the row's: 1,000 for milliseconds shown as seconds.
    pub divisor: i64,
}

macro_rules! vitals {
    ($($row:ident = $kind:ident $name:literal in $unit:literal by [$($label:literal),*]: $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $row: Vital = Vital {
                name: $name,
                kind: VitalKind::$kind,
                unit: $unit,
                labels: &[$($label),*],
                help: $help,
            };
        )*
        /// Every row, in the order in which they are documented.
        pub const VITALS: &[Vital] = &[$($row),*];
    };
}

vitals! {
    BUILD_INFO = Gauge "intraday_build_info" in "none" by ["version", "revision", "rustc"]:
        "The build that is running; always 1.";
    EVENTS = Counter "intraday_events_total" in "events" by ["topic", "partition", "result", "reason"]:
        "Records of the input judged, by result and reason, over the life of the partition.";
    STREAM_TIME = Gauge "intraday_stream_time_timestamp_seconds" in "seconds" by ["topic", "partition"]:
        "Greatest event time accepted from the input partition.";
    WATERMARK = Gauge "intraday_watermark_timestamp_seconds" in "seconds" by ["topic", "partition"]:
        "Watermark of the input partition: nothing earlier is expected in order.";
    OPEN_CONTACTS = Gauge "intraday_open_contacts" in "contacts" by ["topic", "partition"]:
        "Contacts held in the state of the partition.";
    OPEN_AGENTS = Gauge "intraday_open_agents" in "agents" by ["topic", "partition"]:
        "Agents held in the state of the partition.";
    NAMES = Gauge "intraday_names" in "names" by ["topic", "partition"]:
        "Distinct dimension values known to the partition.";
    NAMES_OVERFLOWED = Counter "intraday_names_overflowed_total" in "values" by ["topic", "partition"]:
        "Dimension values folded into __other__ because the limit on names was reached.";
    LABEL_OVERFLOW_ACTIVE = Gauge "intraday_label_overflow_active" in "none" by ["topic", "partition"]:
        "1 for ten minutes after a new dimension value went to __other__; raise limits or name the values in the configuration.";
    IDS = Gauge "intraday_deduplication_ids" in "ids" by ["topic", "partition"]:
        "Event ids remembered for deduplication.";
    IDS_CLOSED_EARLY = Counter "intraday_deduplication_generations_closed_early_total" in "generations" by ["topic", "partition"]:
        "Generations of remembered ids closed before their time because max_ids was reached; the horizon is shorter then.";
    IDS_HORIZON = Gauge "intraday_deduplication_horizon_seconds" in "seconds" by ["topic", "partition"]:
        "How far back, in event time, a duplicate is still recognised.";
    EXPIRED = Counter "intraday_contacts_expired_total" in "contacts" by ["topic", "partition"]:
        "Contacts whose end is missing: open for longer than their channel's max_age.";
    REFUSED = Counter "intraday_contacts_refused_total" in "events" by ["topic", "partition"]:
        "Events that would have opened a contact or agent beyond max_contacts or max_agents.";
    UNKNOWN_VALUES = Counter "intraday_unknown_values_total" in "values" by ["topic", "partition"]:
        "Values that are not in their vocabulary and count as other.";
    EPOCH = Gauge "intraday_source_epoch" in "none" by ["topic", "partition"]:
        "How often the partition was begun or restored.";
    STATE_COMMITS = Counter "intraday_state_commits_total" in "commits" by ["topic", "partition"]:
        "Commits of the partition's state over its life.";
    MERGE_BATCHES = Counter "intraday_merge_batches_total" in "batches" by ["shard", "result", "reason"]:
        "Batches of partial results judged by merge, by result and reason, over the life of the shard.";
    MERGE_WATERMARK = Gauge "intraday_merge_watermark_timestamp_seconds" in "seconds" by ["shard"]:
        "Least watermark over all sources of the shard: windows close by it.";
    MERGE_STREAM_TIME = Gauge "intraday_merge_stream_time_timestamp_seconds" in "seconds" by ["shard"]:
        "Greatest event time of all sources of the shard: sliding windows follow it.";
    GROUPS = Gauge "intraday_groups" in "groups" by ["shard"]:
        "Groups held in the state of the shard.";
    OPEN_WINDOWS = Gauge "intraday_open_windows" in "windows" by ["shard"]:
        "Windows of groups held in the state of the shard.";
    GROUP_OVERFLOW = Counter "intraday_group_overflow_total" in "groups" by ["shard"]:
        "Groups joined to __other__ because max_windows was reached.";
    FORCED_LOSS = Counter "intraday_forced_loss_total" in "deltas" by ["shard"]:
        "Deltas for windows that had been closed before their time.";
    LIVE_WAITING = Gauge "intraday_live_revisions_waiting" in "records" by ["shard"]:
        "Changed groups whose live record waits for its turn under live_rate.";
    FORCED_WINDOWS = Counter "intraday_forced_windows_total" in "windows" by ["shard"]:
        "Windows closed before their time because a limit was reached.";
    SKIPPED_MEASURES = Counter "intraday_skipped_measures_total" in "measures" by ["shard"]:
        "Measures of batches that this version does not know and skipped.";
    AFTER_CLOSE = Counter "intraday_after_close_total" in "deltas" by ["shard"]:
        "Deltas that a closed window shorter than 15 min did not take.";
    CONFIG_EPOCHS = Gauge "intraday_config_epochs" in "none" by ["shard"]:
        "Distinct configurations among the sources of the shard; more than 1 outside a roll-out means copies disagree.";
    CONSUMER_LAG = Gauge "intraday_consumer_lag_records" in "records" by ["topic", "partition"]:
        "Records between the position of this copy and the end of the partition.";
    POISON_BATCHES = Counter "intraday_poison_batches_total" in "batches" by ["topic", "partition"]:
        "Batches of the input that could not be decoded and were passed over; each has a dead letter with its coordinates.";
    POISON_OFFSETS = Counter "intraday_poison_offsets_total" in "offsets" by ["topic", "partition"]:
        "Offsets passed over with them: at most so many records were never read.";
    COMMITS = Counter "intraday_commits_total" in "commits" by ["stage", "outcome"]:
        "Commits tried, by how they ended.";
    COMMIT_DURATION = Histogram "intraday_commit_duration_seconds" in "seconds" by ["stage"]:
        "Time from the begin of a commit to its acknowledgement.";
    RECORDS_PRODUCED = Counter "intraday_records_produced_total" in "records" by ["stage", "kind"]:
        "Records of acknowledged commits, by kind.";
    REVISIONS = Counter "intraday_revisions_published_total" in "records" by ["status"]:
        "KPI records of acknowledged commits: live, final or corrected.";
    DEAD_LETTERS = Counter "intraday_dead_letters_total" in "records" by ["reason"]:
        "Dead letters of acknowledged commits, by reason.";
    RESTORE_DURATION = Histogram "intraday_restore_duration_seconds" in "seconds" by ["stage"]:
        "Time from the assignment of a partition to the end of its restore.";
    RESTORE_REMAINING = Gauge "intraday_restore_remaining_records" in "records" by ["topic", "partition"]:
        "Offsets still to be read until the partition is restored, of its state or of what followed it; absent when it is.";
    RESTORE_START = Gauge "intraday_restore_start_timestamp_seconds" in "seconds" by ["stage", "topic", "partition"]:
        "When the restore that is under way began; absent while there is none.";
    REBALANCES = Counter "intraday_rebalances_total" in "partitions" by ["stage", "kind"]:
        "Partitions assigned, revoked or lost.";
    CLIENT_ERRORS = Counter "intraday_kafka_client_errors_total" in "errors" by ["kind"]:
        "Errors reported by the Kafka client.";
    UNLISTED_FIGURES = Counter "intraday_unlisted_figures_total" in "figures" by ["stage"]:
        "Figures of a stage report without a row in the table of vitals; a fault of the program.";
    BOARD_GROUPS = Gauge "intraday_board_groups" in "groups" by []:
        "Groups and windows whose newest record the API can show.";
    BOARD_RECORDS = Counter "intraday_board_records_total" in "records" by ["result"]:
        "Records of the kpis topic by what became of them: shown, older, refused (the board is full), forgotten or unreadable.";
    HTTP_REQUESTS = Counter "intraday_http_requests_total" in "requests" by ["route", "code"]:
        "HTTP requests answered.";
    HTTP_STREAMS = Gauge "intraday_http_streams" in "streams" by []:
        "Event streams open now.";
    HTTP_LIMITED = Counter "intraday_http_limited_total" in "requests" by ["limit"]:
        "Times a limit of the HTTP server was hit: connections, streams, time, uri or stall.";
    EXPOSITION_DURATION = Histogram "intraday_exposition_duration_seconds" in "seconds" by []:
        "Time to render the KPI families of one scrape.";
    EXPOSITION_DUPLICATES = Counter "intraday_exposition_duplicates_total" in "samples" by []:
        "Samples left out of a scrape because another had the same name and labels.";
    PROCESS_CPU = Counter "process_cpu_seconds_total" in "seconds" by []:
        "User and system CPU time of the process.";
    PROCESS_RESIDENT = Gauge "process_resident_memory_bytes" in "bytes" by []:
        "Resident memory of the process.";
    PROCESS_VIRTUAL = Gauge "process_virtual_memory_bytes" in "bytes" by []:
        "Virtual memory of the process.";
    PROCESS_OPEN_FDS = Gauge "process_open_fds" in "descriptors" by []:
        "Open file descriptors.";
    PROCESS_MAX_FDS = Gauge "process_max_fds" in "descriptors" by []:
        "Greatest number of open file descriptors allowed.";
    PROCESS_THREADS = Gauge "process_threads" in "threads" by []:
        "Threads of the process.";
    PROCESS_START = Gauge "process_start_time_seconds" in "seconds" by []:
        "Start of the process since the Unix epoch.";
}

/// The closed set of figures: what is not here is counted as unlisted and not shown.
pub const FIGURES: &[Figure] = &[
    fold("open_contacts", OPEN_CONTACTS),
    fold("open_agents", OPEN_AGENTS),
    fold("names", NAMES),
    fold("names_overflowed", NAMES_OVERFLOWED),
    fold("label_overflow_active", LABEL_OVERFLOW_ACTIVE),
    fold("ids", IDS),
    fold("ids_closed_early", IDS_CLOSED_EARLY),
    Figure { stage: StageKind::Fold, name: "ids_horizon_ms", vital: IDS_HORIZON, divisor: 1_000 },
    fold("expired", EXPIRED),
    fold("refused", REFUSED),
    fold("unknown_values", UNKNOWN_VALUES),
    fold("epoch", EPOCH),
    fold("commits", STATE_COMMITS),
    merge("groups", GROUPS),
    merge("open_windows", OPEN_WINDOWS),
    merge("group_overflow", GROUP_OVERFLOW),
    merge("forced_loss", FORCED_LOSS),
    merge("after_close", AFTER_CLOSE),
    merge("live_waiting", LIVE_WAITING),
    merge("forced_windows", FORCED_WINDOWS),
    merge("skipped_measures", SKIPPED_MEASURES),
    merge("config_epochs", CONFIG_EPOCHS),
];

/// The row of a figure, if it is of the closed set.
#[must_use]
pub fn figure(stage: StageKind, name: &str) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| figure.stage == stage && figure.name == name)
}

const fn fold(name: &'static str, vital: Vital) -> Figure {
    Figure { stage: StageKind::Fold, name, vital, divisor: 1 }
}

const fn merge(name: &'static str, vital: Vital) -> Figure {
    Figure { stage: StageKind::Merge, name, vital, divisor: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions_and_stand_once() {
        for (place, vital) in VITALS.iter().enumerate() {
            let prefixed = vital.name.starts_with("intraday_") || vital.name.starts_with("process_");
            assert!(prefixed, "{} lacks its prefix", vital.name);
            assert_eq!(
                vital.kind == VitalKind::Counter,
                vital.name.ends_with("_total"),
                "{}: counters, and only they, end in _total",
                vital.name
            );
            let base = vital.name.trim_end_matches("_total");
            if vital.unit == "seconds" || vital.unit == "bytes" {
                assert!(base.ends_with(vital.unit), "{} lacks its unit", vital.name);
            }
            assert!(vital.help.ends_with('.'), "{}: help is a sentence", vital.name);
            let again = VITALS[place + 1..].iter().any(|other| other.name == vital.name);
            assert!(!again, "{} stands twice", vital.name);
            for label in vital.labels {
                assert!(!["le", "quantile", "job", "instance"].contains(label), "{label}");
            }
        }
    }

    #[test]
    fn figures_have_rows_with_the_labels_of_their_stage() {
        for figure in FIGURES {
            assert!(VITALS.contains(&figure.vital), "{}", figure.name);
            let labels: &[&str] = match figure.stage {
                StageKind::Fold => &["topic", "partition"],
                StageKind::Merge => &["shard"],
            };
            assert_eq!(figure.vital.labels, labels, "{}", figure.name);
            assert!(figure.vital.kind != VitalKind::Histogram);
            assert!(figure.divisor >= 1);
        }
        assert!(figure(StageKind::Fold, "open_contacts").is_some());
        assert!(figure(StageKind::Merge, "open_contacts").is_none());
    }
}
