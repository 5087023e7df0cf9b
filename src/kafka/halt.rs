//! The request to stop in good order: asked once, never taken back, and how much of its time is left.
//!
//! Must never know: who asks, nor what is still to be done.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Shared by everything that is to stop together.
#[derive(Debug, Default)]
pub struct Halt {
    asked: OnceLock<Instant>,
}

impl Halt {
    /// Asks; a second time changes nothing.
    pub fn ask(&self) {
        let _ = self.asked.set(Instant::now());
    }

    /// Whether it was asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.asked.get().is_some()
    }

    /// The earlier of `deadline` and the moment that lies `patience` after the request.
    #[must_use]
    pub fn cut(&self, deadline: Instant, patience: Duration) -> Instant {
        self.asked.get().map_or(deadline, |asked| deadline.min(*asked + patience))
    }

    /// Sleeps for `span`, less if it is asked meanwhile.
    pub fn pause(&self, span: Duration) {
        const STEP: Duration = Duration::from_millis(20);
        let until = Instant::now() + span;
        while !self.is_asked() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(STEP));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_shortens_deadlines_and_pauses() {
        let halt = Halt::default();
        let far = Instant::now() + Duration::from_secs(3_600);
        assert_eq!(halt.cut(far, Duration::ZERO), far);
        halt.ask();
        halt.ask();
        assert!(halt.is_asked());
        assert!(halt.cut(far, Duration::from_secs(1)) < far);
        halt.pause(Duration::from_secs(3_600));
    }
}
