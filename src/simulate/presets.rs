//! Scenarios that need no file: the demo's center, and the textbook queue.

use super::scenario::{
    Away, Break, Callback, Channel, Hold, Menu, Messages, Offer, Overflow, Queue, Scenario, Shift, Team,
    Transfer, TransferKind,
};
use super::span::Span;

/// Load over the day in UTC. Mild, as of a center that serves several time zones, so that a demo looks
/// alive at whatever hour it is started.
const DAY: [f64; 24] = [
    0.80, 0.78, 0.77, 0.78, 0.82, 0.87, 0.94, 1.02, 1.10, 1.17, 1.21, 1.22, 1.20, 1.18, 1.18, 1.16, 1.13,
    1.09, 1.04, 0.99, 0.95, 0.91, 0.87, 0.82,
];

impl Scenario {
    /// The center of `demo` and `generate`: tenant `acme`, four voice and two chat queues, 72 agents on
    /// duty per site in four teams; as many sites as give about `rate_per_second` events.
    #[must_use]
    pub fn demo(rate_per_second: f64) -> Scenario {
        Scenario {
            tenants: vec!["acme".to_owned()],
            queues: demo_queues(),
            teams: demo_teams(),
            offer: Some(Offer {
                ring: Span::LogNormal { mean_seconds: 6.0, sigma: 0.5 },
                limit_seconds: 15.0,
                missed_share: 0.012,
                rejected_share: 0.006,
                penalty_seconds: 20.0,
            }),
            shift: Some(Shift { hours: 8.0 }),
            heartbeat_seconds: Some(30),
            customers: 50_000,
            incidents: Vec::new(),
            rate: Some(rate_per_second),
        }
    }

    /// M/M/c, or M/M/c+M where `patience_seconds` (mean) is given: `lambda` arrivals and `mu` services
    /// per second, answered without ringing, no wrap-up.
    #[must_use]
    pub fn erlang(lambda: f64, mu: f64, agents: u32, patience_seconds: Option<f64>) -> Scenario {
        let patience = patience_seconds.map(|mean_seconds| Span::Exponential { mean_seconds });
        let talk = Span::Exponential { mean_seconds: 1.0 / mu };
        let queue = Queue { patience, ..plain("erlang", "Erlang", Channel::Voice, lambda * 3600.0, talk) };
        Scenario {
            tenants: vec!["erlang".to_owned()],
            queues: vec![queue],
            teams: vec![team("erlang", agents, 1, &["erlang"], &[])],
            offer: None,
            shift: None,
            heartbeat_seconds: None,
            customers: 50_000,
            incidents: Vec::new(),
            rate: None,
        }
    }
}

/// Some leave at once, most stay on: of those still there 2 % have left after 20 s, 7 % after a minute, a fifth after
/// five. With the same patience for all, abandons would come in bursts whenever a site is busy for a minute, and a quiet
/// day would look like a day of incidents.
fn patience() -> Span {
    Span::LogNormal { mean_seconds: 40_000.0, sigma: 2.4 }
}

fn demo_queues() -> Vec<Queue> {
    let log_normal = |mean_seconds: f64, sigma: f64| Span::LogNormal { mean_seconds, sigma };
    let voice = |name: &str, display: &str, per_hour: f64, talk_seconds: f64, wrapup_seconds: f64| Queue {
        day_profile: DAY.to_vec(),
        menu: Some(Menu { span: Span::Uniform { low_seconds: 5.0, high_seconds: 35.0 }, exit_share: 0.06 }),
        wrapup: Some(log_normal(wrapup_seconds, 0.6)),
        patience: Some(patience()),
        hold: Some(Hold { share: 0.12, span: log_normal(35.0, 0.6) }),
        ..plain(name, display, Channel::Voice, per_hour, log_normal(talk_seconds, 0.6))
    };
    let chat = |name: &str, display: &str, per_hour: f64, length_seconds: f64| Queue {
        day_profile: DAY.to_vec(),
        patience: Some(patience()),
        messages: Some(Messages { customer: log_normal(28.0, 0.7), agent: log_normal(22.0, 0.6) }),
        ..plain(name, display, Channel::Chat, per_hour, log_normal(length_seconds, 0.5))
    };
    let transfer =
        |share: f64, to: &str, kind: TransferKind| Some(Transfer { share, to: to.to_owned(), kind });
    let categories = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    vec![
        Queue {
            transfer: transfer(0.05, "support", TransferKind::Blind),
            callback: Some(Callback {
                after_seconds: 90.0,
                share: 0.25,
                delay: Span::Uniform { low_seconds: 300.0, high_seconds: 900.0 },
            }),
            categories: categories(&["invoice", "payment", "refund"]),
            ..voice("billing", "Billing", 168.0, 200.0, 40.0)
        },
        Queue {
            transfer: transfer(0.04, "billing", TransferKind::Queue),
            categories: categories(&["new", "upgrade"]),
            priority_share: 0.05,
            ..voice("sales", "Sales", 122.0, 240.0, 45.0)
        },
        Queue {
            transfer: transfer(0.05, "billing", TransferKind::Blind),
            overflow: Some(Overflow { after_seconds: 120.0, to: "billing".to_owned() }),
            categories: categories(&["device", "network", "account"]),
            priority_share: 0.03,
            ..voice("support", "Technical support", 152.0, 270.0, 50.0)
        },
        Queue {
            transfer: transfer(0.06, "sales", TransferKind::Blind),
            categories: categories(&["price", "quality", "moving"]),
            ..voice("cancellations", "Cancellations", 50.0, 250.0, 60.0)
        },
        Queue {
            categories: categories(&["device", "account", "other"]),
            ..chat("chat_support", "Chat: support", 140.0, 480.0)
        },
        Queue {
            categories: categories(&["new", "upgrade"]),
            priority_share: 0.05,
            ..chat("chat_sales", "Chat: sales", 84.0, 400.0)
        },
    ]
}

fn demo_teams() -> Vec<Team> {
    let pause = |state: Away, after_minutes: u32, minutes: u32| Break { state, after_minutes, minutes };
    let breaks = [
        pause(Away::Break, 110, 15),
        pause(Away::Lunch, 230, 30),
        pause(Away::Training, 330, 20),
        pause(Away::Break, 400, 10),
    ];
    vec![
        team("care", 17, 1, &["billing", "cancellations"], &breaks),
        team("sales", 18, 1, &["sales", "cancellations"], &breaks),
        team("technical", 22, 1, &["support", "billing"], &breaks),
        team("digital", 15, 3, &["chat_support", "chat_sales"], &breaks),
    ]
}

fn team(name: &str, agents: u32, slots: u32, queues: &[&str], breaks: &[Break]) -> Team {
    let queues = queues.iter().map(|queue| (*queue).to_owned()).collect();
    Team { name: name.to_owned(), agents, slots, queues, breaks: breaks.to_vec() }
}

/// A queue with arrivals and talk, and nothing else.
fn plain(name: &str, display: &str, channel: Channel, arrivals_per_hour: f64, talk: Span) -> Queue {
    Queue {
        name: name.to_owned(),
        display_name: Some(display.to_owned()),
        channel,
        arrivals_per_hour,
        day_profile: vec![1.0],
        menu: None,
        talk,
        wrapup: None,
        patience: None,
        hold: None,
        transfer: None,
        overflow: None,
        callback: None,
        messages: None,
        categories: Vec::new(),
        priority_share: 0.0,
    }
}
