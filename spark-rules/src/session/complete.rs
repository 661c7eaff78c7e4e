//! What may be written at a cursor.

use std::ops::Range;

use super::Session;
use super::context::{Block, Context, clause_words, context};
use super::offer::{BLOCKS, FUNCTIONS, TYPES, clause, clause_may_end, compares, times, units};
use super::outline::SymbolKind;

/// Most completions of one answer: nobody reads more, and the next letter narrows them down.
pub const COMPLETIONS_MAX: usize = 200;

/// What a completion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompletionKind {
    /// A reserved word.
    Keyword,
    /// A signal.
    Signal,
    /// A trigger.
    Trigger,
    /// A plan.
    Plan,
    /// A function of a window.
    Function,
    /// A type, a state or a decision.
    Choice,
    /// A value.
    Value,
    /// A whole block or clause.
    Snippet,
    /// A file.
    File,
}

/// Something that may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// How it is listed.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// What it means, in few words.
    pub detail: String,
    /// What is written, with `$1`, `${1:word}` and `$0` for the places to go through.
    pub insert: String,
}

/// What may be written at a cursor.
#[derive(Debug, Clone, Default)]
pub struct Completions {
    /// In the order of their use.
    pub items: Vec<Completion>,
    /// The bytes that they replace.
    pub replaces: Range<usize>,
    /// Whether there are more, which another letter would show.
    pub more: bool,
}

impl Session {
    /// What may be written at a byte of a file.
    pub fn completions(&self, path: &str, byte: usize) -> Completions {
        let Some(document) = self.documents.get(path) else { return Completions::default() };
        let Some(part) = document.part_at(byte) else { return Completions::default() };
        let before = document.text.get(part.start..byte).unwrap_or("");
        let typed = before.chars().rev().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '%'));
        let typed: usize = typed.map(char::len_utf8).sum();
        let mut start = byte.saturating_sub(typed);
        // the dot of a number or a quantile belongs to it; that of `pool.waiting` stands between two names
        let word = document.text.get(start..byte).unwrap_or("");
        let quantile =
            word.strip_prefix('p').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if let Some(dot) = word.rfind('.').filter(|_| word.starts_with(char::is_alphabetic) && !quantile) {
            start = start.saturating_add(dot).saturating_add(1);
        }
        let prefix = document.text.get(start..byte).unwrap_or("").to_lowercase();
        let at = context(document.text.get(part.start..start).unwrap_or(""));
        let mut list = List { items: Vec::new(), session: self, path };
        if at.path {
            list.files();
        } else if !at.silent && !at.selector {
            list.fill(&at);
        }
        list.continue_number(&prefix);
        let mut items = list.items;
        items.retain(|item| prefix.is_empty() || fits(&item.label.to_lowercase(), &prefix));
        let more = items.len() > COMPLETIONS_MAX;
        items.truncate(COMPLETIONS_MAX);
        Completions { items, replaces: start..byte, more }
    }
}

/// Whether the letters stand in a label, in their order.
fn fits(label: &str, letters: &str) -> bool {
    let mut label = label.chars();
    letters.chars().all(|letter| label.any(|c| c == letter))
}

/// Completions as they are gathered.
pub(super) struct List<'s> {
    items: Vec<Completion>,
    pub(super) session: &'s Session,
    pub(super) path: &'s str,
}

impl List<'_> {
    pub(super) fn add(&mut self, label: &str, kind: CompletionKind, detail: &str) {
        self.add_as(label, kind, detail, label);
    }

    fn add_as(&mut self, label: &str, kind: CompletionKind, detail: &str, insert: &str) {
        if self.items.iter().any(|item| item.label == label) {
            return;
        }
        let (label, detail, insert) = (label.to_owned(), detail.to_owned(), insert.to_owned());
        self.items.push(Completion { label, kind, detail, insert });
    }

    /// A number that is begun, in the units of the values that fit.
    fn continue_number(&mut self, typed: &str) {
        let part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '_');
        if typed.is_empty() || !typed.chars().all(part) {
            return;
        }
        let values =
            std::mem::take(&mut self.items).into_iter().filter(|item| item.kind == CompletionKind::Value);
        for value in values {
            let unit = value.label.trim_start_matches(part);
            if unit.len() < value.label.len() && !unit.is_empty() && !unit.contains("baseline") {
                self.add(&format!("{typed}{unit}"), CompletionKind::Value, &value.detail);
            }
        }
    }

    pub(super) fn words(&mut self, words: &[&str]) {
        words.iter().for_each(|word| self.add(word, CompletionKind::Keyword, ""));
    }

    pub(super) fn choices(&mut self, words: &[&str], detail: &str) {
        words.iter().for_each(|word| self.add(word, CompletionKind::Choice, detail));
    }

    fn files(&mut self) {
        let root = self.session.root_of(self.path);
        let folder = root.rfind('/').map_or("", |slash| root.get(..=slash).unwrap_or(""));
        let known: Vec<&str> = self.session.paths().collect();
        for other in known {
            if let Some(name) = other.strip_prefix(folder).filter(|_| other != self.path) {
                self.add(name, CompletionKind::File, "");
            }
        }
    }

    fn fill(&mut self, at: &Context<'_>) {
        let Some(block) = at.block else { return self.top(at) };
        if at.header {
            return;
        }
        match block {
            Block::Signal => self.signal(at),
            Block::Trigger | Block::Line => self.trigger(at),
            Block::Plan => self.plan(at),
            Block::Check => self.check(at),
            Block::Test => self.test(at),
        }
        if block == Block::Line && clause_may_end(at) {
            self.top(at);
        }
    }

    fn top(&mut self, at: &Context<'_>) {
        match at.last().1 {
            "edition" => self.choices(&["2026"], "the edition"),
            "evaluate" => self.words(&["every"]),
            "every" => self.lengths(),
            _ => BLOCKS
                .iter()
                .for_each(|(word, detail, text)| self.add_as(word, CompletionKind::Snippet, detail, text)),
        }
    }

    /// The clauses that the block does not have yet, where one may begin.
    pub(super) fn clauses(&mut self, at: &Context<'_>) {
        let Some(block) = at.block.filter(|_| clause_may_end(at)) else { return };
        for word in clause_words(block) {
            let again = matches!(
                (block, *word),
                (Block::Plan, "stage") | (Block::Check, "measure") | (Block::Test, _)
            );
            if again || !at.clauses.contains(word) {
                let (label, detail, text) = clause(word);
                let text = match (block, *word) {
                    (Block::Test, "given") => "given  $0",
                    (Block::Test, "expect") => "expect $0",
                    _ => text,
                };
                self.add_as(label, CompletionKind::Snippet, detail, text);
            }
        }
    }

    fn signal(&mut self, at: &Context<'_>) {
        match at.last() {
            (_, "is") => {
                TYPES.iter().for_each(|(word, detail)| self.add(word, CompletionKind::Choice, detail))
            }
            (_, "from") => {
                self.add("push", CompletionKind::Choice, "samples that are handed in");
                for (word, detail, text) in [
                    (
                        "metrics",
                        "from scraped or queried metrics",
                        "metrics ${1:rate(requests_total)} over ${2:1m}",
                    ),
                    ("prometheus", "a PromQL query", "prometheus \"$1\""),
                    ("sql", "an SQL query", "sql \"$1\""),
                ] {
                    self.add_as(word, CompletionKind::Choice, detail, text);
                }
            }
            (_, "in") => self.choices(units(at.kind), "the source's unit"),
            (_, "push") => self.words(&["in"]),
            (_, "stale") => self.words(&["after"]),
            (_, "after" | "over") => self.lengths(),
            (_, "expect") => self.words(&["<=", ">=", "<", ">", "between"]),
            _ if at.words.first() == Some(&"expect") => self.condition(at),
            _ => {}
        }
        self.clauses(at);
    }

    fn trigger(&mut self, at: &Context<'_>) {
        match at.words.first().copied().unwrap_or("") {
            "unless" => {
                if matches!(at.last().1, "unless" | "," | "or") {
                    self.named(SymbolKind::Trigger, CompletionKind::Trigger);
                    self.items.retain(|item| item.label != at.name);
                }
            }
            "unknown" => match at.last().1 {
                "unknown" => {
                    self.add_as("hold", CompletionKind::Keyword, "", "hold, then rollback after ${1:10m}")
                }
                "after" => self.lengths(),
                _ => {}
            },
            "runbook" | "owner" => {}
            _ if matches!(at.last().1, "warn" | "hold" | "rollback" | "clear") && at.words.len() == 1 => {
                self.words(&["when"]);
            }
            "" => {}
            _ => self.condition(at),
        }
        self.clauses(at);
    }

    fn plan(&mut self, at: &Context<'_>) {
        match at.last() {
            (_, "stage") => ["1%", "5%", "10%", "25%", "50%", "100%"]
                .iter()
                .for_each(|share| self.add(share, CompletionKind::Value, "of the traffic")),
            ("stage", _) => self.words(&["for"]),
            (_, "for" | "warmup" | "watch") if at.words.first() != Some(&"proceed") => self.plan_lengths(at),
            ("for", _) if at.words.first() == Some(&"stage") => {
                self.add("needs approval", CompletionKind::Keyword, "a person approves before the stage");
            }
            (_, "needs") if at.words.first() == Some(&"stage") => self.words(&["approval"]),
            (_, "for") => self.lengths(),
            (_, "proceed") => self.words(&["when"]),
            _ if at.words.first() == Some(&"proceed") => {
                if at.last().1 == "when" {
                    self.add(
                        "every signal meets its expectation",
                        CompletionKind::Snippet,
                        "of those that have one",
                    );
                }
                self.condition(at);
            }
            _ => {}
        }
        self.clauses(at);
    }

    fn test(&mut self, at: &Context<'_>) {
        let (before, last) = at.last();
        match (at.words.first().copied().unwrap_or(""), last) {
            ("given", "given") => {
                self.named(SymbolKind::Signal, CompletionKind::Signal);
                self.named(SymbolKind::Check, CompletionKind::Plan);
            }
            ("given", ".") => self.measures(before),
            ("given", _) if before == "." => self.finds(at.third(), last),
            ("given", "for" | "every") => self.lengths(),
            ("given", _) => {
                let signal = at.words.get(1).copied().unwrap_or("");
                if before == "given" || matches!(last, "then" | "from" | "to" | "baseline") {
                    self.values(signal, None);
                    self.words(&["rises", "falls", "nothing", "NaN", "restart", "error", "from"]);
                } else if last == "," {
                    self.words(&["then"]);
                } else {
                    self.words(&["for", "then", "once", "every", "noise", "to", "over", "on baseline"]);
                }
            }
            ("expect", "expect") => {
                self.add_as(
                    "decision",
                    CompletionKind::Keyword,
                    "what is asked for",
                    "decision ${1:hold} at ${2:15m}",
                );
                self.add_as(
                    "check",
                    CompletionKind::Keyword,
                    "how a check stands",
                    "check ${1:name} ${2:no-go}",
                );
                self.named(SymbolKind::Trigger, CompletionKind::Trigger);
                self.named(SymbolKind::Signal, CompletionKind::Signal);
            }
            ("expect", "check") => self.named(SymbolKind::Check, CompletionKind::Plan),
            ("expect", _) if before == "check" => {
                self.choices(&["pass", "warn", "no-go", "unknown"], "how the check stands");
            }
            ("expect", "decision") => self.choices(&["proceed", "hold", "rollback"], "a decision"),
            ("expect", "because" | ",") => {
                self.named(SymbolKind::Trigger, CompletionKind::Trigger);
                self.named(SymbolKind::Signal, CompletionKind::Signal);
            }
            ("expect", "at" | "from") => self.lengths(),
            ("expect", _) if before == "expect" => {
                self.choices(&["ok", "pending", "warn", "hold", "rollback", "unknown"], "a state");
            }
            ("expect", "ok" | "pending" | "warn" | "hold" | "rollback" | "unknown" | "proceed") => {
                self.words(&["from", "at"])
            }
            ("expect", _) if at.words.get(1) == Some(&"decision") => self.words(&["because"]),
            ("at", "at") => self.words(&["stage"]),
            ("at", "stage") => self.stages(),
            ("at", "of") => self.named(SymbolKind::Plan, CompletionKind::Plan),
            ("at", "from") => self.lengths(),
            ("at", _) => self.words(&["of", "from"]),
            _ => {}
        }
        self.clauses(at);
    }

    /// A condition, as far as it is written.
    fn condition(&mut self, at: &Context<'_>) {
        let (before, last) = at.last();
        match last {
            "and" if at.third() == "between" => self.right_side(at),
            "when" | "and" | "or" | "not" | "given" | "then" => self.operands(),
            "," => self.named(SymbolKind::Signal, CompletionKind::Signal),
            "(" if FUNCTIONS.contains(&before) || before == "correlation" => {
                self.named(SymbolKind::Signal, CompletionKind::Signal);
            }
            "(" => self.operands(),
            "for" | "within" | "over" => self.lengths(),
            "previous" => self.words(&["stage"]),
            _ if compares(last) || last == "between" => self.right_side(at),
            "+" | "-" | "*" | "/" => self.operands(),
            _ if times(last) => self.words(&["baseline", "previous stage"]),
            _ if before == "between" => self.words(&["and"]),
            _ if before == "," => self.words(&["over"]),
            _ if before == "(" && at.third() == "correlation" => self.words(&[","]),
            // a window's function, not a group
            _ if before == "(" && FUNCTIONS.contains(&at.third()) => self.words(&["over"]),
            _ if before == "over" && at.inside() => self.words(&[")"]),
            _ if self.session.is_signal(self.path, last) && !compares(before) => {
                self.words(&[">", ">=", "<", "<=", "==", "!=", "between"]);
            }
            ")" if !at.words.iter().any(|word| compares(word)) => {
                self.words(&[">", ">=", "<", "<=", "==", "!=", "between"]);
            }
            _ => self.words(&["for", "and", "or", "then", "within"]),
        }
    }

    fn operands(&mut self) {
        self.named(SymbolKind::Signal, CompletionKind::Signal);
        for function in FUNCTIONS {
            let text = format!("{function}(${{1:signal}} over ${{2:5m}})");
            self.add_as(function, CompletionKind::Function, "over a window", &text);
        }
        let text = "correlation(${1:a}, ${2:b} over ${3:15m})";
        self.add_as("correlation", CompletionKind::Function, "of two signals over a window", text);
        self.words(&["not"]);
    }

    /// What the left side of the comparison can be compared with.
    fn right_side(&mut self, at: &Context<'_>) {
        let end = at.words.iter().rposition(|word| compares(word) || *word == "between").unwrap_or(0);
        let words = at.words.get(..end).unwrap_or(&[]);
        let start =
            words.iter().rposition(|word| matches!(*word, "when" | "and" | "or" | "not" | "given" | "then"));
        let left = words.get(start.unwrap_or(0)..).unwrap_or(&[]);
        let place = left.iter().position(|word| self.session.is_signal(self.path, word));
        let signal = match (place, at.words.first()) {
            (Some(place), _) => left.get(place).copied().unwrap_or(""),
            (None, Some(&"expect")) => at.name,
            _ => "",
        };
        let function = place
            .filter(|place| place.checked_sub(1).and_then(|open| left.get(open)) == Some(&"("))
            .and_then(|place| left.get(place.checked_sub(2)?))
            .copied()
            .filter(|word| FUNCTIONS.contains(word));
        self.values(signal, function);
        self.add("baseline", CompletionKind::Keyword, "the same of the stable version");
        self.add("previous stage", CompletionKind::Keyword, "its mean over the stage before");
        self.add_as("2x baseline", CompletionKind::Value, "twice the stable version's", "${1:2}x baseline");
        self.add_as("baseline + 10%", CompletionKind::Value, "a tenth more", "baseline + ${1:10}%");
        if function.is_none() {
            self.alike(signal);
        }
    }

    /// The other signals of the same kind.
    fn alike(&mut self, signal: &str) {
        let kind = |symbol: &super::Symbol| match symbol.detail.as_str() {
            "counter" => "count".to_owned(),
            kind => kind.to_owned(),
        };
        let files = self.session.policy_files(self.path);
        let all = files.iter().flat_map(|path| self.session.symbols(path));
        let signals: Vec<_> = all.filter(|symbol| symbol.kind == SymbolKind::Signal).collect();
        let own = signals.iter().find(|symbol| symbol.name == signal).map(&kind);
        let fits = |symbol: &&super::Symbol| {
            symbol.name != signal && own.as_ref().is_none_or(|own| *own == kind(symbol))
        };
        for symbol in signals.iter().filter(fits).take(COMPLETIONS_MAX) {
            self.add(&symbol.name, CompletionKind::Signal, &symbol.detail);
        }
    }

    /// Values that fit a signal, or a function of it.
    fn values(&mut self, signal: &str, function: Option<&str>) {
        if let Some((named, values)) = self.session.fitting(self.path, signal, function) {
            values.iter().for_each(|value| self.add(value, CompletionKind::Value, &named));
        } else if function.is_none() && self.session.is_signal(self.path, signal) {
            // of a rate, nothing is declared but that it is one
            let rates = ["1/s", "10/s", "10/min", "50/min"];
            rates.iter().for_each(|value| self.add(value, CompletionKind::Value, "a rate"));
        }
    }

    /// How long a stage lasts, a warm-up or a watch.
    fn plan_lengths(&mut self, at: &Context<'_>) {
        match at.words.first().copied() {
            Some("watch") => ["24h", "1h", "2h", "6h", "12h", "2d"]
                .iter()
                .for_each(|length| self.add(length, CompletionKind::Value, "")),
            _ => self.lengths(),
        }
    }

    fn lengths(&mut self) {
        ["15s", "30s", "1m", "2m", "5m", "10m", "15m", "1h"]
            .iter()
            .for_each(|length| self.add(length, CompletionKind::Value, ""));
    }

    /// The names of a kind in the policy.
    fn named(&mut self, kind: SymbolKind, shown: CompletionKind) {
        for path in self.session.policy_files(self.path) {
            for symbol in self.session.symbols(&path).into_iter().filter(|symbol| symbol.kind == kind) {
                self.add(&symbol.name, shown, &symbol.detail);
                if self.items.len() > COMPLETIONS_MAX.saturating_mul(10) {
                    return;
                }
            }
        }
    }

    fn stages(&mut self) {
        for path in self.session.policy_files(self.path) {
            for symbol in self.session.symbols(&path) {
                for stage in symbol.children.into_iter().filter(|child| child.kind == SymbolKind::Stage) {
                    let detail = format!("of `{}`", symbol.name);
                    self.add(&stage.name, CompletionKind::Value, &detail);
                }
            }
        }
    }
}
