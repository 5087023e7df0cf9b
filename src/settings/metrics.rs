//! `[metrics]`: what /metrics shows beyond the default, and which queues are there from the start.

use super::fields::{Fields, Rows, Section};
use super::kinds::{List, Optional, Text, Word};
use super::lists::{CHANNEL, missing, repeated};
use super::problem::{Path, Problems};
use crate::event::Channel;

/// A family that is shown when it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Include {
    Histograms,
    Quantiles,
    Agents,
}

impl Include {
    const fn name(self) -> &'static str {
        match self {
            Include::Histograms => "histograms",
            Include::Quantiles => "quantiles",
            Include::Agents => "agents",
        }
    }
}

/// A queue that is known before its first event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Announced {
    pub(super) tenant: String,
    pub(super) channel: Option<Channel>,
    pub(super) queue: String,
}

impl Section for Announced {
    fn fields(&mut self, fields: &mut impl Fields) {
        let name = Text { bytes_max: 256 };
        fields.value("tenant", &mut self.tenant, name);
        fields.value("channel", &mut self.channel, Optional(CHANNEL));
        fields.value("queue", &mut self.queue, name);
    }

    fn check(&self, path: &Path, problems: &mut Problems<'_>) {
        let keys = [
            ("tenant", self.tenant.is_empty()),
            ("channel", self.channel.is_none()),
            ("queue", self.queue.is_empty()),
        ];
        missing(&keys, path, problems);
    }
}

/// The section.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    pub(super) include: Vec<Include>,
    pub(super) announced: Vec<Announced>,
}

impl Metrics {
    pub(super) fn includes(&self, family: Include) -> bool {
        self.include.contains(&family)
    }
}

impl Section for Metrics {
    fn fields(&mut self, fields: &mut impl Fields) {
        let families =
            Word { all: &[Include::Histograms, Include::Quantiles, Include::Agents], name: Include::name };
        fields.field("include", &mut self.include, List { item: families, items_max: 3 });
        fields.field("announced", &mut self.announced, Rows { rows_max: 100_000 });
    }

    fn check(&self, path: &Path, problems: &mut Problems<'_>) {
        let place = |row: &Announced| Some((row.tenant.clone(), row.channel?, row.queue.clone()));
        repeated(&self.announced, &path.key("announced"), "", problems, place);
    }
}
