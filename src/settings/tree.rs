//! The written configuration as a tree: what each layer says and where it says it.
//!
//! It knows no key and no default. It has no `Debug`, because it may hold secrets.

use super::problem::{Path, Problem};
use std::collections::BTreeMap;
use std::fmt;

/// Where a value was written.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere: built in.
    Default,
    /// In this file.
    File(String),
    /// In this environment variable.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Default => f.write_str("defaults"),
            Place::File(name) => f.write_str(name),
            Place::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// A value as it was written. From the environment everything is text.
#[derive(Clone)]
pub(super) enum Content {
    Table(BTreeMap<String, Node>),
    List(Vec<Node>),
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
}

/// A value and its place.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) content: Content,
}

impl Node {
    /// A table without keys.
    pub(super) fn empty(place: Place) -> Node {
        Node { place, content: Content::Table(BTreeMap::new()) }
    }

    /// Whether it came from the environment, where numbers and lists are written as text.
    pub(super) fn is_from_environment(&self) -> bool {
        matches!(self.place, Place::Variable(_))
    }

    /// What kind of value it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Table(_) => "a table",
            Content::List(_) => "a list",
            Content::Text(_) => "text",
            Content::Integer(_) => "an integer",
            Content::Float(_) => "a number",
            Content::Flag(_) => "true or false",
        }
    }

    /// Where the key was written, or the nearest table around it.
    pub(super) fn place_of(&self, path: &Path) -> &Place {
        let mut node = self;
        for name in path.names() {
            let inner = match &node.content {
                Content::Table(table) => table.get(name),
                Content::List(list) => {
                    let at = name.trim_matches(['[', ']']).parse::<usize>().ok();
                    at.and_then(|at| list.get(at))
                }
                _ => None,
            };
            match inner {
                Some(inner) => node = inner,
                None => break,
            }
        }
        &node.place
    }

    /// Lays a later layer over this one: tables are joined key by key, everything else is replaced.
    pub(super) fn overlay(&mut self, above: Node, path: &Path, problems: &mut Vec<Problem>) {
        let mismatch =
            matches!(self.content, Content::Table(_)) != matches!(above.content, Content::Table(_));
        if mismatch {
            let text =
                format!("is {} here and {} in {}; write it one way", above.kind(), self.kind(), self.place);
            problems.push(Problem { place: above.place.to_string(), key: path.to_string(), text });
            return;
        }
        match (&mut self.content, above.content) {
            (Content::Table(below), Content::Table(above_table)) => {
                // A table is named by the layer that touched it last.
                self.place = above.place;
                for (key, node) in above_table {
                    match below.get_mut(&key) {
                        Some(known) => known.overlay(node, &path.key(&key), problems),
                        None => drop(below.insert(key, node)),
                    }
                }
            }
            (_, content) => *self = Node { place: above.place, content },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(file: &str, content: Content) -> Node {
        Node { place: Place::File(file.to_owned()), content }
    }

    fn table(file: &str, key: &str, content: Content) -> Node {
        node(file, Content::Table(BTreeMap::from([(key.to_owned(), node(file, content))])))
    }

    #[test]
    fn a_later_layer_replaces_values_and_joins_tables() {
        let mut below = table("a", "x", Content::Integer(1));
        let mut problems = Vec::new();
        below.overlay(table("b", "y", Content::Integer(2)), &Path::default(), &mut problems);
        below.overlay(table("c", "x", Content::Integer(3)), &Path::default(), &mut problems);
        assert!(problems.is_empty());
        assert_eq!(below.place_of(&Path::of(&["x"])).to_string(), "c");
        assert_eq!(below.place_of(&Path::of(&["y"])).to_string(), "b");
    }

    #[test]
    fn a_value_over_a_table_is_a_problem() {
        let mut below = table("a", "x", Content::Table(BTreeMap::new()));
        let mut problems = Vec::new();
        below.overlay(table("b", "x", Content::Flag(true)), &Path::default(), &mut problems);
        assert_eq!(problems[0].to_string(), "b: x: is true or false here and a table in a; write it one way");
    }
}
