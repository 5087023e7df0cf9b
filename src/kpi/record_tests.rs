//! Records letter by letter, and that every reader of JSON reads them.

use super::*;
use crate::kpi::facts::samples;
use crate::kpi::groups::SetFamily;
use crate::kpi::rules::Formula;
use crate::measure::aggregate::Aggregate;
use crate::measure::batch::NowLevels;
use crate::measure::ids::{Level, Span};
use crate::time::MINUTE_MS;
use crate::time::window::WindowKind;
use serde_json::Value;

const QUEUE: [Dimension; 2] = [Dimension::Channel, Dimension::Queue];

fn window(name: &str, kind: WindowKind) -> Window {
    Window { name: name.to_owned(), kind, pace_ms: 1_000 }
}

fn visits() -> Aggregate {
    samples::aggregate(
        &[
            (Count::ContactsOffered, 13),
            (Count::ContactsAnswered, 10),
            (Count::ContactsAbandoned, 2),
            (Count::FlowedOutCallback, 1),
            (Count::ContactsFlowedOut, 1),
        ],
        &[
            (Tally::AnsweredWithin, 20_000, 8),
            (Tally::AnsweredBeyond, 20_000, 2),
            (Tally::AbandonedBeyond, 20_000, 2),
        ],
        &[(Span::WaitAnswered, 1_000), (Span::WaitAnswered, 12_345), (Span::WaitAbandoned, 30_000)],
    )
}

#[test]
fn a_live_record_letter_by_letter() {
    let mut serving = [0; Level::LEN];
    (serving[Level::AgentsAvailable.index()], serving[Level::AgentsBreak.index()]) = (4, 2);
    let (aggregate, levels) = (visits(), samples::levels(&[(Level::Waiting, 600_001)]));
    let facts = Facts {
        family: SetFamily::Contacts,
        has_queue: true,
        has_channel: true,
        live: Some(NowLevels {
            waiting: 3,
            breaching: 4,
            at_risk: 1,
            oldest: Some(samples::START.plus(31_000)),
            ..NowLevels::default()
        }),
        serving: Some(serving),
        ..samples::facts(&aggregate, &levels)
    };
    let input = RecordInput {
        status: "live",
        revision: 7,
        set: &GroupSet::new(&QUEUE),
        values: &["acme", "voice", "bill\"ing"],
        window: &window("15m", WindowKind::Tumbling { length_ms: 15 * MINUTE_MS }),
        pane: facts.pane,
        timezone: "UTC",
        watermark: Some(samples::START.plus(672_400)),
        published: WallMs(samples::START.0 + 673_051),
        facts: &facts,
        targets: &Targets::shipped(),
        hdr: false,
        latest: false,
        reason: None,
    };
    let mut out = String::new();
    render(&input, &mut out);
    let expected = concat!(
        r#"{"schema":"intraday.kpi.v1","status":"live","revision":7,"group_set":"tenant,channel,queue","#,
        r#""group":{"tenant":"acme","channel":"voice","queue":"bill\"ing"},"#,
        r#""window":{"name":"15m","kind":"tumbling","attribution":"event","start":"2026-01-05T09:30:00Z","#,
        r#""end":"2026-01-05T09:45:00Z","start_ms":1767605400000,"end_ms":1767606300000,"timezone":"UTC"},"#,
        r#""watermark":"2026-01-05T09:41:12.400Z","published_at":"2026-01-05T09:41:13.051Z","#,
        r#""counts":{"contacts_offered":13,"contacts_answered":10,"contacts_abandoned":2,"#,
        r#""contacts_short_abandoned":0,"contacts_flowed_out":1,"contacts_flowed_out_callback":1,"#,
        r#""contacts_answered_within_threshold":8,"contacts_answered_beyond_threshold":2,"#,
        r#""contacts_abandoned_beyond_threshold":2,"contacts_handled":0,"contacts_completed":0},"#,
        r#""kpis":{"abandon_rate":{"value":0.15384615384615385,"numerator":2,"denominator":13,"#,
        r#""unit":"ratio","target":{"at_most":0.05},"status":"missed"},"#,
        r#""abandon_rate_offered":{"value":0.15384615384615385,"numerator":2,"denominator":13,"unit":"ratio"},"#,
        r#""service_level":{"value":0.6666666666666666,"numerator":8,"denominator":12,"unit":"ratio","#,
        r#""formula":"answered_plus_abandoned","threshold_seconds":20,"#,
        r#""target":{"at_least":0.8},"status":"missed"},"#,
        r#""service_level_live":{"value":0.5,"numerator":8,"denominator":16,"unit":"ratio","#,
        r#""formula":"answered_plus_abandoned","threshold_seconds":20},"#,
        r#""asa":{"value":6.673,"numerator":13.345,"denominator":2,"unit":"seconds"}},"#,
        r#""durations":{"wait_answered":{"unit":"seconds","count":2,"sum":13.345,"min":1,"max":12.345,"#,
        r#""p50":1.003,"p90":12.345,"p95":12.345,"p99":12.345},"#,
        r#""wait_abandoned":{"unit":"seconds","count":1,"sum":30,"min":30,"max":30,"#,
        r#""p50":30,"p90":30,"p95":30,"p99":30},"#,
        r#""wait_all":{"unit":"seconds","count":3,"sum":43.345,"min":1,"max":30,"#,
        r#""p50":12.351,"p90":30,"p95":30,"p99":30}},"#,
        r#""levels":{"contacts_waiting":{"last":1,"max":2,"mean":0.666668},"#,
        r#""sla_at_risk":{"last":1},"oldest_wait_start":"2026-01-05T09:30:31Z","#,
        r#""queue_agents":{"available":4,"break":2}}}"#,
    );
    assert_eq!(out, expected);
    let read: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(read["group"]["queue"], "bill\"ing");
}

#[test]
fn a_final_record_letter_by_letter() {
    let aggregate = samples::aggregate(&[(Count::ContactsHandled, 2)], &[], &[(Span::Handle, 300_000)]);
    let levels = samples::levels(&[(Level::AgentsContact, 700_000), (Level::AgentsAvailable, 200_000)]);
    let facts = Facts { family: SetFamily::Agents, ..samples::facts(&aggregate, &levels) };
    let targets = Targets::new(vec![Target {
        baseline: Some(0.60),
        min_count: 0,
        warn: Some(0.05),
        ..Target::new("occupancy", Goal::Band(0.75, 0.85))
    }]);
    let mut input = RecordInput {
        status: "final",
        revision: 12,
        set: &GroupSet::new(&[Dimension::Team]),
        values: &["acme", "north"],
        window: &window("15m", WindowKind::Tumbling { length_ms: 15 * MINUTE_MS }),
        pane: facts.pane,
        timezone: "Europe/Berlin",
        watermark: None,
        published: WallMs(samples::START.0),
        facts: &facts,
        targets: &targets,
        hdr: false,
        latest: false,
        reason: None,
    };
    let mut out = String::new();
    render(&input, &mut out);
    let expected = concat!(
        r#"{"schema":"intraday.kpi.v1","status":"final","revision":12,"group_set":"tenant,team","#,
        r#""group":{"tenant":"acme","team":"north"},"#,
        r#""window":{"name":"15m","kind":"tumbling","attribution":"event","start":"2026-01-05T09:30:00Z","#,
        r#""end":"2026-01-05T09:45:00Z","start_ms":1767605400000,"end_ms":1767606300000,"#,
        r#""timezone":"Europe/Berlin"},"published_at":"2026-01-05T09:30:00Z","#,
        r#""counts":{"contacts_handled":2},"#,
        r#""kpis":{"aht":{"value":300,"numerator":300,"denominator":1,"unit":"seconds"},"#,
        r#""held_rate":{"value":0.0,"numerator":0,"denominator":2,"unit":"ratio"},"#,
        r#""occupancy":{"value":0.7777777777777778,"numerator":700,"denominator":900,"unit":"ratio","#,
        r#""target":{"band":[0.75,0.85],"warn":0.05},"status":"met","progress":0.8888888888888887},"#,
        r#""utilization":{"value":0.7777777777777778,"numerator":700,"denominator":900,"unit":"ratio"},"#,
        r#""agent_time_per_contact":{"value":350,"numerator":700,"denominator":2,"unit":"seconds"}},"#,
        r#""durations":{"handle_time":{"unit":"seconds","count":1,"sum":300,"min":300,"max":300,"#,
        r#""p50":300,"p90":300,"p95":300,"p99":300}},"#,
        r#""levels":{"agents_available":{"last":1,"max":2,"mean":0.222222},"#,
        r#""agents_contact":{"last":1,"max":2,"mean":0.777778}}}"#,
    );
    assert_eq!(out, expected);

    input.hdr = true;
    out.clear();
    render(&input, &mut out);
    let read: Value = serde_json::from_str(&out).unwrap();
    let hdr = read["durations"]["handle_time"]["hdr_ms"].as_str().unwrap();
    assert_eq!(STANDARD.decode(hdr).unwrap(), aggregate.span(Span::Handle).unwrap().hdr_v2());
}

#[test]
fn two_thresholds_or_none_name_neither_threshold_nor_formula() {
    let aggregate = samples::aggregate(
        &[(Count::ContactsAnswered, 2)],
        &[(Tally::AnsweredWithin, 20_000, 1), (Tally::AnsweredBeyond, 60_000, 1)],
        &[],
    );
    let levels = samples::levels(&[]);
    let facts = Facts { formula: Formula::AnsweredOnly, ..samples::facts(&aggregate, &levels) };
    let kpis = rendered(&facts)["kpis"].clone();
    assert_eq!(kpis["service_level"]["value"], 0.5);
    assert_eq!(kpis["service_level"].get("formula"), None);
    assert_eq!(kpis["service_level"].get("threshold_seconds"), None);
}

#[test]
fn an_empty_group_has_an_empty_frame() {
    let (aggregate, levels) = (Aggregate::default(), samples::levels(&[]));
    let read = rendered(&samples::facts(&aggregate, &levels));
    for section in ["counts", "kpis", "durations", "levels"] {
        assert_eq!(read[section], Value::Object(serde_json::Map::new()), "{section}");
    }
}

#[test]
fn a_queue_record_never_shows_contacts_entered() {
    let aggregate = samples::aggregate(&[(Count::ContactsEntered, 3)], &[], &[]);
    let levels = samples::levels(&[]);
    let tenant = samples::facts(&aggregate, &levels);
    assert_eq!(rendered(&tenant)["counts"]["contacts_entered"], 3);
    let queue = Facts { has_queue: true, ..tenant };
    assert_eq!(rendered(&queue)["counts"].get("contacts_entered"), None);
}

#[test]
fn keys_hold_any_name_and_sliding_windows_have_one() {
    let set = GroupSet::new(&QUEUE);
    let values = ["acme", "voice", "a,\"b"];
    assert_eq!(
        render_key(&set, &values, "15m", Some(samples::START)),
        r#"["acme","tenant,channel,queue",["voice","a,\"b"],"15m","2026-01-05T09:30:00Z"]"#
    );
    assert_eq!(
        render_key(&GroupSet::new(&[]), &["acme"], "5m", None),
        r#"["acme","tenant",[],"5m","latest"]"#
    );
}

#[test]
fn the_place_of_a_group_names_what_the_set_tells_apart() {
    let values = ["acme", "voice", "billing"];
    assert_eq!(place_of(&GroupSet::new(&QUEUE), &values), ("acme", Some(Channel::Voice), "billing"));
    assert_eq!(place_of(&GroupSet::new(&[Dimension::Team]), &["acme", "north"]), ("acme", None, ""));
}

fn rendered(facts: &Facts<'_>) -> Value {
    let input = RecordInput {
        status: "live",
        revision: 1,
        set: &GroupSet::new(&[]),
        values: &["acme"],
        window: &window("5m", WindowKind::Sliding { length_ms: 5 * MINUTE_MS }),
        pane: facts.pane,
        timezone: "UTC",
        watermark: None,
        published: WallMs(0),
        facts,
        targets: &Targets::default(),
        hdr: true,
        latest: true,
        reason: None,
    };
    assert!(input.key().ends_with("\"latest\"]"));
    let mut out = String::new();
    render(&input, &mut out);
    serde_json::from_str(&out).unwrap()
}
