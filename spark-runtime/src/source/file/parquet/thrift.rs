//! Thrift's compact protocol, as far as Parquet's footer and page headers use it.
//!
//! Every element takes at least a byte of what is there, so that no length that a file claims is believed before its bytes
//! are seen: nothing is reserved for it.

/// Deepest nesting: Parquet's own structures are seven deep.
const DEPTH_MAX: usize = 16;

/// Why a structure does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// The bytes end within it: there may be more.
    Ended,
    /// It is none.
    Malformed,
}

/// What a field or an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    True,
    False,
    Byte,
    Integer,
    Double,
    Bytes,
    List,
    Map,
    Structure,
}

impl Kind {
    const fn of(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::True,
            2 => Self::False,
            3 => Self::Byte,
            4..=6 => Self::Integer,
            7 => Self::Double,
            8 => Self::Bytes,
            9 | 10 => Self::List,
            11 => Self::Map,
            12 => Self::Structure,
            _ => return None,
        })
    }
}

/// Bytes on their way.
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
    place: usize,
    depth: usize,
}

impl<'a> Thrift<'a> {
    pub(super) const fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, place: 0, depth: 0 }
    }

    /// How many bytes were read.
    pub(super) const fn place(&self) -> usize {
        self.place
    }

    fn byte(&mut self) -> Result<u8, Unread> {
        let byte = *self.bytes.get(self.place).ok_or(Unread::Ended)?;
        self.place = self.place.saturating_add(1);
        Ok(byte)
    }

    fn varint(&mut self) -> Result<u64, Unread> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).wrapping_shl(shift);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Unread::Malformed)
    }

    fn zigzag(&mut self) -> Result<i64, Unread> {
        self.varint().map(zigzag)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Unread> {
        let rest = self.bytes.get(self.place..).unwrap_or_default();
        let length = usize::try_from(length).map_err(|_| Unread::Malformed)?;
        let taken = rest.get(..length).ok_or(Unread::Ended)?;
        self.place = self.place.saturating_add(length);
        Ok(taken)
    }

    fn deeper(&mut self) -> Result<(), Unread> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEPTH_MAX { Err(Unread::Malformed) } else { Ok(()) }
    }

    /// Reads a structure's fields, each by its number; `each` reads what it knows, and says so, and the rest is passed over.
    pub(super) fn fields(
        &mut self,
        each: &mut dyn FnMut(&mut Self, i16, Kind) -> Result<bool, Unread>,
    ) -> Result<(), Unread> {
        self.deeper()?;
        let mut number = 0i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                self.depth = self.depth.saturating_sub(1);
                return Ok(());
            }
            number = match i16::from(head >> 4) {
                0 => i16::try_from(self.zigzag()?).map_err(|_| Unread::Malformed)?,
                step => number.checked_add(step).ok_or(Unread::Malformed)?,
            };
            let kind = Kind::of(head & 0xf).ok_or(Unread::Malformed)?;
            if !each(self, number, kind)? {
                self.skip(kind)?;
            }
        }
    }

    /// Reads a structure in a field.
    pub(super) fn structure(
        &mut self,
        kind: Kind,
        each: &mut dyn FnMut(&mut Self, i16, Kind) -> Result<bool, Unread>,
    ) -> Result<bool, Unread> {
        expect(kind, Kind::Structure)?;
        self.fields(each).map(|()| true)
    }

    /// Reads a list in a field, element by element.
    pub(super) fn list(
        &mut self,
        kind: Kind,
        each: &mut dyn FnMut(&mut Self, Kind) -> Result<bool, Unread>,
    ) -> Result<bool, Unread> {
        expect(kind, Kind::List)?;
        self.deeper()?;
        let head = self.byte()?;
        let length = match head >> 4 {
            15 => self.varint()?,
            few => u64::from(few),
        };
        // some give an empty list's elements no kind
        let kind = if length == 0 { Kind::Byte } else { Kind::of(head & 0xf).ok_or(Unread::Malformed)? };
        for _ in 0..length {
            if !each(self, kind)? {
                self.skip_element(kind)?;
            }
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(true)
    }

    pub(super) fn integer(&mut self, kind: Kind) -> Result<i64, Unread> {
        expect(kind, Kind::Integer)?;
        self.zigzag()
    }

    pub(super) fn bytes(&mut self, kind: Kind) -> Result<&'a [u8], Unread> {
        expect(kind, Kind::Bytes)?;
        let length = self.varint()?;
        self.take(length)
    }

    /// A truth in a field: its kind is its value.
    pub(super) fn truth(kind: Kind) -> Result<bool, Unread> {
        match kind {
            Kind::True => Ok(true),
            Kind::False => Ok(false),
            _ => Err(Unread::Malformed),
        }
    }

    /// A small integer.
    pub(super) fn small(&mut self, kind: Kind) -> Result<u8, Unread> {
        expect(kind, Kind::Byte)?;
        self.byte()
    }

    fn skip(&mut self, kind: Kind) -> Result<(), Unread> {
        match kind {
            Kind::True | Kind::False => Ok(()),
            Kind::Byte => self.byte().map(drop),
            Kind::Integer => self.varint().map(drop),
            Kind::Double => self.take(8).map(drop),
            Kind::Bytes => self.bytes(kind).map(drop),
            Kind::List => self.list(kind, &mut |_, _| Ok(false)).map(drop),
            Kind::Structure => self.fields(&mut |_, _, _| Ok(false)),
            // no structure of Parquet has one
            Kind::Map => Err(Unread::Malformed),
        }
    }

    fn skip_element(&mut self, kind: Kind) -> Result<(), Unread> {
        match kind {
            // in a list a truth is a byte
            Kind::True | Kind::False => self.byte().map(drop),
            kind => self.skip(kind),
        }
    }
}

fn expect(found: Kind, expected: Kind) -> Result<(), Unread> {
    if found == expected { Ok(()) } else { Err(Unread::Malformed) }
}

/// A signed number from the one that its sign was folded into.
pub(super) const fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ (number & 1).cast_signed().wrapping_neg()
}
