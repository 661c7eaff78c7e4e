//! A Parquet file's footer: its columns, and where their pages are.

use super::thrift::{Kind, Thrift, Unread};
use super::{COLUMNS_MAX, FOOTER_BYTES_MAX, Fault, MAGIC, ROW_GROUPS_MAX, SeekRead, read_at};
use crate::source::file::row::KEYS;

/// As [`MAGIC`], where the footer is encrypted.
const MAGIC_ENCRYPTED: &[u8; 4] = b"PARE";

/// What a footer says.
#[derive(Debug, Default)]
pub(super) struct Footer {
    pub(super) leaves: Vec<Leaf>,
    pub(super) groups: Vec<Group>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) name: String,
    pub(super) physical: Physical,
    /// Bytes of a value of [`Physical::Fixed`].
    pub(super) length: usize,
    pub(super) optional: bool,
    pub(super) logical: Logical,
}

/// How values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Physical {
    Boolean,
    Int32,
    Int64,
    Int96,
    Float,
    Double,
    Bytes,
    Fixed,
}

/// What values mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logical {
    None,
    Text,
    Integer {
        signed: bool,
    },
    Decimal {
        scale: u32,
    },
    /// Steps of so many nanoseconds since the epoch.
    Time {
        nanos: i64,
        utc: bool,
    },
    /// Something else, by its name.
    Other(&'static str),
}

/// Rows that are stored together.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    pub(super) rows: u64,
    /// By [`KEYS`], the columns that are read.
    pub(super) chunks: [Option<Chunk>; KEYS.len()],
    columns: usize,
}

/// The pages of a column in a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) codec: i64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) values: u64,
}

impl Footer {
    /// Reads the footer of a file of so many bytes.
    pub(super) fn read(stream: &mut dyn SeekRead, length: u64) -> Result<Self, Fault> {
        // the magic twice, and the footer's length
        if length < 12 {
            return Err(Fault::file(format!("{length} bytes are no whole Parquet file")));
        }
        let mut tail = [0u8; 8];
        read_at(stream, length.saturating_sub(8), &mut tail)?;
        let [a, b, c, d, magic @ ..] = tail;
        if &magic == MAGIC_ENCRYPTED {
            return Err(Fault::file("it is encrypted, which is not read"));
        }
        if &magic != MAGIC {
            return Err(Fault::file("it does not end as a Parquet file does, with `PAR1`: was it cut off?"));
        }
        let footer = u64::from(u32::from_le_bytes([a, b, c, d]));
        let room = length.saturating_sub(12);
        if footer > room {
            return Err(Fault::file(format!(
                "its footer is said to have {footer} bytes, of {room}: it is damaged"
            )));
        }
        if footer > FOOTER_BYTES_MAX {
            let limit = FOOTER_BYTES_MAX;
            return Err(Fault::file(format!(
                "its footer has {footer} bytes, more than {limit}: write larger row groups"
            )));
        }
        let mut bytes = vec![0; usize::try_from(footer).unwrap_or(0)];
        let data_end = length.saturating_sub(8).saturating_sub(footer);
        read_at(stream, data_end, &mut bytes)?;
        Self::parse(&bytes, data_end)
    }

    fn parse(bytes: &[u8], data_end: u64) -> Result<Self, Fault> {
        let mut schema: Vec<Element> = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut keys: Option<Vec<Option<usize>>> = None;
        let (mut encrypted, mut too_many) = (false, false);
        let read = Thrift::of(bytes).fields(&mut |thrift, number, kind| match number {
            2 => thrift.list(kind, &mut |thrift, kind| {
                schema.push(Element::read(thrift, kind)?);
                too_many = schema.len() > COLUMNS_MAX;
                if too_many { Err(Unread::Malformed) } else { Ok(true) }
            }),
            // groups follow the schema, by which their columns are told apart
            4 => {
                let keys: &Vec<_> =
                    keys.get_or_insert_with(|| schema.iter().skip(1).map(Element::key).collect());
                thrift.list(kind, &mut |thrift, kind| {
                    groups.push(Group::read(thrift, kind, keys)?);
                    too_many = groups.len() > ROW_GROUPS_MAX;
                    if too_many { Err(Unread::Malformed) } else { Ok(true) }
                })
            }
            8 => {
                encrypted = true;
                Ok(false)
            }
            _ => Ok(false),
        });
        if too_many {
            return Err(Fault::file(format!(
                "it has more than {COLUMNS_MAX} columns or more than {ROW_GROUPS_MAX} row groups: expected the columns time, \
                 signal, value and track, and larger row groups"
            )));
        }
        if read.is_err() {
            return Err(Fault::file("its footer does not read: it is damaged"));
        }
        if encrypted {
            return Err(Fault::file("its columns are encrypted, which is not read"));
        }
        let leaves = leaves(&schema)?;
        for (n, group) in groups.iter().enumerate() {
            let within =
                |chunk: &Chunk| chunk.start >= 4 && chunk.start <= chunk.end && chunk.end <= data_end;
            let whole = group.columns == leaves.len() && group.chunks.iter().flatten().all(within);
            if !whole {
                let n = n.saturating_add(1);
                return Err(Fault::file(format!(
                    "row group {n} names pages that are not in it: it is damaged"
                )));
            }
        }
        Ok(Self { leaves, groups })
    }
}

/// An element of the schema as it stands there.
#[derive(Debug, Default)]
struct Element {
    name: String,
    physical: Option<i64>,
    length: i64,
    repetition: i64,
    children: i64,
    converted: Option<i64>,
    scale: i64,
    logical: Option<Logical>,
}

impl Element {
    fn read(thrift: &mut Thrift<'_>, kind: Kind) -> Result<Self, Unread> {
        let mut element = Self::default();
        thrift.structure(kind, &mut |thrift, number, kind| {
            match number {
                1 => element.physical = Some(thrift.integer(kind)?),
                2 => element.length = thrift.integer(kind)?,
                3 => element.repetition = thrift.integer(kind)?,
                4 => element.name = String::from_utf8_lossy(thrift.bytes(kind)?).into_owned(),
                5 => element.children = thrift.integer(kind)?,
                6 => element.converted = Some(thrift.integer(kind)?),
                7 => element.scale = thrift.integer(kind)?,
                10 => element.logical = Some(logical(thrift, kind)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(element)
    }

    /// Which of the columns that are read it is.
    fn key(&self) -> Option<usize> {
        KEYS.iter().position(|key| *key == self.name)
    }

    /// What it means; the older annotation where there is no newer one.
    fn meaning(&self) -> Option<Logical> {
        let scale = || u32::try_from(self.scale).ok();
        Some(match (self.logical, self.converted) {
            (Some(logical), _) => logical,
            (None, None) => Logical::None,
            // UTF8, ENUM and JSON
            (None, Some(0 | 4 | 19)) => Logical::Text,
            (None, Some(5)) => Logical::Decimal { scale: scale()? },
            (None, Some(9)) => Logical::Time { nanos: 1_000_000, utc: true },
            (None, Some(10)) => Logical::Time { nanos: 1_000, utc: true },
            (None, Some(11..=14)) => Logical::Integer { signed: false },
            (None, Some(15..=18)) => Logical::Integer { signed: true },
            (None, Some(6)) => Logical::Other("DATE"),
            (None, Some(7 | 8)) => Logical::Other("TIME"),
            (None, Some(_)) => Logical::Other("another type"),
        })
    }
}

fn logical(thrift: &mut Thrift<'_>, kind: Kind) -> Result<Logical, Unread> {
    let mut found = Logical::Other("another type");
    thrift.structure(kind, &mut |thrift, number, kind| {
        found = match number {
            // STRING, ENUM and JSON
            1 | 4 | 12 => Logical::Text,
            5 => {
                let mut scale = 0;
                thrift.structure(kind, &mut |thrift, number, kind| {
                    if number == 1 {
                        scale = thrift.integer(kind)?;
                    }
                    Ok(number == 1)
                })?;
                found = Logical::Decimal { scale: u32::try_from(scale).map_err(|_| Unread::Malformed)? };
                return Ok(true);
            }
            8 => {
                found = time(thrift, kind)?;
                return Ok(true);
            }
            10 => {
                let mut signed = true;
                thrift.structure(kind, &mut |thrift, number, kind| match number {
                    1 => thrift.small(kind).map(|_| true),
                    2 => {
                        signed = Thrift::truth(kind)?;
                        Ok(true)
                    }
                    _ => Ok(false),
                })?;
                found = Logical::Integer { signed };
                return Ok(true);
            }
            6 => Logical::Other("DATE"),
            7 => Logical::Other("TIME"),
            11 => Logical::Other("nothing but nulls"),
            14 => Logical::Other("UUID"),
            15 => Logical::Other("FLOAT16"),
            _ => Logical::Other("another type"),
        };
        Ok(false)
    })?;
    Ok(found)
}

fn time(thrift: &mut Thrift<'_>, kind: Kind) -> Result<Logical, Unread> {
    let (mut utc, mut nanos) = (false, 0);
    thrift.structure(kind, &mut |thrift, number, kind| match number {
        1 => {
            utc = Thrift::truth(kind)?;
            Ok(true)
        }
        2 => thrift.structure(kind, &mut |_, number, _| {
            nanos = match number {
                1 => 1_000_000,
                2 => 1_000,
                3 => 1,
                _ => return Err(Unread::Malformed),
            };
            Ok(false)
        }),
        _ => Ok(false),
    })?;
    Ok(Logical::Time { nanos, utc })
}

/// The columns of a schema without nesting.
fn leaves(schema: &[Element]) -> Result<Vec<Leaf>, Fault> {
    let damaged = || Fault::file("its schema does not read: it is damaged");
    let (root, elements) = schema.split_first().ok_or_else(damaged)?;
    let mut leaves = Vec::with_capacity(elements.len());
    for element in elements {
        let shown = crate::http::excerpt(element.name.as_bytes());
        // REPEATED, or a group of columns
        if element.children != 0 || element.repetition == 2 {
            return Err(Fault::file(format!(
                "the column `{shown}` is nested: expected time, signal, value and track, with one value a row"
            )));
        }
        let physical = match element.physical {
            Some(0) => Physical::Boolean,
            Some(1) => Physical::Int32,
            Some(2) => Physical::Int64,
            Some(3) => Physical::Int96,
            Some(4) => Physical::Float,
            Some(5) => Physical::Double,
            Some(6) => Physical::Bytes,
            Some(7) => Physical::Fixed,
            _ => return Err(damaged()),
        };
        leaves.push(Leaf {
            name: element.name.clone(),
            physical,
            length: usize::try_from(element.length).map_err(|_| damaged())?,
            optional: element.repetition == 1,
            logical: element.meaning().ok_or_else(damaged)?,
        });
    }
    if i64::try_from(leaves.len()) != Ok(root.children) {
        return Err(damaged());
    }
    Ok(leaves)
}

impl Group {
    fn read(thrift: &mut Thrift<'_>, kind: Kind, keys: &[Option<usize>]) -> Result<Self, Unread> {
        let mut group = Self::default();
        thrift.structure(kind, &mut |thrift, number, kind| match number {
            1 => thrift.list(kind, &mut |thrift, kind| {
                let chunk = Chunk::read(thrift, kind)?;
                let key = keys.get(group.columns).copied().flatten();
                if let Some(slot) = key.and_then(|key| group.chunks.get_mut(key)) {
                    *slot = Some(chunk);
                }
                group.columns = group.columns.saturating_add(1);
                Ok(true)
            }),
            3 => {
                group.rows = unsigned(thrift.integer(kind)?)?;
                Ok(true)
            }
            _ => Ok(false),
        })?;
        Ok(group)
    }
}

impl Chunk {
    fn read(thrift: &mut Thrift<'_>, kind: Kind) -> Result<Self, Unread> {
        let (mut chunk, mut here, mut bytes) = (Self::default(), false, 0);
        thrift.structure(kind, &mut |thrift, number, kind| match number {
            // the pages are in another file
            1 => Err(Unread::Malformed),
            3 => {
                here = true;
                let (mut data, mut dictionary) = (0, 0);
                thrift.structure(kind, &mut |thrift, number, kind| {
                    match number {
                        4 => chunk.codec = thrift.integer(kind)?,
                        5 => chunk.values = unsigned(thrift.integer(kind)?)?,
                        7 => bytes = unsigned(thrift.integer(kind)?)?,
                        9 => data = unsigned(thrift.integer(kind)?)?,
                        11 => dictionary = unsigned(thrift.integer(kind)?)?,
                        _ => return Ok(false),
                    }
                    Ok(true)
                })?;
                // a dictionary stands before the data; some write zero for none
                chunk.start = if dictionary > 0 && dictionary < data { dictionary } else { data };
                Ok(true)
            }
            _ => Ok(false),
        })?;
        chunk.end = chunk.start.checked_add(bytes).ok_or(Unread::Malformed)?;
        if here { Ok(chunk) } else { Err(Unread::Malformed) }
    }
}

fn unsigned(number: i64) -> Result<u64, Unread> {
    u64::try_from(number).map_err(|_| Unread::Malformed)
}
