//! When a share may be raised: read off the journal alone, without the state machine that wrote it.

use serde_json::Value;
use spark_core::Timestamp;

use super::oracle::{millis, time};
use super::site::{SERVES_MILLIS, SHARES};

/// The longest time between two decisions that serves, in milliseconds: the longest `stale after` of the rules here.
const REACH_MILLIS: i64 = 2_000;

/// Every raise follows a decision of the same runner that lets it be, each stage after the one before it has been seen and has
/// served its time. A stage whose share no probe has seen may be set again, its time being served; that takes a decision and a
/// look of the runner that does it, and, under a new name, the traffic where the stage before left it.
pub(super) fn check(facts: &[Value], told: &str) {
    let mut way = Way::default();
    for fact in facts {
        match fact["fact"].as_str().unwrap() {
            "start" | "resumed" => (way.before, way.decided, way.looked) = (None, None, None),
            "decided" => way.decide(&fact["decision"]),
            "probed" => way.look(fact),
            "intent" => match fact["step"]["share_bp"].as_u64() {
                Some(share) => way.raise(fact, share, told),
                None => way.back = true,
            },
            "end" if fact["ending"]["ended"] == "completed" => {
                assert_eq!(way.place, Some(SHARES.len() - 1), "{told}: {fact}");
                way.may_leave(fact, told);
            }
            _ => {}
        }
    }
}

#[derive(Default)]
struct Way {
    /// The stage that was set last, and the name of the last step there.
    place: Option<usize>,
    step: Value,
    /// When its share was seen first.
    entered: Option<Timestamp>,
    /// Milliseconds at most that it has served: what is not counted here cannot have.
    served: i64,
    /// The last decision, where it was to proceed.
    before: Option<Timestamp>,
    /// What the present runner decided last: verdict, and whether all that is asked for held.
    decided: Option<(Value, Value)>,
    /// What the present runner has measured last.
    looked: Option<Value>,
    /// A rollback has begun.
    back: bool,
}

impl Way {
    fn decide(&mut self, decision: &Value) {
        let at = time(decision);
        let proceed = decision["verdict"] == "proceed";
        if let (true, Some(before), Some(entered)) = (proceed, self.before, self.entered)
            && millis(before, at) <= REACH_MILLIS
        {
            self.served += millis(before.max(entered), at).max(0);
        }
        self.before = proceed.then_some(at);
        self.decided = Some((decision["verdict"].clone(), decision["ready"].clone()));
    }

    fn look(&mut self, fact: &Value) {
        self.looked = Some(fact["share_bp"].clone());
        let seen = self.place.is_some_and(|place| fact["share_bp"] == share_bp(place));
        if seen && self.entered.is_none() {
            (self.entered, self.served) = (Some(time(fact)), 0);
        }
    }

    fn raise(&mut self, fact: &Value, share: u64, told: &str) {
        assert!(!self.back, "{told}: raised after a rollback had begun: {fact}");
        let place = SHARES.iter().position(|known| known.parse::<u64>().unwrap() * 100 == share);
        let place = place.unwrap_or_else(|| panic!("{told}: no share of the plan: {fact}"));
        let decided =
            self.decided.as_ref().unwrap_or_else(|| panic!("{told}: this runner decided nothing: {fact}"));
        match place {
            // before the first share there is nothing to be measured, so it needs no decision to proceed
            0 => assert_ne!(decided.0, "rollback", "{told}: {fact}"),
            _ => assert_eq!((&decided.0, &decided.1), (&"proceed".into(), &"true".into()), "{told}: {fact}"),
        }
        if self.place == Some(place) {
            assert!(self.entered.is_none(), "{told}: a stage that was seen is set again: {fact}");
            let looked = self.looked.as_ref();
            let looked = looked.unwrap_or_else(|| panic!("{told}: set again without a look: {fact}"));
            if self.step != fact["id"]
                && let Some(earlier) = place.checked_sub(1)
            {
                assert_eq!(*looked, share_bp(earlier), "{told}: set again from elsewhere: {fact}");
            }
        } else {
            assert_eq!(
                place,
                self.place.map_or(0, |before| before + 1),
                "{told}: a stage is left out: {fact}"
            );
            if place > 0 {
                self.may_leave(fact, told);
            }
            (self.place, self.entered, self.served) = (Some(place), None, 0);
        }
        self.step = fact["id"].clone();
    }

    /// The stage was seen, has served its time, and the present runner's last decision is to go on.
    fn may_leave(&self, fact: &Value, told: &str) {
        assert!(self.entered.is_some(), "{told}: no probe has seen the stage before {fact}");
        assert!(self.served >= SERVES_MILLIS, "{told}: {} ms served before {fact}", self.served);
        let verdict = self.decided.as_ref().map(|decided| &decided.0);
        assert_eq!(verdict, Some(&"proceed".into()), "{told}: {fact}");
    }
}

fn share_bp(place: usize) -> Value {
    Value::from(SHARES[place].parse::<u64>().unwrap() * 100)
}

/// What is asked of a raise is missed where it is missing, also where a share is set once more under another name; each line of the
/// record is `who does what`.
#[test]
fn found() {
    let good = [
        "start",
        "proceed 0",
        "set 1.1 500",
        "look 500 0",
        "proceed 250",
        "proceed 1250",
        "set 1.2 2500",
        "resumed",
        "look 500 8900",
        "proceed 9000",
        "set 2.3 2500",
        "look 2500 9000",
        "proceed 9250",
        "proceed 10500",
        "set 2.4 10000",
        "look 10000 10500",
        "proceed 10750",
        "proceed 12000",
        "completed",
    ];
    let without =
        |place: usize| good.iter().enumerate().filter(move |(at, _)| *at != place).map(|(_, line)| *line);
    check(&good.map(fact), "good");
    // every line of it but these is asked for: two decisions span what one more divides, and of two orders one is enough
    let free =
        ["start", "proceed 250", "set 1.2 2500", "resumed", "set 2.3 2500", "proceed 9250", "proceed 10750"];
    let mut missed = Vec::new();
    for (place, line) in good.iter().enumerate().take(good.len() - 1) {
        let facts: Vec<Value> = without(place).map(fact).collect();
        if std::panic::catch_unwind(|| check(&facts, line)).is_ok() {
            missed.push(*line);
        }
    }
    assert_eq!(missed, free);
    for (from, to) in [
        ("proceed 1250", "proceed 900"),
        ("proceed 9000", "hold 9000"),
        ("look 500 0", "look 500 500"),
        ("look 500 8900", "look 0 8900"),
        // once it was seen it is not set again
        ("look 500 8900", "look 2500 8900"),
        ("set 2.3 2500", "set 2.3 10000"),
        ("set 2.4 10000", "back"),
    ] {
        let facts = good.map(|line| fact(if line == from { to } else { line }));
        assert!(std::panic::catch_unwind(|| check(&facts, from)).is_err(), "{from}: {to}");
    }
}

fn fact(line: &str) -> Value {
    let words: Vec<&str> = line.split(' ').collect();
    let at = |millis: &str| Timestamp::from_millis(millis.parse().unwrap());
    let share = |text: &str| text.parse::<u64>().unwrap();
    match words.as_slice() {
        ["look", share_bp, millis] => {
            serde_json::json!({ "fact": "probed", "at": at(millis), "share_bp": share(share_bp) })
        }
        ["set", id, share_bp] => {
            serde_json::json!({ "fact": "intent", "id": id, "step": { "share_bp": share(share_bp) } })
        }
        ["back"] => serde_json::json!({ "fact": "intent", "id": "back", "step": {} }),
        ["completed"] => serde_json::json!({ "fact": "end", "ending": { "ended": "completed" } }),
        [verdict, millis] => serde_json::json!({
            "fact": "decided", "decision": { "at": at(millis), "verdict": verdict, "ready": (*verdict == "proceed").to_string() }
        }),
        _ => serde_json::json!({ "fact": line }),
    }
}
