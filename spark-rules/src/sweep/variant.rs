//! Rules with values in the place of others: text that is loaded and checked as any other.

use spark_core::{Policy, Quantity};

use super::{Knob, Sweep, SweepError};
use crate::diagnostic::{Diagnostic, Edit, apply};
use crate::files::Files;
use crate::{Failed, Loaded, codes};

/// Rules with other values.
#[derive(Debug, Clone)]
pub struct Variant {
    /// The value of each sweep, as rules write it.
    pub values: Vec<String>,
    /// Whether it is the rules as they are.
    pub present: bool,
    /// Whether somebody asked for it; the present rules are there as well where nobody did.
    pub asked: bool,
    /// The rules; or why they are none, in words.
    pub policy: Result<Policy, String>,
    /// What can hardly be meant in it, and is not in the present rules.
    pub warnings: Vec<String>,
}

/// Every combination of values, the last sweep's turning fastest.
pub(super) fn variants(files: &Files, sweeps: &[Sweep]) -> Result<Vec<Variant>, SweepError> {
    let known = match load(files, &[]) {
        Ok(loaded) => warnings(&loaded),
        // they were loaded before: this does not happen
        Err(failed) => return Err(SweepError::new(failed.to_string())),
    };
    let mut combinations: Vec<Vec<&str>> = vec![Vec::new()];
    for sweep in sweeps {
        let longer = combinations.iter().flat_map(|before| {
            sweep.values.iter().map(|value| before.iter().copied().chain([value.as_str()]).collect())
        });
        combinations = longer.collect();
    }
    let mut variants: Vec<Variant> =
        combinations.iter().map(|values| variant(files, sweeps, values, &known)).collect();
    if !variants.iter().any(|variant| variant.present) {
        let present: Vec<&str> = sweeps.iter().map(|sweep| sweep.knob.present.as_str()).collect();
        let present = Variant { asked: false, ..variant(files, sweeps, &present, &known) };
        let place = place_of(sweeps, &variants);
        variants.insert(place, present);
    }
    Ok(variants)
}

/// Where the present rules belong: among the values of one sweep that rise, in their order; else first.
fn place_of(sweeps: &[Sweep], variants: &[Variant]) -> usize {
    let [sweep] = sweeps else { return 0 };
    let value = |text: &str| Quantity::parse(text).ok().map(|quantity| quantity.value);
    let values: Option<Vec<_>> =
        variants.iter().map(|variant| variant.values.first().and_then(|text| value(text))).collect();
    match (values, value(&sweep.knob.present)) {
        (Some(values), Some(present)) if values.is_sorted() => {
            values.partition_point(|other| *other < present)
        }
        _ => 0,
    }
}

fn variant(files: &Files, sweeps: &[Sweep], values: &[&str], known: &[String]) -> Variant {
    let edits: Vec<(&Knob, &str)> =
        sweeps.iter().map(|sweep| &sweep.knob).zip(values.iter().copied()).collect();
    let present = edits.iter().all(|(knob, value)| knob.is_present(value));
    let (policy, warnings) = match load(files, &edits) {
        Ok(loaded) => {
            let new = warnings(&loaded).into_iter().filter(|words| !known.contains(words)).collect();
            (Ok(loaded.policy), new)
        }
        Err(failed) => (Err(first_error(&failed).map_or_else(|| failed.to_string(), words)), Vec::new()),
    };
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Variant { values, present, asked: true, policy, warnings }
}

fn warnings(loaded: &Loaded) -> Vec<String> {
    let warnings = loaded.warnings.iter().filter(|diagnostic| !diagnostic.is_advice());
    warnings.map(|diagnostic| format!("{}: {}", diagnostic.code.id, diagnostic.message)).collect()
}

fn first_error(failed: &Failed) -> Option<&Diagnostic> {
    failed.diagnostics.iter().find(|diagnostic| diagnostic.is_error())
}

fn words(diagnostic: &Diagnostic) -> String {
    let Diagnostic { code, message, help, .. } = diagnostic;
    let help = help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("error[{}]: {message}{help}", code.id)
}

/// Why a value cannot stand in the place of another at all: it is of another unit, or none. In the words of the rules'
/// own diagnostics; a value that only goes ill with others is no misfit.
pub(super) fn misfit(files: &Files, knob: &Knob, value: &str) -> Option<String> {
    let failed = load(files, &[(knob, value)]).err()?;
    let first = first_error(&failed)?;
    let of_its_own = [codes::E0203.id, codes::E0204.id, codes::E0205.id].contains(&first.code.id)
        || first.code.id.starts_with("E01");
    of_its_own.then(|| format!("`{}={value}`: {}", knob.path, words(first)))
}

/// The rules with values in the place of others.
fn load(files: &Files, edits: &[(&Knob, &str)]) -> Result<Loaded, Failed> {
    let text = |file: u32| {
        let own = edits.iter().filter(|(knob, _)| knob.span.file == file);
        let edits: Vec<Edit> = own.map(|(knob, value)| Edit::replace(knob.span, *value)).collect();
        apply(files.source(file), &edits)
    };
    let root = files.name(0);
    let folder = root.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    crate::load(root, &text(0), &mut |path| {
        let shown = format!("{folder}{path}");
        let file = (1u32..).take(files.len().saturating_sub(1)).find(|file| files.name(*file) == shown);
        file.map(text).ok_or_else(|| "it was not there before".to_owned())
    })
}
