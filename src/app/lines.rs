//! Files of events: one JSON object a line, plain or gzip, or standard input.

use super::Failure;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Of a line longer than this the rest is passed over: the decoder rejects it by its size.
const LINE_MAX_BYTES: u64 = 64 << 20;

/// A file of lines, and how far it has been read.
pub struct Lines {
    reader: Box<dyn BufRead>,
    /// Size of the file, bytes; `None` for standard input.
    pub size: Option<u64>,
    read: Arc<AtomicU64>,
    name: String,
    /// The number of the line that was read last, from 1.
    pub number: u64,
    /// Lines without anything in them.
    pub blank: u64,
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
            return Ok(Lines { reader, size: None, read, name, number: 0, blank: 0 });
        }
        let file = File::open(path).map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
        let size = file.metadata().ok().map(|metadata| metadata.len());
        let counted = Counted { inner: file, read: Arc::clone(&read) };
        let gzip = path.extension().is_some_and(|extension| extension == "gz");
        let inner: Box<dyn Read> =
            if gzip { Box::new(MultiGzDecoder::new(counted)) } else { Box::new(counted) };
        Ok(Lines {
            reader: Box::new(BufReader::with_capacity(1 << 20, inner)),
            size,
            read,
            name,
            number: 0,
            blank: 0,
        })
    }

    /// Bytes taken from the file so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Reads the next line that is not blank into `line`, without its end; `false` at the end of the file.
    pub fn next_into(&mut self, line: &mut Vec<u8>) -> Result<bool, Failure> {
        loop {
            line.clear();
            let failed = |error| Failure::run(&format!("read {}", self.name), error);
            let taken = (&mut self.reader).take(LINE_MAX_BYTES).read_until(b'\n', line).map_err(failed)?;
            if taken == 0 {
                return Ok(false);
            }
            self.number += 1;
            if line.last() != Some(&b'\n') && taken as u64 == LINE_MAX_BYTES {
                self.reader.skip_until(b'\n').map_err(failed)?;
            }
            while matches!(line.last(), Some(b'\n' | b'\r')) {
                line.pop();
            }
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Ok(true);
            }
            self.blank += 1;
        }
    }
}
