//! The house rules, as tests: who may name whom, sizes, headers, banned words, the top level.
//!
//! Each rule is a function from a text to its findings, with a test beside it that shows it can fail; here
//! the rules meet the whole tree. A finding names file, line and remedy. This room reads the tree as text
//! and must never depend on the crate, so that it also judges a tree that does not compile.

mod paths;
mod rooms;
mod shape;
mod source;
mod token;
mod tree;
mod words;

use self::source::Source;

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    said: String,
}

impl Finding {
    fn new(source: &Source, line: usize, said: String) -> Finding {
        Finding::at(&source.path, line, said)
    }

    fn at(path: &str, line: usize, said: String) -> Finding {
        Finding { path: path.into(), line, said }
    }
}

/// Fails with every finding on a line of its own.
fn hold(found: &[Finding]) {
    assert!(found.is_empty(), "{} breaches of the house rules:\n{}", found.len(), told(found));
}

fn told(found: &[Finding]) -> String {
    let lines: Vec<String> = found.iter().map(|f| format!("{}:{}: {}", f.path, f.line, f.said)).collect();
    lines.join("\n")
}

/// Holds each Rust file under `folders` to `rule`.
fn hold_sources(folders: &[&str], rule: fn(&Source) -> Vec<Finding>) {
    let sources = tree::sources(&tree::texts());
    let judged: Vec<&Source> = sources
        .iter()
        .filter(|source| folders.iter().any(|folder| source.path.starts_with(folder)))
        .collect();
    assert!(!judged.is_empty(), "no file lies under {folders:?}, so that nothing was judged");
    hold(&judged.into_iter().flat_map(rule).collect::<Vec<_>>());
}

/// Holds each text to `rule`.
fn hold_texts(rule: fn(&str, &str) -> Vec<Finding>) {
    hold(&tree::texts().iter().flat_map(|(path, text)| rule(path, text)).collect::<Vec<_>>());
}

#[test]
fn imports_keep_their_direction() {
    hold_sources(&["src/"], rooms::imports);
}

#[test]
fn crates_stay_behind_their_rooms() {
    hold_sources(&["src/"], rooms::crates);
}

#[test]
fn the_core_reads_no_clock() {
    hold_sources(&["src/"], rooms::clocks);
}

#[test]
fn files_are_short() {
    hold_sources(&["src/", "tests/", "benches/"], shape::file_lengths);
}

#[test]
fn functions_are_short() {
    hold_sources(&["src/", "tests/", "benches/"], shape::function_lengths);
}

#[test]
fn files_say_what_they_are_for() {
    hold_sources(&["src/", "tests/", "benches/"], shape::headers);
}

#[test]
fn lints_are_not_silenced() {
    hold_sources(&["src/", "tests/", "benches/"], words::silenced_lints);
}

#[test]
fn no_work_is_left_lying() {
    hold_sources(&["src/", "tests/", "benches/"], words::unfinished);
    hold_texts(words::notes);
}

#[test]
fn only_tests_panic() {
    hold_sources(&["src/"], words::panics);
}

#[test]
fn texts_are_plain() {
    hold_texts(words::emoji);
}

#[test]
fn the_top_level_is_small() {
    hold(&tree::top_level(&tree::top_names()));
}

#[test]
fn a_finding_names_its_place_and_remedy() {
    let found = ["a", "b"].map(|name| Finding::at(&format!("src/{name}.rs"), 7, "too late; go home".into()));
    assert_eq!(told(&found), "src/a.rs:7: too late; go home\nsrc/b.rs:7: too late; go home");
}
