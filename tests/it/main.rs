//! Integration tests: the program against real tools, in one test binary so that they share a broker.
//!
//! What they stand on is in `harness/`.

mod harness;
