//! A column on its way: its pages unpacked one by one, its values read some rows at a time.

mod whole;

use super::cell::{Cell, Form, shortest};
use super::footer::{Chunk, Leaf, Physical};
use super::names::Names;
use super::packed::{Delta, Hybrid};
use super::pages::{Page, Pages};
use super::{BATCH, DICTIONARY_MAX, Fault, SeekRead};

pub(super) use self::whole::Whole;

pub(super) struct Column {
    /// What it is called in errors.
    name: &'static str,
    physical: Physical,
    form: Form,
    /// Bytes of a value of [`Physical::Fixed`].
    length: usize,
    optional: bool,
    pages: Pages,
    page: Vec<u8>,
    /// Rows of the page that were not read yet.
    left: usize,
    levels: Hybrid,
    values: Values,
    dictionary: Vec<Cell>,
    /// What texts of the dictionary stand in.
    dictionary_page: Vec<u8>,
    cells: Vec<Cell>,
    numbers: Vec<u32>,
    integers: Vec<i64>,
    doubles: Vec<f64>,
    lacks: Vec<u32>,
}

/// How the values of a page are stored, and where the next one is.
#[derive(Debug, Clone, Copy)]
enum Values {
    Plain(usize),
    Dictionary(Hybrid),
    Delta(Delta),
    /// The first bytes of all values, then the second ones: from a place on, so many values, the next one.
    Split(usize, usize, usize),
    /// Lengths first, then all texts: where the next one is.
    Lengths(Delta, usize),
}

impl Column {
    pub(super) fn new(name: &'static str, form: Form, leaf: &Leaf) -> Self {
        Self {
            name,
            physical: leaf.physical,
            form,
            length: leaf.length,
            optional: leaf.optional,
            pages: Pages::none(),
            page: Vec::new(),
            left: 0,
            levels: Hybrid::default(),
            values: Values::Plain(0),
            dictionary: Vec::new(),
            dictionary_page: Vec::new(),
            cells: Vec::new(),
            numbers: Vec::new(),
            integers: Vec::new(),
            doubles: Vec::new(),
            lacks: Vec::new(),
        }
    }

    /// What was read last.
    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// A cell as CSV would have it.
    pub(super) fn text(&self, cell: Cell) -> Option<String> {
        cell.text(&self.page, &self.dictionary_page)
    }

    /// Goes to the pages of a row group.
    pub(super) fn begin(&mut self, chunk: Chunk) -> Result<(), Fault> {
        self.pages = Pages::of(chunk)?;
        self.left = 0;
        self.dictionary.clear();
        Ok(())
    }

    /// How many rows can be read at once; a page is unpacked where there is none.
    pub(super) fn ready(
        &mut self,
        stream: &mut dyn SeekRead,
        packed: &mut Vec<u8>,
        names: &mut Names,
    ) -> Result<usize, Fault> {
        while self.left == 0 {
            match self.pages.next(stream, self.optional, packed, &mut self.page)? {
                Page::Dictionary { values } => self.learn(values, names)?,
                Page::Data { values, encoding, levels, data } => {
                    if self.optional {
                        self.levels =
                            Hybrid::new(levels.start, levels.end, 1).ok_or_else(|| self.damaged())?;
                    }
                    self.values = self.stored(encoding, data)?;
                    self.left = values;
                }
            }
        }
        Ok(self.left)
    }

    pub(super) fn damaged(&self) -> Fault {
        Fault::file(format!("a page of the column `{}` does not read: the file is damaged", self.name))
    }

    fn learn(&mut self, values: usize, names: &mut Names) -> Result<(), Fault> {
        if values > DICTIONARY_MAX {
            let (name, limit) = (self.name, DICTIONARY_MAX);
            let problem = format!(
                "the dictionary of the column `{name}` has {values} values, more than {limit}: write it without one"
            );
            return Err(Fault::file(problem));
        }
        self.cells.clear();
        let mut place = 0;
        self.plain(&mut place, values, true, names)?.ok_or_else(|| self.damaged())?;
        std::mem::swap(&mut self.dictionary, &mut self.cells);
        // a float is looked at once, however many rows have it
        let mut places = 0;
        for cell in &mut self.dictionary {
            if let Cell::Double(value) = cell
                && let Some((number, scale)) = shortest(*value, &mut places)
            {
                *cell = Cell::Number(number, scale);
            }
        }
        std::mem::swap(&mut self.dictionary_page, &mut self.page);
        Ok(())
    }

    fn stored(&self, encoding: i64, data: usize) -> Result<Values, Fault> {
        use Physical as P;
        let found = match (encoding, self.physical) {
            (0, _) => Some(Values::Plain(data)),
            (2 | 8, _) => {
                let width = self.page.get(data).copied();
                let places =
                    Hybrid::new(data.saturating_add(1), self.page.len(), u32::from(width.unwrap_or(0)));
                places.map(Values::Dictionary)
            }
            (5, P::Int32 | P::Int64) => Delta::new(&self.page, data).map(Values::Delta),
            (6, P::Bytes) => self.lengths(data),
            // of those that are there
            (9, P::Int32 | P::Int64 | P::Float | P::Double) => {
                let bytes = self.page.len().saturating_sub(data);
                Some(Values::Split(data, bytes.checked_div(self.size()).unwrap_or(0), 0))
            }
            (other, _) => {
                let name = match other {
                    3 => "RLE".to_owned(),
                    4 => "BIT_PACKED".to_owned(),
                    5 => "DELTA_BINARY_PACKED".to_owned(),
                    6 => "DELTA_LENGTH_BYTE_ARRAY".to_owned(),
                    7 => "DELTA_BYTE_ARRAY".to_owned(),
                    9 => "BYTE_STREAM_SPLIT".to_owned(),
                    other => format!("encoding {other}"),
                };
                return Err(Fault::file(format!(
                    "the column `{}` is encoded as {name}, which is not read: write it as PLAIN or with a dictionary",
                    self.name
                )));
            }
        };
        found.ok_or_else(|| self.damaged())
    }

    /// Lengths before texts: where the texts begin is known once all lengths were passed.
    fn lengths(&self, data: usize) -> Option<Values> {
        let lengths = Delta::new(&self.page, data)?;
        let mut passed = lengths;
        let mut some = Vec::with_capacity(BATCH);
        while let Some(count) = usize::try_from(passed.left()).ok().filter(|count| *count > 0) {
            some.clear();
            passed.read(&self.page, count.min(BATCH), &mut some)?;
        }
        Some(Values::Lengths(lengths, passed.end()?))
    }

    /// Reads the next rows, of which there are so many.
    pub(super) fn read(&mut self, rows: usize, names: &mut Names) -> Result<(), Fault> {
        self.cells.clear();
        self.left = self.left.saturating_sub(rows);
        if !self.optional {
            return self.some(rows, names)?.ok_or_else(|| self.damaged());
        }
        self.lacks.clear();
        self.levels.read(&self.page, rows, &mut self.lacks).ok_or_else(|| self.damaged())?;
        let there = self.lacks.iter().filter(|level| **level == 1).count();
        self.some(there, names)?.ok_or_else(|| self.damaged())?;
        if there < rows {
            // spread from the end on, so that none is written over before it was moved
            let mut from = there;
            self.cells.resize(rows, Cell::Missing);
            for (row, level) in self.lacks.iter().enumerate().rev() {
                let cell = if *level == 1 {
                    from = from.saturating_sub(1);
                    self.cells.get(from).copied().unwrap_or(Cell::Missing)
                } else {
                    Cell::Missing
                };
                if let Some(slot) = self.cells.get_mut(row) {
                    *slot = cell;
                }
            }
        }
        Ok(())
    }

    /// Appends the next values that are there; within, nothing where the page is damaged.
    fn some(&mut self, count: usize, names: &mut Names) -> Result<Option<()>, Fault> {
        let mut values = self.values;
        let read = match &mut values {
            Values::Plain(place) => self.plain(place, count, false, names)?,
            Values::Dictionary(places) => self.looked_up(places, count),
            Values::Delta(delta) => self.differences(delta, count),
            Values::Split(data, all, next) => self.split(*data, *all, next, count),
            Values::Lengths(lengths, place) => {
                self.integers.clear();
                match lengths.read(&self.page, count, &mut self.integers) {
                    None => None,
                    Some(()) => self.texts(place, names)?,
                }
            }
        };
        self.values = values;
        Ok(read)
    }

    fn looked_up(&mut self, places: &mut Hybrid, count: usize) -> Option<()> {
        self.numbers.clear();
        places.read(&self.page, count, &mut self.numbers)?;
        self.cells.reserve(count);
        for number in &self.numbers {
            self.cells.push(*self.dictionary.get(usize::try_from(*number).ok()?)?);
        }
        Some(())
    }

    fn differences(&mut self, delta: &mut Delta, count: usize) -> Option<()> {
        self.integers.clear();
        delta.read(&self.page, count, &mut self.integers)?;
        let form = self.form;
        match self.physical {
            // of 32 bits the differences wrap there
            Physical::Int32 => {
                self.cells.extend(self.integers.iter().map(|number| form.of_small_integer(*number as i32)));
            }
            _ => self.cells.extend(self.integers.iter().map(|number| form.of_integer(*number))),
        }
        Some(())
    }

    fn split(&mut self, data: usize, all: usize, next: &mut usize, count: usize) -> Option<()> {
        let size = self.size();
        for _ in 0..count {
            let mut bytes = [0u8; 8];
            for (n, byte) in bytes.iter_mut().take(size).enumerate() {
                let place = data.checked_add(n.checked_mul(all)?)?.checked_add(*next)?;
                *byte = *self.page.get(place)?;
            }
            *next = next.saturating_add(1);
            let [a, b, c, d, ..] = bytes;
            self.cells.push(match self.physical {
                Physical::Int32 => self.form.of_small_integer(i32::from_le_bytes([a, b, c, d])),
                Physical::Float => of_float(f32::from_le_bytes([a, b, c, d])),
                Physical::Int64 => self.form.of_integer(i64::from_le_bytes(bytes)),
                _ => Cell::Double(f64::from_le_bytes(bytes)),
            });
        }
        Some(())
    }

    /// Bytes of a value; zero of those that have lengths of their own, and of what is not read.
    const fn size(&self) -> usize {
        match self.physical {
            Physical::Boolean | Physical::Bytes => 0,
            Physical::Int32 | Physical::Float => 4,
            Physical::Int64 | Physical::Double => 8,
            Physical::Int96 => 12,
            Physical::Fixed => self.length,
        }
    }

    /// Appends values that stand one after the other.
    fn plain(
        &mut self,
        place: &mut usize,
        count: usize,
        in_dictionary: bool,
        names: &mut Names,
    ) -> Result<Option<()>, Fault> {
        let form = self.form;
        let rest = self.page.get(*place..).unwrap_or_default();
        if self.physical == Physical::Bytes {
            return self.plain_bytes(place, count, in_dictionary, names);
        }
        let size = self.size();
        let Some(bytes) = count.checked_mul(size).and_then(|length| rest.get(..length)) else {
            return Ok(None);
        };
        *place = place.saturating_add(bytes.len());
        let cells = &mut self.cells;
        match self.physical {
            Physical::Int32 => {
                cells.extend(
                    bytes.as_chunks().0.iter().map(|one| form.of_small_integer(i32::from_le_bytes(*one))),
                );
            }
            Physical::Float => {
                cells.extend(bytes.as_chunks().0.iter().map(|one| of_float(f32::from_le_bytes(*one))))
            }
            Physical::Int64 => {
                cells.extend(bytes.as_chunks().0.iter().map(|one| form.of_integer(i64::from_le_bytes(*one))));
            }
            Physical::Int96 => cells.extend(bytes.as_chunks().0.iter().map(|one| Form::of_day_time(*one))),
            Physical::Fixed => {
                for one in bytes.chunks_exact(size.max(1)) {
                    let Some(cell) = form.of_bytes(one) else { return Ok(None) };
                    cells.push(cell);
                }
            }
            _ => cells.extend(bytes.as_chunks().0.iter().map(|one| Cell::Double(f64::from_le_bytes(*one)))),
        }
        // a value of no bytes fills no rows
        Ok((size > 0 || count == 0).then_some(()))
    }

    fn plain_bytes(
        &mut self,
        place: &mut usize,
        count: usize,
        in_dictionary: bool,
        names: &mut Names,
    ) -> Result<Option<()>, Fault> {
        for _ in 0..count {
            let Some(length) = self.page.get(*place..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
            let Ok(length) = usize::try_from(u32::from_le_bytes(*length)) else { return Ok(None) };
            let start = place.saturating_add(4);
            let Some(cell) = self.one_of_bytes(start, length, in_dictionary, names)? else { return Ok(None) };
            self.cells.push(cell);
            *place = start.saturating_add(length);
        }
        Ok(Some(()))
    }

    fn texts(&mut self, place: &mut usize, names: &mut Names) -> Result<Option<()>, Fault> {
        for n in 0..self.integers.len() {
            let length = self.integers.get(n).and_then(|length| usize::try_from(*length).ok());
            let Some(length) = length else { return Ok(None) };
            let Some(cell) = self.one_of_bytes(*place, length, false, names)? else { return Ok(None) };
            self.cells.push(cell);
            *place = place.saturating_add(length);
        }
        Ok(Some(()))
    }

    fn one_of_bytes(
        &self,
        start: usize,
        length: usize,
        in_dictionary: bool,
        names: &mut Names,
    ) -> Result<Option<Cell>, Fault> {
        let Some(bytes) = self.page.get(start..).and_then(|rest| rest.get(..length)) else { return Ok(None) };
        Ok(match self.form {
            Form::Name => Some(Cell::Name(names.number(bytes)?)),
            Form::Text => {
                let (start, length) = (u32::try_from(start).ok(), u32::try_from(length).ok());
                start.zip(length).map(|(start, length)| Cell::Text { start, length, in_dictionary })
            }
            form => form.of_bytes(bytes),
        })
    }
}

/// A short float by its own shortest text: 0.1 is not the 0.10000000149 that it is as a long one.
fn of_float(value: f32) -> Cell {
    Cell::Double(if value.is_finite() {
        format!("{value:?}").parse().unwrap_or(f64::NAN)
    } else {
        f64::from(value)
    })
}
