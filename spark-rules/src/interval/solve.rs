//! Whether a formula can be what is asked of it.
//!
//! Each unknown is narrowed to the values with which the formula may still be so. Where parts are joined by "or", the
//! sets are united: values of different unknowns that go together only in pairs are lost. So an answer "can be" may be
//! too generous, and an answer "cannot be" is right.

use super::form::{Form, Space};
use super::set::Set;

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const UNKNOWN: u8 = 4;

/// What is asked of a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    True,
    False,
    /// False or unknown.
    NotTrue,
    /// True or unknown.
    NotFalse,
}

impl Want {
    const fn of_not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::NotTrue => Self::NotFalse,
            Self::NotFalse => Self::NotTrue,
        }
    }
}

/// What every unknown may still be.
#[derive(Debug, Clone)]
struct State {
    sets: Vec<Set>,
    frees: Vec<u8>,
}

impl State {
    fn join(&mut self, other: &Self) {
        for (ours, theirs) in self.sets.iter_mut().zip(&other.sets) {
            if ours != theirs {
                *ours = ours.or(theirs);
            }
        }
        self.frees.iter_mut().zip(&other.frees).for_each(|(ours, theirs)| *ours |= theirs);
    }
}

impl Space<'_> {
    /// Whether all of the formulas can be what is asked of them, at one instant at which all is known.
    pub(crate) fn can(&self, asked: &[(&Form, Want)]) -> bool {
        self.can_where(asked, &[], TRUE | FALSE)
    }

    /// The same where the unknowns of these numbers have no value, and free parts may be one of these.
    pub(super) fn can_where(&self, asked: &[(&Form, Want)], valueless: &[usize], frees: u8) -> bool {
        let mut state = State { sets: self.bases(), frees: vec![frees; self.frees().len()] };
        let narrow = Narrow { space: self, valueless };
        let simple = |form: &Form| matches!(form, Form::In(..) | Form::Known(_) | Form::Free(_));
        let (first, then): (Vec<_>, Vec<_>) = asked.iter().partition(|(form, _)| simple(form));
        let mut once = || first.iter().chain(&then).all(|(form, want)| narrow.by(&mut state, form, *want));
        // what a later one leaves may decide a choice of an earlier one
        once() && (then.len() < 2 || once())
    }

    /// As [`can_where`](Self::can_where), with free parts that may be unknown too.
    pub(super) fn can_with_unknown(&self, asked: &[(&Form, Want)], valueless: &[usize]) -> bool {
        self.can_where(asked, valueless, TRUE | FALSE | UNKNOWN)
    }
}

struct Narrow<'s, 'c> {
    space: &'s Space<'c>,
    valueless: &'s [usize],
}

impl Narrow<'_, '_> {
    /// Narrows the state; false where nothing is left.
    fn by(&self, state: &mut State, form: &Form, want: Want) -> bool {
        match (form, want) {
            (Form::Known(known), Want::True | Want::NotFalse) => *known,
            (Form::Known(known), Want::False | Want::NotTrue) => !*known,
            (Form::Not(inner), want) => self.by(state, inner, want.of_not()),
            (Form::All(parts), Want::True | Want::NotFalse)
            | (Form::Any(parts), Want::False | Want::NotTrue) => self.by_each(state, parts, want),
            (Form::All(parts), Want::False | Want::NotTrue)
            | (Form::Any(parts), Want::True | Want::NotFalse) => self.by_some(state, parts, want),
            (Form::Free(free), want) => {
                let mask = match want {
                    Want::True => TRUE,
                    Want::False => FALSE,
                    Want::NotTrue => FALSE | UNKNOWN,
                    Want::NotFalse => TRUE | UNKNOWN,
                };
                state.frees.get_mut(*free).is_none_or(|free| {
                    *free &= mask;
                    *free != 0
                })
            }
            (Form::In(unknown, set), want) => {
                let wants_value = matches!(want, Want::True | Want::False);
                if self.valueless.contains(unknown) {
                    return !wants_value;
                }
                if self.space.is_blurred(*unknown) {
                    return true;
                }
                let Some(left) = state.sets.get_mut(*unknown) else { return true };
                *left = match want {
                    Want::True | Want::NotFalse => left.and(set),
                    Want::False | Want::NotTrue => left.and(&set.not()),
                };
                !left.is_empty()
            }
        }
    }

    /// By all parts, those first that narrow without a choice.
    fn by_each(&self, state: &mut State, parts: &[Form], want: Want) -> bool {
        let simple = |form: &Form| matches!(form, Form::In(..) | Form::Known(_) | Form::Free(_));
        let mut rounds = parts.iter().filter(|part| simple(part)).chain(parts.iter().filter(|p| !simple(p)));
        rounds.all(|part| self.by(state, part, want))
    }

    /// By any of the parts: what one of them leaves.
    fn by_some(&self, state: &mut State, parts: &[Form], want: Want) -> bool {
        if let [only] = parts {
            return self.by(state, only, want);
        }
        let mut joined: Option<State> = None;
        for part in parts {
            let mut branch = state.clone();
            if !self.by(&mut branch, part, want) {
                continue;
            }
            match &mut joined {
                None => joined = Some(branch),
                Some(joined) => joined.join(&branch),
            }
        }
        match joined {
            Some(joined) => {
                *state = joined;
                true
            }
            None => false,
        }
    }
}
