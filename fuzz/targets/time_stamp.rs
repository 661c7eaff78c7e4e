//! An authority's answer is a stranger's bytes: whatever they are, they are refused in words.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spark_runtime::evidence::timestamp;

/// PEM, so that the answer is looked at at all.
const AUTHORITY: &[u8] = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";

fuzz_target!(|answer: &[u8]| {
    assert!(timestamp::check(answer, b"seal", AUTHORITY).is_err(), "nobody signed these bytes");
});
