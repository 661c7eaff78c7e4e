//! The rules as they are written, with the lines that fired.

use std::collections::BTreeMap;

use spark_core::Severity;
use spark_runtime::replay::Story;

use super::escape;
use crate::rules::Rules;

/// Longest rule text in a page: what is longer is a generated file that nobody reads here.
const TEXT_BYTES_MAX: usize = 512 * 1024;

/// All files, the named one first.
pub(super) fn files(rules: &Rules, story: &Story) -> String {
    let fired = fired(rules, story);
    let mut out = String::new();
    for file in (0u32..).take(rules.files.len()) {
        let (name, text) = (rules.files.name(file), rules.files.source(file));
        if text.len() > TEXT_BYTES_MAX {
            out.push_str(&format!("<p class=\"plain\">{} is too long to be shown</p>", escape::text(name)));
            continue;
        }
        let lines: String = (1u32..)
            .zip(text.lines())
            .map(|(number, line)| match fired.get(&(file, number)) {
                Some((severity, words)) => {
                    let class = if *severity == Severity::Rollback { "l fired r" } else { "l fired" };
                    format!(
                        "<span class=\"{class}\"><span class=\"no\">{number}</span>{}<span class=\"tag\">◀ {}</span></span>",
                        escape::text(line),
                        escape::text(words)
                    )
                }
                None => format!("<span class=\"l\"><span class=\"no\">{number}</span>{}</span>", escape::text(line)),
            })
            .collect();
        let open = if file == 0 { " open" } else { "" };
        out.push_str(&format!(
            "<details class=\"card\"{open}><summary>{}</summary><pre>{lines}</pre></details>\n",
            escape::text(name)
        ));
    }
    out
}

/// By file and line: the level that fired there, and how often.
fn fired(rules: &Rules, story: &Story) -> BTreeMap<(u32, u32), (Severity, String)> {
    let mut fired = BTreeMap::new();
    for (trigger, told) in rules.policy.triggers().iter().zip(&story.triggers) {
        for (level, told) in trigger.levels.iter().zip(&told.levels) {
            if told.fires == 0 {
                continue;
            }
            let line = rules.files.position(level.span).line;
            let times = if told.fires == 1 { "once".to_owned() } else { format!("{} times", told.fires) };
            let words = format!("fired {times}, {}", told.time);
            fired
                .entry((level.span.file, line))
                .and_modify(|(severity, all): &mut (Severity, String)| {
                    *severity = (*severity).max(level.severity);
                    all.push_str(&format!("; {} {words}", level.severity.as_str()));
                })
                .or_insert((level.severity, words));
        }
    }
    fired
}
