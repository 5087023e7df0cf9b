//! The one declaration of a section's keys, and the three walks over it: read, print, list.
//!
//! A section names each key once with its value and its kind. It knows neither files nor defaults of others.

use super::kinds::{Scalar, Single};
use super::problem::{Path, Problems};
use super::tree::{Content, Node};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// A table of the configuration: a section, or one row of a list of tables.
pub(super) trait Section: Clone + Default {
    /// Declares every key.
    fn fields(&mut self, fields: &mut impl Fields);

    /// Relations between its values; called once after reading.
    fn check(&self, path: &Path, problems: &mut Problems<'_>) {
        let _ = (path, problems);
    }
}

/// A walk over the keys of a section.
pub(super) trait Fields {
    /// One key, its value, and how it is written.
    fn field<T>(&mut self, key: &'static str, value: &mut T, kind: impl Kind<T>);

    /// As [`Fields::field`], for a single value.
    fn value<T>(&mut self, key: &'static str, value: &mut T, scalar: impl Scalar<T>) {
        self.field(key, value, Single(scalar));
    }
}

/// How values of type `T` are written.
pub(super) trait Kind<T> {
    /// Reads into `value`; problems leave it as it was.
    fn read(&self, node: &Node, path: &Path, value: &mut T, problems: &mut Problems<'_>);

    /// The value as it is printed, without secrets; `None`: the key is absent.
    fn show(&self, value: &T) -> Option<Json>;

    /// Adds the key, or the keys below it.
    fn list(&self, key: &str, keys: &mut Vec<String>) {
        keys.push(key.to_owned());
    }
}

/// A nested table.
#[derive(Clone, Copy)]
pub(super) struct Table;

impl<S: Section> Kind<S> for Table {
    fn read(&self, node: &Node, path: &Path, value: &mut S, problems: &mut Problems<'_>) {
        read_table(node, path, value, problems);
        value.check(path, problems);
    }

    fn show(&self, value: &S) -> Option<Json> {
        let mut printer = Printer { table: Map::new() };
        value.clone().fields(&mut printer);
        Some(Json::Object(printer.table))
    }

    fn list(&self, key: &str, keys: &mut Vec<String>) {
        let prefix = if key.is_empty() { String::new() } else { format!("{key}.") };
        S::default().fields(&mut Keys { prefix, keys });
    }
}

/// A list of tables, at most `rows_max` of them. A later layer's list replaces an earlier one's.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub(super) rows_max: usize,
}

impl<S: Section> Kind<Vec<S>> for Rows {
    fn read(&self, node: &Node, path: &Path, value: &mut Vec<S>, problems: &mut Problems<'_>) {
        let list = match &node.content {
            Content::List(list) if list.len() <= self.rows_max => list,
            Content::List(list) => {
                let text = format!("has {} entries; at most {} are taken", list.len(), self.rows_max);
                return problems.add(path, text);
            }
            _ if node.is_from_environment() => {
                return problems.add(path, "cannot come from the environment; write it in a file");
            }
            _ => return problems.add(path, format!("is {}; write it as [[{path}]]", node.kind())),
        };
        value.clear();
        for (at, node) in list.iter().enumerate() {
            let mut row = S::default();
            let item = path.item(at);
            read_table(node, &item, &mut row, problems);
            // What a row lacks because it could not be read has been said already.
            if !problems.touch(&item) {
                row.check(&item, problems);
            }
            value.push(row);
        }
    }

    fn show(&self, value: &Vec<S>) -> Option<Json> {
        Some(Json::Array(value.iter().filter_map(|row| Table.show(row)).collect()))
    }

    fn list(&self, key: &str, keys: &mut Vec<String>) {
        <Table as Kind<S>>::list(&Table, key, keys);
    }
}

fn read_table<S: Section>(node: &Node, path: &Path, value: &mut S, problems: &mut Problems<'_>) {
    let Content::Table(table) = &node.content else {
        return problems.add(path, format!("is {}; write it as a table", node.kind()));
    };
    let mut reader = Reader { table, path, known: Vec::new(), problems };
    value.fields(&mut reader);
    let Reader { known, .. } = reader;
    for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
        problems.unknown(&path.key(key), &known);
    }
}

struct Reader<'r, 'p> {
    table: &'r BTreeMap<String, Node>,
    path: &'r Path,
    known: Vec<&'static str>,
    problems: &'r mut Problems<'p>,
}

impl Fields for Reader<'_, '_> {
    fn field<T>(&mut self, key: &'static str, value: &mut T, kind: impl Kind<T>) {
        self.known.push(key);
        if let Some(node) = self.table.get(key) {
            kind.read(node, &self.path.key(key), value, self.problems);
        }
    }
}

struct Printer {
    table: Map<String, Json>,
}

impl Fields for Printer {
    fn field<T>(&mut self, key: &'static str, value: &mut T, kind: impl Kind<T>) {
        if let Some(shown) = kind.show(value) {
            self.table.insert(key.to_owned(), shown);
        }
    }
}

struct Keys<'k> {
    prefix: String,
    keys: &'k mut Vec<String>,
}

impl Fields for Keys<'_> {
    fn field<T>(&mut self, key: &'static str, _value: &mut T, kind: impl Kind<T>) {
        kind.list(&format!("{}{key}", self.prefix), self.keys);
    }
}

/// Every key of a section from the root, rows of lists without their places: `windows.name`.
pub(super) fn known_keys<S: Section>() -> Vec<String> {
    let mut keys = Vec::new();
    <Table as Kind<S>>::list(&Table, "", &mut keys);
    keys
}
