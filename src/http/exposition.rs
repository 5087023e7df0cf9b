//! The KPI families of /metrics: what merge exposes, kept by shard and group, rendered on request.
//!
//! Putting a group in costs one sort of its own series and a short lock; rendering takes a copy of the
//! handles and works beside whoever puts in. It never knows what a family means: the table of families is
//! handed in.

use super::labels::sanitised;
use crate::kpi::exposed::{Exposed, Family, FamilyKind, Label, Series, SeriesValue};
use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is exposed of all shards of this copy. Cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub struct Exposition {
    families: &'static [Family],
    /// A shard without a word for longer than this is left out of a scrape.
    silent_after: Duration,
    shards: Arc<Mutex<BTreeMap<u32, Shard>>>,
    /// Length of the last whole text.
    last_bytes: Arc<AtomicUsize>,
}

/// A rendered scrape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Text format 0.0.4.
    pub text: String,
    /// Samples left out because another had the same name and labels.
    pub duplicates: u64,
}

impl Exposition {
    /// An empty exposition of `families`; shards that say nothing for longer than `silent_after` (half the
    /// session timeout) are not shown, since another copy may have taken them over.
    #[must_use]
    pub fn new(families: &'static [Family], silent_after: Duration) -> Exposition {
        Exposition { families, silent_after, shards: Arc::default(), last_bytes: Arc::default() }
    }

    /// Puts in what an acknowledged commit of `shard` exposes, in place of what its groups had. A commit
    /// that exposes nothing is put in as well: it says that the shard is alive.
    pub fn apply(&self, shard: u32, exposed: Vec<Exposed>) {
        self.apply_at(shard, exposed, Instant::now());
    }

    /// How long a shard, or an input partition, may say nothing and still be shown.
    #[must_use]
    pub const fn silent_after(&self) -> Duration {
        self.silent_after
    }

    /// Shows nothing of `shard` any more.
    pub fn withdraw(&self, shard: u32) {
        self.lock().remove(&shard);
    }

    /// Renders all families in the order of their table, samples by their labels; with `tenant`, only those
    /// with that label. Takes milliseconds: not for an async thread.
    #[must_use]
    pub fn render(&self, tenant: Option<&str>) -> Rendered {
        self.render_at(tenant, Instant::now())
    }

    fn apply_at(&self, shard: u32, exposed: Vec<Exposed>, now: Instant) {
        // Sorting and sanitising happen before the lock.
        let groups: Vec<(u32, Option<Arc<Group>>)> = exposed
            .into_iter()
            .map(|exposed| {
                let shown = !exposed.series.is_empty();
                (exposed.group, shown.then(|| Arc::new(Group::new(exposed, self.families))))
            })
            .collect();
        let mut shards = self.lock();
        let shard = shards.entry(shard).or_insert_with(|| Shard { heard: now, groups: BTreeMap::new() });
        shard.heard = now;
        for (place, group) in groups {
            match group {
                Some(group) => shard.groups.insert(place, group),
                None => shard.groups.remove(&place),
            };
        }
    }

    fn render_at(&self, tenant: Option<&str>, now: Instant) -> Rendered {
        let tenant = tenant.map(sanitised);
        let mut groups = self.heard_groups(now);
        if let Some(tenant) = &tenant {
            groups.retain(|group| group.may_be_of(tenant));
        }
        groups.sort_by(|a, b| a.labels.cmp(&b.labels));
        let mut cursors = vec![0; groups.len()];
        // As long as the last one, and a little: a text of tens of megabytes should not grow by doubling.
        let expected = self.last_bytes.load(Ordering::Relaxed);
        let mut rendered = Rendered { text: String::with_capacity(expected + expected / 16), duplicates: 0 };
        for (place, family) in self.families.iter().enumerate() {
            let mut shown = proto_family(family);
            let mut samples: Vec<(&Group, &Series)> = Vec::new();
            for (group, cursor) in groups.iter().zip(&mut cursors) {
                let series = group.of_family(place, cursor);
                samples.extend(series.iter().map(|series| (group.as_ref(), series)));
            }
            if let Some(tenant) = &tenant {
                samples.retain(|(group, series)| is_of_tenant(group, series, tenant));
            }
            let before = samples.len();
            // Groups with equal labels stand side by side, so equal samples do too once sorted.
            samples.sort_by(|a, b| sample_labels(a).cmp(sample_labels(b)));
            samples.dedup_by(|a, b| sample_labels(a).eq(sample_labels(b)));
            rendered.duplicates += (before - samples.len()) as u64;
            if samples.is_empty() {
                continue;
            }
            let metrics = samples.iter().map(|(group, series)| proto_metric(family, group, series));
            shown.set_metric(metrics.collect());
            // Fails only for a family without name or samples, and it has both.
            if TextEncoder::new().encode_utf8(&[shown], &mut rendered.text).is_err() {
                rendered.duplicates += before as u64;
            }
        }
        if tenant.is_none() {
            self.last_bytes.store(rendered.text.len(), Ordering::Relaxed);
        }
        rendered
    }

    fn heard_groups(&self, now: Instant) -> Vec<Arc<Group>> {
        self.lock()
            .values()
            .filter(|shard| now.saturating_duration_since(shard.heard) <= self.silent_after)
            .flat_map(|shard| shard.groups.values().cloned())
            .collect()
    }

    // Held to swap or copy handles, never while rendering.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Shard>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Shard {
    heard: Instant,
    groups: BTreeMap<u32, Arc<Group>>,
}

/// The series of a group by family, then labels; all values fit.
#[derive(Debug)]
struct Group {
    labels: Vec<Label>,
    series: Box<[Series]>,
}

impl Group {
    fn new(exposed: Exposed, families: &[Family]) -> Group {
        let mut series = exposed.series;
        // A value that is not of its family's type would make the whole scrape unreadable.
        series.retain(|series| families.get(series.family).is_some_and(|family| fits(family, &series.value)));
        for one in series.iter_mut().filter(|one| one.labels.iter().any(is_unfit)) {
            let mut labels = one.labels.to_vec();
            make_fit(&mut labels);
            one.labels = labels.into();
        }
        series.sort_by(|a, b| (a.family, &a.labels).cmp(&(b.family, &b.labels)));
        let mut labels = exposed.labels;
        make_fit(&mut labels);
        Group { labels, series: series.into_boxed_slice() }
    }

    /// The series of the family at `place`; `cursor` stands behind the families before it.
    fn of_family(&self, place: usize, cursor: &mut usize) -> &[Series] {
        let rest = self.series.get(*cursor..).unwrap_or_default();
        let length = rest.iter().take_while(|series| series.family == place).count();
        *cursor += length;
        rest.get(..length).unwrap_or_default()
    }

    fn may_be_of(&self, tenant: &str) -> bool {
        tenant_of(&self.labels).is_none_or(|found| found == tenant)
    }
}

fn fits(family: &Family, value: &SeriesValue) -> bool {
    let is_histogram = matches!(value, SeriesValue::Histogram { .. });
    is_histogram == (family.kind == FamilyKind::Histogram)
}

fn is_unfit((_, value): &Label) -> bool {
    matches!(sanitised(value), std::borrow::Cow::Owned(_))
}

fn make_fit(labels: &mut [Label]) {
    for (_, value) in labels {
        if let std::borrow::Cow::Owned(fit) = sanitised(value) {
            *value = fit;
        }
    }
}

fn tenant_of(labels: &[Label]) -> Option<&str> {
    let (_, value) = labels.iter().find(|(name, _)| *name == "tenant")?;
    Some(value)
}

fn is_of_tenant(group: &Group, series: &Series, tenant: &str) -> bool {
    let found = tenant_of(&group.labels).or_else(|| tenant_of(&series.labels));
    found == Some(tenant)
}

fn sample_labels<'a>((group, series): &(&'a Group, &'a Series)) -> impl Iterator<Item = &'a Label> {
    group.labels.iter().chain(series.labels.iter())
}

fn proto_family(family: &Family) -> MetricFamily {
    let mut proto = MetricFamily::default();
    proto.set_name(family.name.to_owned());
    proto.set_help(family.help.to_owned());
    proto.set_field_type(match family.kind {
        FamilyKind::Counter => MetricType::COUNTER,
        FamilyKind::Gauge => MetricType::GAUGE,
        FamilyKind::Histogram => MetricType::HISTOGRAM,
    });
    proto
}

fn proto_metric(family: &Family, group: &Group, series: &Series) -> Metric {
    let mut metric = Metric::from_label(sample_labels(&(group, series)).map(label_pair).collect());
    match &series.value {
        SeriesValue::Number(number) if family.kind == FamilyKind::Counter => {
            let mut counter = Counter::default();
            counter.set_value(*number);
            metric.set_counter(counter);
        }
        SeriesValue::Number(number) => {
            let mut gauge = Gauge::default();
            gauge.set_value(*number);
            metric.set_gauge(gauge);
        }
        SeriesValue::Histogram { buckets, sum, count } => {
            let mut histogram = Histogram::default();
            histogram.set_sample_sum(*sum);
            histogram.set_sample_count(*count);
            histogram.set_bucket(buckets.iter().map(bucket).collect());
            metric.set_histogram(histogram);
        }
    }
    metric
}

fn label_pair((name, value): &Label) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name((*name).to_owned());
    pair.set_value(value.clone());
    pair
}

fn bucket((bound, cumulative): &(f64, u64)) -> Bucket {
    let mut bucket = Bucket::default();
    bucket.set_upper_bound(*bound);
    bucket.set_cumulative_count(*cumulative);
    bucket
}

#[cfg(test)]
#[path = "exposition_tests.rs"]
mod tests;
