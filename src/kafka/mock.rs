//! The demo's broker: the client library's mock cluster, in this process.
//!
//! In memory, about 5 MiB per partition, no compaction, no durability, and transactions that only look so:
//! only for `Mode::None`.

use super::config::KafkaConfig;
use super::error::KafkaError;
use super::topics::plan;
use rdkafka::error::KafkaError as ClientError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

/// A running mock cluster; it ends when this is dropped.
pub struct DemoBroker {
    brokers: String,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl DemoBroker {
    /// Starts the cluster with the input topics (each with `input_partitions`) and the service's own.
    ///
    /// # Errors
    /// The cluster, a topic or the thread cannot be made.
    pub fn start(config: &KafkaConfig, input_partitions: u32) -> Result<DemoBroker, KafkaError> {
        let inputs: Vec<(String, u32)> =
            config.input_topics.iter().map(|topic| (topic.clone(), input_partitions)).collect();
        let mut topics = inputs.clone();
        topics.extend(plan(config, &inputs).into_iter().map(|topic| (topic.name, topic.partitions)));
        let (started, is_started) = mpsc::channel();
        let (stop, is_stopped) = mpsc::channel::<()>();
        // The cluster must stay on the thread that made it.
        let thread = std::thread::Builder::new()
            .name("demo-broker".to_owned())
            .spawn(move || {
                let cluster = create(&topics);
                let _ =
                    started.send(cluster.as_ref().map(MockCluster::bootstrap_servers).map_err(Clone::clone));
                if cluster.is_ok() {
                    // Ends with the sender.
                    let _ = is_stopped.recv();
                }
            })
            .map_err(|source| KafkaError::Thread { worker: "the demo broker".to_owned(), source })?;
        let brokers = is_started
            .recv()
            .unwrap_or(Err(ClientError::Canceled))
            .map_err(KafkaError::client("the demo broker"))?;
        Ok(DemoBroker { brokers, stop: Some(stop), thread: Some(thread) })
    }

    /// Its bootstrap servers.
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.brokers
    }
}

impl Drop for DemoBroker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the panic hook; a drop has no way to say more.
            let _ = thread.join();
        }
    }
}

fn create(topics: &[(String, u32)]) -> Result<MockCluster<'static, DefaultProducerContext>, ClientError> {
    let cluster = MockCluster::new(1)?;
    for (topic, partitions) in topics {
        cluster.create_topic(topic, i32::try_from(*partitions).unwrap_or(i32::MAX), 1)?;
    }
    Ok(cluster)
}
