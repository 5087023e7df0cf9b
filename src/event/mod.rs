mod words;
pub use words::*;
