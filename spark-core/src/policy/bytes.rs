//! In which units the bytes of signals are written.

use rust_decimal::Decimal;

use super::{Policy, PolicyParts, conditions};
use crate::condition::{Comparison, Expression};
use crate::quantity::{ByteUnits, Dimension};
use crate::signal::SignalId;
use crate::trigger::Trigger;

/// By signal: the first comparison that reads it and has bytes in some unit, by its place among all, and the unit.
#[derive(Debug, Clone)]
pub(super) struct Written(Vec<Option<(usize, ByteUnits)>>);

impl Written {
    fn new(parts: &PolicyParts) -> Self {
        let mut first = vec![None; parts.signals.len()];
        let mut place = 0_usize;
        let mut visit = |comparison: &Comparison| {
            place = place.saturating_add(1);
            if comparison.unit.dimension != Dimension::Bytes {
                return;
            }
            let per = if comparison.unit.per_time { comparison.per.seconds() } else { 1 };
            let written = comparison.sides().find_map(|side| written(side, Decimal::from(per)));
            let Some(written) = written else { return };
            comparison.signals(&mut |id| {
                if let Some(slot) = first.get_mut(id.index()) {
                    slot.get_or_insert((place, written));
                }
            });
        };
        conditions(parts).for_each(|condition| condition.comparisons(&mut visit));
        Self(first)
    }
}

impl Policy {
    /// The units that bytes of these signals are written in: in what they are compared with, or what their source says.
    pub fn byte_units(&self, signals: &[SignalId]) -> Option<ByteUnits> {
        let all = &self.bytes.0.get_or_init(|| Written::new(&self.parts)).0;
        let written = signals.iter().filter_map(|id| *all.get(id.index())?);
        let scale = || signals.iter().find_map(|id| ByteUnits::of(self.signal(*id)?.scale));
        written.min_by_key(|(place, _)| *place).map(|(_, units)| units).or_else(scale)
    }

    /// The same of all that a trigger reads.
    pub fn byte_units_of(&self, trigger: &Trigger) -> Option<ByteUnits> {
        let mut signals = Vec::new();
        for level in &trigger.levels {
            level.condition.comparisons(&mut |comparison| comparison.signals(&mut |id| signals.push(id)));
        }
        self.byte_units(&signals)
    }
}

fn written(expression: &Expression, per: Decimal) -> Option<ByteUnits> {
    match expression {
        Expression::Literal(value) => ByteUnits::of(value.checked_mul(per)?),
        Expression::Arithmetic { left, right, .. } => written(left, per).or_else(|| written(right, per)),
        _ => None,
    }
}
