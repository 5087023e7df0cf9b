//! The service level: eight named formulas over the judged visits of a window.
//!
//! Visits without a threshold are not judged and leave both sides. It must never know thresholds themselves: each
//! visit was judged when its wait ended.

use super::facts::Facts;
use super::figure::Figure;
use super::rules::Formula;
use crate::measure::ids::{Count, Tally};

/// The tallies that a service level is made of.
pub const TALLIES: [Tally; 5] = [
    Tally::AnsweredWithin,
    Tally::AnsweredBeyond,
    Tally::AbandonedWithin,
    Tally::AbandonedBeyond,
    Tally::CallbackWithin,
];

/// The plain service level by the formula of the place.
#[must_use]
pub fn plain(facts: &Facts<'_>) -> Option<Figure> {
    let (good, base) = sides(facts);
    Figure::share(good, base)
}

/// The service level with those who wait now past their threshold in the denominator; only live.
#[must_use]
pub fn live(facts: &Facts<'_>) -> Option<Figure> {
    let (good, base) = sides(facts);
    let breaching = i64::from(facts.live?.breaching);
    Figure::share(good, base.max(0) + breaching)
}

/// Whether any visit was judged by a threshold.
#[must_use]
pub fn is_judged(facts: &Facts<'_>) -> bool {
    facts.aggregate.tallies().iter().any(|entry| entry.2 != 0 && TALLIES.contains(&entry.0))
}

fn sides(facts: &Facts<'_>) -> (i64, i64) {
    let offered = facts.count(Count::ContactsOffered) - facts.count(Count::OfferedUnjudged);
    let answered = facts.count(Count::ContactsAnswered) - facts.count(Count::AnsweredUnjudged);
    let abandoned = facts.count(Count::ContactsAbandoned) - facts.count(Count::AbandonedUnjudged);
    let short = facts.count(Count::ContactsShortAbandoned) - facts.count(Count::ShortUnjudged);
    let within = facts.tally(Tally::AnsweredWithin);
    let abandoned_within = facts.tally(Tally::AbandonedWithin);
    let callback_within = facts.tally(Tally::CallbackWithin);
    match facts.formula {
        Formula::AnsweredPlusAbandoned => (within, answered + abandoned),
        Formula::ExcludeShort => (within, answered + abandoned - short),
        Formula::AnsweredOnly => (within, answered),
        Formula::Offered => (within, offered),
        Formula::OfferedMinusShort => (within, offered - short),
        Formula::RemovedInX => (within + abandoned_within + callback_within, offered),
        Formula::Positive => (within + abandoned_within, answered + abandoned),
        Formula::IgnoreAbandonedWithin => (within, answered + abandoned - abandoned_within),
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::samples;
    use super::super::figure::Amount;
    use super::*;
    use crate::measure::aggregate::Aggregate;
    use crate::measure::batch::NowLevels;

    /// 100 judged visits offered, 70 answered (60 within), 20 abandoned (8 within, 5 short), 4 callbacks within.
    fn data() -> Aggregate {
        samples::aggregate(
            &[
                (Count::ContactsOffered, 103),
                (Count::OfferedUnjudged, 3),
                (Count::ContactsAnswered, 72),
                (Count::AnsweredUnjudged, 2),
                (Count::ContactsAbandoned, 21),
                (Count::AbandonedUnjudged, 1),
                (Count::ContactsShortAbandoned, 6),
                (Count::ShortUnjudged, 1),
            ],
            &[
                (Tally::AnsweredWithin, 20_000, 60),
                (Tally::AnsweredBeyond, 20_000, 10),
                (Tally::AbandonedWithin, 20_000, 8),
                (Tally::AbandonedBeyond, 20_000, 12),
                (Tally::CallbackWithin, 20_000, 4),
            ],
            &[],
        )
    }

    #[test]
    fn eight_formulas_give_eight_figures_on_the_same_data() {
        let (aggregate, levels) = (data(), samples::levels(&[]));
        let expected = [(60, 90), (60, 85), (60, 70), (60, 100), (60, 95), (72, 100), (68, 90), (60, 82)];
        for (formula, (part, whole)) in Formula::ALL.into_iter().zip(expected) {
            let facts = Facts { formula, ..samples::facts(&aggregate, &levels) };
            assert_eq!(plain(&facts), Figure::share(part, whole), "{}", formula.name());
        }
    }

    #[test]
    fn the_live_form_counts_those_who_wait_too_long() {
        let (aggregate, levels) = (data(), samples::levels(&[]));
        let mut facts = samples::facts(&aggregate, &levels);
        assert_eq!(live(&facts), None);
        facts.live = Some(NowLevels { breaching: 10, ..NowLevels::default() });
        assert_eq!(live(&facts), Figure::share(60, 100));
        let empty = Aggregate::default();
        facts.aggregate = &empty;
        assert_eq!(live(&facts).unwrap().denominator, Amount::Count(10));
        assert_eq!(plain(&facts), None);
    }
}
