//! Stage 2: windows.
pub mod config;
pub use config::MergeConfig;
