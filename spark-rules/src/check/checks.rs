//! Checks: when they are made, what their probe brings, and what must be true of it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use rust_decimal::Decimal;
use spark_core::check::{
    Check, CheckMeasure, CheckPhase, CheckSeverity, EVIDENCE_NAME_BYTES_MAX, MEASURES_MAX, is_evidence_name,
};
use spark_core::{
    Comparison, Condition as Checked, Dimension, Expression as Value, PerTime, Relation, SignalId,
    SourceSpan as Span, Test, TimeSpan, Unit,
};

use super::conditions::Place;
use super::{Checker, MEASURE_TYPES, Named, SignalInfo};
use crate::ast::{self, Against, CheckClause, Compare, Condition, ConditionKind, Expression, ExpressionKind};
use crate::ast::{Name, SourceUnit};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::parser::is_reserved;
use crate::suggest::joined;

/// The clauses that every check has, and how each is written.
const NEEDED: &[(&str, &str)] = &[
    ("in", "`in preflight`"),
    ("probe", "`probe pgbouncer`"),
    ("measure", "`measure saturation is ratio`"),
    ("pass", "`pass when saturation < 90%`"),
    ("else", "`else no-go`"),
    ("within", "`within 5s`"),
    ("evidence", "`evidence \"pools.json\"`"),
];

impl<'t> Checker<'t> {
    /// The check; nothing where it lacks what a check cannot be without.
    pub(super) fn check(&mut self, tree: &'t ast::Check) -> Option<Check> {
        self.refuse_twice(&tree.clauses, clause_word);
        self.refuse_lacking(tree);
        let outer = self.enter_measures(tree);
        let measures = self.measures(tree);
        let mut check = Check {
            name: tree.name.text.clone(),
            title: tree.title.as_ref().map(|title| title.value.clone()),
            phase: CheckPhase::Preflight,
            probe: String::new(),
            measures,
            condition: Checked::All(Vec::new()),
            severity: CheckSeverity::NoGo,
            within: TimeSpan::ZERO,
            evidence: String::new(),
            owner: None,
            runbook: None,
            span: tree.span,
        };
        let mut passes = None;
        for clause in &tree.clauses {
            match &clause.kind {
                CheckClause::In(word) => check.phase = CheckPhase::parse(&word.text).unwrap_or(check.phase),
                CheckClause::Else(word) => {
                    check.severity = CheckSeverity::parse(&word.text).unwrap_or(check.severity);
                }
                CheckClause::Probe(name) => check.probe.clone_from(&name.text),
                CheckClause::Measure { .. } => {}
                CheckClause::Pass(condition) => passes = self.one_look(condition),
                CheckClause::Within(length) => check.within = length.value,
                CheckClause::Evidence(name) => {
                    self.refuse_evidence(name);
                    check.evidence.clone_from(&name.value);
                }
                CheckClause::Owner(text) => {
                    self.refuse_empty(text, "owner");
                    check.owner = Some(text.value.clone());
                }
                CheckClause::Runbook(text) => {
                    self.refuse_empty(text, "runbook");
                    check.runbook = Some(text.value.clone());
                }
            }
        }
        self.leave_measures(outer);
        check.condition = passes?;
        Some(check)
    }

    /// Tells all clauses that are missing at once.
    fn refuse_lacking(&mut self, tree: &ast::Check) {
        let has = |word: &str| tree.clauses.iter().any(|clause| clause_of(&clause.kind) == word);
        let lacking: Vec<_> = NEEDED.iter().filter(|(word, _)| !has(word)).collect();
        if lacking.is_empty() || tree.broken {
            return;
        }
        let words = joined(lacking.iter().map(|(word, _)| *word), " and ");
        let message = format!("check `{}` does not say {words}", tree.name.text);
        let problem = Diagnostic::error(codes::E0119, tree.name.span, message);
        let how: Vec<&str> = lacking.iter().map(|(_, how)| *how).collect();
        let help = format!("write {}", how.join(", "));
        let close = self.written(tree.span).ends_with('}').then(|| tree.span.end.saturating_sub(1));
        let only = matches!(lacking.as_slice(), [("evidence", _)]);
        self.problems.tell(match close.filter(|_| only) {
            Some(close) => {
                let name = tree.name.text.replace('_', "-");
                problem.help(help).maybe(vec![Edit::insert(close, format!(" evidence \"{name}.json\" "))])
            }
            None => problem.help(help),
        });
    }

    /// Lets names be those of the check's measures; gives what they were before.
    fn enter_measures(&mut self, tree: &'t ast::Check) -> Outer<'t> {
        let mut names = HashMap::new();
        let (mut infos, mut called, mut types) = (Vec::new(), Vec::new(), Vec::new());
        for clause in &tree.clauses {
            let CheckClause::Measure { name, kind, .. } = &clause.kind else { continue };
            let place = u32::try_from(infos.len()).unwrap_or(u32::MAX);
            if let Some((_, first)) = names.get(name.text.as_str()) {
                self.twice("measures of one check", &name.text, name.span, *first);
            } else {
                names.insert(Cow::Borrowed(name.text.as_str()), (Named::Signal(place), name.span));
            }
            infos.push(SignalInfo {
                unit: None,
                per: PerTime::Second,
                open_rate: false,
                scale: None,
                flag: false,
            });
            called.push(name.text.as_str());
            types.push(Some(kind.span));
        }
        // in a clause that could not be read, a measure may be declared
        let doubtful = if tree.broken { None } else { Some(HashSet::new()) };
        let names = std::mem::replace(&mut self.names, names);
        self.outer = Some(names);
        Outer {
            signals: std::mem::replace(&mut self.signals, infos),
            signal_names: std::mem::replace(&mut self.signal_names, called),
            signal_types: std::mem::replace(&mut self.signal_types, types),
            doubtful: std::mem::replace(&mut self.doubtful, doubtful),
        }
    }

    fn leave_measures(&mut self, outer: Outer<'t>) {
        self.names = self.outer.take().unwrap_or_default();
        self.signals = outer.signals;
        self.signal_names = outer.signal_names;
        self.signal_types = outer.signal_types;
        self.doubtful = outer.doubtful;
    }

    fn measures(&mut self, tree: &ast::Check) -> Vec<CheckMeasure> {
        let mut measures = Vec::new();
        for clause in &tree.clauses {
            let CheckClause::Measure { name, kind, unit } = &clause.kind else { continue };
            if measures.len() == MEASURES_MAX {
                let message = format!("a check has at most {MEASURES_MAX} measures");
                let problem = Diagnostic::error(codes::E0512, clause.span, message);
                self.problems.tell(problem.help("write several checks: each asks one question"));
            }
            let (unit, per, flag) = match self.type_word(kind, MEASURE_TYPES) {
                Some(kind) => self.measure_unit(kind, unit.as_ref(), clause.span),
                None => (None, PerTime::Second, false),
            };
            if let Some(info) = self.signals.get_mut(measures.len()) {
                (info.unit, info.per, info.flag) = (unit, per, flag);
            }
            let unit = unit.unwrap_or(Unit::of(Dimension::Number));
            measures.push(CheckMeasure { name: name.text.clone(), unit, per, flag });
        }
        measures
    }

    /// The unit of a measure of a kind; none where it cannot be told.
    fn measure_unit(
        &mut self,
        kind: &'static str,
        unit: Option<&SourceUnit>,
        clause: Span,
    ) -> (Option<Unit>, PerTime, bool) {
        let own = |dimension| (Some(Unit::of(dimension)), PerTime::Second, false);
        match (kind, unit) {
            ("rate" | "money", Some(unit)) => match self.source_unit(kind, unit) {
                Some((unit, per)) => (Some(unit), per, false),
                None => (None, PerTime::Second, false),
            },
            ("money", None) => {
                self.problems.tell(
                    Diagnostic::error(codes::E0205, clause, "money names its currency")
                        .help("write it behind the type, as in `is money in USDT`")
                        .maybe(vec![Edit::insert(clause.end, " in USDT")]),
                );
                (None, PerTime::Second, false)
            }
            (_, Some(unit)) => {
                let written = self.written(unit.span).to_owned();
                let start = clause.end.min(unit.span.start);
                let before =
                    self.written(Span { end: start, ..clause }).trim_end().trim_end_matches("in").trim_end();
                let from = clause.start.saturating_add(u32::try_from(before.len()).unwrap_or(0));
                let message = format!("a measure comes with its unit: `in {written}` is not needed");
                let edit = Edit { start: from, end: unit.span.end, text: String::new() };
                let problem = Diagnostic::error(codes::E0206, unit.span, message);
                self.problems.tell(
                    problem.help("take it away: only a rate or money says of what").machine(vec![edit]),
                );
                (None, PerTime::Second, false)
            }
            ("flag", None) => (Some(Unit::of(Dimension::Number)), PerTime::Second, true),
            ("duration", None) => own(Dimension::Duration),
            ("ratio", None) => own(Dimension::Ratio),
            ("bytes", None) => own(Dimension::Bytes),
            ("number", None) => own(Dimension::Number),
            ("rate", None) => (Some(Unit::per_time(Dimension::Count)), PerTime::Second, false),
            _ => own(Dimension::Count),
        }
    }

    /// The condition, of what one look shows alone.
    fn one_look(&mut self, condition: &Condition) -> Option<Checked> {
        let mut found = Vec::new();
        over_time(condition, &mut |span, what, edits| found.push((span, what, edits)));
        let sound = found.is_empty();
        for (span, what, edits) in found {
            let written = self.written(span).to_owned();
            let message = match what {
                OverTime::For => format!("a check looks once: nothing holds `for {written}`"),
                OverTime::Then => "a check looks once: nothing comes `then`".to_owned(),
                OverTime::Window => format!("a check looks once: `{written}` asks for more"),
                OverTime::Reference => format!("a check looks once: there is no `{written}`"),
                OverTime::Every => "a check reads its own measures, and no signal".to_owned(),
            };
            let help = match what {
                OverTime::For => "take the `for` away; what has to hold for a time is a trigger's",
                OverTime::Then => "join both by `and`, or write a trigger",
                OverTime::Window => "let the probe measure that, or write a trigger",
                OverTime::Reference => "compare with a value, or let the probe measure both",
                OverTime::Every => "write what must be true of the measures, as in `saturation < 90%`",
            };
            let problem = Diagnostic::error(codes::E0507, span, message).help(help);
            self.problems.tell(if edits.is_empty() { problem } else { problem.maybe(edits) });
        }
        sound.then(|| self.condition(condition, Place::default())).flatten()
    }

    /// A flag alone is a condition; nothing where it is none.
    pub(super) fn flag(&mut self, value: &Expression) -> Option<Checked> {
        let id = self.flag_named(value)?;
        Some(Checked::Compare(Box::new(Comparison {
            left: Value::Signal(id),
            test: Test::Is(Relation::Equal, Value::Literal(Decimal::ONE)),
            unit: Unit::of(Dimension::Number),
            per: PerTime::Second,
            span: value.span,
        })))
    }

    fn flag_named(&self, value: &Expression) -> Option<SignalId> {
        let name = match &value.kind {
            ExpressionKind::Name(name) => name,
            ExpressionKind::Group(inner) => return self.flag_named(inner),
            _ => return None,
        };
        match self.names.get(name.as_str()) {
            Some((Named::Signal(place), _)) => {
                let id = SignalId(*place);
                self.signals.get(id.index()).filter(|info| info.flag).map(|_| id)
            }
            _ => None,
        }
    }

    /// Tells of a flag that is compared; whether it was one.
    pub(super) fn refuse_compared_flag(&mut self, compare: &Compare) -> bool {
        let Some(left) = compare.left.as_ref().filter(|left| self.flag_named(left).is_some()) else {
            return false;
        };
        let name = self.written(left.span).to_owned();
        let meant = match &compare.test {
            Against::Is(relation, right) => truth_word(right).and_then(|truth| match relation {
                Relation::Equal => Some(truth),
                Relation::NotEqual => Some(!truth),
                _ => None,
            }),
            Against::Between(..) => None,
        };
        let message = format!("`{name}` is a flag: it is true or false by itself");
        let problem = Diagnostic::error(codes::E0510, compare.span, message);
        self.problems.tell(match meant {
            Some(truth) => {
                let meant = if truth { name } else { format!("not {name}") };
                problem.help(format!("write `{meant}`")).machine(vec![Edit::replace(compare.span, meant)])
            }
            None => problem.help(format!("write `{name}` or `not {name}`")),
        });
        true
    }

    fn refuse_evidence(&mut self, name: &ast::Text) {
        if is_evidence_name(&name.value) {
            return;
        }
        let written = &name.value;
        let message = format!("`{written}` is no name of an evidence file");
        let problem = Diagnostic::error(codes::E0508, name.span, message);
        let base = written.rsplit(['/', '\\']).next().unwrap_or(written);
        let help = match base == written {
            false => "evidence lies in the release's folder: write a name without a folder".to_owned(),
            true => format!(
                "it has letters, digits, `-`, `_` and `.`, at most {EVIDENCE_NAME_BYTES_MAX}, and ends in `.json`, `.jsonl` or `.txt`"
            ),
        };
        let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
        let named = [
            base.to_owned(),
            format!("{stem}.json"),
            format!("{}.json", stem.replace(' ', "-").to_ascii_lowercase()),
        ];
        let meant = named.into_iter().find(|name| is_evidence_name(name));
        self.problems.tell(match meant {
            Some(meant) => problem.help(help).maybe(vec![Edit::replace(name.span, format!("\"{meant}\""))]),
            None => problem.help(help),
        });
    }

    /// Tells of checks that keep their evidence in one file.
    pub(super) fn refuse_shared_evidence(&mut self, trees: &[&ast::Check]) {
        let mut files: HashMap<String, Span> = HashMap::new();
        for tree in trees {
            let named = tree.clauses.iter().find_map(|clause| match &clause.kind {
                CheckClause::Evidence(name) => Some(name),
                _ => None,
            });
            let Some(name) = named else { continue };
            // some file systems take both letters for one
            match files.get(&name.value.to_ascii_lowercase()) {
                Some(first) => self.problems.tell(
                    Diagnostic::error(
                        codes::E0508,
                        name.span,
                        format!("two checks keep their evidence in `{}`", name.value),
                    )
                    .also(*first, "the first")
                    .help("give each a file of its own: one would overwrite the other"),
                ),
                None => {
                    files.insert(name.value.to_ascii_lowercase(), name.span);
                }
            }
        }
    }

    /// What is said of a name in a check that none of its measures has.
    pub(super) fn no_measure(&mut self, text: &str, span: Span) {
        let outside = self.outer.as_ref().and_then(|outer| outer.get(text)).copied();
        let declared: Vec<&str> = self.signal_names.clone();
        if let Some((named, place)) = outside {
            let what = if matches!(named, Named::Signal(_)) { "signal" } else { "trigger" };
            let message = format!("`{text}` is a {what}: a check reads its own measures");
            let problem = Diagnostic::error(codes::E0210, span, message).also(place, "declared here");
            self.problems.tell(problem.help(format!("let its probe bring it: `measure {text} is …`")));
            return;
        }
        if matches!(text, "true" | "false") {
            let problem = Diagnostic::error(codes::E0301, span, format!("`{text}` is no value"));
            let help = "a flag is written alone: `hsts`, or `not hsts`; all else is compared with a value";
            self.problems.tell(problem.help(help));
            return;
        }
        let problem =
            Diagnostic::error(codes::E0201, span, format!("no measure of this check is called `{text}`"));
        let problem = self.problems.suggesting(problem, text, &declared, "measures");
        self.problems.tell(match is_reserved(text) || problem.help.is_some() {
            true => problem,
            false => problem.help(format!("declare it: `measure {text} is …`")),
        });
    }

    /// The names of a check as they were written, for tests.
    pub(super) fn check_named(&mut self, name: &Name, checks: &[&ast::Check]) -> Option<usize> {
        if let Some(place) = checks.iter().position(|check| check.name.text == name.text) {
            return Some(place);
        }
        if self.doubtful(&name.text) {
            return None;
        }
        let message = format!("no check is called `{}`", name.text);
        let problem = Diagnostic::error(codes::E0201, name.span, message);
        let names: Vec<&str> = checks.iter().map(|check| check.name.text.as_str()).collect();
        let problem = self.problems.suggesting(problem, &name.text, &names, "checks");
        self.problems.tell(problem);
        None
    }
}

/// What names stood for outside of a check.
pub(super) struct Outer<'t> {
    signals: Vec<SignalInfo>,
    signal_names: Vec<&'t str>,
    signal_types: Vec<Option<Span>>,
    doubtful: Option<HashSet<&'t str>>,
}

/// The clause that may stand once.
const fn clause_word(kind: &CheckClause) -> &'static str {
    match kind {
        CheckClause::Measure { .. } => "",
        other => clause_of(other),
    }
}

const fn clause_of(kind: &CheckClause) -> &'static str {
    match kind {
        CheckClause::In(_) => "in",
        CheckClause::Probe(_) => "probe",
        CheckClause::Measure { .. } => "measure",
        CheckClause::Pass(_) => "pass",
        CheckClause::Else(_) => "else",
        CheckClause::Within(_) => "within",
        CheckClause::Evidence(_) => "evidence",
        CheckClause::Owner(_) => "owner",
        CheckClause::Runbook(_) => "runbook",
    }
}

/// What only time shows.
#[derive(Debug, Clone, Copy)]
enum OverTime {
    For,
    Then,
    Window,
    Reference,
    Every,
}

/// Shows what a single look cannot, with its place, and what takes it away.
fn over_time(condition: &Condition, see: &mut dyn FnMut(Span, OverTime, Vec<Edit>)) {
    condition.visit(&mut |part| match &part.kind {
        ConditionKind::Held(inner, length) => {
            let edit = Edit { start: inner.span.end, end: length.span.end, text: String::new() };
            see(length.span, OverTime::For, vec![edit]);
        }
        ConditionKind::Sequence(first, then, _) => {
            let between = Span { start: first.span.end, end: then.span.start, ..part.span };
            see(between, OverTime::Then, Vec::new());
        }
        ConditionKind::EveryExpectation => see(part.span, OverTime::Every, Vec::new()),
        ConditionKind::Compare(compare) => compare.sides().for_each(|side| {
            side.visit(&mut |value| match &value.kind {
                ExpressionKind::Call(_) => see(value.span, OverTime::Window, Vec::new()),
                ExpressionKind::Baseline | ExpressionKind::PreviousStage => {
                    see(value.span, OverTime::Reference, Vec::new());
                }
                _ => {}
            });
        }),
        _ => {}
    });
}

/// What a value says as a truth: `true`, `no`, `1`.
fn truth_word(value: &Expression) -> Option<bool> {
    match &value.kind {
        ExpressionKind::Name(word) => match word.to_ascii_lowercase().as_str() {
            "true" | "yes" | "set" | "present" | "on" => Some(true),
            "false" | "no" | "unset" | "absent" | "missing" | "off" => Some(false),
            _ => None,
        },
        ExpressionKind::Literal(value) if value.value == Decimal::ONE => Some(true),
        ExpressionKind::Literal(value) if value.value.is_zero() => Some(false),
        _ => None,
    }
}
