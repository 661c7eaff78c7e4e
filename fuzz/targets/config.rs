//! Any bytes as a configuration: one that is read, or problems with places within it; and no secret is repeated.
#![no_main]

use std::path::Path;

use spark_runtime::config::{Config, PROBLEMS_MAX};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let lookup = |name: &str| (name.len() % 2 == 1).then(|| format!("v{name}"));
    match Config::parse(Path::new("conf/spark.yaml"), data, &lookup) {
        Ok(config) => {
            for at in [0, 1_767_603_600_000, i64::MAX / 2_000_000] {
                let at = spark_core::Timestamp::from_millis(at);
                if let Some(freeze) = config.freeze.frozen_at(at) {
                    assert!(freeze.until > at, "a freeze that has ended");
                }
            }
        }
        Err(errors) => {
            assert!(!errors.findings.is_empty() && errors.findings.len() <= PROBLEMS_MAX);
            let lines = data.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 2;
            for finding in &errors.findings {
                assert!(finding.line >= 1 && finding.line <= lines && finding.column >= 1, "{finding:?}");
            }
        }
    }
});
