//! `[service]`: who the service is, what it promises, and where it begins.

use super::fields::{Fields, Kind, Section};
use super::kinds::{Flag, Optional, Scalar, Text, Word, text_of};
use super::problem::{Path, Problems};
use super::secret::{REDACTED, Secret, read_secret};
use super::span::{format_span, parse_span};
use super::tree::Node;
use crate::fold::config::{DEFAULT_HASH_KEY, DeadLetterContent};
use crate::time::{DAY_MS, HOUR_MS, Millis};
use serde_json::Value as Json;

/// Longest id and instance, bytes: both become parts of names of topics and transactions.
const NAME_BYTES_MAX: usize = 80;
/// Oldest beginning, milliseconds before now.
const START_MS_MAX: Millis = 3_660 * DAY_MS;

/// What the service promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Transactions: every result exactly once.
    #[default]
    ExactlyOnce,
    /// No transactions: for the demo's embedded broker.
    None,
}

impl Mode {
    /// The word in configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Mode::ExactlyOnce => "exactly_once",
            Mode::None => "none",
        }
    }
}

/// Where a partition without state begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFrom {
    /// At its first record.
    Earliest,
    /// After its last record.
    Latest,
    /// At the first record of this long ago.
    Ago {
        /// Milliseconds before now.
        ago_ms: Millis,
    },
}

/// The section.
#[derive(Clone, Debug)]
pub struct Service {
    /// Prefix of topics, consumer groups and transactions.
    pub id: String,
    /// Name of this copy; `None`: host name and HTTP port.
    pub instance: Option<String>,
    /// What the service promises.
    pub mode: Mode,
    /// Where a partition without state begins.
    pub start_from: StartFrom,
    /// How much of a late or rejected record goes to the dead letters.
    pub dead_letters: DeadLetterContent,
    /// Within a threshold means `<` instead of `<=`.
    pub within_strict: bool,
    /// Final records carry histograms.
    pub hdr: bool,
    pub(super) hash_key: HashKey,
}

impl Service {
    /// The key of all hashes of ids and tenants: a secret where the ids are.
    #[must_use]
    pub const fn hash_key(&self) -> [u8; 16] {
        self.hash_key.bytes.0
    }
}

impl Default for Service {
    fn default() -> Self {
        Service {
            id: "intraday".to_owned(),
            instance: None,
            mode: Mode::default(),
            start_from: StartFrom::Ago { ago_ms: 24 * HOUR_MS },
            dead_letters: DeadLetterContent::default(),
            within_strict: false,
            hdr: true,
            hash_key: HashKey::default(),
        }
    }
}

impl Section for Service {
    fn fields(&mut self, fields: &mut impl Fields) {
        let name = Text { bytes_max: NAME_BYTES_MAX };
        fields.value("id", &mut self.id, name);
        fields.value("instance", &mut self.instance, Optional(name));
        fields.value(
            "mode",
            &mut self.mode,
            Word { all: &[Mode::ExactlyOnce, Mode::None], name: Mode::name },
        );
        fields.value("start_from", &mut self.start_from, Start);
        fields.field("hash_key", &mut self.hash_key, HashKeyText);
        fields.field("hash_key_file", &mut self.hash_key, HashKeyFile);
        let contents = &[DeadLetterContent::Original, DeadLetterContent::Redacted, DeadLetterContent::None];
        fields.value("dead_letters", &mut self.dead_letters, Word { all: contents, name: content_name });
        fields.value("within", &mut self.within_strict, Word { all: &[false, true], name: within_name });
        fields.value("hdr", &mut self.hdr, Flag);
    }

    fn check(&self, path: &Path, problems: &mut Problems<'_>) {
        let names = [("id", Some(&self.id)), ("instance", self.instance.as_ref())];
        for (key, name) in names {
            if name.is_some_and(|name| !name.chars().all(is_name_char) || name.starts_with('.')) {
                let text = "has characters other than letters, digits, '.', '_' and '-', or begins with '.'";
                problems.add(&path.key(key), text);
            }
        }
    }
}

/// Whether Kafka takes the character in names of topics.
pub(super) const fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

const fn content_name(content: DeadLetterContent) -> &'static str {
    match content {
        DeadLetterContent::Original => "original",
        DeadLetterContent::Redacted => "redacted",
        DeadLetterContent::None => "none",
    }
}

const fn within_name(strict: bool) -> &'static str {
    if strict { "lt" } else { "le" }
}

#[derive(Clone, Copy)]
struct Start;

impl Scalar<StartFrom> for Start {
    fn parse(&self, node: &Node) -> Result<StartFrom, String> {
        let wanted = "\"earliest\", \"latest\" or a duration such as \"24h\"";
        match text_of(node, wanted)? {
            "earliest" => Ok(StartFrom::Earliest),
            "latest" => Ok(StartFrom::Latest),
            text => match parse_span(text) {
                Ok(ago_ms) if (0..=START_MS_MAX).contains(&ago_ms) => Ok(StartFrom::Ago { ago_ms }),
                _ => Err(format!("{text:?} is not {wanted} of at most {}", format_span(START_MS_MAX))),
            },
        }
    }

    fn print(&self, value: &StartFrom) -> Option<Json> {
        Some(match value {
            StartFrom::Earliest => Json::from("earliest"),
            StartFrom::Latest => Json::from("latest"),
            StartFrom::Ago { ago_ms } => Json::from(format_span(*ago_ms)),
        })
    }
}

/// The hash key and where it came from.
#[derive(Clone, Debug)]
pub(super) struct HashKey {
    bytes: Secret<[u8; 16]>,
    file: Option<String>,
    is_set: bool,
}

impl Default for HashKey {
    fn default() -> Self {
        HashKey { bytes: Secret(DEFAULT_HASH_KEY), file: None, is_set: false }
    }
}

/// 16 bytes from 16 characters or 32 hexadecimal digits. The error does not repeat the text.
fn key_bytes(text: &str) -> Result<[u8; 16], String> {
    let refused = || "is neither 16 ASCII characters nor 32 hexadecimal digits".to_owned();
    if let (true, Ok(bytes)) = (text.is_ascii(), text.as_bytes().try_into()) {
        return Ok(bytes);
    }
    if text.len() != 32 || !text.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(refused());
    }
    u128::from_str_radix(text, 16).map(u128::to_be_bytes).map_err(|_| refused())
}

#[derive(Clone, Copy)]
struct HashKeyText;

impl Kind<HashKey> for HashKeyText {
    fn read(&self, node: &Node, path: &Path, value: &mut HashKey, problems: &mut Problems<'_>) {
        match text_of(node, "text in quotes").and_then(key_bytes) {
            Ok(bytes) => *value = HashKey { bytes: Secret(bytes), file: None, is_set: true },
            Err(text) => problems.add(path, text),
        }
    }

    fn show(&self, value: &HashKey) -> Option<Json> {
        let is_default = value.bytes.0 == DEFAULT_HASH_KEY;
        match &value.file {
            Some(_) => None,
            // The documented default is no secret.
            None if is_default => std::str::from_utf8(&value.bytes.0).ok().map(Json::from),
            None => Some(Json::from(REDACTED)),
        }
    }
}

#[derive(Clone, Copy)]
struct HashKeyFile;

impl Kind<HashKey> for HashKeyFile {
    fn read(&self, node: &Node, path: &Path, value: &mut HashKey, problems: &mut Problems<'_>) {
        let read = |file: &str| Ok((key_bytes(&read_secret(file)?)?, file.to_owned()));
        match text_of(node, "a path in quotes").and_then(read) {
            Ok(_) if value.is_set => problems.add(path, "stands beside service.hash_key; keep one of them"),
            Ok((bytes, file)) => *value = HashKey { bytes: Secret(bytes), file: Some(file), is_set: true },
            Err(text) => problems.add(path, text),
        }
    }

    fn show(&self, value: &HashKey) -> Option<Json> {
        value.file.as_deref().map(Json::from)
    }
}

/// The name of this host for [`super::Settings::instance`]: `HOSTNAME` where it is set, else `/etc/hostname`.
#[must_use]
pub fn host_name(variable: Option<String>) -> String {
    let named = |name: &String| !name.trim().is_empty();
    variable
        .filter(named)
        .or_else(|| std::fs::read_to_string("/etc/hostname").ok().filter(named))
        .map_or_else(|| "localhost".to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_key_is_sixteen_characters_or_their_hexadecimal_form() {
        assert_eq!(key_bytes("intraday-hash-v1"), Ok(DEFAULT_HASH_KEY));
        assert_eq!(key_bytes("696e7472616461792d686173682d7631"), Ok(DEFAULT_HASH_KEY));
        for text in ["", "short", "+96e7472616461792d686173682d7631", "ééééééé16"] {
            assert!(key_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_has_a_name_in_any_case() {
        assert_eq!(host_name(Some("pod-1\n".to_owned())), "pod-1");
        assert!(!host_name(None).is_empty());
    }
}
