//! Sentences: any text is read or refused; rules that load come back from their sentences, which say the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spark_rules::explain::{read, sentences};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = read(text);
    let Ok(loaded) = spark_rules::load("fuzz.rules", text, &mut |_| Err("none".to_owned())) else { return };
    let said = sentences(&loaded.policy, Some(&loaded.files));
    let mut again = "edition 2026\n".to_owned();
    for sentence in &said {
        match read(&sentence.text) {
            Ok(rule) => again.extend([rule.as_str(), "\n"]),
            Err(error) => panic!("{error}: {}", sentence.text),
        }
    }
    match spark_rules::load("again.rules", &again, &mut |_| Err("none".to_owned())) {
        Err(failed) => panic!("{failed}: {again}"),
        Ok(loaded) => {
            let now = sentences(&loaded.policy, Some(&loaded.files));
            let texts = |of: &[spark_rules::explain::Sentence]| -> Vec<String> {
                of.iter().map(|s| s.text.clone()).collect()
            };
            assert_eq!(texts(&now), texts(&said), "{again}");
        }
    }
});
