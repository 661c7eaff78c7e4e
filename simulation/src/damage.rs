//! What happens to a file's bytes while nobody looks.

use sha2::{Digest, Sha256};

use crate::fault::Fault;
use crate::rng::Rng;

/// The kinds of damage to what was acknowledged.
pub const KINDS: [Fault; 3] = [Fault::BitRot, Fault::PageLost, Fault::LineExchanged];

/// Where each line begins, and its end.
fn lines(file: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    for (at, _) in file.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        found.push((from, at + 1));
        from = at + 1;
    }
    found
}

fn ack_of(line: &[u8]) -> usize {
    let text = String::from_utf8_lossy(line);
    let rest = text.split_once(",\"ack\":").map_or("", |(_, rest)| rest);
    rest.split(',').next().unwrap_or_default().parse().unwrap_or(0)
}

/// Damages what a reader can know to be damaged: the end of a journal alone can be lost without a trace, and is the second
/// anchor's to guard. Whether there was anything to damage.
pub fn inflict(file: &mut Vec<u8>, kind: Fault, sector: usize, rng: &mut Rng) -> bool {
    let lines = lines(file);
    let Some((last, before)) = lines.split_last() else { return false };
    // a torn end vouches for nothing
    let whole = |(from, to): &(usize, usize)| is_whole(&file[*from..*to]);
    if last.1 != file.len() || before.is_empty() || !lines.iter().all(whole) {
        return false;
    }
    // lines that the last one says were durable
    let sure = ack_of(&file[last.0..last.1]).min(before.len());
    match kind {
        Fault::BitRot => {
            let at = rng.below(file.len() as u64) as usize;
            file[at] ^= 1 << rng.below(8);
            true
        }
        Fault::PageLost => {
            if sure == 0 {
                return false;
            }
            // the end of the line stays: what it would take with it is the one witness
            let end = lines[sure - 1].1 - 1;
            let from = rng.below(end.saturating_sub(2) as u64) as usize;
            let to = ((from / sector + 1) * sector).min(end);
            if to - from < 2 {
                return false;
            }
            file[from..to].fill(0);
            true
        }
        _ => {
            let (from, to) = before[rng.below(before.len() as u64) as usize];
            let Some(other) = retold(&file[from..to]) else { return false };
            file.splice(from..to, other);
            true
        }
    }
}

fn is_whole(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    text.rsplit_once(",\"sum\":\"").is_some_and(|(covered, sum)| sum == format!("{}\"}}\n", sum_of(covered)))
}

fn sum_of(covered: &str) -> String {
    Sha256::digest(covered.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same line with other content and a sum that is right.
fn retold(line: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(line).ok()?;
    let (covered, _) = text.rsplit_once(",\"sum\":\"")?;
    let (head, record) = covered.split_once("\"record\":")?;
    let _ = record;
    let told =
        format!("{head}\"record\":{{\"fact\":\"noted\",\"at\":\"2026-01-01T00:00:00Z\",\"words\":\"x\"}}");
    let sum = sum_of(&told);
    Some(format!("{told},\"sum\":\"{sum}\"}}\n").into_bytes())
}
