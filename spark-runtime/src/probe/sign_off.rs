//! GO or NO-GO: a list each line of which is backed by a check or by a named person.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use serde::{Deserialize, Serialize};
use spark_core::Timestamp;
use spark_core::check::CheckVerdict;

use super::files::{DOCUMENT_BYTES_MAX, read};
use super::{PhaseReport, ProbeError};
use crate::evidence::layout::{BEFORE_FOLDER, SIGN_OFF_NAME};
use crate::evidence::{EvidenceError, EvidenceFolder};

/// The file that keeps the list between the phases.
const RECORD_NAME: &str = "sign-off.json";

/// Names in the folder that no check may take for its evidence.
const TAKEN: [&str; 5] = ["release.json", "preflight.json", "redteam.json", "blast.json", RECORD_NAME];

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOffLine {
    /// What is signed: a check's title, or a role.
    pub line: String,
    /// Who or what signs: a check, or a person. Nobody, where it is not signed.
    pub by: Option<String>,
    /// Whether a person does.
    pub person: bool,
    /// What it says.
    pub verdict: CheckVerdict,
    /// Why.
    pub words: String,
    /// When.
    pub at: Timestamp,
}

/// The list, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignOff {
    /// GO.
    pub go: bool,
    /// Its lines: checks in the order of the rules, then roles.
    pub lines: Vec<SignOffLine>,
}

impl SignOff {
    /// The list of a phase. `signed` are roles and the names of those who signed; a role that is needed and has no name is
    /// no-go, and so is a phase without a check.
    pub fn of(report: &PhaseReport, roles: &[String], signed: &BTreeMap<String, String>) -> Self {
        let mut lines: Vec<SignOffLine> = report
            .checks
            .iter()
            .map(|check| SignOffLine {
                line: check.title.clone().unwrap_or_else(|| check.check.clone()),
                by: Some(format!("check {}", check.check)),
                person: false,
                verdict: check.judged.verdict,
                words: check.judged.words.clone(),
                at: check.at,
            })
            .collect();
        let others = signed.keys().filter(|role| !roles.contains(role));
        for role in roles.iter().chain(others) {
            let by = signed.get(role).cloned();
            let (verdict, words) = match by.is_some() {
                true => (CheckVerdict::Pass, String::new()),
                false => (CheckVerdict::NoGo, "nobody signed".to_owned()),
            };
            lines.push(SignOffLine { line: role.clone(), by, person: true, verdict, words, at: report.at });
        }
        let worst = lines.iter().map(|line| line.verdict).max().unwrap_or(CheckVerdict::NoGo);
        Self { go: worst < CheckVerdict::NoGo && report.verdict < CheckVerdict::NoGo, lines }
    }
}

/// What the phases said so far, and who signed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Record {
    phases: BTreeMap<String, Vec<SignOffLine>>,
    signed: BTreeMap<String, String>,
}

/// Those who signed in earlier phases of the release: none where there was none.
///
/// # Errors
/// What is kept of them cannot be read.
pub fn signed_before(folder: &EvidenceFolder) -> Result<BTreeMap<String, String>, ProbeError> {
    Ok(record(folder)?.signed)
}

fn record(folder: &EvidenceFolder) -> Result<Record, ProbeError> {
    let path = folder.path().join(BEFORE_FOLDER).join(RECORD_NAME);
    if fs::symlink_metadata(&path).is_err() {
        return Ok(Record::default());
    }
    let bytes = read(&path, DOCUMENT_BYTES_MAX)?;
    let wrong = |error: serde_json::Error| ProbeError::File {
        path: path.display().to_string(),
        why: error.to_string(),
    };
    serde_json::from_slice(&bytes).map_err(wrong)
}

/// Keeps what a phase found: a file for each check, one for the phase, and the list of all phases so far.
///
/// # Errors
/// A file cannot be written, or a check asks for one that is another's.
pub fn keep(
    folder: &EvidenceFolder,
    report: &PhaseReport,
    list: &SignOff,
    signed: &BTreeMap<String, String>,
) -> Result<(), ProbeError> {
    let failed = |error: EvidenceError| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        ProbeError::Setting(format!("{error}{cause}"))
    };
    for check in &report.checks {
        if TAKEN.iter().any(|taken| check.evidence.eq_ignore_ascii_case(taken)) {
            let (name, file) = (&check.check, &check.evidence);
            return Err(ProbeError::Setting(format!(
                "check `{name}` keeps its evidence in `{file}`, which is another's"
            )));
        }
        folder.write_json(BEFORE_FOLDER, &check.evidence, check).map_err(failed)?;
    }
    folder.write_json(BEFORE_FOLDER, &format!("{}.json", report.phase), report).map_err(failed)?;
    let mut record = record(folder)?;
    let checks = list.lines.iter().filter(|line| !line.person).cloned().collect();
    record.phases.insert(report.phase.to_string(), checks);
    record.signed.extend(signed.clone());
    folder.write_json(BEFORE_FOLDER, RECORD_NAME, &record).map_err(failed)?;
    let people: Vec<&SignOffLine> = list.lines.iter().filter(|line| line.person).collect();
    folder.write("", SIGN_OFF_NAME, page(report, &record, &people).as_bytes()).map_err(failed)
}

fn page(report: &PhaseReport, record: &Record, people: &[&SignOffLine]) -> String {
    let mut page = String::new();
    let release = report.release.as_deref().unwrap_or_default();
    // writing to a text cannot fail
    let _ = writeln!(page, "# GO / NO-GO: {}\n", cell(release));
    for (phase, lines) in &record.phases {
        let worst = lines.iter().map(|line| line.verdict).max().unwrap_or(CheckVerdict::NoGo);
        let word = if worst == CheckVerdict::NoGo { "NO-GO" } else { "GO" };
        let _ = writeln!(
            page,
            "## {phase}: {word}\n\n| line | signed by | | what was found | at |\n| --- | --- | --- | --- | --- |"
        );
        lines.iter().for_each(|line| row(&mut page, line));
        page.push('\n');
    }
    if !people.is_empty() {
        let _ = writeln!(page, "## People\n\n| role | signed by | | | at |\n| --- | --- | --- | --- | --- |");
        people.iter().for_each(|line| row(&mut page, line));
    }
    page
}

fn row(page: &mut String, line: &SignOffLine) {
    let by = line.by.as_deref().unwrap_or("nobody");
    let _ = writeln!(
        page,
        "| {} | {} | {} | {} | {} |",
        cell(&line.line),
        cell(by),
        line.verdict,
        cell(&line.words),
        line.at
    );
}

/// A text that stays within its cell.
fn cell(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}
