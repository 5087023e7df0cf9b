//! The process as the kernel sees it: memory, CPU time, descriptors, threads.
//!
//! Read from /proc at each scrape, so it costs nothing between scrapes; where there is no /proc there are
//! no samples. It knows nothing of the service.

use super::reports::{desc, family, sample};
use super::table::{self, Vital};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use std::fs;

/// Ticks per second in /proc/self/stat: the kernel shows users 100 whatever its own rate is.
const TICKS_PER_SECOND: f64 = 100.0;

/// The collector of the process's own figures.
#[derive(Debug)]
pub struct ProcessCollector {
    descs: Vec<Desc>,
}

impl ProcessCollector {
    /// A collector for the running process.
    ///
    /// # Errors
    /// A row of the table that Prometheus does not accept.
    pub fn new() -> prometheus::Result<ProcessCollector> {
        let descs = ROWS.iter().map(desc).collect::<prometheus::Result<_>>()?;
        Ok(ProcessCollector { descs })
    }
}

impl Collector for ProcessCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let open_fds = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64);
        let found = [
            cpu_seconds(&stat),
            status_number(&status, "VmRSS:").map(|kib| kib * 1_024.0),
            status_number(&status, "VmSize:").map(|kib| kib * 1_024.0),
            open_fds,
            max_fds(&limits),
            status_number(&status, "Threads:"),
        ];
        ROWS.iter()
            .zip(found)
            .filter_map(|(vital, number)| {
                let mut family = family(vital);
                family.mut_metric().push(sample(vital, &[], number?));
                Some(family)
            })
            .collect()
    }
}

const ROWS: [Vital; 6] = [
    table::PROCESS_CPU,
    table::PROCESS_RESIDENT,
    table::PROCESS_VIRTUAL,
    table::PROCESS_OPEN_FDS,
    table::PROCESS_MAX_FDS,
    table::PROCESS_THREADS,
];

fn cpu_seconds(stat: &str) -> Option<f64> {
    // The second field is the program's name in brackets and may hold spaces: count from behind it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

fn status_number(status: &str, key: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn max_fds(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_fields_of_proc() {
        let stat = "71 (a b) c) S 1 71 71 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 1 2 3";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("71"), None);
        let status = "Name:\tx\nVmSize:\t  2048 kB\nVmRSS:\t   512 kB\nThreads:\t9\n";
        assert_eq!(status_number(status, "VmRSS:"), Some(512.0));
        assert_eq!(status_number(status, "Threads:"), Some(9.0));
        assert_eq!(max_fds("Max open files            1024      524288    files"), Some(1024.0));
        assert_eq!(max_fds("Max open files            unlimited unlimited files"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn finds_all_rows_on_linux() {
        let families = ProcessCollector::new().unwrap().collect();
        let resident = families.iter().find(|family| family.name() == "process_resident_memory_bytes");
        assert!(resident.unwrap().get_metric()[0].get_gauge().get_value() > 100_000.0);
        assert!(families.len() >= 5);
    }
}
