//! What a value stands at in the rules: of `3x baseline` and `baseline + 10%` the number alone is tried otherwise, and
//! people write the rest of it as well.

use super::Knob;
use crate::files::Files;

/// What rules compare with, besides values.
const REFERENCES: [&str; 2] = ["baseline", "previous stage"];

/// The words round a value, as they may be repeated in a sweep.
#[derive(Debug, Default)]
pub(super) struct Reference {
    /// `baseline` and `+`, before a share.
    before: Option<(&'static str, char)>,
    /// `baseline`, behind a factor and its `x`.
    behind: Option<&'static str>,
}

impl Reference {
    pub(super) fn of(knob: &Knob, files: &Files) -> Self {
        let source = files.source(knob.span.file);
        let part = |at: u32| source.split_at_checked(usize::try_from(at).unwrap_or(usize::MAX));
        let before = part(knob.span.start).map_or("", |(before, _)| before).trim_end();
        let behind = part(knob.span.end).map_or("", |(_, behind)| behind).trim_start();
        let sign = ['+', '-'].into_iter().find_map(|sign| Some((sign, before.strip_suffix(sign)?)));
        let before = sign.and_then(|(sign, before)| {
            let mut words = before.split_whitespace().rev();
            let last = words.next()?.trim_start_matches('(');
            let whole = format!("{} {last}", words.next().unwrap_or("").trim_start_matches('('));
            let reference = REFERENCES.into_iter().find(|known| *known == last || *known == whole)?;
            Some((reference, sign))
        });
        let behind = behind.strip_prefix(['x', '×']).and_then(|behind| {
            let words = behind.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
            REFERENCES.into_iter().find(|known| words.starts_with(known))
        });
        Self { before, behind }
    }

    /// A value of a sweep without the words that stand round it in the rules.
    pub(super) fn without(&self, value: &str) -> String {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut bare = value.as_str();
        if let Some((reference, sign)) = self.before {
            let share = bare.strip_prefix(reference).and_then(|rest| rest.trim_start().strip_prefix(sign));
            bare = share.unwrap_or(bare);
        }
        if let Some(behind) = self.behind {
            bare = bare.strip_suffix(behind).unwrap_or(bare).trim_end();
            bare = bare.strip_suffix(['x', '×']).unwrap_or(bare);
        }
        bare.trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use crate::sweep::what_if;

    const RULES: &str = "edition 2026
signal drops { is rate  from push  expect <= baseline + 10% }
trigger storm { rollback when drops > 3x baseline for 1m }
trigger creep { hold when drops > 1.2 x previous  stage }
trigger more { hold when drops > ( previous stage - 5% ) }
trigger plain { hold when drops > 3/s }
";

    fn check(sweep: &str, expected: &str) {
        let loaded = crate::load("r.rules", RULES, &mut |_| Err(String::new())).unwrap();
        let found = match what_if(&loaded.policy, &loaded.files, &[sweep]) {
            Ok(what_if) => what_if.sweeps[0].values.join(" "),
            Err(error) => format!("error: {}", error.message),
        };
        assert_eq!(found, expected, "{sweep}");
    }

    /// A factor and a share may be tried as rules write them, with their reference, and with no other.
    #[test]
    fn references_may_be_repeated() {
        check("storm.rollback.threshold=2,3", "2 3");
        check("storm.rollback.threshold=2x,3×", "2 3");
        check("storm.rollback.threshold=2x baseline, 4 x  baseline", "2 4");
        check("storm.rollback.threshold=2x..3x step 0.5x", "2 2.5 3");
        check("creep.hold.threshold=1.1x previous stage,1.3", "1.1 1.3");
        check("drops.expect.threshold=baseline + 5%,baseline+15%,20%", "5% 15% 20%");
        check("drops.expect.threshold=5%..15% step 5%", "5% 10% 15%");
        check("more.hold.threshold=previous stage - 5%,10%", "5% 10%");
        let no_value = "is no value: expected a number with a unit, such as 450ms, 3%, 50/min or 10MiB";
        check("drops.expect.threshold=baseline - 5%", &format!("error: `baseline - 5%` {no_value}"));
        for other in ["storm.rollback.threshold=2x previous stage", "plain.hold.threshold=2x baseline"] {
            let loaded = crate::load("r.rules", RULES, &mut |_| Err(String::new())).unwrap();
            assert!(what_if(&loaded.policy, &loaded.files, &[other]).is_err(), "{other}");
        }
    }
}
