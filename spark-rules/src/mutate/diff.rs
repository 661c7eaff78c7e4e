//! A mutant as a unified diff.

use super::Mutant;
use crate::diagnostic::apply;
use crate::files::Files;

/// Lines that stay the same, before and after the change.
const CONTEXT: usize = 1;

/// What a mutant changes, as a hunk of a unified diff that `patch` takes.
pub fn hunk(files: &Files, mutant: &Mutant) -> String {
    let source = files.source(mutant.span.file);
    let changed = apply(source, &mutant.edits);
    let (old, new): (Vec<&str>, Vec<&str>) = (source.split('\n').collect(), changed.split('\n').collect());
    let before = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()).saturating_sub(before);
    let after = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let start = before.saturating_sub(CONTEXT);
    let kept = |lines: &[&str]| lines.len().saturating_sub(after);
    let (old_kept, new_kept) = (kept(&old), kept(&new));
    // the piece after the last newline is no line
    let end = old_kept.saturating_add(CONTEXT).min(old.len().saturating_sub(1)).max(old_kept);
    let tail = end.saturating_sub(old_kept);
    let count = |kept: usize| kept.saturating_sub(start).saturating_add(tail);
    let name = files.name(mutant.span.file);
    let first = start.saturating_add(1);
    let mut text = format!("--- {name}\n+++ {name}\n");
    text.push_str(&format!("@@ -{first},{} +{first},{} @@\n", count(old_kept), count(new_kept)));
    let mut add = |mark: char, lines: Option<&[&str]>| {
        for line in lines.unwrap_or_default() {
            text.push(mark);
            text.push_str(line);
            text.push('\n');
        }
    };
    add(' ', old.get(start..before));
    add('-', old.get(before..old_kept));
    add('+', new.get(before..new_kept));
    add(' ', old.get(old_kept..end));
    text
}
