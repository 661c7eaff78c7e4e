//! Any bytes as a scraped body, in both formats: points or an error with its place, never half of it.
#![no_main]

use spark_runtime::source::exposition::{Format, Untimed, parse};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let at = spark_core::Timestamp::EPOCH;
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let _ = parse(data, format, Untimed::At(at));
    }
});
