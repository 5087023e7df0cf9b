//! Test: a history gives back what was shown at the end of every step, within its limits.

use super::*;

const ROOMY: HistoryLimits = HistoryLimits { samples_max: 1_000, series_max: 100, kept_bytes_max: 1_000_000 };

fn number(family: usize, value: f64) -> Series {
    Series { family, labels: [("window", "5m".to_owned())].into(), value: SeriesValue::Number(value) }
}

fn histogram(family: usize, count: u64) -> Series {
    let value =
        SeriesValue::Histogram { buckets: Box::new([(1.0, count / 2), (5.0, count)]), sum: 2.5, count };
    Series { family, labels: [].into(), value }
}

fn group(group: u32, queue: &str, series: Vec<Series>) -> Exposed {
    Exposed { group, labels: vec![("queue", queue.to_owned())], series }
}

/// Family, labels, and samples by time.
type Track = (usize, String, Vec<(u64, f64)>);

/// What was read: family, queue, and for each step its number or count.
fn read(history: History) -> Vec<Track> {
    let mut found = Vec::new();
    history
        .read(|family, labels, bounds, runs| {
            let steps = runs.iter().flat_map(|(from, steps, value)| {
                let value = match value {
                    SeriesValue::Number(value) => *value,
                    SeriesValue::Histogram { buckets, count, sum } => {
                        assert_eq!((bounds, *sum), ([1.0, 5.0].as_slice(), 2.5));
                        assert_eq!(**buckets, [(1.0, count / 2), (5.0, *count)]);
                        *count as f64
                    }
                };
                (*from..from + steps).map(move |step| (step, value))
            });
            found.push((family, labels[0].1.clone(), steps.collect()));
            Ok(())
        })
        .unwrap();
    found
}

fn play(limits: HistoryLimits) -> History {
    let mut history = History::new(limits);
    history.show(0, group(1, "b", vec![number(7, 1.0), histogram(9, 4)]));
    history.step().unwrap();
    history.show(0, group(2, "a", vec![number(7, 0.5)]));
    history.show(0, group(1, "b", vec![number(7, 1.0), histogram(9, 6)]));
    history.step().unwrap();
    // The number goes for a step and comes back.
    history.show(0, group(1, "b", vec![histogram(9, 6)]));
    history.step().unwrap();
    history.show(0, group(1, "b", vec![number(7, 2.0), histogram(9, 6)]));
    // Only what stands at the end of a step is seen.
    history.show(0, group(2, "a", vec![number(7, 0.75)]));
    history.show(0, group(2, "a", vec![number(7, 1.5)]));
    history.step().unwrap();
    history
}

fn played() -> Vec<Track> {
    vec![
        (7, "a".to_owned(), vec![(1, 0.5), (2, 0.5), (3, 1.5)]),
        (7, "b".to_owned(), vec![(0, 1.0), (1, 1.0), (3, 2.0)]),
        (9, "b".to_owned(), vec![(0, 4.0), (1, 6.0), (2, 6.0), (3, 6.0)]),
    ]
}

#[test]
fn every_step_has_what_was_shown_at_its_end() {
    let history = play(ROOMY);
    // Three numbers twice, and a histogram of five lines four times.
    assert_eq!((history.samples(), history.series(), history.duplicates()), (6 + 20, 3, 0));
    assert!(history.spill.is_none());
    assert_eq!(read(history), played());
}

#[test]
fn what_went_to_the_file_comes_back() {
    let history = play(HistoryLimits { kept_bytes_max: 0, ..ROOMY });
    assert!(history.spill.as_ref().is_some_and(|spill| spill.bytes > 0));
    assert_eq!(read(history), played());
}

#[test]
fn a_series_of_two_groups_is_that_of_the_first_until_it_goes() {
    let mut history = History::new(ROOMY);
    history.show(0, group(1, "a", vec![number(7, 1.0)]));
    history.show(0, group(2, "a", vec![number(7, 9.0)]));
    history.step().unwrap();
    history.show(0, group(1, "a", Vec::new()));
    history.show(0, group(2, "a", vec![number(7, 9.0)]));
    history.step().unwrap();
    assert_eq!(history.duplicates(), 1);
    assert_eq!(read(history), [(7, "a".to_owned(), vec![(0, 1.0), (1, 9.0)])]);
}

#[test]
fn limits_stop_it() {
    let mut history = History::new(HistoryLimits { samples_max: 3, ..ROOMY });
    history.show(0, group(1, "a", vec![number(7, 1.0), number(8, 1.0)]));
    history.step().unwrap();
    assert!(matches!(history.step(), Err(HistoryError::Samples(3))));
    let mut history = History::new(HistoryLimits { series_max: 1, ..ROOMY });
    history.show(0, group(1, "a", vec![number(7, 1.0), number(8, 1.0)]));
    assert!(matches!(history.step(), Err(HistoryError::Series(1))));
}
