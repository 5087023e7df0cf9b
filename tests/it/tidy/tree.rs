//! The repository on disk: its top level, and the files that the rules read.
//!
//! It knows folders and git; it knows no Rust.

use super::Finding;
use super::source::{self, Source};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What may stand at the top level besides hidden files.
const TOP: [&str; 9] =
    ["Cargo.toml", "Cargo.lock", "src", "deploy", "config", "tests", "benches", "README.md", "LICENSE"];

/// Folders with texts of ours.
const FOLDERS: [&str; 6] = ["src", "deploy", "config", "tests", "benches", ".ci"];

/// Folders below which files are written by programs.
const WRITTEN_BY_PROGRAMS: [&str; 3] = ["golden", "generated", "snapshots"];

/// A file's path from the top of the repository, and its text.
pub type Text = (String, String);

/// Every text of ours, by path. Files that are no UTF-8 are no text.
pub fn texts() -> Vec<Text> {
    let mut paths = BTreeSet::new();
    for folder in FOLDERS {
        walk(folder, &mut paths);
    }
    let single = ["Cargo.toml", "README.md"].map(String::from);
    let all = paths.into_iter().chain(single);
    all.filter_map(|path| fs::read_to_string(root().join(&path)).ok().map(|text| (path, text))).collect()
}

/// The Rust files among `texts`, each knowing whether it is test code.
pub fn sources(texts: &[Text]) -> Vec<Source> {
    let rust = texts.iter().filter(|(path, _)| Path::new(path).extension().is_some_and(|end| end == "rs"));
    let mut sources: Vec<Source> = rust.map(|(path, text)| Source::new(path, text)).collect();
    source::settle(&mut sources);
    sources
}

/// The names at the top level: those that git follows, or without git what lies there and is not built.
pub fn top_names() -> BTreeSet<String> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let followed = listed.ok().filter(|output| output.status.success() && !output.stdout.is_empty());
    if let Some(output) = followed {
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        return names
            .split_terminator('\0')
            .map(first_part)
            .filter(|name| root().join(name).exists())
            .collect();
    }
    let entries = fs::read_dir(root()).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "target")
        .collect()
}

/// Names that do not belong at the top level.
pub fn top_level(names: &BTreeSet<String>) -> Vec<Finding> {
    let strange = names.iter().filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str()));
    let remedy = "move it below one of the folders, or hide it if a tool insists on it";
    strange.map(|name| Finding::at(name, 1, format!("{name} stands at the top level; {remedy}"))).collect()
}

fn first_part(path: &str) -> String {
    path.split('/').next().unwrap_or(path).to_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(folder: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(root().join(folder)).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if WRITTEN_BY_PROGRAMS.contains(&name.as_str()) {
            continue;
        }
        if entry.path().is_dir() {
            walk(&path, found);
        } else {
            found.insert(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_level_takes_no_strangers() {
        let names = |names: &[&str]| names.iter().copied().map(String::from).collect();
        assert_eq!(top_level(&names(&["src", "LICENSE", ".ci", ".gitignore"])), []);
        let found = top_level(&names(&["src", "scripts", "Makefile"]));
        assert_eq!(
            found.iter().map(|finding| finding.path.as_str()).collect::<Vec<_>>(),
            ["Makefile", "scripts"]
        );
    }

    #[test]
    fn the_tree_is_read() {
        let texts = texts();
        assert!(texts.iter().any(|(path, _)| path == "src/lib.rs"), "src was not read");
        assert!(texts.iter().any(|(path, _)| path == "tests/it/tidy/tree.rs"), "tests were not read");
        assert!(top_names().contains("Cargo.toml"), "the top level was not read");
    }
}
