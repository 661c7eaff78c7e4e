//! Any bytes as a sample file of any format: records or an error with its place.
#![no_main]

use std::sync::LazyLock;

use spark_core::Policy;

const RULES: &str = "edition 2026\nsignal p95 { is duration from push }\nsignal share { is ratio from push }\n\
                     signal money { is money from push in USDT }\ntrigger t { hold when p95 > 1s }\n";

static POLICY: LazyLock<Option<Policy>> = LazyLock::new(|| {
    let mut no_file = |name: &str| Err(format!("no `{name}`"));
    spark_rules::load("fuzz.rules", RULES, &mut no_file).ok().map(|loaded| loaded.policy)
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some(policy) = POLICY.as_ref() else { return };
    for name in ["a.csv", "a.jsonl", "a.json", "a.om", "a.parquet", "-"] {
        let _ = spark_runtime::source::file::read(name, data, policy);
    }
});
