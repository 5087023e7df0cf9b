//! Files of events: one JSON object a line, plain or gzip, or standard input.

use super::Failure;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A line longer than this is cut: the decoder rejects it by its size.
const LINE_MAX_BYTES: u64 = 64 << 20;

/// A file of lines, and how far it has been read.
pub struct Lines {
    reader: Box<dyn BufRead>,
    /// Size of the file, bytes; `None` for standard input.
    pub size: Option<u64>,
    read: Arc<AtomicU64>,
    name: String,
}

/// Counts the bytes taken from the file itself, compressed or not.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let taken = self.inner.read(buffer)?;
        self.read.fetch_add(taken as u64, Ordering::Relaxed);
        Ok(taken)
    }
}

impl Lines {
    /// Opens a file; `-` is standard input.
    pub fn open(path: &Path) -> Result<Lines, Failure> {
        let read = Arc::new(AtomicU64::new(0));
        let name = path.display().to_string();
        if name == "-" {
            let reader = Box::new(BufReader::with_capacity(1 << 20, std::io::stdin()));
            return Ok(Lines { reader, size: None, read, name });
        }
        let file = File::open(path).map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
        let size = file.metadata().ok().map(|metadata| metadata.len());
        let counted = Counted { inner: file, read: Arc::clone(&read) };
        let gzip = path.extension().is_some_and(|extension| extension == "gz");
        let inner: Box<dyn Read> =
            if gzip { Box::new(MultiGzDecoder::new(counted)) } else { Box::new(counted) };
        Ok(Lines { reader: Box::new(BufReader::with_capacity(1 << 20, inner)), size, read, name })
    }

    /// Bytes taken from the file so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Reads the next line into `line`, without its end; `false` at the end of the file.
    pub fn next_into(&mut self, line: &mut Vec<u8>) -> Result<bool, Failure> {
        line.clear();
        let failed = |error| Failure::run(&format!("read {}", self.name), error);
        let taken = (&mut self.reader).take(LINE_MAX_BYTES).read_until(b'\n', line).map_err(failed)?;
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        Ok(taken > 0)
    }
}
