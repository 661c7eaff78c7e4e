//! Any bytes as rule text: an answer, and diagnostics that can be shown. What loads can be decided with.
#![no_main]

use std::sync::Arc;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut no_file = |name: &str| Err(format!("no `{name}`"));
    let Ok(text) = std::str::from_utf8(data) else { return };
    match spark_rules::load("fuzz.rules", text, &mut no_file) {
        Ok(loaded) => {
            let mut engine = spark_core::Engine::new(Arc::new(loaded.policy));
            for second in 0..4 {
                let at = spark_core::Timestamp::from_millis(second * 15_000);
                let _ = engine.evaluate(at);
            }
            let _ = engine.trigger_reports();
        }
        Err(failed) => {
            assert!(!failed.diagnostics.is_empty(), "a failure without a word");
            for diagnostic in &failed.diagnostics {
                assert!(!failed.files.render(diagnostic).is_empty());
            }
        }
    }
});
