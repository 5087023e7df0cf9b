//! `catalog`: the KPI catalogue, the event types and the metric families, printed from their tables.

use super::Failure;
use super::cli::{CatalogArgs, CatalogFormat};
use crate::kpi::print::{catalog_json, catalog_markdown};
use std::io::Write;

/// Prints the catalogue.
pub fn print(args: &CatalogArgs) -> Result<(), Failure> {
    let text = match args.format {
        CatalogFormat::Markdown => catalog_markdown(),
        CatalogFormat::Json => catalog_json(),
    };
    let written = writeln!(std::io::stdout(), "{}", text.trim_end());
    written.map_err(|error| Failure::run("print the catalogue", error))
}
