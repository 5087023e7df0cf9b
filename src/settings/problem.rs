//! What is wrong with a configuration: each problem with its place and its key, all of them together.
//!
//! A problem's text must never hold a value that could be a secret.

use super::tree::Node;
use std::fmt;

/// Most problems that are listed; further ones are counted.
const PROBLEMS_MAX: usize = 200;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the environment variable.
    pub place: String,
    /// The key, from the root: `kafka.brokers`, `windows[1].length`; empty where the whole file is meant.
    pub key: String,
    /// What is wrong, and the remedy.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "{}: {}", self.place, self.text),
            key => write!(f, "{}: {key}: {}", self.place, self.text),
        }
    }
}

/// A refused configuration: every problem found, not just the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// The problems, at least one, in the order of the layers and then of the sections.
    pub problems: Vec<Problem>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.problems.len() == 1 { "problem" } else { "problems" };
        write!(f, "configuration has {} {plural}:", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for SettingsError {}

/// Where a key stands: names from the root, places in lists as `[2]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

impl Path {
    pub(super) fn of(names: &[&str]) -> Path {
        Path(names.iter().map(|name| (*name).to_owned()).collect())
    }

    pub(super) fn key(&self, name: &str) -> Path {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        Path(names)
    }

    pub(super) fn item(&self, at: usize) -> Path {
        self.key(&format!("[{at}]"))
    }

    pub(super) fn names(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().enumerate() {
            let dot = if at == 0 || name.starts_with('[') { "" } else { "." };
            let bare = name.starts_with('[') || !name.contains('.');
            if bare { write!(f, "{dot}{name}")? } else { write!(f, "{dot}\"{name}\"")? }
        }
        Ok(())
    }
}

/// Problems as they are found while a tree is read.
pub(super) struct Problems<'a> {
    tree: &'a Node,
    known: Vec<String>,
    found: Vec<(Path, Problem)>,
    unlisted: usize,
}

impl<'a> Problems<'a> {
    /// None yet, for `tree`, where `known` are all keys of the configuration.
    pub(super) fn new(tree: &'a Node, known: Vec<String>) -> Problems<'a> {
        Problems { tree, known, found: Vec::new(), unlisted: 0 }
    }

    /// Notes a problem of a key; the first of a key is kept, because later ones follow from it.
    pub(super) fn add(&mut self, path: &Path, text: impl Into<String>) {
        if self.found.iter().any(|(known, _)| known == path) {
            return;
        }
        if self.found.len() == PROBLEMS_MAX {
            self.unlisted += 1;
            return;
        }
        let place = self.tree.place_of(path).to_string();
        self.found.push((path.clone(), Problem { place, key: path.to_string(), text: text.into() }));
    }

    /// Notes a key that nothing knows, with the nearest one that is known.
    pub(super) fn unknown(&mut self, path: &Path, siblings: &[&str]) {
        let name = path.names().last().map_or("", String::as_str);
        let parent = Path(path.names()[..path.names().len().saturating_sub(1)].to_vec());
        let beside = nearest(name, siblings).map(|near| parent.key(near).to_string());
        let close = nearest(name, siblings)
            .is_some_and(|near| strsim::damerau_levenshtein(name, near) <= 1 + name.len() / 4);
        let elsewhere = self.known.iter().find(|known| known.rsplit('.').next() == Some(name)).cloned();
        let known = if close { beside } else { elsewhere.or(beside) };
        let text = known.map_or_else(
            || "unknown key; remove it".to_owned(),
            |known| format!("unknown key; the nearest known key is {known}"),
        );
        self.add(path, text);
    }

    /// Whether there is a problem of the key or of one below it; beyond the limit that may be so of every
    /// key.
    pub(super) fn touch(&self, path: &Path) -> bool {
        self.unlisted > 0 || self.found.iter().any(|(known, _)| known.0.starts_with(&path.0))
    }

    pub(super) fn into_found(self) -> Vec<Problem> {
        let mut found: Vec<Problem> = self.found.into_iter().map(|(_, problem)| problem).collect();
        if self.unlisted > 0 {
            let text = format!("has {} further problems; mend those above first", self.unlisted);
            found.push(Problem { place: "configuration".to_owned(), key: String::new(), text });
        }
        found
    }
}

/// The candidate that differs least from `name`; the first among equals.
pub(super) fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    candidates.iter().copied().min_by_key(|candidate| strsim::damerau_levenshtein(name, candidate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_in_a_file() {
        let path = Path::of(&["windows"]).item(1).key("length");
        assert_eq!(path.to_string(), "windows[1].length");
        assert_eq!(Path::of(&["kafka", "client", "a.b"]).to_string(), "kafka.client.\"a.b\"");
    }

    #[test]
    fn the_nearest_name_allows_for_swapped_letters() {
        assert_eq!(nearest("brokres", &["input_topics", "brokers", "client"]), Some("brokers"));
        assert_eq!(nearest("x", &[]), None);
    }
}
