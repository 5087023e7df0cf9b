//! One file of a package of the npm registry, at a version and checksum that are named here by the caller.
//!
//! Fetched by npm itself, once, into the cache; no script of the package runs. Must never know what the file is for.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::folder::cache;
use super::provision::{Absent, on_path, once, run};

/// A published archive.
#[derive(Clone, Copy, Debug)]
pub struct Archive {
    /// The package's name, without a scope.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The checksum of its archive.
    pub sha256: &'static str,
}

impl Archive {
    /// The path of a file of the archive; absent without npm, the network on a first run, or the right checksum.
    pub fn file(&self, path: &str) -> Result<PathBuf, Absent> {
        let npm = on_path("npm").ok_or_else(|| Absent("no npm on PATH; install npm".to_owned()))?;
        let folder = cache().join(format!("{}-{}", self.name, self.version));
        once(&folder, |partial| {
            let wanted = format!("{}@{}", self.name, self.version);
            run(Command::new(npm)
                .args(["pack", "--silent", "--ignore-scripts", &wanted])
                .current_dir(partial))?;
            let archive = format!("{}-{}.tgz", self.name, self.version);
            let trouble = |e: std::io::Error| Absent(format!("cannot write {}: {e}", partial.display()));
            fs::write(partial.join("checksums"), format!("{}  {archive}\n", self.sha256)).map_err(trouble)?;
            run(Command::new("sha256sum").args(["--check", "checksums"]).current_dir(partial))?;
            run(Command::new("tar").args(["-xzf", &archive]).current_dir(partial)).map(drop)
        })?;
        let file = folder.join("package").join(path);
        if file.is_file() {
            Ok(file)
        } else {
            Err(Absent(format!("{} is not in its archive", file.display())))
        }
    }
}
