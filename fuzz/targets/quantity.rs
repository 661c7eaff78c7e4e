//! Any text as a quantity or a time: what is read is written so that it is read again as the same.
#![no_main]

use spark_core::{Quantity, Timestamp};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(quantity) = Quantity::parse(text) {
        let shown = quantity.to_string();
        let again = Quantity::parse(&shown);
        assert!(again.is_ok_and(|again| again.unit == quantity.unit), "`{text}` was shown as `{shown}`");
    }
    if let Some(at) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&at.to_string()), Some(at), "{text}");
    }
});
