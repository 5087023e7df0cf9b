//! The configuration's epoch: a hash of exactly the settings that shape measures.
//!
//! Listed is what does not shape them, so that a key that is added later counts unless it is said not to.

use serde_json::{Map, Value as Json};
use siphasher::sip::SipHasher24;

/// Keys that only say where, how often or how much is shown or sent. A section named alone is left out whole.
/// The hash key and the shards are not here because state keeps them in its layout.
const SHAPELESS: [&str; 21] = [
    "service.id",
    "service.instance",
    "service.mode",
    "service.start_from",
    "service.dead_letters",
    "service.hash_key",
    "service.hash_key_file",
    "service.hdr",
    "kafka",
    "http",
    "time.commit_interval",
    "time.publish_interval",
    "time.agent_pace",
    "time.republish",
    "time.announce",
    "time.max_ahead",
    "limits.live_rate",
    "limits.max_series",
    "metrics.include",
    "targets",
    "names",
];

/// The epoch of a settings tree as it is printed. Equal on all machines and builds with the same keys.
pub(super) fn config_epoch(tree: &Map<String, Json>) -> u64 {
    let mut tree = tree.clone();
    for path in SHAPELESS {
        match path.split_once('.') {
            None => drop(tree.remove(path)),
            Some((section, key)) => {
                if let Some(table) = tree.get_mut(section).and_then(Json::as_object_mut) {
                    table.remove(key);
                }
            }
        }
    }
    for window in tree.get_mut("windows").and_then(Json::as_array_mut).into_iter().flatten() {
        if let Some(window) = window.as_object_mut() {
            window.remove("pace");
        }
    }
    // Maps of the tree are sorted by key, so the text is canonical.
    SipHasher24::new().hash(Json::Object(tree).to_string().as_bytes())
}

/// The fingerprint of a hash key, which tells nothing of the key.
pub(super) fn fingerprint(hash_key: &[u8; 16]) -> u64 {
    SipHasher24::new_with_key(hash_key).hash(b"intraday hash key fingerprint")
}
