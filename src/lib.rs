//! intraday.
pub mod app;
pub mod event;
pub mod fold;
pub mod http;
pub mod ids;
pub mod kafka;
pub mod kpi;
pub mod measure;
pub mod merge;
pub mod pipeline;
pub mod settings;
pub mod shutdown;
pub mod simulate;
pub mod telemetry;
pub mod time;
pub mod vitals;
