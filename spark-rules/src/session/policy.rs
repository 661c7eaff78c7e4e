//! Which files make one policy: a root and what it leads to.

use std::collections::{BTreeMap, BTreeSet};

use super::Session;
use super::document::Document;
use crate::include::resolve;
use crate::limits::FILES_MAX;

/// The folder of a path with its slash, and the rest.
fn parted(path: &str) -> (&str, &str) {
    let name = path.rfind('/').map_or(0, |slash| slash.saturating_add(1));
    path.split_at_checked(name).unwrap_or(("", path))
}

/// The file that is used as `name` in a file of a policy.
pub(super) fn target(root: &str, path: &str, name: &str) -> Option<String> {
    let (folder, _) = parted(root);
    let (here, _) = parted(path.strip_prefix(folder).unwrap_or(path));
    resolve(here, name).ok().map(|inner| format!("{folder}{inner}"))
}

/// The files of a policy.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// In the order in which they are read, the root first.
    pub(super) paths: Vec<String>,
    /// Those that are used and not known.
    pub(super) missing: Vec<String>,
    /// Whether a file that is used is not known, so that a name may be declared there.
    pub(super) blind: bool,
}

impl Session {
    /// The files that belong to a root.
    pub(super) fn members(&self, root: &str) -> Members {
        let mut members = Members::default();
        let mut met = BTreeSet::new();
        // what is to be read, the next one last
        let mut ahead = vec![root.to_owned()];
        let (folder, _) = parted(root);
        while let Some(path) = ahead.pop() {
            if !met.insert(path.clone()) {
                continue;
            }
            let Some(document) = self.documents.get(&path) else {
                members.missing.push(path);
                members.blind = true;
                continue;
            };
            if members.paths.len() >= FILES_MAX {
                members.blind = true;
                return members;
            }
            let used = used(folder, &path, document);
            members.blind |= used.len() < document.uses.len();
            members.paths.push(path);
            ahead.extend(used.into_iter().rev());
        }
        members
    }

    /// The root of the policy that a file belongs to: the first file, by name, that leads to it and that no other uses;
    /// the file itself where there is none.
    pub fn root_of(&self, path: &str) -> String {
        self.roots.get(path).cloned().unwrap_or_else(|| path.to_owned())
    }

    /// Finds the roots again, after a file came, went, or uses others than before.
    pub(super) fn find_roots(&mut self) {
        let mut users: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for (path, document) in &self.documents {
            let (folder, _) = parted(path);
            for used in used(folder, path, document) {
                if used != *path {
                    users.entry(used).or_default().insert(path);
                }
            }
        }
        let mut roots = BTreeMap::new();
        let tops = self.documents.keys().filter(|path| !users.contains_key(*path));
        for root in tops {
            for path in self.members(root).paths {
                roots.entry(path).or_insert_with(|| root.clone());
            }
        }
        self.roots = roots;
    }
}

/// The paths that a file uses. In a file below the root's folder, they may not leave that folder.
fn used(folder: &str, path: &str, document: &Document) -> Vec<String> {
    let inner = path.strip_prefix(folder).unwrap_or(path);
    let (here, _) = parted(inner);
    let found = document.uses.iter().filter_map(|used| resolve(here, used).ok());
    found.map(|inner| format!("{folder}{inner}")).collect()
}
