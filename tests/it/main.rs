//! The integration crate: what is judged from outside, by models that share no code with `src/` and against
//! real tools, in one test binary so that they share a broker.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and what it skips it tells on stderr; clippy knows only the functions \
              with #[test] for tests, and not those that they call"
)]

mod harness;
mod http;
mod reference;
mod scenario;
mod tidy;
