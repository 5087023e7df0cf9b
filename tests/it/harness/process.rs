//! The intraday binary, or any other, run by a test: its output, its signals, its end.
//!
//! Must never know the meaning of a command line or an output.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use super::folder::{RunFolder, tail};
use super::guard::{Guard, Signal, output_within};
use super::http::{self, Answer};

const POLL: Duration = Duration::from_millis(10);
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// Ports below the range that a kernel gives to outgoing connections, so that none of those takes
/// the port of a broker that is to be started again.
const PORT_MIN: u16 = 20_000;
const PORT_COUNT: u16 = 12_000;

/// A running process with its output in a file; killed when dropped. The guard is first: the process
/// ends before its folder goes.
#[derive(Debug)]
pub struct Process {
    guard: Guard,
    name: String,
    log: PathBuf,
    _folder: RunFolder,
}

impl Process {
    /// Starts the intraday binary of this build. See [`intraday`] for its environment.
    pub fn intraday(arguments: &[&str], environment: &[(&str, &str)]) -> Process {
        Process::start(&intraday(arguments, environment))
    }

    /// Starts a command, with an empty standard input.
    pub fn start(command: &Command) -> Process {
        let program = PathBuf::from(command.get_program());
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = RunFolder::new(&name);
        let log = folder.path().join("log");
        let guard = Guard::start(command, &log, None).unwrap_or_else(|e| panic!("{e}"));
        Process { guard, name, log, _folder: folder }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.guard.id()
    }

    /// What it has written so far, standard output and error together.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits for the first whole line that contains `part` and returns it.
    ///
    /// Panics with the end of the output when `limit` passes or the process ends without it.
    pub fn wait_for_line(&mut self, part: &str, limit: Duration) -> String {
        self.wait_for(&format!("line with {part:?}"), limit, |process| {
            let output = process.output();
            let mut whole = output.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            whole.find(|line| line.contains(part)).map(|line| line.trim_end().to_owned())
        })
    }

    /// Waits until a URL answers with a status of 200 to 299 and returns the answer; panics as
    /// [`Process::wait_for_line`] does.
    pub fn wait_for_http(&mut self, url: &str, limit: Duration) -> Answer {
        self.wait_for(&format!("answer of {url}"), limit, |_| {
            http::get(url, &[]).ok().filter(|answer| (200..300).contains(&answer.status))
        })
    }

    /// Sends a signal; panics where the process has ended.
    pub fn signal(&mut self, signal: Signal) {
        self.guard.signal(signal);
    }

    /// Sends a signal unless the process has ended, and says whether it was sent.
    pub fn try_signal(&mut self, signal: Signal) -> bool {
        self.guard.try_signal(signal)
    }

    /// How it ended, if it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.guard.status()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.guard.status().is_none()
    }

    /// Waits for its end; panics with the end of the output when it has not come within `limit`.
    pub fn exit_within(&mut self, limit: Duration) -> ExitStatus {
        let status = self.guard.exit_within(limit);
        status.unwrap_or_else(|| self.fail(&format!("has not ended within {} ms", limit.as_millis())))
    }

    fn wait_for<T>(&mut self, what: &str, limit: Duration, mut look: impl FnMut(&Process) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            // The status is taken before the look: what an ended process wrote last is then seen.
            let status = self.guard.status();
            if let Some(found) = look(self) {
                return found;
            }
            if let Some(status) = status {
                self.fail(&format!("has ended ({status}) without {what}"));
            }
            if start.elapsed() >= limit {
                self.fail(&format!("gives no {what} within {} ms", limit.as_millis()));
            }
            std::thread::sleep(POLL);
        }
    }

    fn fail(&self, complaint: &str) -> ! {
        panic!("{} {complaint}; its last lines:\n{}", self.name, tail(&self.log, 30))
    }
}

/// A command of the intraday binary of this build, without the `INTRADAY_` variables of the
/// environment that the tests run in, plus the given ones.
pub fn intraday(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_intraday"));
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("INTRADAY_") {
            command.env_remove(key);
        }
    }
    command.args(arguments).envs(environment.iter().copied());
    command
}

/// Runs the intraday binary to its end and returns what it wrote; panics when it takes over 60 s.
pub fn run_intraday(arguments: &[&str], stdin: &[u8]) -> Output {
    output_within(&mut intraday(arguments, &[]), stdin, RUN_LIMIT).unwrap_or_else(|e| panic!("{e}"))
}

/// A TCP port of 127.0.0.1 that is free now; each call of a process gives another.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes that run side by side have ids close together; the factor sets them far apart.
    let start = (std::process::id().wrapping_mul(997) % u32::from(PORT_COUNT)) as u16;
    for _ in 0..PORT_COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % PORT_COUNT;
        let port = PORT_MIN + (start + step) % PORT_COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {PORT_MIN} to {}", PORT_MIN + PORT_COUNT - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    const SOON: Duration = Duration::from_secs(20);

    fn sh(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start(&command)
    }

    #[test]
    fn a_line_is_waited_for_and_a_signal_is_answered() {
        let script =
            "trap 'echo asked to end; exit 5' TERM; echo; echo ready now; while :; do sleep 0.05; done";
        let mut process = sh(script);
        assert_eq!(process.wait_for_line("ready", SOON), "ready now");
        process.signal(Signal::Stop);
        process.signal(Signal::Term);
        assert!(process.guard.exit_within(Duration::from_millis(200)).is_none(), "a stopped process waits");
        process.signal(Signal::Continue);
        assert_eq!(process.exit_within(SOON).code(), Some(5));
        assert!(!process.is_running());
        assert!(process.output().ends_with("ready now\nasked to end\n"), "{}", process.output());
    }

    #[test]
    fn a_killed_process_says_so() {
        let mut process = sh("exec sleep 60");
        assert!(process.is_running());
        process.signal(Signal::Kill);
        assert_eq!(process.exit_within(SOON).signal(), Some(9));
    }

    #[test]
    fn waiting_in_vain_fails_with_the_output() {
        let failed = std::panic::catch_unwind(|| {
            let mut process = sh("echo cannot bind; exit 2");
            process.wait_for_line("ready", SOON)
        });
        let message = failed.expect_err("no line comes").downcast::<String>().expect("a message");
        assert!(message.contains("has ended (exit status: 2) without line with \"ready\""), "{message}");
        assert!(message.ends_with("cannot bind"), "{message}");
    }

    #[test]
    fn the_binary_of_this_build_runs() {
        let mut process = Process::intraday(&["--help"], &[]);
        assert!(process.exit_within(SOON).success(), "{}", process.output());
        assert!(run_intraday(&["--help"], b"").status.success());
    }

    #[test]
    fn ports_are_free_and_differ() {
        let ports: std::collections::BTreeSet<u16> = (0..50).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 50);
        assert!(ports.iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()));
    }
}
