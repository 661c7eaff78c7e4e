//! `spark fmt`: one canonical layout.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use similar::TextDiff;
use spark_rules::format::{FormatError, Formatted, format_bytes};

use crate::console::{Console, say};
use crate::exit::{Exit, Failure};
use crate::{paths, rules};

/// Most lines of a difference that `--check` shows of one file: it says what kind of change is asked for, and
/// `spark fmt` makes all of it.
const DIFF_LINES_MAX: usize = 30;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spark fmt release.rules
  spark fmt --check rules/
  spark fmt - < release.rules")]
pub(crate) struct FmtArgs {
    /// Rule files; a directory means every .rules below it; `-` reads standard input and writes standard output
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Change nothing; name the files that would change, and end with 14 if there are any
    #[arg(long)]
    check: bool,
}

/// What became of the files.
#[derive(Default)]
struct Outcome {
    changed: usize,
    mistaken: usize,
    defects: usize,
}

pub(crate) fn run(console: &mut Console, args: &FmtArgs) -> Result<Exit, Failure> {
    let standard = |path: &PathBuf| path.as_os_str() == "-";
    if args.paths.iter().any(standard) {
        if args.paths.len() > 1 {
            return Err(Failure::bad_arguments("`-` is standard input, and stands alone"));
        }
        return standard_input(console, args.check);
    }
    let paths = paths::gather(&args.paths)?;
    let mut outcome = Outcome::default();
    for path in &paths {
        let bytes =
            rules::read(path).map_err(|words| Failure::could_not_run(format!("cannot read {words}")))?;
        let name = path.display().to_string();
        let Some(formatted) = formatted(&name, &bytes, &mut outcome) else { continue };
        if formatted.text.as_bytes() == bytes {
            continue;
        }
        outcome.changed = outcome.changed.saturating_add(1);
        if args.check {
            console.line(format!("would change {name}"));
            difference(console, &bytes, &formatted.text);
        } else {
            replace(path, &bytes, formatted.text.as_bytes())
                .map_err(|error| Failure::could_not_run(format!("cannot write `{name}`: {error}")))?;
            console.line(format!("formatted {name}"));
        }
        tell_renamed(console, &name, &formatted);
    }
    summary(console, args.check, paths.len(), &outcome);
    Ok(exit(args.check, &outcome))
}

fn standard_input(console: &mut Console, check: bool) -> Result<Exit, Failure> {
    let bytes = rules::read_from(std::io::stdin().lock())
        .map_err(|error| Failure::could_not_run(format!("cannot read standard input: {error}")))?;
    let mut outcome = Outcome::default();
    if let Some(formatted) = formatted("<stdin>", &bytes, &mut outcome) {
        if formatted.text.as_bytes() != bytes {
            outcome.changed = 1;
        }
        if !check {
            console.text(&formatted.text);
        } else if outcome.changed > 0 {
            console.line("would change <stdin>");
            difference(console, &bytes, &formatted.text);
        }
        tell_renamed(console, "<stdin>", &formatted);
    }
    Ok(exit(check, &outcome))
}

/// A file in its layout. What is wrong with it is told and counted.
fn formatted(name: &str, bytes: &[u8], outcome: &mut Outcome) -> Option<Formatted> {
    match format_bytes(name, bytes) {
        Ok(formatted) => Some(formatted),
        Err(FormatError::Mistakes(failed)) => {
            for diagnostic in &failed.diagnostics {
                say(rules::render(&failed.files, diagnostic).trim_end());
                say("");
            }
            say(&format!("`{name}` {}, and is left as it is", rules::count(&failed.diagnostics)));
            outcome.mistaken = outcome.mistaken.saturating_add(1);
            None
        }
        Err(error @ FormatError::Unproven(_)) => {
            say(&format!("error: `{name}`: {error}; please report this"));
            outcome.defects = outcome.defects.saturating_add(1);
            None
        }
    }
}

fn exit(check: bool, outcome: &Outcome) -> Exit {
    match outcome {
        Outcome { defects: 1.., .. } => Exit::CouldNotRun,
        Outcome { mistaken: 1.., .. } => Exit::BadRules,
        Outcome { changed: 1.., .. } if check => Exit::NotGood,
        _ => Exit::Done,
    }
}

fn summary(console: &mut Console, check: bool, count: usize, outcome: &Outcome) {
    let files = |count: usize| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    let left = outcome.mistaken.saturating_add(outcome.defects);
    let same = count.saturating_sub(outcome.changed).saturating_sub(left);
    let mut parts = Vec::new();
    if outcome.changed > 0 {
        let words = if check { "would change" } else { "formatted" };
        parts.push(format!("{} {words}", files(outcome.changed)));
    }
    if same > 0 {
        parts.push(format!("{} laid out already", files(same)));
    }
    if left > 0 {
        parts.push(format!("{} left as {}", files(left), if left == 1 { "it is" } else { "they are" }));
    }
    console.flush();
    console.note(parts.join(", "));
}

/// Names of one-line triggers that others may refer to.
fn tell_renamed(console: &Console, name: &str, formatted: &Formatted) {
    for renamed in &formatted.renamed {
        let (from, to) = (&renamed.from, &renamed.to);
        console.note(format!(
            "{name}: the one-line trigger `{from}` is `{to}` in the new layout; where another file refers to it, write \
             `trigger NAME {{ … }}`"
        ));
    }
}

/// The first lines of what would change.
fn difference(console: &mut Console, before: &[u8], after: &str) {
    let before = String::from_utf8_lossy(before);
    let diff = TextDiff::from_lines(before.as_ref(), after);
    let unified = diff.unified_diff().context_radius(1).to_string();
    let mut lines = unified.lines();
    for line in lines.by_ref().take(DIFF_LINES_MAX) {
        console.line(line.trim_end_matches('\r'));
    }
    let more = lines.count();
    if more > 0 {
        console.line(format!("… and {more} more lines"));
    }
}

/// Puts a new text in a file's place, whole or not at all, with the same permissions. A link stays one.
///
/// What somebody else has written there since `before` was read is not written over.
pub(crate) fn replace(path: &Path, before: &[u8], text: &[u8]) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let permissions = fs::metadata(&path)?.permissions();
    if permissions.readonly() {
        return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, "it is read-only"));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".spark-").tempfile_in(folder)?;
    file.write_all(text)?;
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    // as late as can be: an editor that saves meanwhile would lose what was typed
    if rules::read_from(fs::File::open(&path)?)? != before {
        return Err(std::io::Error::other("somebody else has changed it meanwhile"));
    }
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What somebody saves between reading and writing stays, and is told.
    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rules");
        fs::write(&path, "read").unwrap();
        replace(&path, b"read", b"laid out").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"laid out");
        let error = replace(&path, b"read", b"lost").unwrap_err();
        assert_eq!(error.to_string(), "somebody else has changed it meanwhile");
        assert_eq!(fs::read(&path).unwrap(), b"laid out");
    }
}
