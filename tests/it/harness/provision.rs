//! Finds the tools that tests run, or fetches them into the cache.
//!
//! A tool on PATH is used as it is. Else its Debian package, with the packages it lacks here, is
//! downloaded and unpacked into the cache: nothing is installed, no service starts, no root needed.
//! Must never know what a test does with a tool.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::folder::cache;
use super::guard::output_within;

const FETCH_LIMIT: Duration = Duration::from_secs(300);
/// Folders looked at for libraries inside an unpacked package; the largest (chromium) has about 1500.
const FOLDERS_MAX: usize = 10_000;

/// Why a tool or server cannot be had on this machine, with a remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent(pub String);

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A program that can be run, wherever it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    program: PathBuf,
    library_path: Option<OsString>,
}

impl Tool {
    /// A tool at a known path that needs no libraries of its own.
    pub fn at(program: impl Into<PathBuf>) -> Tool {
        Tool { program: program.into(), library_path: None }
    }

    /// Where the program is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// A command that runs it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(path) = &self.library_path {
            command.env("LD_LIBRARY_PATH", path);
        }
        command
    }
}

/// Programs that come in Debian packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packaged {
    /// The Prometheus server.
    Prometheus,
    /// Its checker of rules, configurations and expositions.
    Promtool,
    /// The Alertmanager.
    Alertmanager,
    /// A Kafka client for the command line.
    Kcat,
    /// A browser; headless runs by root need `--no-sandbox`.
    Chromium,
    /// Its WebDriver; give it the browser's path as `binary`.
    Chromedriver,
}

/// Program name, packages, its path inside them, and whether it runs without further packages.
struct Package {
    program: &'static str,
    names: &'static [&'static str],
    path: &'static str,
    alone: bool,
}

impl Packaged {
    fn package(self) -> Package {
        let (program, names, path, alone): (_, &'static [&'static str], _, _) = match self {
            Packaged::Prometheus => ("prometheus", &["prometheus"], "usr/bin/prometheus", true),
            Packaged::Promtool => ("promtool", &["prometheus"], "usr/bin/promtool", true),
            Packaged::Alertmanager => (
                "prometheus-alertmanager",
                &["prometheus-alertmanager"],
                "usr/bin/prometheus-alertmanager",
                true,
            ),
            Packaged::Kcat => ("kcat", &["kcat"], "usr/bin/kcat", false),
            Packaged::Chromium => {
                ("chromium", &["chromium", "chromium-driver"], "usr/lib/chromium/chromium", false)
            }
            Packaged::Chromedriver => {
                ("chromedriver", &["chromium", "chromium-driver"], "usr/bin/chromedriver", false)
            }
        };
        Package { program, names, path, alone }
    }
}

/// The tool, found once per test process; a first call may download for some seconds.
pub fn tool(wanted: Packaged) -> Result<Tool, Absent> {
    static FOUND: Mutex<BTreeMap<&'static str, Result<Tool, Absent>>> = Mutex::new(BTreeMap::new());
    let package = wanted.package();
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    found.entry(package.program).or_insert_with(|| find(&package)).clone()
}

/// What was asked for, or none after telling on stderr that the test is skipped and why.
///
/// With `INTRADAY_TEST_REQUIRE=1` it panics instead of returning none.
pub fn present<T>(wanted: Result<T, Absent>) -> Option<T> {
    match wanted {
        Ok(present) => Some(present),
        Err(absent) => {
            let required = std::env::var_os("INTRADAY_TEST_REQUIRE").is_some_and(|value| value == "1");
            assert!(!required, "required by INTRADAY_TEST_REQUIRE: {absent}");
            let thread = std::thread::current();
            // The macros' output is captured in a test that passes; a skip must be seen.
            let told = format!("skipped: {}: {absent}\n", thread.name().unwrap_or("a test"));
            let _ = std::io::stderr().write_all(told.as_bytes());
            None
        }
    }
}

/// The program's place on PATH.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

/// Makes `folder` by filling another one and renaming it, once among all test processes.
///
/// `fill` gets the folder to fill. A folder that is there is complete and is left as it is.
pub fn once(folder: &Path, fill: impl FnOnce(&Path) -> Result<(), Absent>) -> Result<(), Absent> {
    let trouble = |e: std::io::Error| Absent(format!("cannot write {}: {e}", folder.display()));
    if folder.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder.parent().unwrap_or(folder)).map_err(trouble)?;
    let lock = File::create(folder.with_extension("lock")).map_err(trouble)?;
    lock.lock().map_err(trouble)?;
    if folder.exists() {
        return Ok(());
    }
    let partial = folder.with_extension("partial");
    let _ = fs::remove_dir_all(&partial);
    fs::create_dir(&partial).map_err(trouble)?;
    fill(&partial)?;
    fs::rename(&partial, folder).map_err(trouble)
}

/// Runs a command of the provisioning and returns its output; absent when it does not succeed.
pub fn run(command: &mut Command) -> Result<String, Absent> {
    let output = output_within(command, b"", FETCH_LIMIT).map_err(Absent)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    // The first error is the cause; Maven writes its errors to standard output.
    let cause = stderr.lines().chain(text.lines()).find(|line| !line.trim().is_empty()).unwrap_or("");
    Err(Absent(format!("{} failed with {}: {cause}", command.get_program().display(), output.status)))
}

fn find(package: &Package) -> Result<Tool, Absent> {
    if let Some(given) = overridden(package)? {
        return Ok(given);
    }
    if let Some(program) = on_path(package.program) {
        return Ok(Tool::at(program));
    }
    let root = cache().join(package.names[0]);
    once(&root, |partial| unpack(package, partial)).map_err(|Absent(cause)| {
        Absent(format!("no {} on PATH and its Debian package cannot be had: {cause}", package.program))
    })?;
    let program = root.join(package.path);
    if !program.is_file() {
        return Err(Absent(format!("no {} in its package; install it on PATH", package.path)));
    }
    let library_path = if package.alone { None } else { library_path(&root) };
    Ok(Tool { program, library_path })
}

/// `INTRADAY_TEST_PROMETHEUS` is the path of the server; promtool is taken from beside it if there.
fn overridden(package: &Package) -> Result<Option<Tool>, Absent> {
    let Some(server) = std::env::var_os("INTRADAY_TEST_PROMETHEUS").map(PathBuf::from) else {
        return Ok(None);
    };
    match package.program {
        "prometheus" if server.is_file() => Ok(Some(Tool::at(server))),
        "prometheus" => Err(Absent(format!(
            "INTRADAY_TEST_PROMETHEUS is {}, which is no file; give the path of a prometheus binary",
            server.display()
        ))),
        "promtool" => Ok(Some(server.with_file_name("promtool")).filter(|p| p.is_file()).map(Tool::at)),
        _ => Ok(None),
    }
}

fn unpack(package: &Package, root: &Path) -> Result<(), Absent> {
    let downloads = root.join("downloads");
    fs::create_dir(&downloads).map_err(|e| Absent(format!("cannot make {}: {e}", downloads.display())))?;
    if download(package, &downloads).is_err() {
        // Lists older than the archive name versions that are gone. Updating needs root; where it
        // fails the second download says what is wrong.
        let _ = run(Command::new("apt-get").args(["-qq", "update"]));
        download(package, &downloads)?;
    }
    for deb in files_of(&downloads)? {
        run(Command::new("dpkg").arg("-x").arg(deb).arg(root))?;
    }
    fs::remove_dir_all(&downloads).map_err(|e| Absent(format!("cannot remove downloads: {e}")))
}

fn download(package: &Package, folder: &Path) -> Result<(), Absent> {
    let names: Vec<String> = if package.alone {
        package.names.iter().map(|name| (*name).to_owned()).collect()
    } else {
        let mut simulate = Command::new("apt-get");
        simulate.args(["-qq", "--simulate", "install", "--no-install-recommends"]).args(package.names);
        let plan = run(&mut simulate)?;
        plan.lines()
            .filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next())
            .map(str::to_owned)
            .collect()
    };
    run(Command::new("apt-get").args(["-qq", "download"]).args(names).current_dir(folder)).map(drop)
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Absent> {
    let trouble = |e: std::io::Error| Absent(format!("cannot list {}: {e}", folder.display()));
    let entries: Result<Vec<_>, _> = fs::read_dir(folder).map_err(trouble)?.collect();
    let mut paths: Vec<PathBuf> = entries.map_err(trouble)?.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    Ok(paths)
}

/// The folders under `root` that hold shared libraries, as LD_LIBRARY_PATH has them.
fn library_path(root: &Path) -> Option<OsString> {
    let mut open = vec![root.join("usr/lib"), root.join("lib")];
    let mut with_libraries = Vec::new();
    for _ in 0..FOLDERS_MAX {
        let Some(folder) = open.pop() else { break };
        let entries = files_of(&folder).unwrap_or_default();
        let is_library = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().contains(".so")) && !path.is_dir()
        };
        if entries.iter().any(is_library) {
            with_libraries.push(folder);
        }
        open.extend(entries.into_iter().filter(|path| path.is_dir() && !path.is_symlink()));
    }
    std::env::join_paths(with_libraries).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::folder::RunFolder;

    #[test]
    fn a_folder_is_filled_once_and_only_whole() {
        let run = RunFolder::new("provision");
        let folder = run.path().join("tool");
        let failed = once(&folder, |partial| {
            fs::write(partial.join("half"), "").unwrap();
            Err(Absent("interrupted".to_owned()))
        });
        assert_eq!(failed, Err(Absent("interrupted".to_owned())));
        assert!(!folder.exists());

        let fills = Mutex::new(0);
        let fill = |partial: &Path| {
            *fills.lock().unwrap() += 1;
            fs::write(partial.join("whole"), "").unwrap();
            Ok(())
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| once(&folder, fill).unwrap());
            }
        });
        assert_eq!(*fills.lock().unwrap(), 1);
        assert!(folder.join("whole").exists() && !folder.join("half").exists());
    }

    #[test]
    fn a_failed_command_says_its_first_error() {
        let failed = run(Command::new("sh").args(["-c", "echo first >&2; echo second >&2; exit 4"]));
        let Absent(cause) = failed.unwrap_err();
        assert_eq!(cause, "sh failed with exit status: 4: first");
        let Absent(cause) = run(&mut Command::new("no-such-program")).unwrap_err();
        assert!(cause.starts_with("cannot start no-such-program"), "{cause}");
    }

    #[test]
    fn what_is_on_path_is_found_there() {
        assert!(on_path("sh").is_some_and(|path| path.is_absolute()));
        assert_eq!(on_path("no-such-program"), None);
    }
}
