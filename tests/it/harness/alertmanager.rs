//! A real Alertmanager with the configuration that a test gives.
//!
//! Must never know which alerts there are.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::folder::RunFolder;
use super::process::{Process, free_port};
use super::provision::{Packaged, present, tool};

const START_LIMIT: Duration = Duration::from_secs(60);
/// Where Debian's build looks for its templates, and nowhere else.
const INSTALLED: &str = "/usr/share/prometheus/alertmanager";
/// A path of the same length: where it is started.
const HERE: &str = "./././././././././././././././././";

/// A running Alertmanager; ended when dropped, with its data.
#[derive(Debug)]
pub struct Alertmanager {
    process: Process,
    address: String,
    _folder: RunFolder,
}

impl Alertmanager {
    /// Starts one with the text of a configuration.
    ///
    /// None where none can be had; panics where one can but does not start.
    pub fn start(configuration: &str) -> Option<Alertmanager> {
        let server = present(tool(Packaged::Alertmanager))?;
        let folder = RunFolder::new("alertmanager");
        let config = folder.path().join("alertmanager.yml");
        fs::write(&config, configuration)
            .unwrap_or_else(|e| panic!("cannot write {}: {e}", config.display()));
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = server.command();
        if !Path::new(INSTALLED).exists() {
            let (program, templates) = relocated(server.program(), folder.path());
            command = Command::new(program);
            command.current_dir(templates);
        }
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        // Without an address it joins no cluster and opens no further port.
        command.arg("--cluster.listen-address=");
        let mut process = Process::start(&command);
        process.wait_for_http(&format!("http://{address}/-/ready"), START_LIMIT);
        Some(Alertmanager { process, address, _folder: folder })
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// A copy of an unpacked program that finds its templates where it is started, and the folder to start it in.
fn relocated(program: &Path, folder: &Path) -> (PathBuf, PathBuf) {
    assert_eq!(INSTALLED.len(), HERE.len());
    let mut bytes = fs::read(program).unwrap();
    let mut from = 0;
    while let Some(at) =
        bytes[from..].windows(INSTALLED.len()).position(|window| window == INSTALLED.as_bytes())
    {
        from += at;
        bytes[from..from + HERE.len()].copy_from_slice(HERE.as_bytes());
    }
    let copy = folder.join("alertmanager");
    fs::write(&copy, bytes).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    // usr/bin/alertmanager is unpacked beside usr/share.
    let templates = program.ancestors().nth(3).unwrap().join(INSTALLED.trim_start_matches('/'));
    (copy, templates)
}
