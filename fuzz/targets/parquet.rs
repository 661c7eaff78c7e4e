//! Any bytes as a Parquet file: as they are, and with their last bytes as a footer that is found.
#![no_main]

use std::sync::LazyLock;

use spark_core::Policy;

const RULES: &str =
    "edition 2026\nsignal p95 { is duration from push }\nsignal drift { is money from push in USDT }\n";

static POLICY: LazyLock<Option<Policy>> = LazyLock::new(|| {
    let mut no_file = |name: &str| Err(format!("no `{name}`"));
    spark_rules::load("fuzz.rules", RULES, &mut no_file).ok().map(|loaded| loaded.policy)
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some(policy) = POLICY.as_ref() else { return };
    let _ = spark_runtime::source::file::read("a.parquet", data, policy);
    // the first two bytes say how long the footer is, and the marks are right
    let Some((length, rest)) = data.split_first_chunk::<2>() else { return };
    let length = u32::from(u16::from_le_bytes(*length));
    let whole = [b"PAR1", rest, &length.to_le_bytes(), b"PAR1"].concat();
    let _ = spark_runtime::source::file::read("a.parquet", &whole, policy);
});
