#![doc = include_str!("rulings.md")]
pub mod config;
pub use config::FoldConfig;
