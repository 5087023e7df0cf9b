//! A child process that does not outlive the test process, however that ends.
//!
//! Rust runs no destructor of a static and none after SIGKILL, so each child is started by a small
//! `sh` that leaves a watcher at the end of a pipe: when the pipe closes, it kills the child. The
//! shell then becomes the child (exec), so that process id, signals and exit status are the child's.
//! Must never know which program it runs.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(10);

/// `$0` is a folder to remove with the child, or empty. A word on the pipe releases the watcher; its
/// end without a word means that the test process is gone. The watcher ignores what a terminal sends
/// to the whole group, else Ctrl-C would end it before its work. A second removal takes what the child
/// wrote while it died.
const WATCHED: &str = r#"
exec 3<&0 </dev/null
(
    trap '' HUP INT TERM
    read -r word <&3 && exit 0
    kill -9 $$
    [ -z "$0" ] || rm -rf -- "$0" || { sleep 1; rm -rf -- "$0"; }
) >/dev/null 2>&1 &
exec 3<&-
exec "$@"
"#;

/// Signals that tests send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Asks to end.
    Term,
    /// What Ctrl-C sends.
    Interrupt,
    /// Ends without asking.
    Kill,
    /// Suspends.
    Stop,
    /// Resumes after Stop.
    Continue,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Signal::Term => "TERM",
            Signal::Interrupt => "INT",
            Signal::Kill => "KILL",
            Signal::Stop => "STOP",
            Signal::Continue => "CONT",
        }
    }
}

/// A running child; killed when dropped.
#[derive(Debug)]
pub struct Guard {
    child: Child,
    pipe: Option<ChildStdin>,
    status: Option<ExitStatus>,
}

impl Guard {
    /// Starts `command` with standard output and error appended to `log` and an empty standard input.
    ///
    /// `doomed` is removed if the test process ends without dropping the guard. Fails where the shell
    /// cannot be started; a program that is not there exits with status 127.
    pub fn start(command: &Command, log: &Path, doomed: Option<&Path>) -> Result<Guard, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let open = || fs::OpenOptions::new().create(true).append(true).open(log);
        let log_of = |e| format!("cannot open log {}: {e}", log.display());
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(WATCHED).arg(doomed.unwrap_or(Path::new("")));
        shell.arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(key, value),
                None => shell.env_remove(key),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            shell.current_dir(folder);
        }
        shell.stdin(Stdio::piped()).stdout(open().map_err(log_of)?).stderr(open().map_err(log_of)?);
        let mut child = shell.spawn().map_err(|e| format!("cannot start {name}: {e}"))?;
        let pipe = child.stdin.take();
        Ok(Guard { child, pipe, status: None })
    }

    /// The child's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, once it has exited.
    pub fn status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().unwrap_or_else(|e| panic!("cannot wait: {e}"));
            if self.status.is_some() {
                self.release();
            }
        }
        self.status
    }

    /// Waits for the exit; none when `limit` passes first.
    pub fn exit_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            let status = self.status();
            if status.is_some() || start.elapsed() >= limit {
                return status;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Sends a signal; panics where the child has exited already.
    pub fn signal(&mut self, signal: Signal) {
        let sent = self.try_signal(signal);
        assert!(sent, "cannot send {}: the process has exited: {:?}", signal.name(), self.status);
    }

    /// Sends a signal unless the child has exited, and says whether it was sent.
    pub fn try_signal(&mut self, signal: Signal) -> bool {
        // An exited child keeps its id until its status is taken, so that nobody else is met.
        let alive = self.status().is_none();
        if alive {
            let sent = Command::new("kill").args(["-s", signal.name(), &self.id().to_string()]).status();
            assert!(sent.as_ref().is_ok_and(ExitStatus::success), "cannot send {}: {sent:?}", signal.name());
        }
        alive
    }

    /// Kills the child and waits for its end. Does nothing where it has exited.
    pub fn kill(&mut self) {
        if self.status().is_none() {
            let _ = self.child.kill();
            self.status = self.child.wait().ok();
            self.release();
        }
    }

    fn release(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            // The watcher may have gone before; then nobody is left to tell.
            let _ = pipe.write_all(b"released\n");
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command to its end with `stdin` as its input and returns what it wrote.
///
/// Fails where it cannot be started or is not done within `limit`; an exit status other than 0 is no
/// failure here.
pub fn output_within(command: &mut Command, stdin: &[u8], limit: Duration) -> Result<Output, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    // Files, not pipes: a command that writes much cannot block on a reader.
    let scratch = |e: std::io::Error| format!("cannot use a temporary file for {name}: {e}");
    let mut input = tempfile::tempfile().map_err(scratch)?;
    input.write_all(stdin).and_then(|()| input.seek(SeekFrom::Start(0))).map_err(scratch)?;
    let out = tempfile::tempfile().map_err(scratch)?;
    let err = tempfile::tempfile().map_err(scratch)?;
    command.stdin(input).stdout(out.try_clone().map_err(scratch)?).stderr(err.try_clone().map_err(scratch)?);
    let mut child = command.spawn().map_err(|e| format!("cannot start {name}: {e}"))?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() < limit => std::thread::sleep(POLL),
            ended => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{name} has not ended within {} s: {ended:?}", limit.as_secs()));
            }
        }
    };
    let read = |mut file: File| -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    Ok(Output { status, stdout: read(out).map_err(scratch)?, stderr: read(err).map_err(scratch)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::folder::RunFolder;
    use std::os::unix::process::ExitStatusExt;

    const SOON: Duration = Duration::from_secs(10);

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn alive(id: &str) -> bool {
        Command::new("kill").args(["-0", id]).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    }

    fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < SOON, "not within 10 s: {what}");
            std::thread::sleep(POLL);
        }
    }

    #[test]
    fn the_exit_status_is_the_childs_own() {
        let folder = RunFolder::new("guard-status");
        let log = folder.path().join("log");
        let mut guard = Guard::start(&sh("echo out; echo err >&2; exit 7"), &log, None).unwrap();
        assert_eq!(guard.exit_within(SOON).and_then(|s| s.code()), Some(7));
        assert_eq!(fs::read_to_string(&log).unwrap(), "out\nerr\n");

        let mut guard = Guard::start(&sh("exec sleep 60"), &log, None).unwrap();
        guard.signal(Signal::Term);
        assert_eq!(guard.exit_within(SOON).and_then(|s| s.signal()), Some(15));
    }

    #[test]
    fn a_dropped_child_is_gone_also_when_stopped() {
        let folder = RunFolder::new("guard-drop");
        let mut guard = Guard::start(&sh("exec sleep 60"), &folder.path().join("log"), None).unwrap();
        let id = guard.id().to_string();
        guard.signal(Signal::Stop);
        assert!(alive(&id));
        drop(guard);
        assert!(!alive(&id));
    }

    #[test]
    fn a_child_ends_with_a_test_process_that_drops_nothing() {
        let folder = RunFolder::new("guard-lost");
        let doomed = folder.path().join("doomed");
        fs::create_dir(&doomed).unwrap();
        let log = folder.path().join("log");
        let mut guard = Guard::start(&sh("exec sleep 60"), &log, Some(&doomed)).unwrap();
        let id = guard.id().to_string();
        assert!(alive(&id));
        // The end of the process closes its side of the pipe; so does this.
        drop(guard.pipe.take());
        assert_eq!(guard.exit_within(SOON).and_then(|s| s.signal()), Some(9));
        wait_until("the doomed folder is removed", || !doomed.exists());
    }

    #[test]
    fn output_is_complete_and_a_limit_holds() {
        let long = "x".repeat(1_000_000);
        let output = output_within(&mut sh("cat; echo said >&2; exit 3"), long.as_bytes(), SOON).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), long.len()));
        assert_eq!(output.stderr, b"said\n");

        let late = output_within(&mut sh("exec sleep 60"), b"", Duration::from_millis(50));
        assert!(late.unwrap_err().contains("has not ended within"));
        let absent = output_within(&mut Command::new("no-such-program"), b"", SOON);
        assert!(absent.unwrap_err().starts_with("cannot start no-such-program"));
    }
}
