//! `topics create`: the topics that the service needs.

use super::Failure;
use super::run::kafka_config;
use crate::kafka::topics::{Created, create as create_topics};
use crate::settings::Settings;
use std::io::Write;

/// Creates what is missing and checks what is there.
pub fn create(settings: &Settings) -> Result<(), Failure> {
    let topics = create_topics(&kafka_config(settings)).map_err(|error| Failure::Run(error.to_string()))?;
    let mut out = std::io::stdout();
    for (topic, created) in topics {
        let did = match created {
            Created::New => "created",
            Created::Existed => "exists ",
            Created::Grown => "grown  ",
        };
        let written = writeln!(out, "{did}  {}  {} partitions", topic.name, topic.partitions);
        written.map_err(|error| Failure::run("print the topics", error))?;
    }
    Ok(())
}
