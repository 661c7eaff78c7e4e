//! Where samples come from: a scraped service, a Prometheus, a file.

pub mod file;
pub mod prometheus;
