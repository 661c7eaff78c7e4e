//! The pages of a column in a row group, one after the other, each unpacked within its limits.

use std::io::Read;
use std::ops::Range;

use super::footer::Chunk;
use super::thrift::{Kind, Thrift, Unread};
use super::{Fault, PAGE_BYTES_MAX, PAGE_HEADER_BYTES_MAX, SeekRead, read_at};

/// Bytes of a page's header at the first try: without statistics it has some twenty.
const HEADER_FIRST: u64 = 256;

/// How pages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    None,
    Snappy,
    Zstd,
    Lz4,
}

impl Codec {
    pub(super) fn of(code: i64) -> Result<Self, Fault> {
        let name = match code {
            0 => return Ok(Self::None),
            1 => return Ok(Self::Snappy),
            6 => return Ok(Self::Zstd),
            7 => return Ok(Self::Lz4),
            2 => "GZIP".to_owned(),
            3 => "LZO".to_owned(),
            4 => "BROTLI".to_owned(),
            5 => "LZ4 as Hadoop frames it".to_owned(),
            other => format!("compression {other}"),
        };
        Err(Fault::file(format!(
            "it is compressed with {name}, which is not read: write it with SNAPPY, ZSTD, LZ4_RAW, or uncompressed"
        )))
    }

    /// Unpacks all of `packed` to the end of `into`, which becomes `whole` bytes.
    fn unpack(self, packed: &[u8], whole: usize, into: &mut Vec<u8>) -> Option<()> {
        let start = into.len();
        into.resize(whole, 0);
        let room = into.get_mut(start..)?;
        // a page without a value has no bytes, and some compress none at all
        if room.is_empty() {
            return Some(());
        }
        let written = match self {
            Self::None => {
                room.copy_from_slice(packed.get(..room.len())?);
                packed.len()
            }
            Self::Snappy => {
                let claimed =
                    snap::raw::decompress_len(packed).ok().filter(|length| *length == room.len())?;
                snap::raw::Decoder::new()
                    .decompress(packed, room)
                    .ok()
                    .filter(|written| *written == claimed)?
            }
            Self::Zstd => {
                let mut stream = ruzstd::decoding::StreamingDecoder::new(packed).ok()?;
                stream.read_exact(room).ok()?;
                // nothing may be left
                let more = stream.read(&mut [0]).ok()?;
                room.len().saturating_add(more)
            }
            Self::Lz4 => lz4_flex::block::decompress_into(packed, room).ok()?,
        };
        (written == room.len()).then_some(())
    }
}

/// A page, unpacked.
#[derive(Debug, Clone)]
pub(super) enum Page {
    /// The values that others name by their place.
    Dictionary {
        /// How many.
        values: usize,
    },
    /// Values of rows.
    Data {
        /// How many, the missing ones included.
        values: usize,
        encoding: i64,
        /// Where it is said which are missing, for a column that may lack some.
        levels: Range<usize>,
        /// Where the values begin.
        data: usize,
    },
}

/// Pages on their way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pages {
    next: u64,
    end: u64,
    /// Values of the pages to come.
    values: u64,
    codec: Codec,
}

impl Pages {
    /// Those of no column yet.
    pub(super) const fn none() -> Self {
        Self { next: 0, end: 0, values: 0, codec: Codec::None }
    }

    pub(super) fn of(chunk: Chunk) -> Result<Self, Fault> {
        Ok(Self { next: chunk.start, end: chunk.end, values: chunk.values, codec: Codec::of(chunk.codec)? })
    }

    /// Unpacks the next page into `page`; `packed` is room.
    pub(super) fn next(
        &mut self,
        stream: &mut dyn SeekRead,
        optional: bool,
        packed: &mut Vec<u8>,
        page: &mut Vec<u8>,
    ) -> Result<Page, Fault> {
        loop {
            let header = self.header(stream, packed)?;
            if header.kind == INDEX_PAGE {
                self.next = self.next.saturating_add(header.packed);
                continue;
            }
            if header.whole > PAGE_BYTES_MAX || header.packed > PAGE_BYTES_MAX {
                let (found, limit) = (header.whole.max(header.packed), PAGE_BYTES_MAX);
                let problem =
                    format!("a page has {found} bytes, more than {limit}: write it with smaller pages");
                return Err(Fault::file(problem));
            }
            let damaged =
                || Fault::file("a page does not unpack to what its header says: the file is damaged");
            let size = |bytes: u64| usize::try_from(bytes).map_err(|_| damaged());
            packed.resize(size(header.packed)?, 0);
            read_at(stream, self.next, packed)?;
            self.next = self.next.saturating_add(header.packed);
            let (whole, apart) = (size(header.whole)?, size(header.apart)?);
            page.clear();
            page.extend_from_slice(packed.get(..apart).ok_or_else(damaged)?);
            let rest = packed.get(apart..).unwrap_or_default();
            let codec = if header.unpacked { Codec::None } else { self.codec };
            if apart > whole || codec.unpack(rest, whole, page).is_none() {
                return Err(damaged());
            }
            return self.page(&header, optional, page).ok_or_else(damaged);
        }
    }

    fn page(&mut self, header: &Header, optional: bool, page: &[u8]) -> Option<Page> {
        let values = usize::try_from(header.values).ok()?;
        if header.kind == DICTIONARY_PAGE {
            // PLAIN, and what it was called at first
            return matches!(header.encoding, 0 | 2).then_some(Page::Dictionary { values });
        }
        self.values = self.values.checked_sub(header.values)?;
        let (levels, data) = match (header.kind, optional) {
            (DATA_PAGE_V2, _) => {
                let repeated = usize::try_from(header.repetition).ok()?;
                let end = usize::try_from(header.apart).ok()?;
                (repeated..end, end)
            }
            (_, true) => {
                let length = u32::from_le_bytes(*page.first_chunk()?);
                let end = usize::try_from(length).ok()?.checked_add(4)?;
                // RLE
                (header.levels == 3 && end <= page.len()).then_some((4..end, end))?
            }
            (_, false) => (0..0, 0),
        };
        Some(Page::Data { values, encoding: header.encoding, levels, data })
    }

    /// Reads the next header, and goes behind it.
    fn header(&mut self, stream: &mut dyn SeekRead, bytes: &mut Vec<u8>) -> Result<Header, Fault> {
        let room = self.end.saturating_sub(self.next);
        let mut length = HEADER_FIRST.min(room);
        loop {
            bytes.resize(usize::try_from(length).unwrap_or(0), 0);
            read_at(stream, self.next, bytes)?;
            let mut thrift = Thrift::of(bytes);
            match Header::read(&mut thrift) {
                Ok(header) => {
                    self.next = self.next.saturating_add(u64::try_from(thrift.place()).unwrap_or(u64::MAX));
                    let within = header.packed <= self.end.saturating_sub(self.next);
                    return within.then_some(header).ok_or_else(no_page);
                }
                Err(Unread::Ended) if length < room.min(PAGE_HEADER_BYTES_MAX) => {
                    length = length.saturating_mul(8).min(room).min(PAGE_HEADER_BYTES_MAX);
                }
                Err(_) => return Err(no_page()),
            }
        }
    }
}

fn no_page() -> Fault {
    Fault::file("there is no page where one should be: the file is damaged")
}

const INDEX_PAGE: i64 = 1;
const DICTIONARY_PAGE: i64 = 2;
const DATA_PAGE_V2: i64 = 3;

/// A page's header.
#[derive(Debug, Default)]
struct Header {
    kind: i64,
    /// Its bytes, unpacked and as they stand in the file.
    whole: u64,
    packed: u64,
    values: u64,
    encoding: i64,
    /// How levels are encoded, where they stand in the data.
    levels: i64,
    /// Of levels that stand apart, before the data and never packed: bytes of repetition, and of all.
    repetition: u64,
    apart: u64,
    /// The data are not packed either.
    unpacked: bool,
}

impl Header {
    fn read(thrift: &mut Thrift<'_>) -> Result<Self, Unread> {
        let mut header = Self::default();
        let mut described = false;
        thrift.fields(&mut |thrift, number, kind| {
            match number {
                1 => header.kind = thrift.integer(kind)?,
                2 => header.whole = unsigned(thrift, kind)?,
                3 => header.packed = unsigned(thrift, kind)?,
                // of data, of a dictionary, of data with levels apart
                5 | 7 | 8 => {
                    described = true;
                    thrift.structure(kind, &mut |thrift, field, kind| {
                        header.describe(thrift, number, field, kind)
                    })?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let known = described && (0..=3).contains(&header.kind);
        (known || header.kind == INDEX_PAGE).then_some(header).ok_or(Unread::Malformed)
    }

    fn describe(&mut self, thrift: &mut Thrift<'_>, of: i16, field: i16, kind: Kind) -> Result<bool, Unread> {
        match (of, field) {
            (_, 1) => self.values = unsigned(thrift, kind)?,
            (5 | 7, 2) | (8, 4) => self.encoding = thrift.integer(kind)?,
            (5, 3) => self.levels = thrift.integer(kind)?,
            (8, 5) => self.apart = self.apart.saturating_add(unsigned(thrift, kind)?),
            (8, 6) => {
                self.repetition = unsigned(thrift, kind)?;
                self.apart = self.apart.saturating_add(self.repetition);
            }
            (8, 7) => self.unpacked = !Thrift::truth(kind)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn unsigned(thrift: &mut Thrift<'_>, kind: Kind) -> Result<u64, Unread> {
    u64::try_from(thrift.integer(kind)?).map_err(|_| Unread::Malformed)
}
