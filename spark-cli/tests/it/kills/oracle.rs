//! What must be true of a rollout that was killed again and again, seen from outside: its journal, what its actions did,
//! and where the traffic truly is.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;

use serde_json::Value;
use spark_core::Timestamp;

use super::raises;
use super::site::{SHARES, Seen, Site};
use crate::cases::{printed, run, text};

/// How a release is refused that is over and sealed.
pub(super) const OVER: &str = "a release's evidence is written once, so give the next one another name\n";

/// How a run says that its journal failed.
pub(super) const UNRECORDED: &str = "the journal does not tell everything";

/// Checks a rollout that came to its end; `journals` are its journal as it was after each kill.
pub(super) fn check(site: &Site, output: &Output, journals: &[String], told: &str) -> Seen {
    let story = Story::of(site, told);
    let completed = match output.status.code() {
        Some(0) => true,
        Some(11) => false,
        // the last kill fell between its seal and its exit: the same command is told how it ended
        Some(1) if !journals.is_empty() && site.said().ends_with(OVER) => {
            story.facts.last().is_some_and(|fact| fact["ending"]["ended"] == "completed")
        }
        code => panic!("{told}: exit {code:?}\n{}", site.said()),
    };
    nothing_lost(&story.text, journals, told);
    story.fences(told);
    story.effects(site, told);
    raises::check(&story.facts, told);
    story.end(site, completed, told);
    let folder = format!("evidence/{}", site.release);
    printed(site.dir.path(), &format!("spark evidence verify {folder}"), 0);
    let replayed = printed(site.dir.path(), &format!("spark evidence replay {folder}"), 0);
    assert!(replayed.contains("every one with the same bytes"), "{told}: {replayed}");
    assert_eq!(site.running(), Vec::<String>::new(), "{told}: still running");
    let leftovers = story.facts.iter().filter(|fact| fact["fact"] == "noted").count();
    Seen { completed, leftovers: u64::try_from(leftovers).unwrap() }
}

/// Checks a rollout that came to its end after a failing disk: what was served, and when, is another's to check.
pub(super) fn check_ended(site: &Site, output: &Output, journals: &[String], told: &str) {
    assert!(matches!(output.status.code(), Some(0 | 11)), "{told}: {:?}\n{}", output.status, site.said());
    let story = Story::of(site, told);
    nothing_lost(&story.text, journals, told);
    sealed(site, told);
}

/// Checks a rollout whose evidence is sealed.
pub(super) fn sealed(site: &Site, told: &str) {
    let story = Story::of(site, told);
    story.fences(told);
    story.effects(site, told);
    let folder = format!("evidence/{}", site.release);
    let verified = run(site.dir.path(), &format!("spark evidence verify {folder}"));
    assert_eq!(verified.status.code(), Some(0), "{told}: {}\n{}", text(&verified.stderr), site.said());
    let replayed = run(site.dir.path(), &format!("spark evidence replay {folder}"));
    assert_eq!(replayed.status.code(), Some(0), "{told}: {}\n{}", text(&replayed.stderr), site.said());
    let ends: Vec<&Value> = story.of_kind("end").map(|fact| &fact["ending"]["ended"]).collect();
    match ends.as_slice() {
        [end] if *end == "completed" => assert_eq!(site.share(), "100", "{told}"),
        [end] if *end == "rolled_back" => assert_eq!(site.share(), "0", "{told}"),
        // the journal could not be written to its end, and the evidence says so
        _ => assert!(site.said().contains(UNRECORDED), "{told}: {ends:?}\n{}", site.said()),
    }
}

/// What stood whole in the journal at a kill stands in it for ever.
pub(super) fn nothing_lost(last: &str, journals: &[String], told: &str) {
    for journal in journals {
        let whole = journal.rfind('\n').map_or(0, |end| end + 1);
        assert!(last.starts_with(&journal[..whole]), "{told}: lines of the journal are gone");
    }
}

struct Story {
    text: String,
    facts: Vec<Value>,
    fences: Vec<u64>,
    effects: Vec<Vec<String>>,
}

impl Story {
    fn of(site: &Site, told: &str) -> Self {
        let text = site.journal();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{told}: {error}: {line}")))
            .collect();
        let effects = site.effects();
        Self {
            fences: lines.iter().map(|line| line["fence"].as_u64().unwrap()).collect(),
            facts: lines.into_iter().map(|line| line["record"].clone()).collect(),
            effects: effects.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect(),
            text,
        }
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.facts.iter().filter(move |fact| fact["fact"] == kind)
    }

    /// Each runner has a higher fence than all before it, and writes under its own.
    fn fences(&self, told: &str) {
        assert!(self.fences.is_sorted(), "{told}: {:?}", self.fences);
        let began: Vec<u64> = self.facts.iter().filter_map(|fact| fact["fence"].as_u64()).collect();
        assert!(began.windows(2).all(|pair| pair[0] < pair[1]), "{told}: {began:?}");
        let written: BTreeSet<u64> = self.fences.iter().copied().collect();
        assert_eq!(written, began.into_iter().collect(), "{told}");
        let decided: Vec<Timestamp> = self.of_kind("decided").map(|fact| time(&fact["decision"])).collect();
        assert!(decided.windows(2).all(|pair| pair[0] < pair[1]), "{told}: an instant was decided twice");
    }

    /// Every effect was recorded before it, no step has two meanings or more calls than intents, and no runner that was
    /// followed by another has an effect any more.
    fn effects(&self, site: &Site, told: &str) {
        let mut intents: BTreeMap<String, usize> = BTreeMap::new();
        let mut shares: BTreeMap<String, String> = BTreeMap::new();
        for fact in self.of_kind("intent") {
            let key = format!("{}/{}.{}", site.release, fact["id"]["epoch"], fact["id"]["number"]);
            *intents.entry(key.clone()).or_default() += 1;
            let share = fact["step"]["share_bp"].as_u64().unwrap_or(0) / 100;
            assert_eq!(
                *shares.entry(key.clone()).or_insert_with(|| share.to_string()),
                share.to_string(),
                "{told}: {key}"
            );
        }
        let mut calls: BTreeMap<&str, usize> = BTreeMap::new();
        let mut newest: u64 = 0;
        for words in &self.effects {
            let (kind, key, fence) = (words[0].as_str(), words[1].as_str(), words[2].parse::<u64>().unwrap());
            assert!(kind == "begin" || fence >= newest, "{told}: a late {words:?} after fence {newest}");
            newest = newest.max(fence);
            if kind == "probe" {
                continue;
            }
            // a rollback without a journal has no intent, and was said to be unrecorded
            if !shares.contains_key(key) && words[3] == "0" && site.said().contains(UNRECORDED) {
                continue;
            }
            assert_eq!(shares.get(key), Some(&words[3]), "{told}: {words:?}");
            match kind {
                "begin" => *calls.entry(key).or_default() += 1,
                _ => assert_eq!(words[4], "recorded", "{told}: {words:?}"),
            }
        }
        for (key, count) in calls {
            assert!(count <= intents[key], "{told}: {count} calls of {key}, and {} intents", intents[key]);
        }
        let last = self.effects.iter().rfind(|words| words[0] == "do").map_or("0", |words| words[3].as_str());
        assert_eq!(site.share(), last, "{told}");
    }

    /// A release that ends well was good to its end, one that is rolled back has no traffic.
    fn end(&self, site: &Site, completed: bool, told: &str) {
        let ends: Vec<&Value> = self.of_kind("end").collect();
        assert_eq!(ends.len(), 1, "{told}: {ends:?}");
        assert_eq!(self.facts.last(), ends.last().copied(), "{told}");
        let ending = &ends[0]["ending"]["ended"];
        assert_eq!(ending, if completed { "completed" } else { "rolled_back" }, "{told}");
        assert_eq!(site.share(), if completed { "100" } else { "0" }, "{told}");
        match (completed, site.bad_since()) {
            (true, Some(bad)) => {
                let last = self.of_kind("decided").last().map(|fact| time(&fact["decision"])).unwrap();
                // what is measured at an instant was asked for up to one pause before it
                assert!(millis(bad, last) < 200, "{told}: bad since {bad}, and it went on until {last}");
            }
            (false, None) => panic!("{told}: a good release was rolled back: {}", ends[0]),
            _ => {}
        }
        let raised: Vec<&str> = self
            .effects
            .iter()
            .filter(|words| words[0] == "do" && words[3] != "0")
            .map(|words| words[3].as_str())
            .collect();
        let places: Vec<usize> =
            raised.iter().map(|share| SHARES.iter().position(|known| known == share).unwrap()).collect();
        assert!(places.is_sorted(), "{told}: {raised:?}");
    }
}

pub(super) fn time(fact: &Value) -> Timestamp {
    serde_json::from_value(fact["at"].clone()).unwrap()
}

pub(super) fn millis(from: Timestamp, to: Timestamp) -> i64 {
    (to.nanos() - from.nanos()) / 1_000_000
}
