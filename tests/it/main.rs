//! The integration crate: what is judged from outside, against models that share no code with `src/`.

mod reference;
mod scenario;
