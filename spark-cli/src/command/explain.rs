//! `spark explain`: rules in sentences, or a diagnostic's page.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use spark_core::Policy;
use spark_rules::codes::{self, Code};
use spark_rules::explain::{self, PartKind, Sentence};

use super::format::Format;
use crate::console::{Console, faint, strong};
use crate::exit::{Exit, Failure};
use crate::rules::Rules;

/// Longest line on a terminal, in columns: longer ones are hard to follow with the eye.
const WIDTH_MAX: usize = 100;

/// Narrowest terminal that lines are wrapped for: in less, nothing is gained.
const WIDTH_MIN: usize = 30;

/// Most names that are listed where none is near.
const LISTED_MAX: usize = 8;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spark explain release.rules                 every rule in one sentence
  spark explain release.rules api_latency     one trigger, plan or signal
  spark explain E0203                         what a diagnostic means")]
pub(crate) struct ExplainArgs {
    /// Rules, or a diagnostic's code
    #[arg(value_name = "RULES|CODE")]
    what: PathBuf,
    /// A trigger's, a plan's or a signal's name
    #[arg(value_name = "TRIGGER")]
    name: Option<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(console: &mut Console, args: &ExplainArgs) -> Result<Exit, Failure> {
    // a file may be called like a code: then it is the file that is meant
    if let Some(id) = code_like(&args.what)
        && !args.what.exists()
    {
        return code(console, id, args);
    }
    let rules = Rules::load(console, &args.what)?;
    let all = explain::sentences(&rules.policy, Some(&rules.files));
    let told: Vec<&Sentence> = match &args.name {
        None => all.iter().collect(),
        Some(name) => all.iter().filter(|sentence| sentence.name.as_ref() == Some(name)).collect(),
    };
    if let (true, Some(name)) = (told.is_empty(), &args.name) {
        return Err(Failure::bad_arguments(no_such(&rules.policy, &args.what, name)));
    }
    match args.format {
        Format::Text => text(console, &rules, &told),
        Format::Json => console.line(sentences_json(&rules, &told)),
    }
    Ok(Exit::Done)
}

/// `E0203` and what looks like it: a code's letter and some digits.
fn code_like(what: &Path) -> Option<&str> {
    let text = what.to_str()?;
    let digits = text.strip_prefix(['E', 'W', 'A', 'e', 'w', 'a'])?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

fn code(console: &mut Console, id: &str, args: &ExplainArgs) -> Result<Exit, Failure> {
    if let Some(name) = &args.name {
        let words = format!("`{id}` is a diagnostic's code: `{name}` has no place behind it");
        return Err(Failure::bad_arguments(words));
    }
    let Some(code) = codes::find(id) else {
        let near = codes::near(&id.to_ascii_uppercase());
        let help = match near.is_empty() {
            true => "codes run from E0101 on, W0301 on and A0301 on".to_owned(),
            false => format!("did you mean {}?", listed(&near)),
        };
        return Err(Failure::bad_arguments(format!("no diagnostic has the code `{id}`: {help}")));
    };
    match args.format {
        Format::Text => console.line(code.page_text(width().unwrap_or(WIDTH_MAX)).trim_end()),
        Format::Json => console.line(code_json(code)),
    }
    Ok(Exit::Done)
}

fn code_json(code: Code) -> String {
    json!({
        "code": code.id,
        "severity": code.severity().as_str(),
        "title": code.title,
        "page": code.page,
    })
    .to_string()
}

fn no_such(policy: &Policy, path: &Path, name: &str) -> String {
    let words = format!("no trigger, plan or signal of `{}` is called `{name}`", path.display());
    let near = explain::near(policy, name);
    if !near.is_empty() {
        return format!("{words}: did you mean {}?", listed(&near));
    }
    let triggers: Vec<&str> = policy.triggers().iter().map(|trigger| trigger.name.as_str()).collect();
    match triggers.len() {
        1..=LISTED_MAX => format!("{words}: its triggers are {}", listed(&triggers)),
        _ => format!("{words}: `spark explain {}` shows all", path.display()),
    }
}

/// Names for a sentence: `a`, `b` or `c`.
fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => String::new(),
    }
}

fn text(console: &mut Console, rules: &Rules, told: &[&Sentence]) {
    let width = width();
    let mut first = true;
    for sentence in told {
        if !first {
            console.line("");
        }
        first = false;
        if let Some(heading) = heading(rules, sentence) {
            console.line(heading);
        }
        let indent = if sentence.kind == PartKind::Setting { "" } else { "  " };
        for line in wrapped(&shown(&sentence.text), width, indent) {
            console.line(line);
        }
    }
}

/// `trigger api_latency (release.rules:18)`
fn heading(rules: &Rules, sentence: &Sentence) -> Option<String> {
    let name = sentence.name.as_ref()?;
    let span = sentence.span?;
    let place = format!("({}:{})", rules.files.name(span.file), rules.files.position(span).line);
    let what = strong(&format!("{} {name}", sentence.kind.as_str()));
    Some(format!("{what} {}", faint(&place)))
}

/// Text for a terminal: a title is its author's, and no control character of it reaches the screen.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// How wide the terminal is, as far as lines are wrapped; none where the output is no terminal: then a sentence is a line.
fn width() -> Option<usize> {
    let terminal = console::Term::stdout();
    let columns = usize::from(terminal.size_checked()?.1);
    terminal.is_term().then(|| columns.clamp(WIDTH_MIN, WIDTH_MAX))
}

/// The text in lines of at most `width` columns; a longer word stands alone.
fn wrapped(text: &str, width: Option<usize>, indent: &str) -> Vec<String> {
    let Some(width) = width else { return vec![format!("{indent}{text}")] };
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let length = console::measure_text_width(&line).saturating_add(console::measure_text_width(word));
        if !line.is_empty() && length.saturating_add(indent.len()) >= width {
            lines.push(format!("{indent}{line}"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(format!("{indent}{line}"));
    lines
}

fn sentences_json(rules: &Rules, told: &[&Sentence]) -> String {
    let sentences: Vec<serde_json::Value> = told
        .iter()
        .map(|sentence| {
            let mut value = json!({
                "kind": sentence.kind.as_str(),
                "name": sentence.name,
                "title": sentence.title,
                "sentence": sentence.text,
                "file": null, "line": null, "column": null, "end_line": null, "end_column": null,
            });
            if let (Some(span), Some(value)) = (sentence.span, value.as_object_mut()) {
                let (start, end) = (rules.files.position(span), rules.files.end_position(span));
                value.insert("file".to_owned(), json!(rules.files.name(span.file)));
                value.insert("line".to_owned(), json!(start.line));
                value.insert("column".to_owned(), json!(start.column));
                value.insert("end_line".to_owned(), json!(end.line));
                value.insert("end_column".to_owned(), json!(end.column));
            }
            value
        })
        .collect();
    json!({ "sentences": sentences }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines end before the terminal does, and no word is lost.
    #[test]
    fn lines() {
        let text = "one sentence of several words, and a-word-that-is-longer-than-a-line";
        assert_eq!(wrapped(text, None, "  "), [format!("  {text}")]);
        let lines = wrapped(text, Some(20), "  ");
        assert_eq!(
            lines,
            ["  one sentence of", "  several words, and", "  a-word-that-is-longer-than-a-line"]
        );
        assert_eq!(lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "), text);
    }

    /// What looks like a code is one; rules' files do not.
    #[test]
    fn codes_and_files() {
        for (text, like) in
            [("E0203", true), ("w1", true), ("E", false), ("E0203.rules", false), ("rules/E0203", false)]
        {
            assert_eq!(code_like(Path::new(text)).is_some(), like, "{text}");
        }
    }
}
