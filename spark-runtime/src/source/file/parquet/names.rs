//! Names in a file, each kept once: of signals and of tracks.

use std::collections::HashMap;

use super::{Fault, NAMES_BYTES_MAX};

#[derive(Debug, Default)]
pub(super) struct Names {
    by_name: HashMap<Vec<u8>, u32>,
    all: Vec<String>,
    bytes: usize,
    /// The one that was asked for last.
    last: u32,
}

impl Names {
    /// The number of a name, which it gets where it is new.
    pub(super) fn number(&mut self, name: &[u8]) -> Result<u32, Fault> {
        if self.name(self.last).is_some_and(|last| last.as_bytes() == name) {
            return Ok(self.last);
        }
        if let Some(known) = self.by_name.get(name) {
            self.last = *known;
            return Ok(*known);
        }
        let Ok(text) = std::str::from_utf8(name) else {
            let shown = crate::http::excerpt(name);
            return Err(Fault::file(format!("the name `{shown}` is not UTF-8")));
        };
        // what keeps it takes room besides
        self.bytes = self.bytes.saturating_add(name.len()).saturating_add(64);
        let number = u32::try_from(self.all.len()).ok().filter(|_| self.bytes <= NAMES_BYTES_MAX);
        let Some(number) = number else {
            let found = self.all.len();
            return Err(Fault::file(format!(
                "{found} different names take more than {NAMES_BYTES_MAX} bytes: are signals what the column `signal` has?"
            )));
        };
        self.by_name.insert(name.to_vec(), number);
        self.all.push(text.to_owned());
        self.last = number;
        Ok(number)
    }

    pub(super) fn name(&self, number: u32) -> Option<&str> {
        self.all.get(usize::try_from(number).ok()?).map(String::as_str)
    }
}
