//! The cost of a scrape of 10,000 series and of the commit that puts them in.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use intraday::http::Exposition;
use intraday::kpi::exposed::{Exposed, Family, FamilyKind, Series, SeriesValue};
use std::hint::black_box;
use std::time::Duration;

/// 125 queues of 80 series: 40 counters, 40 gauges of windows.
const QUEUES: u32 = 125;
const COUNTERS: usize = 40;
const GAUGES: usize = 20;

fn families() -> &'static [Family] {
    let family = |place: usize| Family {
        name: Box::leak(format!("contact_center_family_{place:03}_total").into_boxed_str()),
        help: "contacts_offered: queue visits begun; moves when an event is folded",
        kind: if place < COUNTERS { FamilyKind::Counter } else { FamilyKind::Gauge },
    };
    Box::leak((0..COUNTERS + GAUGES).map(family).collect())
}

fn exposed() -> Vec<Exposed> {
    let number = |family, labels: Vec<(&'static str, String)>, number: f64| Series {
        family,
        labels: labels.into(),
        value: SeriesValue::Number(number),
    };
    let group = |group: u32| {
        let counters = (0..COUNTERS).map(|family| number(family, Vec::new(), f64::from(group) * 17.0));
        let gauges = (COUNTERS..COUNTERS + GAUGES).flat_map(|family| {
            ["5m", "day"].map(|window| {
                number(family, vec![("window", window.to_owned())], 0.7925 / f64::from(group + 1))
            })
        });
        Exposed {
            group,
            labels: vec![
                ("tenant", "acme".to_owned()),
                ("channel", "voice".to_owned()),
                ("queue", format!("billing-{group:04}")),
            ],
            series: counters.chain(gauges).collect(),
        }
    };
    (0..QUEUES).map(group).collect()
}

fn bench(criterion: &mut Criterion) {
    let families = families();
    let exposition = Exposition::new(families, Duration::from_secs(3_600));
    exposition.apply(0, exposed());
    let samples = exposition.render(None).text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(samples, 10_000);
    criterion.bench_function("render 10k series", |bencher| {
        bencher.iter(|| black_box(exposition.render(None)));
    });
    criterion.bench_function("apply 10k series", |bencher| {
        bencher.iter_batched(exposed, |exposed| exposition.apply(0, exposed), BatchSize::LargeInput);
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
