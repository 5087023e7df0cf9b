//! Somebody to be told: an HTTP server that keeps what is posted to it.
//!
//! Must never know who posts or what it means.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);
/// A body longer than this is not taken.
const BODY_MAX: usize = 1 << 20;

/// A body of JSON that was posted.
#[derive(Clone, Debug)]
pub struct Posted {
    /// When it had arrived.
    pub at: SystemTime,
    /// The path it was posted to.
    pub path: String,
    /// The body.
    pub body: Value,
}

/// A receiver on a port of its own; it takes requests until the test process ends.
#[derive(Clone, Debug)]
pub struct Webhook {
    address: String,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Webhook {
    /// Starts to listen.
    pub fn start() -> Webhook {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let webhook = Webhook { address: listener.local_addr().unwrap().to_string(), posted: Arc::default() };
        let posted = Arc::clone(&webhook.posted);
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                match take(&socket) {
                    Ok(one) => posted.lock().unwrap_or_else(PoisonError::into_inner).push(one),
                    Err(e) => eprintln!("the webhook did not understand a request: {e}"),
                }
            }
        });
        webhook
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// All that was posted so far, in order.
    pub fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a post in which `find` finds something; none where none comes within `limit`.
    pub fn wait_for<T>(&self, limit: Duration, find: impl Fn(&Posted) -> Option<T>) -> Option<T> {
        let start = Instant::now();
        loop {
            if let Some(found) = self.posted().iter().find_map(&find) {
                return Some(found);
            }
            if start.elapsed() > limit {
                return None;
            }
            std::thread::sleep(POLL);
        }
    }
}

/// One request of a connection, which is then closed.
fn take(mut socket: &TcpStream) -> Result<Posted, String> {
    let told = |e: std::io::Error| e.to_string();
    socket.set_read_timeout(Some(PATIENCE)).map_err(told)?;
    let mut reader = BufReader::new(socket);
    let mut line = String::new();
    reader.read_line(&mut line).map_err(told)?;
    let path = line.split(' ').nth(1).ok_or_else(|| format!("no request: {line:?}"))?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).map_err(told)?;
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(|_| format!("no length: {header}"))?;
        }
    }
    if length > BODY_MAX {
        return Err(format!("a body of {length} bytes"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).map_err(told)?;
    let body = serde_json::from_slice(&body).map_err(|e| e.to_string())?;
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    socket.write_all(answer).map_err(told)?;
    Ok(Posted { at: SystemTime::now(), path, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_posted_is_kept() {
        let webhook = Webhook::start();
        let mut socket = TcpStream::connect(webhook.address()).unwrap();
        let request = "POST /floor HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{\"a\": 17}";
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let found = webhook.wait_for(PATIENCE, |one| one.body["a"].as_i64().map(|a| (one.path.clone(), a)));
        assert_eq!(found, Some(("/floor".to_owned(), 17)));
        assert_eq!(webhook.wait_for(Duration::ZERO, |one| one.body["b"].as_i64()), None);
    }
}
