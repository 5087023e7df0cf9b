//! The Kafka side of the service as a whole: workers and tail, started together and stopped in good order.
//!
//! Must never know: settings files, signals, what is shown.

use super::client;
use super::config::KafkaConfig;
use super::error::KafkaError;
use super::fold_role::FoldRole;
use super::halt::Halt;
use super::merge_role::MergeRole;
use super::names::TopicNames;
use super::observer::Observer;
use super::role::Role;
use super::tail;
use super::worker::{Post, Worker};
use crate::fold::FoldConfig;
use crate::merge::MergeConfig;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a stop looks whether threads have ended.
const JOIN_STEP: Duration = Duration::from_millis(10);

/// Running workers. Dropping it leaves them running; call [`Service::stop`].
pub struct Service {
    halt: Arc<Halt>,
    ending: Arc<Ending>,
    threads: Mutex<Vec<(String, JoinHandle<()>)>>,
}

/// The first failure, and whoever waits for it.
#[derive(Default)]
struct Ending {
    state: Mutex<(bool, Option<KafkaError>)>,
    changed: Condvar,
}

impl Ending {
    fn lock(&self) -> MutexGuard<'_, (bool, Option<KafkaError>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, failure: Option<KafkaError>) {
        let mut state = self.lock();
        state.0 = true;
        match failure {
            Some(failure) if state.1.is_some() => tracing::error!(%failure, "another worker stopped"),
            Some(failure) => state.1 = Some(failure),
            None => {}
        }
        self.changed.notify_all();
    }
}

/// What the workers need beside the Kafka settings.
pub struct Stages {
    /// Settings of the fold.
    pub fold: Arc<FoldConfig>,
    /// Settings of the merge.
    pub merge: Arc<MergeConfig>,
    /// Input topics with their partitions, as [`super::topics::check`] returned them.
    pub inputs: Vec<(String, u32)>,
}

impl Service {
    /// Starts workers and tail. `on_kpi` gets key and value of each record of the kpis topic.
    ///
    /// # Errors
    /// A client or thread cannot be made. What the broker refuses later ends [`Service::wait`].
    pub fn start(
        config: Arc<KafkaConfig>,
        stages: Stages,
        observer: Arc<dyn Observer>,
        on_kpi: impl FnMut(&[u8], &[u8]) + Send + 'static,
    ) -> Result<Service, KafkaError> {
        client::validate(&config)?;
        let service = Service { halt: Arc::default(), ending: Arc::default(), threads: Mutex::default() };
        let names = TopicNames::new(&config.id);
        let fold = FoldRole {
            kafka: Arc::clone(&config),
            fold: stages.fold,
            inputs: stages.inputs,
            names: names.clone(),
        };
        let merge = MergeRole { kafka: Arc::clone(&config), merge: stages.merge, names };
        service.staff(fold, config.fold_workers, &config, &observer)?;
        service.staff(merge, config.merge_workers, &config, &observer)?;
        let tail = tail::start(&config, &observer, &service.halt, on_kpi)?;
        service.threads().push(("tail".to_owned(), tail));
        Ok(service)
    }

    /// Blocks until a worker has failed or a stop was asked for; returns the failure.
    #[must_use]
    pub fn wait(&self) -> Option<KafkaError> {
        let mut state = self.ending.lock();
        while !state.0 {
            state = self.ending.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.1.take()
    }

    /// Stops reading, commits once more, leaves and joins the threads, within `patience`.
    ///
    /// # Errors
    /// Names the threads that were still at work; they end with the process.
    pub fn stop(&self, patience: Duration) -> Result<(), KafkaError> {
        let deadline = Instant::now() + patience;
        self.halt.ask();
        let mut left = std::mem::take(&mut *self.threads());
        while !left.is_empty() && Instant::now() < deadline {
            left.retain(|(_, thread)| !thread.is_finished());
            std::thread::sleep(JOIN_STEP);
        }
        self.ending.end(None);
        if left.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = left.into_iter().map(|(name, _)| name).collect();
        Err(KafkaError::Deadline(names.join(", ")))
    }

    /// Workers of one role and no tail.
    #[cfg(test)]
    pub(super) fn only<R: Role>(
        role: R,
        workers: u32,
        config: &Arc<KafkaConfig>,
        observer: &Arc<dyn Observer>,
    ) -> Result<Service, KafkaError> {
        let service = Service { halt: Arc::default(), ending: Arc::default(), threads: Mutex::default() };
        service.staff(role, workers, config, observer)?;
        Ok(service)
    }

    fn staff<R: Role>(
        &self,
        role: R,
        workers: u32,
        config: &Arc<KafkaConfig>,
        observer: &Arc<dyn Observer>,
    ) -> Result<(), KafkaError> {
        let role = Arc::new(role);
        for number in 0..workers {
            let post = Post {
                name: format!("{}{number}", R::NAME),
                number,
                of: workers,
                role: Arc::clone(&role),
                config: Arc::clone(config),
                observer: Arc::clone(observer),
                halt: Arc::clone(&self.halt),
            };
            let name = post.name.clone();
            let worker = Worker::new(post)?;
            let (ending, halt) = (Arc::clone(&self.ending), Arc::clone(&self.halt));
            let thread = std::thread::Builder::new()
                .name(name.clone())
                .spawn(move || run(worker, &ending, &halt))
                .map_err(|source| KafkaError::Thread { worker: name.clone(), source })?;
            self.threads().push((name, thread));
        }
        Ok(())
    }

    fn threads(&self) -> MutexGuard<'_, Vec<(String, JoinHandle<()>)>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run<R: Role>(worker: Worker<R>, ending: &Ending, halt: &Halt) {
    /// Tells of a worker that panicked, too: a silent thread would look like a quiet topic.
    struct Last<'e>(&'e Ending, String, bool);
    impl Drop for Last<'_> {
        fn drop(&mut self) {
            if !self.2 {
                let (worker, reason) = (std::mem::take(&mut self.1), "it panicked".to_owned());
                self.0.end(Some(KafkaError::Stopped { worker, reason }));
            }
        }
    }
    let mut last = Last(ending, R::NAME.to_owned(), false);
    let result = worker.run();
    last.2 = true;
    match result {
        Ok(()) => {}
        // What a stopping worker could not do any more is no failure: it had promised nothing.
        Err(failure) if halt.is_asked() => {
            tracing::warn!(%failure, "while stopping; what it had not committed is redone at the next start");
        }
        Err(failure) => ending.end(Some(failure)),
    }
}
