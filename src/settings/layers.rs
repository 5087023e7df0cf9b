//! Layers: TOML files in order, then the environment, laid over each other into one tree.
//!
//! The only file that names the `config` crate. It knows the shape of `kafka.client`, whose keys have dots of
//! their own, and no other key.

use super::problem::{Path, Problem};
use super::tree::{Content, Node, Place};
use config::{ConfigError, File, FileFormat, Source, Value, ValueKind};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path as FilePath, PathBuf};

/// Environment variables of the service begin so; others are not looked at.
const PREFIX: &str = "INTRADAY__";
/// Longest configuration file, bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Reads all layers. What cannot be read is a problem, and the rest is read all the same.
pub(super) fn read(
    files: &[PathBuf],
    environment: impl Iterator<Item = (String, String)>,
    problems: &mut Vec<Problem>,
) -> Node {
    let mut tree = Node::empty(Place::Default);
    for file in files {
        match read_file(file) {
            Ok(layer) => tree.overlay(layer, &Path::default(), problems),
            Err(text) => {
                problems.push(Problem { place: file.display().to_string(), key: String::new(), text });
            }
        }
    }
    // Sorted, so that two variables for one key always give the same result.
    let variables: BTreeMap<String, String> = environment.filter(|(name, _)| is_ours(name)).collect();
    for (name, value) in variables {
        // An empty variable counts as unset: that is what templates of deployments leave behind.
        if !value.is_empty() {
            tree.overlay(variable(&name, value), &Path::default(), problems);
        }
    }
    tree
}

fn is_ours(name: &str) -> bool {
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

fn read_file(path: &FilePath) -> Result<Node, String> {
    let cause = |error: std::io::Error| format!("cannot be read: {error}");
    let file = std::fs::File::open(path).map_err(cause)?;
    let mut text = String::new();
    let bytes = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(cause)?;
    if bytes as u64 > FILE_BYTES_MAX {
        return Err(format!("is longer than {FILE_BYTES_MAX} bytes; split it"));
    }
    let place = Place::File(path.display().to_string());
    let table = File::from_str(&text, FileFormat::Toml).collect().map_err(|error| without_source(&error))?;
    let mut tree = Node { content: table_of(table, &place), place };
    flatten_client(&mut tree);
    Ok(tree)
}

/// The parser's message without the line it quotes, which may hold a secret.
fn without_source(error: &ConfigError) -> String {
    let text = error.to_string();
    let kept: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|'))
        .collect();
    format!("is not TOML: {}", kept.join(": "))
}

fn table_of(table: impl IntoIterator<Item = (String, Value)>, place: &Place) -> Content {
    Content::Table(table.into_iter().map(|(key, value)| (key, node_of(value, place))).collect())
}

fn node_of(value: Value, place: &Place) -> Node {
    let content = match value.kind {
        ValueKind::Table(table) => table_of(table, place),
        ValueKind::Array(list) => {
            Content::List(list.into_iter().map(|value| node_of(value, place)).collect())
        }
        ValueKind::Boolean(flag) => Content::Flag(flag),
        ValueKind::I64(number) => Content::Integer(number),
        ValueKind::Float(number) => Content::Float(number),
        ValueKind::String(text) => Content::Text(text),
        // TOML has no other kinds.
        other => Content::Text(other.to_string()),
    };
    Node { place: place.clone(), content }
}

/// Makes `security.protocol = …`, which TOML reads as two tables, the one key `"security.protocol"`.
fn flatten_client(tree: &mut Node) {
    let Content::Table(root) = &mut tree.content else { return };
    let Some(Content::Table(kafka)) = root.get_mut("kafka").map(|node| &mut node.content) else { return };
    let Some(Content::Table(client)) = kafka.get_mut("client").map(|node| &mut node.content) else { return };
    let mut flat = BTreeMap::new();
    let mut open: Vec<(String, Node)> = std::mem::take(client).into_iter().collect();
    while let Some((key, node)) = open.pop() {
        match node.content {
            Content::Table(inner) => {
                open.extend(inner.into_iter().map(|(name, node)| (format!("{key}.{name}"), node)));
            }
            content => drop(flat.insert(key, Node { place: node.place, content })),
        }
    }
    *client = flat;
}

/// The tree of one variable: `INTRADAY__TIME__GRACE=1m` is `time.grace`.
fn variable(name: &str, value: String) -> Node {
    let place = Place::Variable(name.to_owned());
    let lower = name[PREFIX.len()..].to_lowercase();
    let mut names: Vec<String> = lower.split("__").map(str::to_owned).collect();
    if let [kafka, client, property @ ..] = names.as_slice()
        && kafka == "kafka"
        && client == "client"
        && !property.is_empty()
    {
        names = vec!["kafka".to_owned(), "client".to_owned(), property_name(&property.join("__"))];
    }
    let leaf = Node { place: place.clone(), content: Content::Text(value) };
    names.into_iter().rev().fold(leaf, |inner, name| Node {
        place: place.clone(),
        content: Content::Table(BTreeMap::from([(name, inner)])),
    })
}

/// `sasl_password_file` is `sasl.password_file`: properties have dots, and names of variables cannot.
fn property_name(name: &str) -> String {
    match name.strip_suffix("_file") {
        Some(stem) => format!("{}_file", stem.replace('_', ".")),
        None => name.replace('_', "."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_client_properties_get_their_dots() {
        assert_eq!(property_name("security_protocol"), "security.protocol");
        assert_eq!(property_name("sasl_password_file"), "sasl.password_file");
    }

    #[test]
    fn names_of_variables_are_split_at_double_underscores() {
        let node = variable("INTRADAY__TIME__WRAPUP_TIMEOUT__VOICE", "1m".to_owned());
        let place = node.place_of(&Path::of(&["time", "wrapup_timeout", "voice"]));
        assert_eq!(place.to_string(), "environment variable INTRADAY__TIME__WRAPUP_TIMEOUT__VOICE");
    }
}
