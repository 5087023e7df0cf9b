//! A real Alertmanager with the configuration that a test gives.
//!
//! Must never know which alerts there are.

use std::fs;
use std::time::Duration;

use super::folder::RunFolder;
use super::process::{Process, free_port};
use super::provision::{Packaged, present, tool};

const START_LIMIT: Duration = Duration::from_secs(60);

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
