//! A connection whose other end must read: a write that makes no progress for too long ends it.
//!
//! Without this a client that opens connections and never reads would hold them for ever. It knows nothing
//! of HTTP.

use crate::vitals::Vitals;
use crate::vitals::web::Limit;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// An IO with a limit on how long a write may stand still.
#[derive(Debug)]
pub struct Socket<I> {
    io: I,
    stall_max: Duration,
    vitals: Vitals,
    /// Runs while a write stands still.
    stall: Option<Pin<Box<Sleep>>>,
}

impl<I> Socket<I> {
    /// Ends `io` when a write stands still for `stall_max`, and counts that in `vitals`.
    pub fn new(io: I, stall_max: Duration, vitals: Vitals) -> Socket<I> {
        Socket { io, stall_max, vitals, stall: None }
    }

    /// Watches the outcome of a write.
    fn watched<T>(&mut self, outcome: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stall = None;
            return outcome;
        }
        let until = Instant::now() + self.stall_max;
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if stall.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.stall = None;
        self.vitals.http_limited(Limit::Stall);
        let text = "the other end does not read";
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, text)))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Socket<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Socket<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(context, bytes);
        self.watched(outcome, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.watched(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_flush(context);
        self.watched(outcome, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallMs;
    use crate::vitals::Build;

    /// The other end takes each write after a time.
    struct Slow {
        after: Duration,
        wait: Option<Pin<Box<Sleep>>>,
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let after = self.after;
            let wait = self.wait.get_or_insert_with(|| Box::pin(tokio::time::sleep(after)));
            std::task::ready!(wait.as_mut().poll(context));
            self.wait = None;
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    async fn write(socket: &mut Socket<Slow>) -> io::Result<usize> {
        std::future::poll_fn(|context| Pin::new(&mut *socket).poll_write(context, b"event")).await
    }

    fn vitals() -> (Vitals, prometheus::Registry) {
        let registry = prometheus::Registry::new();
        let build = Build { version: "1", revision: "r", rustc: "c" };
        (Vitals::new(&registry, build, WallMs(0)).unwrap(), registry)
    }

    #[tokio::test]
    async fn a_write_that_stands_still_ends_the_connection() {
        let (vitals, registry) = vitals();
        let slow = Slow { after: Duration::from_secs(3_600), wait: None };
        let mut socket = Socket::new(slow, Duration::from_millis(50), vitals);
        let error = write(&mut socket).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        assert!(text.contains("intraday_http_limited_total{limit=\"stall\"} 1\n"));
    }

    #[tokio::test]
    async fn a_write_that_makes_progress_goes_on() {
        let slow = Slow { after: Duration::from_millis(40), wait: None };
        let mut socket = Socket::new(slow, Duration::from_millis(160), vitals().0);
        for _ in 0..8 {
            assert_eq!(write(&mut socket).await.unwrap(), 5);
        }
    }
}
