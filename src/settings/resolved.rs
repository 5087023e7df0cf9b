//! Settings, resolved and checked: what the rooms are built from.

use super::draft::Draft;
use super::epoch::{config_epoch, fingerprint};
use super::fields::{Kind, Table, known_keys};
use super::groups::GroupRow;
use super::http::Http;
use super::kafka::Kafka;
use super::layers;
use super::limits::Limits;
use super::metrics::{Announced, Include, Metrics};
use super::names::QueueName;
use super::problem::{Path, Problem, Problems, SettingsError, nearest};
use super::service::{Service, is_name_char};
use super::targets::TargetRow;
use super::thresholds::ThresholdRow;
use super::times::Times;
use super::windows::WindowRow;
use super::{targets, thresholds, toml};
use crate::fold::FoldConfig;
use crate::fold::commit::shard_of;
use crate::kpi::groups::{Dimension, GroupSet};
use crate::kpi::targets::Targets;
use crate::merge::config::MetricsInclude;
use crate::merge::{AnnouncedQueue, MergeConfig};
use crate::time::window::Window;
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// All settings. `Debug` and every print leave secrets out.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who the service is, what it promises, where it begins.
    pub service: Service,
    /// Brokers, topics, how the work is cut.
    pub kafka: Kafka,
    /// Where it listens.
    pub http: Http,
    /// Disorder, lateness, timeouts, paces, calendars.
    pub time: Times,
    /// Declared maxima.
    pub limits: Limits,
    /// What /metrics shows.
    pub metrics: Metrics,
    /// Windows.
    pub windows: Vec<Window>,
    /// Grouping sets.
    pub groups: Vec<GroupSet>,
    /// Targets.
    pub targets: Targets,
    /// The names that people know queues by.
    pub names: Vec<QueueName>,
    thresholds: Vec<ThresholdRow>,
    target_rows: Vec<TargetRow>,
    /// Each target written, with where: which KPIs exist is for the caller to know.
    target_places: Vec<(String, Problem)>,
}

impl Settings {
    /// Reads files in order, then the environment, over the built-in defaults. Without either the defaults
    /// hold.
    ///
    /// # Errors
    /// Everything that is wrong, each with file or variable and key.
    pub fn load(
        files: &[PathBuf],
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Settings, SettingsError> {
        let mut unread = Vec::new();
        let tree = layers::read(files, environment, &mut unread);
        let mut problems = Problems::new(&tree, known_keys::<Draft>());
        let mut draft = Draft::default();
        Table.read(&tree, &Path::default(), &mut draft, &mut problems);
        let written = Path::of(&["targets"]);
        let target_places = draft.targets.iter().enumerate().map(|(at, target)| {
            let path = written.item(at).key("kpi");
            let (place, key) = (tree.place_of(&path).to_string(), path.to_string());
            (target.kpi.clone(), Problem { place, key, text: String::new() })
        });
        let target_places = target_places.collect();
        unread.extend(problems.into_found());
        if !unread.is_empty() {
            return Err(SettingsError { problems: unread });
        }
        Ok(Settings::resolve(draft, target_places))
    }

    fn resolve(draft: Draft, target_places: Vec<(String, Problem)>) -> Settings {
        let target_rows = targets::combine(&draft.targets);
        Settings {
            service: draft.service,
            kafka: draft.kafka,
            http: draft.http,
            time: draft.time,
            limits: draft.limits,
            metrics: draft.metrics,
            windows: draft.windows.iter().filter_map(WindowRow::resolve).collect(),
            groups: draft.groups.iter().map(GroupRow::resolve).collect(),
            targets: targets::targets(&target_rows),
            names: draft.names,
            thresholds: thresholds::combine(&draft.thresholds),
            target_rows,
            target_places,
        }
    }

    /// The name of this copy: as configured, else `host` and the HTTP port. Part of transactional ids.
    #[must_use]
    pub fn instance(&self, host: &str) -> String {
        let default = || format!("{host}-{}", self.http.listen.port());
        let name = self.service.instance.clone().unwrap_or_else(default);
        name.chars().map(|c| if is_name_char(c) { c } else { '-' }).collect()
    }

    /// What shapes the fold.
    #[must_use]
    pub fn fold_config(&self) -> FoldConfig {
        let (time, limits) = (&self.time, &self.limits);
        FoldConfig {
            out_of_orderness_ms: time.out_of_orderness_ms,
            allowed_lateness_ms: time.allowed_lateness_ms,
            max_future_skew_ms: time.max_future_skew_ms,
            dedup_horizon_ms: time.dedup_horizon_ms,
            max_ids: limits.max_ids,
            short_abandon_ms: time.short_abandon_ms,
            linger_ms: time.linger_ms,
            max_age_ms: time.max_age_ms,
            wrapup_timeout_ms: time.wrapup_timeout_ms,
            agent_timeout_ms: time.agent_timeout_ms,
            silent_agent_timeout_ms: time.silent_agent_timeout_ms,
            risk_horizon_ms: time.risk_horizon_ms,
            within_strict: self.service.within_strict,
            thresholds: thresholds::thresholds(&self.thresholds),
            max_names: limits.max_names,
            max_tenants: limits.max_tenants,
            configured_names: self.configured_names(),
            max_contacts: limits.max_contacts,
            max_agents: limits.max_agents,
            max_record_bytes: limits.max_record_bytes,
            sets: self.groups.clone(),
            shards: self.kafka.shards,
            hash_key: self.service.hash_key(),
            config_epoch: self.config_epoch(),
            dead_letters: self.service.dead_letters,
        }
    }

    /// What shapes the merge; `sources` are all input partitions, (topic, partitions).
    #[must_use]
    pub fn merge_config(&self, sources: Vec<(String, u32)>) -> MergeConfig {
        let (time, limits, metrics) = (&self.time, &self.limits, &self.metrics);
        let calendars = time.tenants.iter().map(|row| (row.tenant.clone(), time.calendar_of(row)));
        let announced = |row: &Announced| {
            Some(AnnouncedQueue {
                shard: shard_of(&self.service.hash_key(), &row.tenant, self.kafka.shards),
                tenant: row.tenant.clone(),
                channel: row.channel?.name().to_owned(),
                queue: row.queue.clone(),
            })
        };
        let named = |row: &QueueName| ((row.tenant.clone(), row.queue.clone()), row.name.clone());
        MergeConfig {
            windows: self.windows.clone(),
            sets: self.groups.clone(),
            calendar: time.calendar(),
            tenant_calendars: calendars.collect(),
            grace_ms: time.grace_ms,
            allowed_lateness_ms: time.allowed_lateness_ms,
            max_windows: limits.max_windows,
            live_rate: limits.live_rate,
            agent_pace_ms: time.agent_pace_ms,
            republish_ms: time.republish_ms,
            formulas: thresholds::formulas(&self.thresholds),
            targets: self.targets.clone(),
            hdr: self.service.hdr,
            sources,
            announced: metrics.announced.iter().filter_map(announced).collect(),
            queue_names: self.names.iter().map(named).collect(),
            announce_ms: time.announce_ms,
            expose_agents: metrics.includes(Include::Agents),
            include: MetricsInclude {
                histograms: metrics.includes(Include::Histograms),
                quantiles: metrics.includes(Include::Quantiles),
            },
            max_series: limits.max_series,
            config_epoch: self.config_epoch(),
            shards: self.kafka.shards,
            hash_fingerprint: fingerprint(&self.service.hash_key()),
            ..MergeConfig::default()
        }
    }

    /// A stable hash of exactly the settings that shape measures.
    #[must_use]
    pub fn config_epoch(&self) -> u64 {
        config_epoch(&self.tree())
    }

    /// Each target whose KPI is not among `known`, with file, key and the nearest known KPI.
    #[must_use]
    pub fn unknown_target_kpis(&self, known: &[&str]) -> Vec<Problem> {
        let unknown = self.target_places.iter().filter(|(kpi, _)| !known.contains(&kpi.as_str()));
        unknown
            .map(|(kpi, problem)| {
                let near =
                    nearest(kpi, known).map_or_else(String::new, |near| format!("; the nearest is {near}"));
                Problem { text: format!("{kpi:?} is not a known KPI{near}"), ..problem.clone() }
            })
            .collect()
    }

    /// The settings as TOML, defaults included, secrets as `***`.
    #[must_use]
    pub fn print_redacted(&self) -> String {
        toml::render(&self.tree())
    }

    /// The settings as JSON, defaults included, secrets as `***`.
    #[must_use]
    pub fn to_json_redacted(&self) -> Json {
        Json::Object(self.tree())
    }

    fn tree(&self) -> Map<String, Json> {
        let draft = Draft {
            service: self.service.clone(),
            kafka: self.kafka.clone(),
            http: self.http.clone(),
            time: self.time.clone(),
            limits: self.limits.clone(),
            metrics: self.metrics.clone(),
            windows: self.windows.iter().map(WindowRow::of).collect(),
            groups: self.groups.iter().map(GroupRow::of).collect(),
            thresholds: self.thresholds.clone(),
            targets: self.target_rows.clone(),
            names: self.names.clone(),
        };
        match Table.show(&draft) {
            Some(Json::Object(tree)) => tree,
            _ => Map::new(),
        }
    }

    /// Names that the configuration itself uses, so that the limit on names can never shut them out.
    fn configured_names(&self) -> Vec<(String, Dimension, String)> {
        let mut names = BTreeSet::new();
        let mut name = |tenant: &str, queue: Option<&str>| {
            names.insert((tenant.to_owned(), Dimension::Tenant, tenant.to_owned()));
            if let Some(queue) = queue {
                names.insert((tenant.to_owned(), Dimension::Queue, queue.to_owned()));
            }
        };
        for row in &self.metrics.announced {
            name(&row.tenant, Some(&row.queue));
        }
        for row in &self.time.tenants {
            name(&row.tenant, None);
        }
        for row in &self.thresholds {
            if let Some(tenant) = row.named_tenant() {
                name(tenant, row.named_queue().map(|(_, queue)| queue));
            }
        }
        names.into_iter().collect()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings::resolve(Draft::default(), Vec::new())
    }
}
