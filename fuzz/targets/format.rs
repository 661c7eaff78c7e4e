//! Any text, laid out: the formatter proves that it says the same, and lays its own result out as it is.
#![no_main]

use spark_rules::format::{FormatError, format};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match format("fuzz.rules", text) {
        Ok(formatted) => match format("fuzz.rules", &formatted.text) {
            Ok(again) => assert_eq!(again.text, formatted.text, "another layout the second time"),
            Err(error) => panic!("{error}"),
        },
        Err(FormatError::Mistakes(failed)) => {
            assert!(!failed.diagnostics.is_empty(), "a failure without a word")
        }
        Err(error @ FormatError::Unproven(_)) => panic!("{error}"),
    }
});
