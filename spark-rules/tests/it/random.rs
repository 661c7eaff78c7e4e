//! Random rules that are right: every form of the language, in any nesting. A row of bytes decides what is written, so that a
//! failing case shrinks with its bytes.

/// What decides.
pub(crate) struct Dice<'a> {
    bytes: std::slice::Iter<'a, u8>,
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Duration,
    Ratio,
    Bytes,
    BytesRate,
    Rate,
    Money,
    Number,
    Count,
}

const KINDS: &[Kind] = &[
    Kind::Duration,
    Kind::Ratio,
    Kind::Bytes,
    Kind::BytesRate,
    Kind::Rate,
    Kind::Money,
    Kind::Number,
    Kind::Count,
];

/// Signals that the conditions read.
const SIGNALS: &str = r#"edition 2026
signal p95 "API \"latency\", 95th (percentile)" { is duration from metrics p95(http_request_duration_seconds{path!~"/h`.*\\d"}) over 1m expect <= 200ms }
signal lag { is duration from push in ms stale after 2m }
signal errors "share; of: 5xx." { is ratio from push in % expect between 0% and 1% }
signal pool { is ratio from push }
signal rss { is bytes from push in MiB }
signal sent { is rate from push in MiB/min }
signal ws { is rate from prometheus "sum(rate(ws[1m]))" in 1/min expect <= baseline + 10% }
signal drift { is money from sql "select sum(x) from \"t\"" in USDT }
signal score { is number from push }
signal connections { is count from push }
signal requests { is counter from metrics sum by (job) (requests_total) - 2 }
"#;

impl<'a> Dice<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.iter() }
    }

    /// A number below `n`; 0 once the bytes are used up.
    fn below(&mut self, n: usize) -> usize {
        usize::from(self.bytes.next().copied().unwrap_or(0)) % n
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }

    fn chance(&mut self, of: usize) -> bool {
        self.below(of) == of - 1
    }

    fn length(&mut self) -> &'static str {
        self.one(&["5m", "30s", "1h30m", "90s", "15min", "1d", "250ms"])
    }

    fn literal(&mut self, kind: Kind) -> &'static str {
        let (first, second) = self.range(kind);
        if self.chance(2) { second } else { first }
    }

    /// Two literals, the smaller first.
    fn range(&mut self, kind: Kind) -> (&'static str, &'static str) {
        let ranges: &[(&str, &str)] = match kind {
            Kind::Duration => &[("300ms", "1.5s"), ("-5ms", "2h"), ("250us", "1h30m"), ("0s", "5min")],
            Kind::Ratio => &[("0.50%", "5%"), ("-1%", "100%")],
            Kind::Bytes => &[("512KiB", "10MiB"), ("1B", "1.25GB")],
            Kind::BytesRate => &[("10KiB/min", "10MiB/min"), ("1B/s", "3GB/d")],
            Kind::Rate => &[("1/min", "50/min"), ("7/d", "3/s"), ("1_000/h", "5k/s")],
            Kind::Money => &[("0.10 USDT", "1_000 USDT"), ("-2 USDT", "1 USDT")],
            Kind::Number => &[("0.8", "1_000.5"), ("-3", "10k")],
            Kind::Count => &[("3", "1_000"), ("0", "10k")],
        };
        ranges[self.below(ranges.len())]
    }

    fn signal(&mut self, kind: Kind) -> &'static str {
        self.one(match kind {
            Kind::Duration => &["p95", "lag"],
            Kind::Ratio => &["errors", "pool"],
            Kind::Bytes => &["rss"],
            Kind::BytesRate => &["sent"],
            Kind::Rate => &["ws"],
            Kind::Money => &["drift"],
            Kind::Number => &["score"],
            Kind::Count => &["connections", "requests"],
        })
    }

    /// A value that reads a signal.
    fn left(&mut self, kind: Kind, depth: usize) -> String {
        let deeper = depth.saturating_sub(1);
        match if depth == 0 { self.below(2) } else { self.below(10) } {
            0 => self.signal(kind).to_owned(),
            1 => self.call(kind),
            2 => {
                let (a, b) = (self.left(kind, deeper), self.right(kind, deeper, false));
                let sign = self.one(&["+", "-"]);
                format!("{a} {sign} ({b})")
            }
            3 => format!("({}) - {}", self.right(kind, deeper, false), self.left(kind, 0)),
            // a share of a number is a share, and a number of quotients a number
            4 => {
                let factors: &[&str] = match kind {
                    Kind::Number => &["2", "1.5"],
                    Kind::Ratio => &["2", "1.5", "50%"],
                    _ => &["2", "1.5", "50%", "score"],
                };
                format!("{} * ({})", self.one(factors), self.left(kind, deeper))
            }
            5 => format!("({}) / {}", self.left(kind, deeper), self.one(&["3", "0.5", "20%"])),
            6 => format!("-({})", self.left(kind, deeper)),
            7 => format!("{} + {} - {}", self.left(kind, 0), self.literal(kind), self.left(kind, 0)),
            _ => self.across(kind, deeper),
        }
    }

    /// A calculation whose operands are of other kinds.
    fn across(&mut self, kind: Kind, depth: usize) -> String {
        match kind {
            Kind::Ratio => {
                let of = KINDS[self.below(KINDS.len())];
                format!("({}) / ({})", self.left(of, depth), self.left(of, depth))
            }
            Kind::Bytes => format!("({}) * {}", self.left(Kind::BytesRate, depth), self.one(&["5m", "lag"])),
            Kind::BytesRate => format!("({}) / {}", self.left(Kind::Bytes, depth), self.one(&["5m", "p95"])),
            Kind::Duration => {
                format!("({}) / {}", self.left(Kind::Bytes, depth), self.one(&["sent", "10MiB/min"]))
            }
            Kind::Rate => format!("rate(requests over {})", self.length()),
            Kind::Count => format!("increase(requests over {})", self.length()),
            Kind::Number => format!("correlation(p95, pool over {})", self.length()),
            Kind::Money => self.call(kind),
        }
    }

    fn call(&mut self, kind: Kind) -> String {
        let function =
            self.one(&["avg", "min", "max", "sum", "p95", "p50", "p99.9", "p1", "stddev", "delta"]);
        let (signal, over) = (self.signal(kind), self.length());
        match (kind, self.below(4)) {
            (Kind::Count, 3) => format!("count(drift over {over})"),
            (Kind::BytesRate, 3) => format!("slope(rss over {over})"),
            _ => format!("{function}({signal} over {over})"),
        }
    }

    /// A value on the right side of a comparison.
    fn right(&mut self, kind: Kind, depth: usize, reference: bool) -> String {
        match self.below(if reference { 9 } else { 3 }) {
            0 | 1 => self.literal(kind).to_owned(),
            2 => self.left(kind, depth),
            3 => "baseline".to_owned(),
            4 => format!("{}x {}", self.one(&["3", "1.2", "0.5"]), self.one(&["baseline", "previous stage"])),
            5 => {
                let sign = self.one(&["+", "-"]);
                format!("{} {sign} {}", self.one(&["baseline", "previous stage"]), self.one(&["10%", "0.5%"]))
            }
            6 => format!("2x (baseline + ({})) - 5%", self.left(kind, depth)),
            7 => format!("{} + baseline", self.literal(kind)),
            _ => format!("(2 * baseline - 3%) + ({})", self.left(kind, 0)),
        }
    }

    fn compare(&mut self, depth: usize) -> String {
        let kind = KINDS[self.below(KINDS.len())];
        let left = self.left(kind, depth);
        if self.chance(5) {
            let (low, high) = self.range(kind);
            return format!("{left} between {low} and {high}");
        }
        let relation = self.one(&[">", ">=", "<", "<=", "==", "!="]);
        format!("{left} {relation} {}", self.right(kind, depth, true))
    }

    /// `held`: whether a `for` may stand here.
    pub(crate) fn condition(&mut self, depth: usize, held: bool) -> String {
        if depth == 0 {
            return self.compare(1);
        }
        let deeper = depth - 1;
        match self.below(if held { 10 } else { 7 }) {
            0 => self.compare(2),
            1 => format!("not ({})", self.condition(deeper, false)),
            2 => format!("({})", self.condition(deeper, held)),
            3 | 4 => self.chain("and", deeper, held),
            5 | 6 => self.chain("or", deeper, held),
            7 => format!("({}) for {}", self.condition(deeper, true), self.length()),
            8 => format!("{} for {}", self.compare(1), self.length()),
            _ => {
                let (first, then) = (self.condition(deeper, true), self.condition(deeper, true));
                format!("({first}) then ({then}) within {}", self.length())
            }
        }
    }

    fn chain(&mut self, word: &str, depth: usize, held: bool) -> String {
        let parts: Vec<String> =
            (0..2 + self.below(3)).map(|_| format!("({})", self.condition(depth, held))).collect();
        // without parentheses, `and` binds tighter
        let more = match self.chance(3) {
            true => format!(" {} {}", self.one(&["and", "or"]), self.compare(0)),
            false => String::new(),
        };
        format!("{}{more}", parts.join(&format!(" {word} ")))
    }

    fn text(&mut self) -> &'static str {
        self.one(&[
            r#""plain""#,
            r#""a \"quoted\" word; and (more).""#,
            r#""back\\slash`tick""#,
            r#""""#,
            r#""fünf, \n\t 5m of evidence""#,
        ])
    }

    fn trigger(&mut self, number: usize) -> String {
        let title = if self.chance(2) { self.text() } else { "" };
        let mut text = format!("trigger t{number} {title} {{\n");
        let levels = 1 + self.below(7);
        for (bit, level) in ["rollback", "hold", "warn"].into_iter().enumerate() {
            if levels >> bit & 1 == 1 {
                text.push_str(&format!("{level} when {}\n", self.condition(3, true)));
            }
        }
        if self.chance(3) {
            text.push_str(&format!("clear when {}\n", self.condition(2, true)));
        }
        if self.chance(3) {
            text.push_str(&format!("given {}\n", self.condition(2, true)));
        }
        if number > 0 && self.chance(3) {
            let others: Vec<String> =
                (0..1 + self.below(3)).map(|_| format!("t{}", self.below(number))).collect();
            text.push_str(&format!("unless {}\n", others.join(self.one(&[", ", " or "]))));
        }
        text.push_str(match self.below(4) {
            0 => "",
            1 => "unknown hold\n",
            2 => "unknown hold, then rollback after 10m\n",
            _ => "unknown hold then rollback after 0s\n",
        });
        // runbooks and owners are not empty
        if self.chance(3) {
            text.push_str(&format!("runbook {}\n", self.text().replace(r#""""#, r#""x""#)));
        }
        if self.chance(3) {
            text.push_str("owner \"edge\"\n");
        }
        text + "}\n"
    }

    fn plan(&mut self) -> String {
        let mut text = format!("plan canary {} {{\n", if self.chance(2) { self.text() } else { "" });
        for share in ["0.5%", "5%", "50.00%", "100%"] {
            if share == "100%" || self.chance(2) {
                let approval = if self.chance(3) { " needs approval" } else { "" };
                text.push_str(&format!("stage {share} for {}{approval}\n", self.length()));
            }
        }
        // in any order, before and behind `proceed when`
        let mut lengths = vec!["warmup", "watch"];
        let first = self.below(2);
        lengths.rotate_left(first);
        let mut behind = String::new();
        for word in lengths {
            match self.below(3) {
                0 => {}
                1 => text.push_str(&format!("{word} {}\n", self.length())),
                _ => behind.push_str(&format!("{word} {}\n", self.length())),
            }
        }
        text.push_str(match self.below(4) {
            0 => "",
            1 => "proceed when every signal meets its expectation for 5m\n",
            2 => "proceed when (every signal meets its expectation and p95 < 1s) for 2m or not every signal meets its expectation\n",
            _ => "proceed when p95 < 1s then not (every signal meets its expectation) within 2m\n",
        });
        text + &behind + "}\n"
    }

    /// A check: its measures may be called as signals are, and its clauses stand in any order.
    fn check(&mut self, number: usize) -> String {
        let names = ["p95", "waiting", "check", "drift", "m_1"];
        let measures: Vec<(&str, Option<Kind>)> = names[..1 + self.below(names.len())]
            .iter()
            .map(|name| {
                let kind = self.below(KINDS.len() + 1);
                (*name, KINDS.get(kind).copied())
            })
            .collect();
        let mut clauses = vec![
            format!("in {}", self.one(&["preflight", "redteam", "blast"])),
            format!("probe {}", self.one(&["pgbouncer", "probe", "p95"])),
            format!("pass when {}", self.looked(&measures, 2)),
            format!("else {}", self.one(&["no-go", "warn"])),
            format!("within {}", self.length()),
            format!(
                "evidence \"{}-{number}.{}\"",
                self.one(&["pool", "a.b"]),
                self.one(&["json", "jsonl", "txt"])
            ),
        ];
        for (name, kind) in &measures {
            let is = match kind {
                None => "flag",
                Some(Kind::Duration) => "duration",
                Some(Kind::Ratio) => "ratio",
                Some(Kind::Bytes) => "bytes",
                Some(Kind::BytesRate) => "rate in MiB/min",
                Some(Kind::Rate) => "rate",
                Some(Kind::Money) => "money in USDT",
                Some(Kind::Number) => "number",
                Some(Kind::Count) => "count",
            };
            clauses.push(format!("measure {name} is {is}"));
        }
        if self.chance(3) {
            clauses.push(format!("runbook {}", self.text().replace(r#""""#, r#""x""#)));
        }
        if self.chance(3) {
            clauses.push("owner \"edge\"".to_owned());
        }
        let first = self.below(clauses.len());
        clauses.rotate_left(first);
        let title = if self.chance(2) { self.text() } else { "" };
        format!("check t{number} {title} {{\n{}\n}}\n", clauses.join("\n"))
    }

    /// What one look at these measures shows.
    fn looked(&mut self, measures: &[(&str, Option<Kind>)], depth: usize) -> String {
        if depth > 0 && self.chance(2) {
            let parts: Vec<String> =
                (0..1 + self.below(3)).map(|_| format!("({})", self.looked(measures, depth - 1))).collect();
            let not = self.one(&["", "not "]);
            return format!("{not}{}", parts.join(self.one(&[" and ", " or "])));
        }
        let (name, kind) = measures[self.below(measures.len())];
        let Some(kind) = kind else { return format!("{}{name}", self.one(&["", "not "])) };
        let left = match self.below(5) {
            0 => name.to_owned(),
            1 => format!("2 * ({name} - {})", self.literal(kind)),
            2 => format!("({name} + {name}) / 3"),
            3 => format!("-({name})"),
            _ => format!("{name} - {name} / 0.5"),
        };
        if self.chance(4) {
            let (low, high) = self.range(kind);
            return format!("{left} between {low} and {high}");
        }
        let relation = self.one(&[">", ">=", "<", "<=", "==", "!="]);
        let right = if self.chance(3) { format!("1.5 * {name}") } else { self.literal(kind).to_owned() };
        format!("{left} {relation} {right}")
    }

    /// A whole file.
    pub(crate) fn rules(&mut self) -> String {
        let mut text = SIGNALS.to_owned();
        text.push_str(self.one(&["", "evaluate every 30s\n", "evaluate every 1500ms\n"]));
        for number in 0..1 + self.below(3) {
            text.push_str(&self.trigger(number));
        }
        text.push_str(&self.plan());
        for number in 0..self.below(3) {
            text.push_str(&self.check(number));
        }
        text
    }
}
