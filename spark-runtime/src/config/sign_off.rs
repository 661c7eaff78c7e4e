//! `sign-off`: the roles that have to sign a release by name.

use super::document::Node;
use super::read::Reader;

/// Most roles: a list that takes longer than ten minutes to sign is none.
pub const ROLES_MAX: usize = 32;

/// The roles, each once.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
    let roles =
        reader.names(node, "a role of small letters, digits and `-`, such as release-manager", is_role);
    if roles.len() > ROLES_MAX {
        reader.wrong(node.place, format!("{} roles: expected at most {ROLES_MAX}", roles.len()));
    }
    roles
}

fn is_role(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
