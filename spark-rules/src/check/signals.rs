//! Signals: what they are, where they come from, in which unit, and what they must meet.

use rust_decimal::Decimal;
use spark_core::quantity::scale_of;
use spark_core::{
    Condition, Currency, Dimension, PerTime, Signal, SignalId, Source, SourceSpan as Span, Unit,
};

use super::meant::Scale;
use super::units::Type;
use super::{Checker, SignalInfo, TYPES, types_help};
use crate::ast::{self, Clause, Name, SignalClause, SourceUnit};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::parser::alias;
use crate::suggest::nearest;

/// Words from elsewhere for the types.
const FOREIGN_TYPES: &[(&str, &str)] = &[
    ("time", "duration"),
    ("latency", "duration"),
    ("percent", "ratio"),
    ("percentage", "ratio"),
    ("share", "ratio"),
    ("gauge", "number"),
    ("int", "count"),
    ("integer", "count"),
    ("float", "number"),
    ("memory", "bytes"),
    ("size", "bytes"),
    ("counter", "count"),
    ("bool", "flag"),
    ("boolean", "flag"),
    ("flag", "count"),
    ("bool", "count"),
    ("boolean", "count"),
];

/// What a signal's number means: its unit, and the factor from its source's numbers to the base unit.
struct Meaning {
    unit: Option<Unit>,
    per: PerTime,
    scale: Decimal,
    open_rate: bool,
}

impl Checker<'_> {
    /// The signal, its expectation aside: that is read once all signals are known.
    pub(super) fn signal(&mut self, signal: &ast::Signal) -> Signal {
        self.refuse_twice(&signal.clauses, |kind| match kind {
            SignalClause::Is(_) => "is",
            SignalClause::From { .. } => "from",
            SignalClause::StaleAfter(_) => "stale after",
            SignalClause::Expect(_) => "expect",
        });
        let mut is = None;
        let mut from = None;
        let mut stale = None;
        for clause in &signal.clauses {
            match &clause.kind {
                SignalClause::Is(name) => is = is.or(Some(name)),
                SignalClause::From { source, unit } => from = from.or(Some((source, unit.as_ref(), clause))),
                SignalClause::StaleAfter(length) => stale = stale.or(Some(*length)),
                SignalClause::Expect(_) => {}
            }
        }
        self.refuse_missing(signal, is.is_none(), from.is_none());
        let kind = is.and_then(|name| self.type_word(name, TYPES));
        let meaning = self.meaning(kind, from.map(|(_, unit, clause)| (unit, clause)));
        let source = from.map_or(Source::Push, |(source, ..)| self.source(source));
        self.signals.push(SignalInfo {
            unit: meaning.unit,
            per: meaning.per,
            open_rate: meaning.open_rate,
            scale: Scale::of(signal, self.texts),
            flag: false,
        });
        Signal {
            name: signal.name.text.clone(),
            title: signal.title.as_ref().map(|title| title.value.clone()),
            unit: meaning.unit.unwrap_or(Unit::of(Dimension::Number)),
            per: meaning.per,
            counter: kind == Some("counter"),
            source,
            scale: meaning.scale,
            stale_after: stale.map_or(self.every.times(3), |length| length.value),
            expectation: None,
            span: signal.span,
        }
    }

    /// The expectation, and the dimension of a rate that its source left open.
    pub(super) fn finish_signal(&mut self, place: usize, tree: Option<&ast::Signal>, signal: &mut Signal) {
        if let Some(unit) = self.signals.get(place).and_then(|info| info.unit) {
            signal.unit = unit;
        }
        let expectation =
            tree.into_iter().flat_map(|tree| &tree.clauses).find_map(|clause| match &clause.kind {
                SignalClause::Expect(compare) => Some(compare),
                _ => None,
            });
        let Some(compare) = expectation else { return };
        let id = SignalId(u32::try_from(place).unwrap_or(u32::MAX));
        signal.expectation =
            self.comparison(compare, Some(id)).map(|comparison| Condition::Compare(Box::new(comparison)));
    }

    /// Tells clauses that stand twice.
    pub(super) fn refuse_twice<T>(&mut self, clauses: &[Clause<T>], key: impl Fn(&T) -> &'static str) {
        let mut seen: Vec<(&'static str, Span)> = Vec::new();
        for clause in clauses {
            let key = key(&clause.kind);
            if key.is_empty() {
                continue;
            }
            match seen.iter().find(|(other, _)| *other == key) {
                Some((_, first)) => self.problems.tell(
                    Diagnostic::error(codes::E0118, clause.word, format!("`{key}` stands twice"))
                        .also(*first, "first here")
                        .help("keep one of them"),
                ),
                None => seen.push((key, clause.word)),
            }
        }
    }

    fn refuse_missing(&mut self, signal: &ast::Signal, is: bool, from: bool) {
        if signal.broken {
            return;
        }
        let name = &signal.name.text;
        if is {
            let problem = Diagnostic::error(
                codes::E0119,
                signal.name.span,
                format!("signal `{name}` does not say what it is"),
            );
            self.problems
                .tell(problem.help(format!("write `is duration` or another type: {}", types_help(TYPES))));
        }
        if from {
            let problem = Diagnostic::error(
                codes::E0119,
                signal.name.span,
                format!("signal `{name}` does not say where it comes from"),
            );
            let close = self.written(signal.span).ends_with('}').then(|| signal.span.end.saturating_sub(1));
            let problem = problem.help("write `from metrics …`, `from prometheus \"…\"`, `from sql \"…\"`, or `from push` for samples that are handed in");
            self.problems.tell(match close {
                Some(close) => problem.maybe(vec![Edit::insert(close, " from push ")]),
                None => problem,
            });
        }
    }

    pub(super) fn type_word(&mut self, name: &Name, types: &[&'static str]) -> Option<&'static str> {
        if let Some(known) = types.iter().copied().find(|known| *known == name.text) {
            return Some(known);
        }
        if let Some(known) = types.iter().copied().find(|known| name.text.eq_ignore_ascii_case(known)) {
            let problem = Diagnostic::error(codes::E0201, name.span, format!("`{}` is no type", name.text));
            let problem = problem.help(format!("write `{known}`"));
            self.problems.tell(problem.machine(vec![Edit::replace(name.span, known)]));
            return None;
        }
        let unit = scale_of(&name.text).map(|(_, dimension)| match dimension {
            Dimension::Duration => "duration",
            Dimension::Bytes => "bytes",
            Dimension::Ratio => "ratio",
            _ => "count",
        });
        if let Some(kind) = unit {
            let message = format!("`{}` is a unit, and no type", name.text);
            let help =
                format!("write `is {kind}`, and `in {}` behind the source if its numbers come so", name.text);
            let problem = Diagnostic::error(codes::E0201, name.span, message).help(help);
            self.problems.tell(problem.maybe(vec![Edit::replace(name.span, kind)]));
            return None;
        }
        let foreign = FOREIGN_TYPES
            .iter()
            .find(|(word, own)| *word == name.text && types.contains(own))
            .map(|(_, own)| *own);
        let near = nearest(&name.text, types.iter().copied());
        let problem = Diagnostic::error(codes::E0201, name.span, format!("`{}` is no type", name.text));
        self.problems.tell(match (near.as_slice(), foreign) {
            (_, Some(own)) => problem
                .help(format!("did you mean `{own}`? {}", types_help(types)))
                .maybe(vec![Edit::replace(name.span, own)]),
            ([only], None) => {
                problem.help(format!("did you mean `{only}`?")).maybe(vec![Edit::replace(name.span, *only)])
            }
            _ if matches!(name.text.as_str(), "histogram" | "summary" | "quantile" | "p95" | "p99") => {
                problem.help(
                    "a quantile is what it measures: `is duration  from metrics p95(http_seconds) over 1m`",
                )
            }
            _ => problem.help(types_help(types)),
        });
        None
    }

    fn meaning(
        &mut self,
        kind: Option<&'static str>,
        from: Option<(Option<&SourceUnit>, &Clause<SignalClause>)>,
    ) -> Meaning {
        let wrong = Meaning { unit: None, per: PerTime::Second, scale: Decimal::ONE, open_rate: false };
        let Some(kind) = kind else { return wrong };
        let own = |unit: Unit| Meaning {
            unit: Some(unit),
            per: PerTime::Second,
            scale: Decimal::ONE,
            open_rate: false,
        };
        let Some((Some(unit), _)) = from else {
            return match kind {
                "duration" => own(Unit::of(Dimension::Duration)),
                "ratio" => own(Unit::of(Dimension::Ratio)),
                "bytes" => own(Unit::of(Dimension::Bytes)),
                "number" => own(Unit::of(Dimension::Number)),
                "rate" => Meaning { open_rate: true, ..own(Unit::per_time(Dimension::Count)) },
                "money" => {
                    if let Some((_, clause)) = from {
                        self.missing_currency(clause);
                    }
                    wrong
                }
                _ => own(Unit::of(Dimension::Count)),
            };
        };
        self.source_meaning(kind, unit).unwrap_or(wrong)
    }

    /// What `in …` says of a measure's unit.
    pub(super) fn source_unit(&mut self, kind: &'static str, unit: &SourceUnit) -> Option<(Unit, PerTime)> {
        let meaning = self.source_meaning(kind, unit)?;
        Some((meaning.unit?, meaning.per))
    }

    fn missing_currency(&mut self, clause: &Clause<SignalClause>) {
        self.problems.tell(
            Diagnostic::error(codes::E0205, clause.span, "money names its currency")
                .help("write it behind the source, as in `from push in USDT`")
                .maybe(vec![Edit::insert(clause.span.end, " in USDT")]),
        );
    }

    /// The meaning of `in …`, checked against what the signal is.
    fn source_meaning(&mut self, kind: &'static str, unit: &SourceUnit) -> Option<Meaning> {
        let scaled = scale_of(&unit.unit)
            .or_else(|| Currency::new(&unit.unit).map(|currency| (Decimal::ONE, Dimension::Money(currency))));
        let per = unit.per.as_deref().map(PerTime::parse);
        let capitals =
            Currency::new(&unit.unit.to_ascii_uppercase()).map(|currency| currency.as_str().to_owned());
        let (Some((factor, dimension)), Some(per)) = (scaled, per.map_or(Some(None), |per| per.map(Some)))
        else {
            let written = self.written(unit.span).to_owned();
            let problem = Diagnostic::error(codes::E0106, unit.span, format!("`{written}` is no unit"));
            let per = |word: &str| PerTime::parse(alias(word).unwrap_or(word)).map(PerTime::as_str);
            let meant = match unit.per.as_deref() {
                None => alias(&unit.unit)
                    .or_else(|| currency_of(&unit.unit))
                    .or_else(|| capitals.as_deref().filter(|code| kind == "money" && code.len() <= 5))
                    .map(str::to_owned),
                Some(word) => per(word).map(|per| match unit.unit.as_str() {
                    "" => format!("1/{per}"),
                    amount => format!("{}/{per}", alias(amount).unwrap_or(amount)),
                }),
            };
            self.problems.tell(match meant {
                Some(meant) => {
                    problem.help(format!("write `{meant}`")).machine(vec![Edit::replace(unit.span, meant)])
                }
                None => problem.help(expected_units(kind)),
            });
            return None;
        };
        let fits = match (kind, dimension, per) {
            ("rate", _, Some(_)) => true,
            ("duration", Dimension::Duration, None) => true,
            ("ratio", Dimension::Ratio | Dimension::Number, None) => true,
            ("bytes", Dimension::Bytes, None) => true,
            ("money", Dimension::Money(_), None) => true,
            ("count" | "number", Dimension::Number, None) => true,
            ("counter", _, None) => dimension != Dimension::Ratio,
            _ => false,
        };
        if !fits {
            return self.wrong_source_unit(kind, unit);
        }
        let dimension = match (kind, dimension) {
            ("ratio", _) => Dimension::Ratio,
            ("number", _) => Dimension::Number,
            (_, Dimension::Number) => Dimension::Count,
            (_, other) => other,
        };
        let scale = match per {
            Some(per) => factor.checked_div(Decimal::from(per.seconds())).unwrap_or(factor),
            None => factor,
        };
        let unit = Unit { dimension, per_time: per.is_some() };
        Some(Meaning { unit: Some(unit), per: per.unwrap_or_default(), scale, open_rate: false })
    }

    fn wrong_source_unit(&mut self, kind: &str, unit: &SourceUnit) -> Option<Meaning> {
        let written = self.written(unit.span).to_owned();
        let problem =
            Diagnostic::error(codes::E0206, unit.span, format!("`{written}` is no unit of what `is {kind}`"));
        self.problems.tell(problem.help(expected_units(kind)));
        None
    }

    fn source(&mut self, source: &ast::Source) -> Source {
        match source {
            ast::Source::Metrics(metrics) => Source::Metrics(self.metrics(metrics)),
            ast::Source::Prometheus(query) => {
                self.refuse_empty(query, "query");
                Source::Prometheus { query: query.value.clone() }
            }
            ast::Source::Sql(query) => {
                self.refuse_empty(query, "query");
                Source::Sql { query: query.value.clone() }
            }
            ast::Source::Push => Source::Push,
        }
    }

    /// Tells text that has nothing in it.
    pub(super) fn refuse_empty(&mut self, text: &ast::Text, what: &str) {
        if text.value.trim().is_empty() {
            let problem = Diagnostic::error(codes::E0130, text.span, format!("this {what} is empty"));
            self.problems.tell(problem.help("write it, or take the clause away"));
        }
    }

    /// A literal as a value of the signal, in the base unit.
    pub(super) fn value_of(&mut self, literal: ast::Literal, signal: SignalId) -> Option<Decimal> {
        let unit = self.signals.get(signal.index()).and_then(|info| info.unit)?;
        let wanted = Type::Of(unit);
        let found = Type::of_literal(&literal.value);
        if super::units::unify(wanted, found).is_some() {
            return Some(literal.value.value);
        }
        let written = self.written(literal.span).to_owned();
        let subject = self.signal_names.get(signal.index()).copied().unwrap_or("").to_owned();
        let (code, tail) = match (found, wanted) {
            (Type::Plain, _) => (codes::E0204, "has no unit".to_owned()),
            (
                Type::Of(Unit { dimension: Dimension::Money(_), .. }),
                Type::Of(Unit { dimension: Dimension::Money(_), .. }),
            ) => (codes::E0205, format!("is {}: currencies do not mix", found.named())),
            (other, _) => (codes::E0203, format!("is {}", other.named())),
        };
        let message = format!("`{subject}` is {}, `{written}` {tail}", wanted.named());
        let problem = self.declared_here(Diagnostic::error(code, literal.span, message), Some(signal));
        let meant = (found == Type::Plain)
            .then(|| self.meant(&written, literal.value.value, wanted, Some(signal)))
            .flatten();
        self.problems.tell(match meant {
            Some(meant) if meant.sure => problem
                .help(format!("write `{}`", meant.text))
                .machine(vec![Edit::replace(literal.span, meant.text)]),
            Some(meant) => problem.help(meant.help).maybe(vec![Edit::replace(literal.span, meant.text)]),
            None => problem.help(format!("write it as in `{}`", wanted.example())),
        });
        None
    }
}

/// The currency that a word of a language stands for.
fn currency_of(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "dollar" | "dollars" => "USD",
        "euro" | "euros" => "EUR",
        "pound" | "pounds" => "GBP",
        "yen" => "JPY",
        "bitcoin" | "bitcoins" => "BTC",
        "tether" => "USDT",
        _ => return None,
    })
}

fn expected_units(kind: &str) -> String {
    match kind {
        "duration" => "a duration comes `in s`, `in ms`, `in us`, `in m` or `in h`",
        "ratio" => "a ratio comes as 0 to 1, or `in %`",
        "rate" => "a rate comes `in 1/s`, `in 1/min`, or in a unit per time, such as `in MiB/min`",
        "bytes" => "bytes come `in B`, `in KiB`, `in MiB`, `in GiB`, `in KB`, `in MB` or `in GB`",
        "money" => "money comes in its currency, such as `in USDT`",
        "counter" => "a counter comes without a unit, or in what it adds up, such as `in B` or `in s`",
        _ => "it comes without a unit: leave `in` away",
    }
    .to_owned()
}
