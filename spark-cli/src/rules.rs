//! Rule files: read from disk within limits, loaded, and their diagnostics shown.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use spark_core::rollout::RuleText;
use spark_core::{Policy, SourceSpan};
use spark_rules::{Diagnostic, DiagnosticSeverity, Failed, Files, Loaded};
use spark_runtime::runner::{Clock, NewRules, SystemClock};

use crate::console::{Console, say};
use crate::exit::{Exit, Failure};

/// Longest piece of rule text that is quoted in a table.
const QUOTE_CHARS: usize = 120;

/// Rules that hold.
pub(crate) struct Rules {
    /// What they say.
    pub(crate) policy: Arc<Policy>,
    /// The text they were read from.
    pub(crate) files: Files,
}

impl Rules {
    /// Loads rules; shows what is wrong with them on standard error.
    pub(crate) fn load(console: &Console, path: &Path) -> Result<Self, Failure> {
        match load(path)? {
            Ok(loaded) => {
                if !loaded.warnings.is_empty() {
                    let words = count(&loaded.warnings);
                    console.note(format!("`{0}` {words}: see `spark check {0}`", path.display()));
                }
                let rules = Self { policy: Arc::new(loaded.policy), files: loaded.files };
                if !rules.can_hold() && rules.policy.checks().is_empty() {
                    let path = path.display();
                    console
                        .note(format!("`{path}` has no trigger and expects nothing: nothing in it can hold"));
                }
                Ok(rules)
            }
            Err(failed) => {
                for diagnostic in &failed.diagnostics {
                    say(render(&failed.files, diagnostic).trim_end());
                }
                let words = format!("`{}` {}", path.display(), count(&failed.diagnostics));
                Err(Failure { exit: Exit::BadRules, words })
            }
        }
    }

    /// Whether a release can be held by them at all; checks are made before one begins.
    pub(crate) fn can_hold(&self) -> bool {
        let expects = self.policy.signals().iter().any(|signal| signal.expectation.is_some());
        expects || !self.policy.triggers().is_empty()
    }

    /// The text of every file that was read, the named one first.
    pub(crate) fn texts(&self) -> Vec<RuleText> {
        texts(&self.files)
    }

    /// A piece of rule text in one line, with its place.
    pub(crate) fn quote(&self, span: SourceSpan) -> String {
        let place = self.files.position(span);
        let words: Vec<&str> = self.files.text(span).split_whitespace().collect();
        let mut text: String = words.join(" ").chars().take(QUOTE_CHARS).collect();
        if text.chars().count() == QUOTE_CHARS {
            text.push('…');
        }
        format!("{text} ({}:{}:{})", self.files.name(span.file), place.line, place.column)
    }
}

/// Looks whether the rules of a running release were changed.
pub(crate) struct RulesWatch {
    path: PathBuf,
    /// The files as they were at the last look.
    seen: Vec<RuleText>,
}

impl RulesWatch {
    /// Will tell of rules that are not `seen`.
    pub(crate) const fn new(path: PathBuf, seen: Vec<RuleText>) -> Self {
        Self { path, seen }
    }

    /// The rules, where they were changed since the last look; or what is wrong with them.
    pub(crate) fn look(&mut self) -> Option<Result<NewRules, String>> {
        let same =
            |rule: &RuleText| read(Path::new(&rule.name)).is_ok_and(|bytes| bytes == rule.text.as_bytes());
        if !self.seen.is_empty() && self.seen.iter().all(same) {
            return None;
        }
        let (files, result) = match load(&self.path) {
            Err(failure) => return self.once(failure.to_string()),
            Ok(Ok(loaded)) => (loaded.files, Ok(loaded.policy)),
            Ok(Err(failed)) => {
                let told: Vec<_> = failed.diagnostics.iter().map(|d| d.message.as_str()).collect();
                let words =
                    format!("`{}` {}: {}", self.path.display(), count(&failed.diagnostics), told.join("; "));
                (failed.files, Err(words))
            }
        };
        let rules = texts(&files);
        if rules == self.seen {
            return None;
        }
        self.seen.clone_from(&rules);
        Some(result.map(|policy| NewRules { rules, policy: Arc::new(policy) }))
    }

    /// What cannot be read is told once, until it can be.
    fn once(&mut self, words: String) -> Option<Result<NewRules, String>> {
        let told = vec![RuleText { name: String::new(), text: words.clone() }];
        if self.seen == told {
            return None;
        }
        self.seen = told;
        Some(Err(words))
    }
}

/// The text of every file, the named one first.
fn texts(files: &Files) -> Vec<RuleText> {
    (0u32..)
        .take(files.len())
        .map(|file| RuleText { name: files.name(file).to_owned(), text: files.source(file).to_owned() })
        .collect()
}

/// Loads rules: the policy, or what is wrong with it, without what their comments allow today.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn load(path: &Path) -> Result<Result<Loaded, Failed>, Failure> {
    let bytes = read(path).map_err(|words| Failure::could_not_run(format!("cannot read {words}")))?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut included = |name: &str| include(&folder, name);
    let mut loaded = spark_rules::load_bytes(&path.display().to_string(), &bytes, &mut included);
    let now = SystemClock::start().now();
    match &mut loaded {
        Ok(loaded) => loaded.silence(now),
        Err(failed) => failed.silence(now),
    }
    Ok(loaded)
}

/// Reads a file, no more of it than a rule file may have and one byte: the loader says what is too long.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    File::open(path).and_then(read_from).map_err(|error| format!("`{}`: {error}", path.display()))
}

/// As [`read`], from what is open.
pub(crate) fn read_from(source: impl Read) -> std::io::Result<Vec<u8>> {
    let most = u64::try_from(spark_rules::limits::TEXT_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    source.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a file that rules `use`, which stays below their folder whatever links stand there.
pub(crate) fn include(folder: &Path, name: &str) -> Result<Vec<u8>, String> {
    let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() };
    let real = |path: &Path| path.canonicalize().map_err(|error| format!("`{}`: {error}", path.display()));
    let (root, path) = (real(&folder)?, real(&folder.join(name))?);
    if !path.starts_with(&root) {
        return Err(format!("`{name}` leads out of the folder of the rules"));
    }
    // a named pipe would be waited for without an end
    if !path.is_file() {
        return Err(format!("`{name}` is no regular file"));
    }
    read(&path)
}

/// A diagnostic for people, with the text that it speaks of.
pub(crate) fn render(files: &Files, diagnostic: &Diagnostic) -> String {
    files.render_styled(diagnostic)
}

/// How many errors, warnings and pieces of advice there are, in words: `has 2 errors and 1 warning`.
pub(crate) fn count(diagnostics: &[Diagnostic]) -> String {
    let some = |severity, one: &str, several: &str| {
        let own = diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity);
        match own.map(Diagnostic::stands_for).sum::<usize>() {
            0 => None,
            1 => Some(format!("1 {one}")),
            many => Some(format!("{many} {several}")),
        }
    };
    let words: Vec<String> = [
        some(DiagnosticSeverity::Error, "error", "errors"),
        some(DiagnosticSeverity::Warning, "warning", "warnings"),
        some(DiagnosticSeverity::Advice, "piece of advice", "pieces of advice"),
    ]
    .into_iter()
    .flatten()
    .collect();
    match words.split_last() {
        None => "has no errors".to_owned(),
        Some((last, [])) => format!("has {last}"),
        Some((last, before)) => format!("has {} and {last}", before.join(", ")),
    }
}
