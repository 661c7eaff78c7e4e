//! Files of the earlier format, in TOML: told apart at their first line, and answered with the shape of today.

use super::document::{Place, Problem};

/// What to write instead.
const SHAPE: &str = "this is the earlier format, in TOML; a configuration is YAML now. Its `[source.scrape]`, `[traffic]` and \
`[evidence]` become:

    spark: 1
    sources:
      scrape:                                   # or prometheus: { url: http://… }
        canary: [http://10.0.0.2:9100/metrics]
        baseline: [http://10.0.0.1:9100/metrics]
    actions:
      deadline: 30s
      command:
        set: [./set-traffic, \"{share}\"]
        rollback: [./roll-back, \"{reason}\"]
        probe: [./share-now]                    # new: prints the canary's share in percent
    evidence:
      dir: evidence
      key: { file: release.key }

Keys have `-` where they had `_`: token-file, ca-file";

/// The problem of a file that begins as one in TOML does: with a table, or with `key =`.
pub(super) fn is_old(bytes: &[u8]) -> Option<Problem> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (place, line) = text
        .lines()
        .enumerate()
        .map(|(place, line)| (place, line.trim()))
        .find(|(_, line)| !line.is_empty() && !line.starts_with('#'))?;
    let table = line.strip_prefix('[').and_then(|rest| rest.split_once(']')).is_some_and(|(name, rest)| {
        let name = name.trim_start_matches('[');
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        !name.is_empty() && name.chars().all(is_name) && !rest.trim_start().starts_with(':')
    });
    let assigned = line.split_once('=').is_some_and(|(key, _)| {
        let key = key.trim();
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    });
    let place = Place { line: place.saturating_add(1), column: 1 };
    (table || assigned).then(|| Problem::new(place, SHAPE))
}
