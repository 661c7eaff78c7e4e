//! What conditions can be, without a sample: interval analysis over what signals are.
//!
//! It is sound and not complete: "cannot be true" and "equivalent" are proofs; else nothing is said. Signals are taken
//! to lie where [`Ranges`] has them. Missing evidence is thought of: "cannot be false" means never false, but unknown
//! where evidence is missing.

#[cfg(test)]
mod against_engine;
mod equivalent;
mod form;
mod range;
mod same;
mod set;
mod solve;

use spark_core::Condition;

pub(crate) use equivalent::{Proof, equivalent};
pub(crate) use form::{Form, Reading, Space};
pub(crate) use range::Ranges;
pub(crate) use same::same;
pub(crate) use solve::Want;

/// What a condition may be at some instant; where neither, it reads what has no value at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CanBe {
    /// It may be true.
    pub(crate) yes: bool,
    /// It may be false.
    pub(crate) no: bool,
}

impl CanBe {
    /// What a formula of a space may be.
    pub(crate) fn of(space: &Space<'_>, form: &Form) -> Self {
        // where nothing is compared twice, the parts do not depend on each other
        match form.compares_once() {
            true => Self::by_parts(space, form),
            false => Self { yes: space.can(&[(form, Want::True)]), no: space.can(&[(form, Want::False)]) },
        }
    }

    fn by_parts(space: &Space<'_>, form: &Form) -> Self {
        let each =
            |parts: &[Form]| -> Vec<Self> { parts.iter().map(|part| Self::by_parts(space, part)).collect() };
        match form {
            Form::Known(known) => Self { yes: *known, no: !*known },
            Form::Free(_) => Self { yes: true, no: true },
            Form::In(unknown, set) => space.can_be_in(*unknown, set),
            Form::Not(inner) => {
                let inner = Self::by_parts(space, inner);
                Self { yes: inner.no, no: inner.yes }
            }
            Form::All(parts) => {
                let parts = each(parts);
                Self { yes: parts.iter().all(|part| part.yes), no: parts.iter().any(|part| part.no) }
            }
            Form::Any(parts) => {
                let parts = each(parts);
                Self { yes: parts.iter().any(|part| part.yes), no: parts.iter().all(|part| part.no) }
            }
        }
    }
}

/// What a condition may be, as written: with a `for` it may be false for the time that it takes.
pub(crate) fn truth_of(condition: &Condition, ranges: &Ranges) -> CanBe {
    let mut space = Space::new(ranges);
    let form = space.form(condition, Reading::Full);
    CanBe::of(&space, &form)
}
