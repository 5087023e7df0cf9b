//! A life under way: the events of one key, in order, not yet sent.
//!
//! It must never know how events travel.

use serde_json::{Map, Value, json};

use super::dice::Dice;

/// An event before it is sent.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its time in milliseconds since the epoch.
    pub time_ms: i64,
    /// Its type and fields, without id, source and time.
    pub fields: Map<String, Value>,
    /// By how much longer than others it is on its way, in milliseconds.
    pub held_back_ms: i64,
}

/// The events of one key.
#[derive(Clone, Debug)]
pub struct Life {
    /// The Kafka key.
    pub key: String,
    /// Its events; times never go back.
    pub drafts: Vec<Draft>,
    /// The present of the life, in milliseconds since the epoch.
    pub now_ms: i64,
    /// Whether it may do what is read as inconsistent: a wrap-up beyond its timeout or of no agent's name.
    pub is_loose: bool,
    always: Map<String, Value>,
}

impl Life {
    /// A life that begins at `now_ms`; every event carries the tenant and the key under `key_name`.
    pub fn new(tenant: &str, key_name: &str, key: &str, now_ms: i64) -> Life {
        let mut always = Map::new();
        // The default tenant need not be named.
        if tenant != "default" {
            always.insert("tenant".to_owned(), json!(tenant));
        }
        always.insert(key_name.to_owned(), json!(key));
        Life { key: key.to_owned(), drafts: Vec::new(), now_ms, is_loose: true, always }
    }

    /// Lets between `least_ms` and `most_ms` pass.
    pub fn pass(&mut self, dice: &mut Dice, least_ms: i64, most_ms: i64) {
        self.now_ms += dice.between(least_ms, most_ms);
    }

    /// Adds an event with these fields; those that are null are left out.
    pub fn tell(&mut self, kind: &str, fields: Value) {
        let mut all = self.always.clone();
        all.insert("type".to_owned(), json!(kind));
        if let Value::Object(fields) = fields {
            all.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
        }
        self.drafts.push(Draft { time_ms: self.now_ms, fields: all, held_back_ms: 0 });
    }
}

/// A word most of the time, or null, which leaves the field out.
pub fn mostly(dice: &mut Dice, percent: i64, value: &str) -> Value {
    if dice.chance(percent) { json!(value) } else { Value::Null }
}

/// Who can be met: the agents of a tenant and their teams.
#[derive(Clone, Debug)]
pub struct Staff {
    agents: usize,
    next: usize,
}

impl Staff {
    /// So many agents; meetings begin with any of them.
    pub fn new(dice: &mut Dice, agents: usize) -> Staff {
        Staff { agents, next: dice.below(agents) }
    }

    /// An agent not met before, as long as there are any, and its team.
    pub fn meet(&mut self) -> (String, &'static str) {
        self.next += 1;
        agent(self.next % self.agents)
    }
}

/// The name and the team of an agent.
pub fn agent(number: usize) -> (String, &'static str) {
    (format!("a{number}"), ["red", "blue", "green"][number % 3])
}
