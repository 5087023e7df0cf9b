//! Where the tests put files: a cache that is kept, and a folder per run that is not.
//!
//! Both are under the build's target folder. Must never know what is inside.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A run folder left by a failed or killed test is kept this long.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// A new folder, removed when dropped; kept, and named on stderr, when its test is panicking.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes `target/it-run/<name>-<process>-<number>`.
    pub fn new(name: &str) -> RunFolder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static SWEPT: Once = Once::new();
        let runs = target().join("it-run");
        SWEPT.call_once(|| sweep(&runs));
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = runs.join(format!("{name}-{}-{number}", std::process::id()));
        // A process id comes back; what an older process left under it is of no use.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap_or_else(|e| panic!("cannot make {}: {e}", path.display()));
        RunFolder { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the run's files are kept in {}", self.path.display());
        } else {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The folder of fetched tools: `INTRADAY_TEST_CACHE`, else `target/it-cache`.
pub fn cache() -> PathBuf {
    std::env::var_os("INTRADAY_TEST_CACHE").map_or_else(|| target().join("it-cache"), PathBuf::from)
}

/// The last `lines` lines of a file, for the message of a failure; empty where there is none.
pub fn tail(path: &Path, lines: usize) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn target() -> PathBuf {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    scratch.parent().unwrap_or(scratch).to_path_buf()
}

fn sweep(runs: &Path) {
    let Ok(entries) = fs::read_dir(runs) else { return };
    for entry in entries.flatten() {
        let modified = entry.metadata().and_then(|m| m.modified()).ok();
        if modified.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > KEPT) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[test]
fn a_run_folder_goes_with_its_run_and_stays_after_a_panic() {
    let folder = RunFolder::new("folder");
    let path = folder.path().to_path_buf();
    fs::write(path.join("file"), "one\ntwo\nthree\n").unwrap();
    assert_eq!(tail(&path.join("file"), 2), "two\nthree");
    assert_eq!(tail(&path.join("absent"), 2), "");
    drop(folder);
    assert!(!path.exists());

    let panicked = std::thread::spawn(|| {
        let folder = RunFolder::new("folder-kept");
        std::panic::panic_any(folder.path().to_path_buf());
    });
    let payload = panicked.join().expect_err("the thread panics");
    let path = payload.downcast::<PathBuf>().expect("a path");
    assert!(path.exists());
    fs::remove_dir_all(*path).unwrap();
}
