//! A real Prometheus that scrapes what a test names, and promtool.
//!
//! Must never know the product's metric names or rules.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::folder::RunFolder;
use super::guard::output_within;
use super::http;
use super::process::{Process, free_port};
use super::provision::{Absent, Packaged, present, tool};

const START_LIMIT: Duration = Duration::from_secs(60);
const PROMTOOL_LIMIT: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(100);

/// What is scraped: `http://<address>/metrics`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The job label.
    pub job: String,
    /// Host and port; also the instance label.
    pub address: String,
}

/// A running Prometheus; ended when dropped, with its data.
#[derive(Debug)]
pub struct Prometheus {
    process: Process,
    url: String,
    _folder: RunFolder,
}

impl Prometheus {
    /// Starts one that scrapes the targets, and itself as job `prometheus`, each second.
    ///
    /// None where no Prometheus can be had; panics where one can but does not start.
    pub fn start(targets: &[Target]) -> Option<Prometheus> {
        Prometheus::start_with_rules(targets, "")
    }

    /// As [`Prometheus::start`], with the text of a rule file; rules are evaluated each second.
    pub fn start_with_rules(targets: &[Target], rules: &str) -> Option<Prometheus> {
        let own = Target { job: "prometheus".to_owned(), address: format!("127.0.0.1:{}", free_port()) };
        let text = configuration(&own, targets, !rules.is_empty());
        Prometheus::start_at(&own.address, &text, &[("rules.yml", rules)], None)
    }

    /// Starts one with a configuration of the test's own, and files that it names beside it, as name and text.
    ///
    /// None where no Prometheus can be had; panics where one can but does not start.
    pub fn start_from(configuration: &str, beside: &[(&str, &str)]) -> Option<Prometheus> {
        Prometheus::start_at(&format!("127.0.0.1:{}", free_port()), configuration, beside, None)
    }

    /// As [`Prometheus::start_from`], on a folder of blocks that it takes for its data, however old they are.
    pub fn start_on_blocks(
        configuration: &str,
        beside: &[(&str, &str)],
        blocks: &Path,
    ) -> Option<Prometheus> {
        Prometheus::start_at(&format!("127.0.0.1:{}", free_port()), configuration, beside, Some(blocks))
    }

    fn start_at(
        address: &str,
        configuration: &str,
        beside: &[(&str, &str)],
        blocks: Option<&Path>,
    ) -> Option<Prometheus> {
        let server = present(tool(Packaged::Prometheus))?;
        let folder = RunFolder::new("prometheus");
        let config = folder.path().join("prometheus.yml");
        for (name, text) in [("prometheus.yml", configuration)].iter().chain(beside) {
            fs::write(folder.path().join(name), text)
                .unwrap_or_else(|e| panic!("cannot write {}: {e}", folder.path().display()));
        }
        let data = folder.path().join("data");
        if let Some(blocks) = blocks {
            fs::rename(blocks, &data).unwrap_or_else(|e| panic!("cannot move {}: {e}", blocks.display()));
        }
        let mut command = server.command();
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", data.display()));
        command.arg("--storage.tsdb.retention.time=100y");
        command.arg(format!("--web.listen-address={address}"));
        let mut process = Process::start(&command);
        let url = format!("http://{address}");
        process.wait_for_http(&format!("{url}/-/ready"), START_LIMIT);
        Some(Prometheus { process, url, _folder: folder })
    }

    /// Its address, as `http://host:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The `data` of an answer of the HTTP API, such as of `/api/v1/rules`; panics on an error.
    pub fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let answer = http::get(&format!("{}{path}", self.url), parameters).unwrap_or_else(|e| panic!("{e}"));
        let mut body: Value = serde_json::from_str(&answer.body)
            .unwrap_or_else(|e| panic!("{path} answers {} and no JSON: {e}: {}", answer.status, answer.body));
        assert_eq!(body["status"], "success", "{path} with {parameters:?}: {body}");
        body["data"].take()
    }

    /// The samples of an instant query: the `result` of the API's answer.
    pub fn query(&self, expression: &str) -> Value {
        self.api("/api/v1/query", &[("query", expression)])["result"].take()
    }

    /// The value of a query that gives one sample; none where it gives none, panics where more.
    pub fn value(&self, expression: &str) -> Option<f64> {
        let result = self.query(expression);
        let samples = result.as_array().expect("a vector");
        assert!(samples.len() <= 1, "{expression} gives {} samples: {result}", samples.len());
        let value = samples.first()?["value"][1].as_str().expect("a sample value");
        Some(value.parse().expect("a number"))
    }

    /// Asks until the query's value is as wanted and returns it; panics with the last one at `limit`.
    pub fn wait_for(&self, expression: &str, limit: Duration, wanted: impl Fn(f64) -> bool) -> f64 {
        let start = Instant::now();
        loop {
            let value = self.value(expression);
            if let Some(value) = value.filter(|v| wanted(*v)) {
                return value;
            }
            assert!(start.elapsed() < limit, "{expression} is still {value:?} after {} s", limit.as_secs());
            std::thread::sleep(POLL);
        }
    }
}

/// Runs promtool, as in `promtool(&["check", "metrics"], exposition)`.
pub fn promtool(arguments: &[&str], stdin: &str) -> Result<Output, Absent> {
    let mut command = tool(Packaged::Promtool)?.command();
    let output = output_within(command.args(arguments), stdin.as_bytes(), PROMTOOL_LIMIT);
    Ok(output.unwrap_or_else(|e| panic!("{e}")))
}

fn configuration(own: &Target, targets: &[Target], has_rules: bool) -> String {
    let mut text = "global: {scrape_interval: 1s, evaluation_interval: 1s}\n".to_owned();
    if has_rules {
        text.push_str("rule_files: [rules.yml]\n");
    }
    text.push_str("scrape_configs:\n");
    for Target { job, address } in std::iter::once(own).chain(targets) {
        let _ = writeln!(text, "- {{job_name: '{job}', static_configs: [{{targets: ['{address}']}}]}}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    #[test]
    fn it_scrapes_itself_and_says_which_target_is_down() {
        let nobody = Target { job: "nobody".to_owned(), address: format!("127.0.0.1:{}", free_port()) };
        let rules = "groups: [{name: g, rules: [{record: 'two', expr: 'vector(2)'}]}]\n";
        let Some(prometheus) = Prometheus::start_with_rules(&[nobody], rules) else { return };
        prometheus.wait_for("up{job='prometheus'}", SOON, |up| up == 1.0);
        prometheus.wait_for("up{job='nobody'}", SOON, |up| up == 0.0);
        prometheus.wait_for("two", SOON, |two| two == 2.0);
        assert_eq!(prometheus.query("up").as_array().map(Vec::len), Some(2));
        assert_eq!(prometheus.value("no_such_metric"), None);
    }

    #[test]
    fn promtool_passes_a_sound_exposition_and_fails_a_broken_one() {
        let sound = "# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total 1\n";
        let Some(checked) = present(promtool(&["check", "metrics"], sound)) else { return };
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        let Some(checked) = present(promtool(&["check", "metrics"], "calls total 1\n")) else { return };
        assert!(!checked.status.success());
        assert_ne!(checked.stderr, b"");
    }
}
