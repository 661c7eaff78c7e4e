//! Any bytes as rule text: an answer, and diagnostics that can be shown. What loads can be decided with, and what nobody
//! measured passes no check.
#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use spark_core::check::CheckVerdict;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut no_file = |name: &str| Err(format!("no `{name}`"));
    let Ok(text) = std::str::from_utf8(data) else { return };
    match spark_rules::load("fuzz.rules", text, &mut no_file) {
        Ok(loaded) => {
            for check in loaded.policy.checks() {
                let judged = check.judge(&BTreeMap::new());
                assert_ne!(judged.verdict, CheckVerdict::Pass, "`{}`: {}", check.name, judged.words);
            }
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
