//! `[kafka.client]`: properties of the Kafka client, passed through as they are.
//!
//! Those that the service owns are refused: its guarantees depend on them. Any property can come from a
//! file by `<property>_file`. It does not know which properties the client has; the client refuses unknown
//! ones itself.

use super::fields::Kind;
use super::problem::{Path, Problems};
use super::secret::{REDACTED, Secret, read_secret};
use super::tree::{Content, Node};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Most properties taken.
const PROPERTIES_MAX: usize = 200;

/// Properties that the service sets itself, and what to set instead.
pub(super) const OWNED: [(&str, &str); 22] = [
    ("acks", "the service always waits for all replicas"),
    ("auto.offset.reset", "set service.start_from"),
    ("bootstrap.servers", "set kafka.brokers"),
    ("enable.auto.commit", "offsets are committed with the results"),
    ("enable.auto.offset.store", "offsets are committed with the results"),
    ("enable.idempotence", "the service always has it on"),
    ("enable.partition.eof", "the service needs it to know when it has caught up"),
    ("group.id", "set service.id"),
    ("group.instance.id", "set service.instance"),
    ("group.protocol", "set kafka.group_protocol"),
    ("group.remote.assignor", "set kafka.group_protocol"),
    ("isolation.level", "set service.mode"),
    ("metadata.broker.list", "set kafka.brokers"),
    ("partition.assignment.strategy", "the service needs the cooperative one"),
    ("request.required.acks", "the service always waits for all replicas"),
    ("session.timeout.ms", "set kafka.session_timeout"),
    ("test.mock.broker.rtt", "it is for tests of the client"),
    ("test.mock.num.brokers", "it is for tests of the client"),
    ("transaction.timeout.ms", "set kafka.transaction_timeout"),
    ("transactional.id", "set service.id and service.instance"),
    ("enable.auto.offset.reset", "set service.start_from"),
    ("auto.commit.enable", "offsets are committed with the results"),
];

/// Parts of names whose values are not shown.
const SECRET_PARTS: [&str; 9] = [
    "password",
    "passphrase",
    "secret",
    "token",
    "private",
    "key.pem",
    "jaas",
    "oauthbearer.config",
    "kinit.cmd",
];

/// A property's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Property {
    value: Secret<String>,
    shown: bool,
    file: Option<String>,
}

/// Properties by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client(BTreeMap<String, Property>);

impl Client {
    /// Names and values, secrets among them: for the client alone.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, property)| (name.as_str(), property.value.0.as_str()))
    }
}

/// How properties are written.
#[derive(Clone, Copy)]
pub(super) struct Properties;

impl Kind<Client> for Properties {
    fn read(&self, node: &Node, path: &Path, value: &mut Client, problems: &mut Problems<'_>) {
        let Content::Table(table) = &node.content else {
            return problems.add(path, format!("is {}; write it as a table", node.kind()));
        };
        if table.len() > PROPERTIES_MAX {
            return problems.add(path, format!("has more than {PROPERTIES_MAX} properties; remove some"));
        }
        for (key, node) in table {
            let path = path.key(key);
            let name = key.strip_suffix("_file").unwrap_or(key);
            if let Some((_, remedy)) = OWNED.iter().find(|(owned, _)| *owned == name) {
                problems.add(&path, format!("is owned by the service and cannot be set here; {remedy}"));
            } else if name != key && table.contains_key(name) {
                problems.add(&path, format!("stands beside \"{name}\"; keep one of them"));
            } else {
                match property(node, name, name != key) {
                    Ok(property) => drop(value.0.insert(name.to_owned(), property)),
                    Err(text) => problems.add(&path, text),
                }
            }
        }
    }

    fn show(&self, value: &Client) -> Option<Json> {
        let shown = |(name, property): (&String, &Property)| match &property.file {
            Some(file) => (format!("{name}_file"), Json::from(file.as_str())),
            None if property.shown => (name.clone(), Json::from(property.value.0.as_str())),
            None => (name.clone(), Json::from(REDACTED)),
        };
        Some(Json::Object(value.0.iter().map(shown).collect::<Map<_, _>>()))
    }
}

fn property(node: &Node, name: &str, from_file: bool) -> Result<Property, String> {
    let text = match &node.content {
        Content::Text(text) => text.clone(),
        Content::Integer(number) => number.to_string(),
        Content::Float(number) => number.to_string(),
        Content::Flag(flag) => flag.to_string(),
        Content::List(_) | Content::Table(_) => {
            return Err(format!("is {}; write text, a number, true or false", node.kind()));
        }
    };
    if from_file {
        let value = Secret(read_secret(&text)?);
        return Ok(Property { value, shown: false, file: Some(text) });
    }
    let shown = !SECRET_PARTS.iter().any(|part| name.contains(part)) && !has_credentials(&text);
    Ok(Property { value: Secret(text), shown, file: None })
}

/// Whether a value is an address that carries a user or password.
fn has_credentials(value: &str) -> bool {
    value.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}
