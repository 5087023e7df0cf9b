//! What the lists of tables have in common: scopes, channels, and checks over all rows.

use super::fields::Fields;
use super::kinds::{Optional, Text, Word};
use super::problem::{Path, Problems};
use crate::event::Channel;
use crate::kpi::rules::Scope;
use std::collections::BTreeMap;

/// How a channel is written.
pub(super) const CHANNEL: Word<Channel> = Word { all: Channel::ALL, name: Channel::name };

/// The keys that say where a row applies.
pub(super) fn scope_fields(scope: &mut Scope, fields: &mut impl Fields) {
    let name = Text { bytes_max: 256 };
    fields.value("tenant", &mut scope.tenant, Optional(name));
    fields.value("channel", &mut scope.channel, Optional(CHANNEL));
    fields.value("queue", &mut scope.queue, Optional(name));
}

/// Notes each key of a row that must be given and is not.
pub(super) fn missing(keys: &[(&str, bool)], path: &Path, problems: &mut Problems<'_>) {
    for (key, _) in keys.iter().filter(|(_, is_missing)| *is_missing) {
        problems.add(&path.key(key), "is missing; set it");
    }
}

/// A scope as a value that can be sorted.
pub(super) fn scope_key(scope: &Scope) -> (Option<String>, Option<Channel>, Option<String>) {
    (scope.tenant.clone(), scope.channel, scope.queue.clone())
}

/// Notes each row whose identity an earlier one has; rows without one are passed over. `key` is named in the
/// problem, empty for the row itself. Nothing is said of a list that could not be read whole.
pub(super) fn repeated<T, I: Ord>(
    rows: &[T],
    list: &Path,
    key: &str,
    problems: &mut Problems<'_>,
    identity: impl Fn(&T) -> Option<I>,
) {
    if problems.touch(list) {
        return;
    }
    let mut known = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        let Some(identity) = identity(row) else { continue };
        let first = *known.entry(identity).or_insert(at);
        if first < at {
            let item = list.item(at);
            let path = if key.is_empty() { item } else { item.key(key) };
            problems.add(&path, format!("repeats {}; keep one of them", list.item(first)));
        }
    }
}
