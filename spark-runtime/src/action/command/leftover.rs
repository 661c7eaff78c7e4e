//! What the commands of an earlier runner left running: a runner that was killed could not end them.
//!
//! A late `set 25%` of theirs after a rollback would be an effect that nobody decided. So whoever takes a rollout over
//! ends them before it measures or moves anything. They are told by the mark that every command carries in its environment
//! and in the name of its cgroup: the rollout's own name, the fence under which it ran, and a random part.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Owner;
use super::cgroup::Cgroup;
use super::processes::{self, Marked};
use super::tree::REAP;

/// Rounds in a row in which nothing may be found: a program that is just being started shows no environment.
const QUIET: u32 = 2;

/// Most rounds: what still starts others after these is told to be left.
const ROUNDS: u32 = 100;

/// The pause between two rounds.
const PAUSE: Duration = Duration::from_millis(5);

/// Ends what was started for a rollout under a lower fence than its owner's; gives each process in words.
pub(super) async fn end(owner: &Owner) -> Vec<String> {
    let mut told: BTreeMap<i32, String> = BTreeMap::new();
    let mut quiet: u32 = 0;
    for _ in 0..ROUNDS {
        let owner = owner.clone();
        // with thousands of processes a look at all of them takes a while, which must not hold up the loop
        let found = tokio::task::spawn_blocking(move || round(&owner)).await.unwrap_or_default();
        quiet = if found.is_empty() { quiet.saturating_add(1) } else { 0 };
        for process in found {
            told.entry(process.id).or_insert(process.words);
        }
        if quiet >= QUIET {
            return told.into_values().collect();
        }
        tokio::time::sleep(PAUSE).await;
    }
    let mut words: Vec<String> = told.into_values().collect();
    words.push("a command of an earlier runner could not be ended, and may still move traffic".to_owned());
    words
}

/// Ends what is found now; gives what that was.
fn round(owner: &Owner) -> Vec<Marked> {
    let is_left = |mark: &str| owner.is_before(mark);
    let mut found = processes::marked(&is_left);
    let mut groups = Cgroup::left_beside(&is_left);
    for process in &found {
        groups.extend(Cgroup::left_of(process.id, &is_left));
    }
    for group in &groups {
        // who is in the group is left, whatever became of the environment
        let known: Vec<i32> = found.iter().map(|process| process.id).collect();
        let others = group.members().into_iter().filter(|id| !known.contains(id));
        found.extend(others.map(Marked::in_cgroup));
        group.kill();
    }
    for process in &found {
        process.kill();
    }
    for mut group in groups {
        group.remove_when_empty(REAP);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only what runs for this very rollout under a lower fence is left over: not another rollout's, not a later runner's.
    #[test]
    fn whose() {
        let owner = Owner { rollout: "00ff".to_owned(), fence: 10 };
        let cases = [
            ("00ff-9-ab", true),
            ("00ff-1-9", true),
            ("00ff-10-ab", false),
            ("00ff-11-ab", false),
            ("00fe-9-ab", false),
            ("00ff-x-ab", false),
            ("00ff-9", false),
            ("00ff", false),
            ("", false),
        ];
        for (mark, left) in cases {
            assert_eq!(owner.is_before(mark), left, "{mark}");
        }
        assert!(!owner.is_before(&owner.mark("ab")));
        assert!(Owner { fence: 11, ..owner.clone() }.is_before(&owner.mark("ab")));
    }
}
