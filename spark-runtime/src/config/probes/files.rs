//! Probes of files and programs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::document::Node;
use super::super::need::Needed;
use super::super::read::{Fields, Reader};
use super::super::shape_probes as shape;
use super::{pairs, text, url};
use crate::probe::{FlagsFile, FlagsTable, Identity, ProbeKind, Program, Provenance, Sbom};

pub(super) fn read(reader: &mut Reader<'_>, kind: &str, node: &Node) -> Option<ProbeKind> {
    match kind {
        "flags" => flags(reader, node),
        "sbom" => {
            let fields = reader.fields(node, &shape::SBOM)?;
            let before = path(reader, &fields, "before");
            let allow =
                fields.get("allow").map(|node| reader.names(node, "a licence as SPDX names it", |_| true));
            Some(Sbom { file: path(reader, &fields, "file")?, before, allow }.into())
        }
        "provenance" => {
            let fields = reader.fields(node, &shape::PROVENANCE)?;
            let (artifacts, key) = (paths(reader, &fields, "artifacts"), path(reader, &fields, "key"));
            let builder = text(reader, &fields, "builder", "a builder's id");
            Some(Provenance { file: path(reader, &fields, "file")?, artifacts, key, builder }.into())
        }
        "identity" => {
            let fields = reader.fields(node, &shape::IDENTITY)?;
            let (repository, files) = (path(reader, &fields, "repository"), paths(reader, &fields, "files"));
            let key = path(reader, &fields, "key");
            if let (Some(key), Some(node)) = (&key, fields.get("key")) {
                reader.need(node.place, Needed::SigningKey(key.clone()));
            }
            let tag = text(reader, &fields, "tag", "the release's tag, such as \"v{release}\"");
            Some(Identity { repository: repository?, tag: tag?, files, key }.into())
        }
        _ => program(reader, node),
    }
}

fn path(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> Option<PathBuf> {
    reader.path(fields.get(key)?)
}

fn paths(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> Vec<PathBuf> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    let items = reader.list(node, "a list of files");
    items.iter().filter_map(|item| reader.path(item)).collect()
}

fn flags(reader: &mut Reader<'_>, node: &Node) -> Option<ProbeKind> {
    let fields = reader.fields(node, &shape::FLAGS)?;
    let expected = pairs(
        reader,
        &fields,
        "expected",
        "flags and what they have to be, such as { new-matching: \"false\" }",
    );
    let expected: BTreeMap<String, String> = expected.into_iter().collect();
    match reader.one_of(&fields, &["file", "table"], "flags are in one place")? {
        ("file", node) => Some(FlagsFile { file: reader.path(node)?, expected }.into()),
        (_, node) => {
            if fields.get("url").is_none() {
                reader.wrong(
                    fields.place,
                    "flags in a `table` need the `url` of its database, such as { env: SPARK_DATABASE_URL }",
                );
            }
            let table = reader.text(node, "the name of a table");
            let name = text(reader, &fields, "name", "the column of a flag's name")
                .unwrap_or_else(|| "name".to_owned());
            let value = text(reader, &fields, "value", "the column of its value")
                .unwrap_or_else(|| "value".to_owned());
            Some(FlagsTable { url: url(reader, &fields)?, table: table?, name, value, expected }.into())
        }
    }
}

fn program(reader: &mut Reader<'_>, node: &Node) -> Option<ProbeKind> {
    let fields = reader.fields(node, &shape::PROGRAM)?;
    let command = fields.get("command")?;
    let items = reader.list(command, "a list of words, such as [./measure, \"{release}\"]");
    let words: Vec<String> = items.iter().filter_map(|item| reader.text(item, "a word")).collect();
    let env =
        fields.get("env").map(|node| super::super::actions::variables(reader, node)).unwrap_or_default();
    let folder = reader.base.to_owned();
    match words.first() {
        Some(name) => reader.need(command.place, Needed::Program(name.clone(), folder.clone())),
        None => reader.wrong(command.place, "no program is named"),
    }
    Some(Program { words, env, folder }.into())
}
