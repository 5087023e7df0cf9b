//! The names of the service's own topics.

/// Names of the topics of one service id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicNames {
    id: String,
    /// Batches from fold to merge.
    pub partials: String,
    /// What a shard of merge needs to restart.
    pub merge_state: String,
    /// The results.
    pub kpis: String,
    /// Late and rejected records.
    pub dead_letters: String,
}

impl TopicNames {
    /// The names for a service id.
    #[must_use]
    pub fn new(id: &str) -> TopicNames {
        TopicNames {
            id: id.to_owned(),
            partials: format!("{id}.partials"),
            merge_state: format!("{id}.merge-state"),
            kpis: format!("{id}.kpis"),
            dead_letters: format!("{id}.dead-letters"),
        }
    }

    /// What a fold stage of this input topic needs to restart.
    #[must_use]
    pub fn fold_state(&self, input: &str) -> String {
        format!("{}.fold-state.{input}", self.id)
    }
}
