//! The files under `deploy/`, as the tools that read them judge them.
//!
//! It must never start what they describe: it holds them to their tools and to the settings' defaults.

use intraday::settings::Settings;

use crate::harness::prometheus::promtool;
use crate::harness::provision::present;

const SCRAPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus/scrape.yml");

#[test]
fn promtool_takes_the_scrape_configuration() {
    let Some(checked) = present(promtool(&["check", "config", SCRAPE], "")) else { return };
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success(), "{told}");
}

#[test]
fn the_scrape_goes_to_where_the_defaults_listen() {
    let text = std::fs::read_to_string(SCRAPE).unwrap();
    let target = format!("targets: [\"{}\"]", Settings::default().http.listen);
    assert!(text.contains(&target), "no {target} in\n{text}");
}
