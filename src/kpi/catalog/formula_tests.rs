//! Each KPI's formula on sums small enough to compute by hand.

use super::{CATALOG, row};
use crate::kpi::facts::{Facts, samples};
use crate::kpi::figure::Figure;
use crate::kpi::groups::SetFamily;
use crate::measure::aggregate::Aggregate;
use crate::measure::ids::{Count, Level, Span, Tally};

fn figure(name: &str, facts: &Facts<'_>) -> Option<Figure> {
    let row = row(name).unwrap();
    row.groups.hold(facts).then(|| row.compute.unwrap()(facts)).flatten()
}

fn queue() -> Aggregate {
    samples::aggregate(
        &[
            (Count::ContactsCreated, 30),
            (Count::ContactsOffered, 120),
            (Count::ContactsAnswered, 97),
            (Count::ContactsAbandoned, 9),
            (Count::ContactsShortAbandoned, 2),
            (Count::ContactsFlowedOut, 6),
            (Count::ContactsEntered, 100),
            (Count::ContactsEnteredAbandoned, 7),
            (Count::ContactsHandled, 4),
            (Count::ContactsCompleted, 20),
            (Count::LegsHeld, 1),
            (Count::Transfers, 5),
            (Count::TransfersContextKnown, 3),
            (Count::TransfersContextPassed, 2),
        ],
        &[(Tally::FirstResponseWithin, 60_000, 7), (Tally::FirstResponseBeyond, 60_000, 1)],
        &[
            (Span::WaitAnswered, 1_000),
            (Span::WaitAnswered, 4_500),
            (Span::Handle, 200_000),
            (Span::Handle, 250_000),
            (Span::ContactHandle, 450_000),
            (Span::FirstResponse, 3_000),
            (Span::NextResponse, 9_000),
        ],
    )
}

#[test]
fn figures_of_the_queue_and_of_handling() {
    let (aggregate, levels) = (queue(), samples::levels(&[]));
    let facts = samples::facts(&aggregate, &levels);
    assert_eq!(figure("abandon_rate", &facts), Figure::share(7, 110));
    assert_eq!(figure("abandon_rate_offered", &facts), Figure::share(7, 118));
    assert_eq!(figure("contact_abandon_rate", &facts), Figure::share(7, 100));
    assert_eq!(figure("asa", &facts), Figure::time_per(5_500, 2));
    assert_eq!(figure("load_erlangs", &facts), Figure::share_of_time(450_000, 900_000));
    assert_eq!(figure("aht", &facts), Figure::time_per(450_000, 2));
    assert_eq!(figure("contact_handle_time", &facts), Figure::time_per(450_000, 1));
    assert_eq!(figure("first_response_time", &facts), Figure::time_per(3_000, 1));
    assert_eq!(figure("next_response_time", &facts), Figure::time_per(9_000, 1));
    assert_eq!(figure("held_rate", &facts), Figure::share(1, 4));
    assert_eq!(figure("transfer_rate", &facts), Figure::share(5, 20));
    assert_eq!(figure("context_transfer", &facts), Figure::share(2, 3));
    assert_eq!(figure("first_response_within_target", &facts), Figure::share(7, 8));
}

#[test]
fn figures_of_agents() {
    let aggregate = samples::aggregate(&[(Count::ContactsHandled, 8)], &[], &[]);
    let levels = samples::levels(&[
        (Level::AgentsAvailable, 200_000),
        (Level::AgentsRinging, 50_000),
        (Level::AgentsContact, 500_000),
        (Level::AgentsWrapup, 100_000),
        (Level::AgentsBreak, 150_000),
        (Level::SlotsActive, 300_000),
        (Level::SlotsMax, 900_000),
    ]);
    let facts = Facts { family: SetFamily::Agents, ..samples::facts(&aggregate, &levels) };
    assert_eq!(figure("occupancy", &facts), Figure::share_of_time(600_000, 800_000));
    assert_eq!(figure("utilization", &facts), Figure::share_of_time(600_000, 1_000_000));
    assert_eq!(figure("capacity_utilization", &facts), Figure::share_of_time(300_000, 900_000));
    assert_eq!(figure("agent_time_per_contact", &facts), Figure::time_per(500_000, 8));
}

#[test]
fn a_share_of_volume_is_a_channels_and_contacts_are_counted_once_where_queues_are_not_told_apart() {
    let (aggregate, levels) = (queue(), samples::levels(&[]));
    let tenant = samples::facts(&aggregate, &levels);
    let channel =
        Facts { family: SetFamily::Contacts, has_channel: true, tenant_created: Some(120), ..tenant };
    assert_eq!(figure("volume_share", &tenant), None);
    assert_eq!(figure("volume_share", &channel), Figure::share(30, 120));
    assert_eq!(figure("volume_share", &Facts { tenant_created: None, ..channel }), None);
    let queue = Facts { has_queue: true, ..channel };
    assert_eq!(figure("volume_share", &queue), None);
    assert_eq!(figure("contact_abandon_rate", &queue), None);
    assert_eq!(figure("occupancy", &queue), None);
}

#[test]
fn nothing_has_a_figure_where_nothing_was_measured() {
    let (aggregate, levels) = (Aggregate::default(), samples::levels(&[]));
    let facts = Facts { tenant_created: Some(0), has_channel: true, ..samples::facts(&aggregate, &levels) };
    for row in CATALOG {
        assert_eq!(row.compute.and_then(|compute| compute(&facts)), None, "{}", row.name);
    }
}
