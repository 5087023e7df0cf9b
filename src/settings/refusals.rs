//! What settings refuse, and how they say it.

use super::Settings;
use super::client::OWNED;
use super::problem::Path;
use super::tests::{file, load};
use std::path::PathBuf;

fn problems(texts: &[&str], variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let found = load(texts, variables).unwrap_err().problems;
    found.into_iter().map(|problem| (problem.key, problem.text)).collect()
}

/// The one problem's text; the key must be the one named.
fn problem_of(text: &str, key: &str) -> String {
    let found = problems(&[text], &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, key, "{found:?}");
    found[0].1.clone()
}

#[test]
fn unknown_keys_are_named_with_the_nearest_known_one() {
    for (text, key, near) in [
        ("[kafka]\nbrokres = []", "kafka.brokres", "kafka.brokers"),
        ("[kafak]", "kafak", "kafka"),
        ("[kafka]\nidle_after = \"5s\"", "kafka.idle_after", "time.idle_after"),
        (
            "[[windows]]\nname = \"a\"\nkind = \"day\"\nlenght = \"5m\"",
            "windows[0].lenght",
            "windows[0].length",
        ),
        ("[[thresholds]]\nseconds = 1\nque = \"x\"", "thresholds[0].que", "thresholds[0].queue"),
    ] {
        assert_eq!(problem_of(text, key), format!("unknown key; the nearest known key is {near}"));
    }
    let text = problem_of("[time.max_age]\nvioce = \"1h\"", "time.max_age.vioce");
    assert_eq!(text, "is not a channel; the nearest one is voice");
}

#[test]
fn all_problems_are_reported_at_once_each_with_its_place() {
    let (a, b) = (file("[kafka]\nbrokres = []\nshards = 0\n[time]\ngrace = 5"), file("not toml ="));
    let missing = PathBuf::from("/nonexistent/c.toml");
    let variables =
        [("INTRADAY__HTTP__LISTEN", "here"), ("INTRADAY__SERVISE__ID", "x"), ("INTRADAY__WINDOWS", "5m")];
    let error = Settings::load(
        &[a.path().to_owned(), b.path().to_owned(), missing],
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
    .unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("configuration has 8 problems:\n"), "{text}");
    for expected in [
        format!("{}: kafka.brokres: unknown key", a.path().display()),
        format!("{}: kafka.shards: 0 is not within 1 to 1024", a.path().display()),
        format!("{}: time.grace: is an integer; write a duration", a.path().display()),
        format!("{}: is not TOML: ", b.path().display()),
        "/nonexistent/c.toml: cannot be read: ".to_owned(),
        "environment variable INTRADAY__HTTP__LISTEN: http.listen: \"here\" is not an address".to_owned(),
        "environment variable INTRADAY__SERVISE__ID: servise: unknown key; the nearest known key is service"
            .to_owned(),
        "environment variable INTRADAY__WINDOWS: windows: cannot come from the environment".to_owned(),
    ] {
        assert!(text.contains(&expected), "{expected} is not in\n{text}");
    }
}

#[test]
fn every_owned_client_property_is_refused() {
    for (name, remedy) in OWNED {
        for key in [name.to_owned(), format!("{name}_file")] {
            let path = Path::of(&["kafka", "client", &key]).to_string();
            let text = problem_of(&format!("[kafka.client]\n\"{key}\" = \"x\""), &path);
            assert!(text.ends_with(remedy) && text.contains("owned by the service"), "{key}: {text}");
        }
    }
    let found = problems(&[], &[("INTRADAY__KAFKA__CLIENT__GROUP_ID", "x")]);
    assert_eq!(found[0].0, "kafka.client.\"group.id\"");
}

#[test]
fn secrets_come_from_one_place_only() {
    let secret = file("hunter2");
    let client = format!("[kafka.client]\nsasl.password = \"a\"\nsasl.password_file = {:?}", secret.path());
    assert_eq!(
        problem_of(&client, "kafka.client.\"sasl.password_file\""),
        "stands beside \"sasl.password\"; keep one of them"
    );
    let absent = "[kafka.client]\nsasl.password_file = \"/nonexistent/p\"";
    assert!(
        problem_of(absent, "kafka.client.\"sasl.password_file\"").contains("/nonexistent/p cannot be read")
    );
}

#[test]
fn values_that_do_not_fit_together_are_refused() {
    let window = |rest: &str| format!("[[windows]]\nname = \"w\"\n{rest}");
    let target = |rest: &str| format!("[[targets]]\nkpi = \"asa\"\n{rest}");
    for (text, key, expected) in [
        ("[http]\nweb_config = \"w.yml\"", "http.web_config", "not supported yet"),
        ("[time]\ngrace = \"2h\"", "time.grace", "longer than time.allowed_lateness"),
        ("[time]\ntimezone = \"Mars/Olympus\"", "time.timezone", "Mars/Olympus"),
        ("[time]\nreset_hour = 24", "time.reset_hour", "0 to 23"),
        ("[time]\ncommit_interval = \"9s\"", "time.commit_interval", "transaction_timeout"),
        ("[[time.tenants]]\ntimezone = \"UTC\"", "time.tenants[0].tenant", "missing"),
        ("[service]\nid = \"a b\"", "service.id", "characters"),
        ("[service]\nmode = \"exactly_onec\"", "service.mode", "one of exactly_once, none"),
        ("[service]\nstart_from = \"yesterday\"", "service.start_from", "earliest"),
        ("[kafka]\nbrokers = []", "kafka.brokers", "at least one"),
        ("[kafka]\ninput_topics = [\"a\", \"a\"]", "kafka.input_topics[1]", "twice"),
        (
            "[kafka]\ninput_topics = [\"intraday.kpis\"]",
            "kafka.input_topics[0]",
            "topic of the service itself",
        ),
        (&window("kind = \"week\""), "windows[0].kind", "not supported yet"),
        (&window("kind = \"tumbling\"\nlength = \"15s\""), "windows[0].length", "multiple of 10s"),
        (&window("kind = \"tumbling\""), "windows[0].length", "missing"),
        (&window("kind = \"sliding\"\nlength = \"2h\""), "windows[0].length", "at most 1h"),
        (&window("kind = \"day\"\nlength = \"24h\""), "windows[0].length", "does not apply"),
        (
            &window(&format!("kind = \"day\"\n{}", window("kind = \"day\""))),
            "windows[1].name",
            "repeats windows[0]",
        ),
        ("windows = []", "windows", "at least one"),
        ("[[groups]]\ndimensions = [\"quue\"]", "groups[0].dimensions[0]", "not one of"),
        ("[[groups]]\n[[groups]]\ndimensions = [\"tenant\"]", "groups[1].dimensions", "repeats"),
        ("[[thresholds]]\nqueue = \"x\"", "thresholds[0].seconds", "formula"),
        ("[[thresholds]]\nseconds = 0", "thresholds[0].seconds", "none"),
        (
            "[[thresholds]]\nseconds = 1\n[[thresholds]]\nseconds = 2",
            "thresholds[1]",
            "repeats thresholds[0]",
        ),
        (&target(""), "targets[0].at_least", "exactly one"),
        (&target("at_least = 1\nat_most = 2"), "targets[0].at_least", "exactly one"),
        (&target("at_most = nan"), "targets[0].at_most", "finite"),
        (&target("band = [2, 1]"), "targets[0].band", "lesser first"),
        (&target("at_most = 1\nwarn = 0.5"), "targets[0].warn", "wrong side"),
        (&target("at_most = 1\nfrom = 2026-02-01\nuntil = 2026-01-01"), "targets[0].until", "before from"),
        (&target("at_most = 1\nfrom = \"soon\""), "targets[0].from", "date"),
        (&target("enabled = false"), "targets[0].enabled", "removes nothing"),
        ("[[names]]\ntenant = \"a\"\nqueue = \"q\"", "names[0].name", "missing"),
        (
            "[[names]]\ntenant = \"a\"\nqueue = \"q\"\nname = \"x\"\n[[names]]\ntenant = \"a\"\nqueue = \"q\"\nname = \"y\"",
            "names[1]",
            "repeats names[0]",
        ),
        ("[[metrics.announced]]\ntenant = \"a\"\nqueue = \"q\"", "metrics.announced[0].channel", "missing"),
    ] {
        let found = problem_of(text, key);
        assert!(found.contains(expected), "{text}: {found}");
    }
}

#[test]
fn problems_beyond_the_limit_are_counted() {
    let rows = "[[targets]]\nkpi = 1\n".repeat(300);
    let found = problems(&[&rows], &[]);
    assert_eq!(found.len(), 201);
    assert_eq!(found[200].1, "has 100 further problems; mend those above first");
}
