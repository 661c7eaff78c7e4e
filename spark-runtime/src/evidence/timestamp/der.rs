//! A reader of DER: tags and lengths, one form of each, nothing more.

/// What is read next, and what is left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Der<'a> {
    rest: &'a [u8],
}

/// One value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) tag: u8,
    /// Without its tag and length.
    pub(super) content: &'a [u8],
    /// With them.
    pub(super) whole: &'a [u8],
}

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// `[0]`, `[1]`, `[3]` with something inside.
pub(super) const CONTEXT_0: u8 = 0xa0;
pub(super) const CONTEXT_3: u8 = 0xa3;

/// Why bytes are no DER, or not what they should be; a static text, since no byte of a stranger is worth showing.
pub(super) type Result<T> = std::result::Result<T, &'static str>;

const CUT: &str = "it is cut off or no DER";

impl<'a> Der<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next value, of any tag.
    pub(super) fn any(&mut self) -> Result<Value<'a>> {
        let begin = self.rest;
        let (&tag, rest) = begin.split_first().ok_or(CUT)?;
        if tag & 0x1f == 0x1f {
            return Err("it has a tag of more than one byte, which no time stamp needs");
        }
        let (&first, mut rest) = rest.split_first().ok_or(CUT)?;
        let length = match first {
            0..=0x7f => usize::from(first),
            0x81..=0x84 => {
                let (digits, behind) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(CUT)?;
                rest = behind;
                let length = digits.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
                if length < 0x80 || digits.first() == Some(&0) {
                    return Err("a length is not in its shortest form: it is no DER");
                }
                length
            }
            _ => return Err("a length is open or beyond all limits: it is no DER"),
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(CUT)?;
        self.rest = rest;
        let whole = begin.len().checked_sub(rest.len()).and_then(|length| begin.get(..length)).ok_or(CUT)?;
        Ok(Value { tag, content, whole })
    }

    /// The next value, which must have this tag.
    pub(super) fn read(&mut self, tag: u8) -> Result<Value<'a>> {
        let value = self.any()?;
        if value.tag == tag {
            Ok(value)
        } else {
            Err("it holds another kind of value than is expected there")
        }
    }

    /// What is within the next value, which must have this tag.
    pub(super) fn enter(&mut self, tag: u8) -> Result<Self> {
        Ok(Self::new(self.read(tag)?.content))
    }

    /// The next value if it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<Value<'a>>> {
        if self.rest.first() == Some(&tag) { self.read(tag).map(Some) } else { Ok(None) }
    }

    /// That nothing is left.
    pub(super) const fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err("something stands behind its end") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One form of each length is read; every other, and every cut, is refused.
    #[test]
    fn lengths() {
        let long = [&[OCTETS, 0x81, 0x80][..], &[7; 0x80]].concat();
        assert_eq!(Der::new(&long).read(OCTETS).unwrap().content.len(), 0x80);
        for bad in [
            &[][..],
            &[OCTETS],
            &[OCTETS, 1],
            &[OCTETS, 0x80, 0, 0],
            &[OCTETS, 0x81, 1, 7],
            &[OCTETS, 0x82, 0, 0x80],
            &[OCTETS, 0x85, 0, 0, 0, 0, 0],
            &[0x1f, 0],
            &[OCTETS, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert!(Der::new(bad).any().is_err(), "{bad:?}");
        }
        assert!(Der::new(&[INTEGER, 0]).read(OCTETS).is_err());
    }
}
