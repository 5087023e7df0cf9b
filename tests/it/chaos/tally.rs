//! What happened: faults, deaths, commits that did not go through; and which ends of a process are a defect.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::ExitStatus;

use serde_json::Value;

/// How a process ends that met another of its name: excused where the storm has made two of a name.
const TWIN: &str = "another process has joined as service.instance";

/// The counts.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Deaths by SIGKILL.
    pub killed: u32,
    /// Deaths at a chosen point of a commit.
    pub died: u32,
    /// Suspensions past the session.
    pub frozen: u32,
    /// Suspended copies whose name another process took meanwhile.
    pub twins: u32,
    /// Copies asked to leave.
    pub left: u32,
    /// Starts of a copy.
    pub started: u32,
    /// Times that the broker was killed.
    pub broker_kills: u32,
    /// Times that the broker was suspended.
    pub broker_pauses: u32,
    /// Rebalances of both groups.
    pub rebalances: u32,
    /// Workers that were fenced off without a stranger and joined anew.
    pub rejoined: usize,
    /// Partitions restored, by all copies.
    pub restores: usize,
    /// Commits that were refused or of unknown outcome.
    pub refused: BTreeMap<String, u32>,
    /// Processes that ended of themselves: their reason, and how many.
    pub ended: BTreeMap<String, u32>,
    /// Processes whose output was kept.
    pub buried: u32,
    /// What no fault excuses.
    pub defects: Vec<String>,
}

impl Tally {
    /// Copies that died without warning.
    pub fn kills(&self) -> u32 {
        self.killed + self.died
    }

    /// Broker bounces.
    pub fn bounces(&self) -> u32 {
        self.broker_kills + self.broker_pauses
    }

    /// Takes in what a process wrote in its life, and keeps it in a folder.
    pub fn bury(&mut self, name: &str, output: &str, graves: &Path) {
        self.buried += 1;
        // Without the file a failure is still told.
        let _ = std::fs::write(graves.join(format!("{}-{name}.log", self.buried)), output);
        for line in output.lines() {
            let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
            match line["message"].as_str() {
                Some("restored") => self.restores += 1,
                Some(message) if message.starts_with("joined anew") => self.rejoined += 1,
                Some("a commit did not go through") => {
                    *self.refused.entry(kind(line["trouble"].as_str().unwrap_or_default())).or_insert(0) += 1;
                }
                Some(message) if message.contains("panicked") => self.defects.push(format!("{name}: {line}")),
                _ => {}
            }
        }
    }

    /// Takes in that a process ended of itself, having met a twin or not.
    pub fn end(&mut self, name: &str, status: ExitStatus, output: &str, met_twin: bool) {
        let said = output.lines().rev().find(|line| !line.starts_with('{') && !line.is_empty());
        let logged = output.lines().rev().find(|line| line.contains("\"ERROR\""));
        let reason = said.or(logged).unwrap_or_default();
        if !(met_twin && reason.contains(TWIN)) {
            self.defects.push(format!("{name} ended of itself ({status}): {reason}"));
        }
        *self.ended.entry(kind(reason)).or_insert(0) += 1;
    }

    /// Fails where something happened that no fault excuses.
    pub fn assert_no_defect(&self) {
        assert!(self.defects.is_empty(), "{} defects:\n{}", self.defects.len(), self.defects.join("\n"));
    }
}

/// The cause that a text of the client library names, or its beginning without numbers.
fn kind(text: &str) -> String {
    let named = ["Broker: ", "Local: "].iter().find_map(|part| text.split(part).nth(1));
    let cause = named.map_or(text, |rest| rest.split([')', '(', ',', '"', ';']).next().unwrap_or(rest));
    let numberless = cause.chars().filter(|c| !c.is_ascii_digit());
    numberless.take(90).collect::<String>().trim().to_owned()
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} kills ({} at a point of a commit), {} bounces ({} broker kills, {} pauses), {} rebalances, \
             {} copies suspended ({} with a twin), {} left, {} starts, {} partitions restored, \
             {} joined anew; commits refused: {:?}; ended of themselves: {:?}",
            self.kills(),
            self.died,
            self.bounces(),
            self.broker_kills,
            self.broker_pauses,
            self.rebalances,
            self.frozen,
            self.twins,
            self.left,
            self.started,
            self.restores,
            self.rejoined,
            self.refused,
            self.ended
        )
    }
}
