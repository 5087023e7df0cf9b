//! The integration crate: what is judged from outside, by models that share no code with `src/` and against
//! real tools, in one test binary so that they share a broker.

mod differential;
mod golden;
mod harness;
mod http;
mod reference;
mod scenario;
