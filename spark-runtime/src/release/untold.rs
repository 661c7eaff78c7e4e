//! What a runner knows that no journal tells, where the evidence cannot be written either: beside the folder, for whoever looks.

use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
use spark_core::Timestamp;
use spark_core::rollout::{Controller, Ending, Fact};

use crate::evidence::{EvidenceFolder, Writer, beside};
use crate::harmless;
use crate::runner::{Clock as _, Lost, RunEnd, SystemClock};

/// What the file is called, after the release.
const UNRECORDED: &str = ".unrecorded.json";

/// What the runner knows by itself. It is no evidence: nothing chains it, and nobody has sealed it.
#[derive(Serialize)]
struct Untold<'a> {
    /// What it is, for who finds it.
    is: &'static str,
    at: Timestamp,
    fence: u64,
    /// How the run came back, in words.
    end: String,
    ending: Option<&'a Ending>,
    /// The canary's share as it was measured last, in hundredths of a percent.
    share_bp: Option<u16>,
    /// Why the journal does not tell everything.
    unrecorded: &'a Option<String>,
    /// What happened since then, samples aside.
    facts: &'a [Fact],
    /// Facts that were not kept.
    more: u64,
}

/// Writes it down, and says where, or why not.
pub(super) fn write(
    folder: &EvidenceFolder,
    end: &RunEnd,
    fence: u64,
    unrecorded: &Option<String>,
    controller: &Controller,
    lost: &Lost,
) -> String {
    let path = beside(folder.path(), UNRECORDED);
    let untold = Untold {
        is: "what a runner knew when its journal could not be reached; no evidence, and not sealed",
        at: SystemClock::start().now(),
        fence,
        end: match end {
            RunEnd::Ended(ending) => ending.to_string(),
            RunEnd::Stopped => "stopped on request".to_owned(),
            RunEnd::Fenced(why) | RunEnd::Halted(why) => why.clone(),
        },
        ending: match end {
            RunEnd::Ended(ending) => Some(ending),
            _ => None,
        },
        share_bp: controller.rollout().traffic(),
        unrecorded,
        facts: lost.facts(),
        more: lost.more(),
    };
    match put(&path, &Writer::Fenced(fence).beside(folder.path(), ".unrecorded"), &untold) {
        Ok(()) => format!("what this runner knows is in `{}`", path.display()),
        Err(error) => format!("and `{}` cannot be written: {error}", path.display()),
    }
}

fn put(path: &Path, new: &Path, untold: &Untold<'_>) -> std::io::Result<()> {
    let mut text = harmless::json(serde_json::to_string_pretty(untold)?);
    text.push('\n');
    let mut file = std::fs::File::create(new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(new, path)
}
