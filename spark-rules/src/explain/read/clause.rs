//! Signals, triggers, plans, checks and the setting.

use super::{Read, Reader};
use crate::explain::rule::{block, opening, stage, unknown};
use crate::explain::words::{APPROVED, OTHERWISE, TYPES, WARMUP, WATCH};

impl Reader<'_> {
    pub(super) fn sentence(&mut self) -> Read<String> {
        if self.eat("The rules are evaluated every ") {
            let every = self.length()?;
            self.expect(".")?;
            return Ok(format!("evaluate every {every}"));
        }
        let (name, title) = self.named()?;
        // the title stands in quotes already
        let opening = |word: &str| match title {
            Some(title) => format!("{word} {name} {title}"),
            None => opening(word, name, None),
        };
        if self.eat(" is ") && !self.ahead("owned by ") {
            return Ok(block(&opening("signal"), &self.signal()?));
        }
        if self.eat(" sends ") {
            return Ok(block(&opening("plan"), &self.plan()?));
        }
        if self.eat(" asks the probe ") {
            return Ok(block(&opening("check"), &self.check()?));
        }
        self.expect(" ")?;
        let mut clauses = Vec::new();
        loop {
            clauses.extend(self.trigger_clause()?);
            if self.eat(".") {
                return Ok(block(&opening("trigger"), &clauses));
            }
            self.expect("; ")?;
        }
    }

    /// A clause; none for what a rule need not say.
    fn trigger_clause(&mut self) -> Read<Option<String>> {
        let levels = [
            ("warns when ", "warn when"),
            ("holds the release when ", "hold when"),
            ("rolls the release back when ", "rollback when"),
            ("comes back when ", "clear when"),
        ];
        for (phrase, words) in levels {
            if self.eat(phrase) {
                return Ok(Some(format!("{words} {}", self.condition()?)));
            }
        }
        if self.eat("comes back as soon as what raised it no longer holds") {
            return Ok(None);
        }
        if self.eat("judges only while ") {
            let given = self.condition()?;
            self.expect(" (otherwise it is unknown)")?;
            return Ok(Some(format!("given {given}")));
        }
        if self.eat("says nothing while ") {
            let mut names = vec![self.name()?];
            while self.eat(", ") || self.eat(" or ") {
                names.push(self.name()?);
            }
            self.expect(" shows the same level or a higher one")?;
            return Ok(Some(format!("unless {}", names.join(", "))));
        }
        if self.eat("while unknown it holds") {
            let after = match self.eat(", and rolls back after ") {
                true => Some(self.length()?),
                false => None,
            };
            return Ok(Some(unknown(after)));
        }
        if self.eat("has the runbook ") {
            return Ok(Some(format!("runbook {}", self.quoted()?)));
        }
        if self.eat("is owned by ") {
            return Ok(Some(format!("owner {}", self.quoted()?)));
        }
        self.wrong("what the trigger does")
    }

    fn check(&mut self) -> Read<Vec<String>> {
        let probe = format!("probe {}", self.name()?);
        self.expect(" in ")?;
        let phase = self.until("when the check is made", |c| c == ',')?;
        let mut clauses = vec![format!("in {phase}"), probe];
        self.expect(", within ")?;
        let within = format!("within {}", self.length()?);
        self.expect(", for ")?;
        loop {
            clauses.push(self.measure()?);
            if !self.eat(", ") {
                break;
            }
        }
        self.expect("; passes when ")?;
        clauses.push(format!("pass when {}", self.condition()?));
        self.expect(OTHERWISE)?;
        clauses.push(format!("else {}", self.until("what the check says", |c| c == ';' || c == '.')?));
        clauses.push(within);
        while self.eat("; ") {
            let word = [
                ("keeps its evidence in ", "evidence"),
                ("has the runbook ", "runbook"),
                ("is owned by ", "owner"),
            ]
            .into_iter()
            .find(|(phrase, _)| self.eat(phrase));
            let Some((_, word)) = word else { return self.wrong("what else is said of the check") };
            clauses.push(format!("{word} {}", self.quoted()?));
        }
        self.expect(".")?;
        Ok(clauses)
    }

    fn measure(&mut self) -> Read<String> {
        let name = self.name()?;
        self.expect(" (")?;
        let Some((word, _)) = TYPES.iter().find(|(_, said)| self.eat(said)) else {
            return self.wrong("what the measure is");
        };
        let unit = match self.eat(" in ") {
            true => format!(" in {}", self.until("a unit", |c| c == ')')?),
            false => String::new(),
        };
        self.expect(")")?;
        Ok(format!("measure {name} is {word}{unit}"))
    }

    fn signal(&mut self) -> Read<Vec<String>> {
        let Some((word, _)) = TYPES.iter().find(|(_, said)| self.eat(&format!("{said}, "))) else {
            return self.wrong("what the signal is");
        };
        let mut clauses = vec![format!("is {word}"), format!("from {}", self.source()?)];
        self.expect("; each sample is believed for ")?;
        clauses.push(format!("stale after {}", self.length()?));
        if self.eat("; it is expected to be ") {
            clauses.push(format!("expect {}", self.test()?));
            self.expect(" (the release holds while it is not)")?;
        }
        self.expect(".")?;
        Ok(clauses)
    }

    fn source(&mut self) -> Read<String> {
        let source = if self.eat("computed from the metrics ") {
            let expression = self.fenced()?;
            match self.eat(" over the last ") {
                true => format!("metrics {expression} over {}", self.length()?),
                false => format!("metrics {expression}"),
            }
        } else if self.eat("asked of Prometheus as ") {
            format!("prometheus {}", self.quoted()?)
        } else if self.eat("asked of a database as ") {
            format!("sql {}", self.quoted()?)
        } else if self.eat("handed in by push") {
            "push".to_owned()
        } else {
            return self.wrong("where the signal comes from");
        };
        match self.eat(" in ") {
            true => Ok(format!("{source} in {}", self.until("a unit", |c| c == ';')?)),
            false => Ok(source),
        }
    }

    fn plan(&mut self) -> Read<Vec<String>> {
        let mut clauses = vec![self.stage(" of the traffic to the new version for ")?];
        while self.eat(", then ") {
            clauses.push(self.stage(" for ")?);
        }
        let (before, behind) = WARMUP;
        if self.eat(before) {
            clauses.push(format!("warmup {}", self.length()?));
            self.expect(behind)?;
        }
        self.expect("; a stage is left once its time is served and the decision is proceed")?;
        let mut proceed = None;
        if self.eat(", provided that ") {
            proceed = Some(format!("proceed when {}", self.condition()?));
        }
        if self.eat(WATCH) {
            clauses.push(format!("watch {}", self.length()?));
        }
        clauses.extend(proceed);
        self.expect(".")?;
        Ok(clauses)
    }

    /// A share of the traffic, and for how long; `lasts` stands between them.
    fn stage(&mut self, lasts: &str) -> Read<String> {
        let share = self.literal()?;
        self.expect(lasts)?;
        let duration = self.length()?;
        Ok(stage(share, duration, self.eat(APPROVED)))
    }
}
