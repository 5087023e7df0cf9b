//! The gauges over windows: one family for each KPI and tier of groups, so that no sum mixes tiers.
//!
//! A ratio has its denominator beside it and its target; a mean has its target. Names are written out by the macros:
//! `contact_center_<tier><kpi>_<unit>`, where `_rate` at the end of a KPI's name is `_ratio`.

use super::exposed::Family;
use super::families::gauge;

/// A share of counts: value, denominator, target.
macro_rules! ratio {
    ($tier:literal, $of:literal, $stem:literal, $kpi:literal, $help:literal) => {
        &[
            gauge(
                concat!("contact_center_", $tier, $stem, "_ratio"),
                concat!($kpi, ": ", $help, ", of ", $of, "; over the labelled window, follows event time"),
            ),
            gauge(
                concat!("contact_center_", $tier, $stem, "_window_contacts"),
                concat!(
                    $kpi,
                    ": its denominator, of ",
                    $of,
                    "; over the labelled window, follows event time"
                ),
            ),
            target!($tier, $of, $stem, $kpi, "ratio"),
        ]
    };
}

/// A share of time: value, denominator, target.
macro_rules! time_ratio {
    ($tier:literal, $of:literal, $stem:literal, $help:literal) => {
        &[
            gauge(
                concat!("contact_center_", $tier, $stem, "_ratio"),
                concat!($stem, ": ", $help, ", of ", $of, "; over the labelled window, follows event time"),
            ),
            gauge(
                concat!("contact_center_", $tier, $stem, "_window_time_seconds"),
                concat!(
                    $stem,
                    ": its denominator, of ",
                    $of,
                    "; over the labelled window, follows event time"
                ),
            ),
            target!($tier, $of, $stem, $stem, "ratio"),
        ]
    };
}

/// A mean: value, target.
macro_rules! mean {
    ($tier:literal, $of:literal, $kpi:literal, $help:literal) => {
        &[
            gauge(
                concat!("contact_center_", $tier, $kpi, "_seconds"),
                concat!($kpi, ": ", $help, ", of ", $of, "; over the labelled window, follows event time"),
            ),
            target!($tier, $of, $kpi, $kpi, "seconds"),
        ]
    };
}

macro_rules! target {
    ($tier:literal, $of:literal, $stem:literal, $kpi:literal, $unit:literal) => {
        gauge(
            concat!("contact_center_", $tier, $stem, "_target_", $unit),
            concat!(
                $kpi,
                ": its target, of ",
                $of,
                ", bound is at_least or at_most; follows the configuration"
            ),
        )
    };
}

/// A distribution: quantiles, maximum.
macro_rules! quantiles {
    ($tier:literal, $of:literal, $stem:literal, $kpi:literal, $help:literal) => {
        &[
            gauge(
                concat!("contact_center_", $tier, $stem, "_window_seconds"),
                concat!(
                    $kpi,
                    ": ",
                    $help,
                    " at quantile q, of ",
                    $of,
                    "; over the labelled window, follows event time; not aggregatable"
                ),
            ),
            gauge(
                concat!("contact_center_", $tier, $stem, "_window_max_seconds"),
                concat!(
                    $kpi,
                    ": greatest ",
                    $help,
                    ", of ",
                    $of,
                    "; over the labelled window, follows event time"
                ),
            ),
        ]
    };
}

macro_rules! missed {
    ($tier:literal, $of:literal) => {
        &[gauge(
            concat!("contact_center_", $tier, "kpi_missed"),
            concat!(
                "kpi_missed: 1 where the labelled KPI of ",
                $of,
                " misses its target, 0 where it does not; over the labelled window, follows event time"
            ),
        )]
    };
}

/// What every tier of contacts has.
macro_rules! contacts {
    ($tier:literal, $of:literal $(, $more:expr)*) => {
        &[
            ratio!($tier, $of, "abandon", "abandon_rate", "share of the visits that the customer gave up"),
            ratio!($tier, $of, "service_level", "service_level", "share of the visits answered in time"),
            ratio!(
                $tier, $of, "service_level_live", "service_level_live",
                "service level that also counts those who wait too long now"
            ),
            ratio!(
                $tier, $of, "first_response_within_target", "first_response_within_target",
                "share of the first responses in time"
            ),
            ratio!($tier, $of, "transfer", "transfer_rate", "transfers for each contact completed"),
            mean!($tier, $of, "asa", "mean wait of the answered"),
            mean!($tier, $of, "aht", "mean handle time"),
            quantiles!($tier, $of, "wait", "wait_answered", "wait of the answered"),
            quantiles!($tier, $of, "abandoned_wait", "wait_abandoned", "wait of those who abandoned"),
            quantiles!($tier, $of, "handle", "handle_time", "handle time"),
            quantiles!($tier, $of, "first_response", "first_response_time", "time to the first response"),
            missed!($tier, $of),
            $($more,)*
        ]
    };
}

/// What the tiers of agents have.
macro_rules! agents {
    ($tier:literal, $of:literal) => {
        &[
            time_ratio!($tier, $of, "occupancy", "share of time on contacts, of agents busy or available"),
            time_ratio!($tier, $of, "utilization", "share of time on contacts, of agents logged in"),
            time_ratio!($tier, $of, "capacity_utilization", "share of the slots in use"),
            ratio!(
                $tier,
                $of,
                "first_response_within_target",
                "first_response_within_target",
                "share of the first responses in time"
            ),
            mean!($tier, $of, "aht", "mean handle time"),
            quantiles!($tier, $of, "handle", "handle_time", "handle time"),
            quantiles!($tier, $of, "first_response", "first_response_time", "time to the first response"),
            missed!($tier, $of),
        ]
    };
}

pub(super) const QUEUE: &[&[Family]] = contacts!("", "a queue");

pub(super) const CHANNEL: &[&[Family]] = contacts!(
    "channel_",
    "a channel",
    ratio!(
        "channel_",
        "a channel",
        "contact_abandon",
        "contact_abandon_rate",
        "share of the contacts that gave up"
    ),
    ratio!("channel_", "a channel", "volume_share", "volume_share", "share of the tenant's contacts created")
);

pub(super) const TENANT: &[&[Family]] = contacts!(
    "tenant_",
    "a tenant",
    ratio!(
        "tenant_",
        "a tenant",
        "contact_abandon",
        "contact_abandon_rate",
        "share of the contacts that gave up"
    ),
    time_ratio!("tenant_", "a tenant", "occupancy", "share of time on contacts, of agents busy or available"),
    time_ratio!("tenant_", "a tenant", "utilization", "share of time on contacts, of agents logged in"),
    time_ratio!("tenant_", "a tenant", "capacity_utilization", "share of the slots in use")
);

pub(super) const TEAM: &[&[Family]] = agents!("team_", "a team");

pub(super) const AGENT: &[&[Family]] = agents!("agent_", "an agent");
