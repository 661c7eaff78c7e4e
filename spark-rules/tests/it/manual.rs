//! The language manual, held to what the program does.

/// The blocks of the manual that are marked `rules` load without a word; those marked `rules-error CODE` are refused
/// with that code first.
#[test]
fn the_manual_is_true() {
    let manual = include_str!("../../../docs/language.md");
    let mut checked = 0;
    for block in manual.split("\n```rules").skip(1) {
        let (mark, rest) = block.split_once('\n').unwrap();
        let text = rest.split("\n```").next().unwrap();
        let codes = |text: &str| -> Vec<&'static str> {
            crate::cases::told("manual.rules", text.as_bytes()).0.iter().map(|d| d.code.id).collect()
        };
        match mark.strip_prefix("-error ") {
            Some(code) => assert_eq!(codes(&format!("edition 2026\n{text}")), [code], "{text}"),
            None => assert_eq!(codes(text), [""; 0], "{text}"),
        }
        checked += 1;
    }
    assert!(checked >= 10, "{checked}");
}

/// Every reserved word that the manual lists is refused as a name, and what it does not list is not.
#[test]
fn reserved_words() {
    let manual = include_str!("../../../docs/language.md");
    let list = manual.split("no names:").nth(1).unwrap().split("A function's name").next().unwrap();
    let words: Vec<&str> = list.split_whitespace().map(|word| word.trim_matches(['`', '.'])).collect();
    assert_eq!(words.len(), 32);
    for word in words {
        let text = format!("edition 2026\nsignal {word} {{ is count from push }}");
        assert_eq!(crate::cases::told("r.rules", text.as_bytes()).0[0].code.id, "E0120", "{word}");
    }
    for name in
        ["x", "p95", "rate", "in", "at", "by", "every", "previous", "once", "error", "decision", "count", "m"]
    {
        let text = format!(
            "edition 2026\nsignal {name} {{ is count from push expect <= 3 }}\ntrigger t {{ hold when {name} > 2 and {name} < 3x baseline }}\ntest \"t\" {{ given {name} 3 for 5m  expect {name} ok at 3m }}"
        );
        assert_eq!(crate::cases::told("r.rules", text.as_bytes()).0.len(), 0, "{name}");
    }
}

/// Codes are sorted, each once, and each has a page.
#[test]
fn codes() {
    let ids: Vec<&str> = spark_rules::codes::all().iter().map(|code| code.id).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    assert!(spark_rules::codes::all().iter().all(|code| !code.page.is_empty()));
    assert_eq!(spark_rules::codes::find("e0203").unwrap().id, "E0203");
}
