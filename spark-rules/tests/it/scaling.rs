//! The checker against the engine: what is accepted means the same in every unit of measure.
//!
//! A comparison of a duration with a number of bytes could not be told from a right one by running it: the engine
//! compares decimals. But it would change its truth when bytes are counted in other units and durations are not. So random
//! conditions, right and wrong ones, are loaded twice, the second time with time dilated, bytes and money scaled;
//! whatever the checker lets through must have the same truth at every instant.

use std::fmt::Write as _;
use std::sync::Arc;

use rust_decimal::Decimal;
use spark_core::{Engine, Reading, Sample, SignalId, TimeSpan, Timestamp, Track, Truth};

/// Powers of what is scaled: time, bytes, money.
type Dimension = (i32, i32, i32);

const NONE: Dimension = (0, 0, 0);

/// The signals: name, clauses, dimension, and whether it only grows.
const SIGNALS: &[(&str, &str, Dimension, bool)] = &[
    ("wait", "is duration from push", (1, 0, 0), false),
    ("lag", "is duration from push", (1, 0, 0), false),
    ("heap", "is bytes from push", (0, 1, 0), false),
    ("disk", "is bytes from push", (0, 1, 0), false),
    ("churn", "is rate from push in B/s", (-1, 1, 0), false),
    ("orders", "is rate from push in 1/s", (-1, 0, 0), false),
    ("served", "is counter from push", NONE, true),
    ("open", "is count from push", NONE, false),
    ("share", "is ratio from push", NONE, false),
    ("drift", "is money from push in USDT", (0, 0, 1), false),
    ("score", "is number from push", NONE, false),
];

const FUNCTIONS: &[&str] =
    &["avg", "min", "max", "sum", "count", "p90", "stddev", "increase", "rate", "delta", "slope"];

/// Numbers without a pattern, the same at every run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// How large the units are: one of each, or scaled.
#[derive(Clone, Copy)]
struct Scale {
    time: u32,
    bytes: u32,
    money: u32,
}

const PLAIN: Scale = Scale { time: 1, bytes: 1, money: 1 };
const SCALED: Scale = Scale { time: 4, bytes: 100, money: 10 };

impl Scale {
    fn of(self, value: Decimal, (time, bytes, money): Dimension) -> Decimal {
        let power = |base: u32, power: i32| match power {
            1 => Decimal::from(base),
            -1 => Decimal::ONE / Decimal::from(base),
            _ => Decimal::ONE,
        };
        (value * power(self.time, time) * power(self.bytes, bytes) * power(self.money, money)).normalize()
    }

    fn span(self, seconds: u32) -> u32 {
        seconds * self.time
    }
}

/// A piece of a condition, to be written in any scale.
enum Piece {
    Text(&'static str),
    Literal(Decimal, Dimension, &'static str),
    Span(u32),
}

/// A literal of a random kind: number of base units, dimension, unit.
fn literal(dice: &mut Dice) -> Piece {
    let (dimension, unit) = dice.of(&[
        ((1, 0, 0), "s"),
        ((0, 1, 0), "B"),
        ((-1, 1, 0), "B/s"),
        ((-1, 0, 0), "/s"),
        ((0, 0, 1), " USDT"),
        (NONE, "%"),
        (NONE, ""),
    ]);
    Piece::Literal(Decimal::new(i64::try_from(1 + dice.below(997)).unwrap(), 1), dimension, unit)
}

fn expression(dice: &mut Dice, pieces: &mut Vec<Piece>, depth: u32, right: bool) {
    match dice.below(if depth == 0 { 7 } else { 10 }) {
        0..3 => pieces.push(Piece::Text(dice.of(SIGNALS).0)),
        3 => pieces.push(literal(dice)),
        4..6 => {
            let function = dice.of(FUNCTIONS);
            let seconds = u32::try_from(60 * (1 + dice.below(3))).unwrap();
            let signal = dice.of(SIGNALS).0;
            let parts = [Piece::Text(function), Piece::Text("("), Piece::Text(signal), Piece::Text(" over ")];
            pieces.extend(parts);
            pieces.extend([Piece::Span(seconds), Piece::Text(")")]);
        }
        6 if right => {
            let relative = ["2x baseline", "baseline", "baseline + 10%", "baseline - 50%"];
            pieces.push(Piece::Text(dice.of(&relative)));
        }
        6 => pieces.push(Piece::Text(dice.of(SIGNALS).0)),
        _ => {
            pieces.push(Piece::Text("("));
            expression(dice, pieces, depth - 1, right);
            pieces.push(Piece::Text(dice.of(&[" + ", " - ", " * ", " / "])));
            expression(dice, pieces, depth - 1, right);
            pieces.push(Piece::Text(")"));
        }
    }
}

/// A comparison, mostly of two things of one kind.
fn comparison(dice: &mut Dice) -> Vec<Piece> {
    let mut pieces = Vec::new();
    expression(dice, &mut pieces, 2, false);
    pieces.push(Piece::Text(dice.of(&[" > ", " >= ", " < ", " <= ", " == ", " != "])));
    expression(dice, &mut pieces, 1, true);
    pieces
}

fn written(pieces: &[Piece], scale: Scale) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(words) => text.push_str(words),
            Piece::Literal(value, dimension, unit) => {
                write!(text, "{}{unit}", scale.of(*value, *dimension)).unwrap();
            }
            Piece::Span(seconds) => write!(text, "{}s", scale.span(*seconds)).unwrap(),
        }
    }
    text
}

fn rules(condition: &str, scale: Scale) -> String {
    let mut text = format!("edition 2026\nevaluate every {}s\n", scale.span(15));
    for (name, clauses, ..) in SIGNALS {
        writeln!(text, "signal {name} {{ {clauses} }}").unwrap();
    }
    writeln!(text, "trigger t {{ rollback when {condition} }}").unwrap();
    text
}

/// The truth at every instant; none where the checker refuses the condition.
fn truths(pieces: &[Piece], scale: Scale, seed: u64) -> Option<Vec<Option<Truth>>> {
    let text = rules(&written(pieces, scale), scale);
    let loaded = spark_rules::load("s.rules", &text, &mut |_| Err("no file".to_owned())).ok()?;
    let mut engine = Engine::new(Arc::new(loaded.policy));
    let (mut dice, mut truths) = (Dice(seed), Vec::new());
    let mut grown = [Decimal::ZERO; 2];
    for instant in 0..24u32 {
        let at = Timestamp::EPOCH.plus(TimeSpan::from_seconds(scale.span(15) * instant));
        for (place, (_, _, dimension, grows)) in SIGNALS.iter().enumerate() {
            for (track, grown) in [Track::Canary, Track::Baseline].into_iter().zip(&mut grown) {
                let random = Decimal::new(i64::try_from(dice.below(99_991)).unwrap(), 3);
                if dice.below(12) == 0 {
                    // a lost scrape
                    continue;
                }
                let value = if *grows {
                    *grown += random;
                    *grown
                } else {
                    random
                };
                let signal = SignalId(u32::try_from(place).unwrap());
                let reading = Reading::Value(scale.of(value, *dimension));
                let _ = engine.observe(&Sample { signal, track, at, reading });
            }
        }
        let _ = engine.evaluate(at);
        truths.extend(engine.comparisons().map(|(_, truth)| truth));
    }
    Some(truths)
}

/// What the checker accepts has the same truth in every unit: it never compares, adds or converts what does not go together.
#[test]
fn what_checks_means_the_same_in_every_unit() {
    let mut dice = Dice(0x2026);
    let (mut accepted, mut known) = (0, 0);
    for round in 0..6_000 {
        let pieces = comparison(&mut dice);
        let seed = dice.below(u64::MAX - 1) + 1;
        let plain = truths(&pieces, PLAIN, seed);
        let scaled = truths(&pieces, SCALED, seed);
        let (text, other) = (written(&pieces, PLAIN), written(&pieces, SCALED));
        assert_eq!(plain, scaled, "round {round}: `{text}` against `{other}`");
        if let Some(plain) = plain {
            accepted += 1;
            let both = [Truth::True, Truth::False].map(|truth| plain.contains(&Some(truth)));
            known += usize::from(both.contains(&true));
        }
    }
    // the test says nothing where nothing is accepted, or where all of it is unknown
    assert!(accepted > 150 && known > 100, "{accepted} accepted, {known} known");
}
