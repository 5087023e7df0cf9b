//! One copy of the service under its name: the process of the moment, and a suspended one whose name was taken.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Instant;

use super::tally::Tally;
use crate::harness::guard::Signal;
use crate::harness::process::{Process, free_port, intraday};

/// What the process of a copy is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is none.
    Down,
    /// It works.
    Up,
    /// It is suspended.
    Frozen,
    /// It was asked to leave.
    Leaving(Instant),
}

/// A copy.
#[derive(Debug)]
pub struct Copy {
    /// Its `service.instance`.
    pub name: String,
    /// What its process is at.
    pub state: State,
    /// Where its process answers.
    pub port: u16,
    process: Option<Process>,
    dies: bool,
    ghost: Option<Process>,
    ghost_dies: bool,
    met_twin: bool,
}

impl Copy {
    /// A copy without a process.
    pub fn new(name: String) -> Copy {
        Copy {
            name,
            state: State::Down,
            port: 0,
            process: None,
            dies: false,
            ghost: None,
            ghost_dies: false,
            met_twin: false,
        }
    }

    /// Starts a process, with a fault to be built in or none. A port that was used before could still be taken.
    pub fn start(&mut self, config: &Path, fault: Option<&str>) {
        self.port = free_port();
        self.met_twin = self.ghost.is_some();
        let mut command = intraday(&["run"], &[("INTRADAY__SERVICE__INSTANCE", &self.name)]);
        command.env("INTRADAY__HTTP__LISTEN", format!("127.0.0.1:{}", self.port)).arg("--config").arg(config);
        if let Some(fault) = fault {
            command.env("INTRADAY_FAULT", fault);
        }
        if super::fleet::client_debug().is_some() {
            command.env("RUST_LOG", "info,librdkafka=debug");
        }
        self.dies = fault.is_some_and(|fault| fault.starts_with("die:"));
        self.process = Some(Process::start(&command));
        self.state = State::Up;
    }

    /// Ends the process without warning; says whether there was one.
    pub fn kill(&mut self, tally: &mut Tally, graves: &Path) -> bool {
        let killed = self.process.as_mut().is_some_and(|process| process.try_signal(Signal::Kill));
        if killed {
            // Reaped here, so that it is not taken for one that ended of itself.
            self.process.as_mut().map(|process| process.exit_within(super::fleet::KILL_LIMIT));
            self.bury(tally, graves);
        }
        killed
    }

    /// Suspends the process.
    pub fn freeze(&mut self) -> bool {
        self.send(Signal::Stop, State::Frozen)
    }

    /// Lets the process run on, and the ghost if there is one.
    pub fn thaw(&mut self) {
        if self.state == State::Frozen {
            self.send(Signal::Continue, State::Up);
        }
        if let Some(ghost) = &mut self.ghost {
            ghost.try_signal(Signal::Continue);
        }
    }

    /// Asks the process to leave.
    pub fn leave(&mut self) -> bool {
        self.send(Signal::Term, State::Leaving(Instant::now()))
    }

    /// Another process takes the name of the suspended one.
    pub fn supplant(&mut self, config: &Path) {
        self.ghost = self.process.take();
        self.ghost_dies = self.dies;
        self.start(config, None);
    }

    /// Whether a process that was suspended and supplanted still exists.
    pub fn is_haunted(&self) -> bool {
        self.ghost.is_some()
    }

    /// Looks whether its processes have ended, and says whether the one of the moment has.
    pub fn look(&mut self, tally: &mut Tally, graves: &Path) -> bool {
        if let Some((status, output)) =
            self.ghost.as_mut().and_then(|ghost| Some((ghost.status()?, ghost.output())))
        {
            let name = format!("{}-supplanted", self.name);
            tally.bury(&name, &output, graves);
            match self.ghost_dies && is_signal(status, 6) {
                true => tally.died += 1,
                false => tally.end(&name, status, &output, true),
            }
            self.ghost = None;
        }
        let Some(process) = &mut self.process else { return false };
        let Some(status) = process.status() else { return false };
        let output = process.output();
        match self.state {
            State::Leaving(_) if status.success() => tally.left += 1,
            // Asked before it listened for being asked: nothing was begun that it could end.
            State::Leaving(_) if is_signal(status, 15) && !output.contains("restored") => tally.left += 1,
            // Points are abort()ed at.
            _ if self.dies && is_signal(status, 6) => tally.died += 1,
            _ => tally.end(&self.name, status, &output, self.met_twin),
        }
        self.bury(tally, graves);
        true
    }

    /// What its processes have written so far, for the message of a failure.
    pub fn output(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    /// The last lines of that.
    pub fn last_lines(&self, count: usize) -> String {
        let output = self.output();
        let lines: Vec<&str> = output.lines().collect();
        format!("{}:\n{}", self.name, lines[lines.len().saturating_sub(count)..].join("\n"))
    }

    fn send(&mut self, signal: Signal, state: State) -> bool {
        let sent = self.process.as_mut().is_some_and(|process| process.try_signal(signal));
        if sent {
            self.state = state;
        }
        sent
    }

    fn bury(&mut self, tally: &mut Tally, graves: &Path) {
        if let Some(process) = self.process.take() {
            tally.bury(&self.name, &process.output(), graves);
        }
        self.state = State::Down;
    }
}

fn is_signal(status: ExitStatus, number: i32) -> bool {
    status.signal() == Some(number)
}
