//! `A then B within d`: what the engine remembers of A's turns and of B's run, as series.

use spark_core::TimeSpan;

use super::conditions::{Scope, Truth};
use super::record::Builder;
use super::text::{Binding, Promql, seconds};

impl Builder<'_> {
    /// Records a sequence's memory. A series that says what was so at the evaluation before is read above the rule that
    /// records it anew; so the order of the rules matters.
    pub(super) fn sequence(
        &mut self,
        first: &Truth,
        then: &Truth,
        within: TimeSpan,
        scope: &mut Scope,
    ) -> Truth {
        let part = scope.part();
        let d = seconds(within);
        let (a, b) = (format!("{part}:first"), format!("{part}:then"));
        self.record_truth(&a, first);
        self.record_truth(&b, then);

        // when A was seen to turn true, and when it may have: it was false, or unknown, before
        let (rose, maybe) = (format!("{part}:rose"), format!("{part}:may_have_risen"));
        let (was, doubt) = (format!("{part}:first_was"), format!("{part}:first_lost"));
        self.record(&rose, format!("time() * ({a} == 1) unless {was} or {rose}"));
        self.record(
            &maybe,
            format!("vector(time()) unless {a} == 0 unless ({was} unless {doubt}) or {maybe}"),
        );
        self.record(&was, format!("{a} == 1 or {was} unless {a}"));
        self.record(&doubt, format!("vector(1) unless {a}"));

        // B's run: it may have followed A's turn, and it may have come without
        let (followed, alone) = (format!("{part}:followed"), format!("{part}:alone"));
        let (sure, seen, off) = (format!("{part}:sure"), format!("{part}:seen"), format!("{part}:off"));
        let (settled, open) = (format!("{part}:settled"), format!("{part}:open"));
        let may = format!("time() - {maybe} <= {d}");
        let surely = format!("time() - {rose} <= {d}");
        self.record(&settled, format!("{b} == 1 and ({sure} or ({off} and {surely}) unless {seen})"));
        self.record(&open, format!("vector(1) unless (({followed} or {alone}) unless {off})"));
        self.record(
            &followed,
            format!("group({settled} or {followed} or ({may} and {open})) unless {b} == 0"),
        );
        self.record(
            &alone,
            format!("group({alone} or ({open} unless {surely})) unless {b} == 0 unless {settled}"),
        );
        self.record(&sure, format!("{b} == 1 unless {alone} or {sure} unless {b}"));
        self.record(&seen, format!("{b} == 1 or {seen} unless {b}"));
        self.record(&off, format!("vector(1) unless {b} == 1"));

        Truth::new(
            Promql::new(format!("{b} == 1 and {followed} unless {alone}"), Binding::And),
            Promql::new(format!("vector(1) unless {followed}"), Binding::And),
        )
    }
}
