//! Rows whose values are all there, as they are stored: what needs no cell to be made of it.

use super::super::cell::{Cell, Form};
use super::super::footer::Physical;
use super::{Column, Values};

/// Rows of one name after another that are worth being read together.
const RUN_MIN: usize = 32;

/// The values of some rows.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Whole<'c> {
    Integers(&'c [i64], Form),
    Doubles(&'c [f64]),
    /// Places in a dictionary.
    // INVARIANT: the dictionary has them all
    Looked(&'c [u32], &'c [Cell]),
}

impl Whole<'_> {
    /// What stands in a row; `None` where there is no such row.
    pub(in super::super) fn cell(&self, row: usize) -> Option<Cell> {
        Some(match self {
            Self::Integers(all, form) => form.of_integer(*all.get(row)?),
            Self::Doubles(all) => Cell::Double(*all.get(row)?),
            Self::Looked(places, dictionary) => *dictionary.get(usize::try_from(*places.get(row)?).ok()?)?,
        })
    }
}

impl Column {
    /// Whether the next rows, of which there are so many, are stored so that [`Self::read_whole`] reads them.
    pub(in super::super) fn is_whole(&mut self, rows: usize) -> bool {
        let is_stored_so = match (self.values, self.physical) {
            (Values::Plain(_) | Values::Delta(_), Physical::Int64) | (Values::Plain(_), Physical::Double) => {
                true
            }
            (Values::Dictionary(_), _) => !matches!(self.form, Form::Text),
            _ => false,
        };
        if !is_stored_so || (self.optional && !self.levels.is_run(&self.page, 1, rows)) {
            return false;
        }
        match &mut self.values {
            // names that take turns are read sooner one by one
            Values::Dictionary(places) if self.form == Form::Name => {
                places.is_same(&self.page, rows.min(RUN_MIN))
            }
            _ => true,
        }
    }

    /// Reads the next rows, of which [`Self::is_whole`] said so; nothing where the page is damaged.
    pub(in super::super) fn read_whole(&mut self, rows: usize) -> Option<()> {
        if self.optional {
            self.levels.pass(rows);
        }
        self.left = self.left.saturating_sub(rows);
        match &mut self.values {
            Values::Plain(place) => {
                let length = rows.checked_mul(8)?;
                let bytes = self.page.get(*place..)?.get(..length)?;
                *place = place.saturating_add(length);
                let (eights, _) = bytes.as_chunks::<8>();
                match self.physical {
                    Physical::Double => {
                        self.doubles.clear();
                        self.doubles.extend(eights.iter().map(|eight| f64::from_le_bytes(*eight)));
                    }
                    _ => {
                        self.integers.clear();
                        self.integers.extend(eights.iter().map(|eight| i64::from_le_bytes(*eight)));
                    }
                }
                Some(())
            }
            Values::Delta(delta) => {
                self.integers.clear();
                delta.read(&self.page, rows, &mut self.integers)
            }
            Values::Dictionary(places) => {
                self.numbers.clear();
                places.read(&self.page, rows, &mut self.numbers)?;
                let greatest = self.numbers.iter().copied().max().unwrap_or(0);
                (usize::try_from(greatest).ok()? < self.dictionary.len()).then_some(())
            }
            Values::Split(..) | Values::Lengths(..) => None,
        }
    }

    /// What [`Self::read_whole`] read last.
    pub(in super::super) fn whole(&self) -> Whole<'_> {
        match (self.values, self.physical) {
            (Values::Dictionary(_), _) => Whole::Looked(&self.numbers, &self.dictionary),
            (_, Physical::Double) => Whole::Doubles(&self.doubles),
            _ => Whole::Integers(&self.integers, self.form),
        }
    }
}
