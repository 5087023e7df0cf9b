//! `[[names]]`: the names that people know queues by. Shown only; they change no label and no result.

use super::fields::{Fields, Section};
use super::kinds::Text;
use super::lists::{missing, repeated};
use super::problem::{Path, Problems};

/// Most rows taken.
pub(super) const NAMES_MAX: usize = 100_000;

/// The name of one queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueName {
    /// The tenant.
    pub tenant: String,
    /// The queue as events name it.
    pub queue: String,
    /// The name that people know it by.
    pub name: String,
}

impl Section for QueueName {
    fn fields(&mut self, fields: &mut impl Fields) {
        let text = Text { bytes_max: 256 };
        fields.value("tenant", &mut self.tenant, text);
        fields.value("queue", &mut self.queue, text);
        fields.value("name", &mut self.name, text);
    }

    fn check(&self, path: &Path, problems: &mut Problems<'_>) {
        let keys = [
            ("tenant", self.tenant.is_empty()),
            ("queue", self.queue.is_empty()),
            ("name", self.name.is_empty()),
        ];
        missing(&keys, path, problems);
    }
}

/// What holds over all rows.
pub(super) fn check(rows: &[QueueName], path: &Path, problems: &mut Problems<'_>) {
    repeated(rows, path, "", problems, |row| Some((row.tenant.clone(), row.queue.clone())));
}
