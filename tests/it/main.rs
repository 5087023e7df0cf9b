//! The integration crate: what is judged from outside, by models that share no code with `src/` and against
//! real tools, in one test binary so that they share a broker.

mod demo;
mod differential;
mod harness;
mod http;
mod kafka_deployment;
mod kafka_finals;
mod kafka_path;
mod kafka_restart;
mod kafka_topics;
mod metrics;
mod reference;
mod scenario;
