//! Where samples come from: a scraped service, a Prometheus, a file.

pub mod exposition;
pub mod file;
pub mod prometheus;
pub mod scrape;

pub(crate) mod json_text;
