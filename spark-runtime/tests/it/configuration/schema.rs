//! The published schema says what the reader reads.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use spark_runtime::config::{SCHEMA, keys};

use super::read;

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// Each map of the schema has the keys that the reader knows, the same are needed, and no other is allowed.
#[test]
fn has_the_readers_keys() {
    let schema = schema();
    let mut known: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    for (map, key, needed) in keys() {
        let (all, required) = known.entry(map).or_default();
        assert!(all.insert(key), "{map}.{key} stands twice");
        if needed {
            required.insert(key);
        }
    }
    let strings = |value: &'_ Value| -> BTreeSet<String> {
        value.as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let maps = schema["$defs"].as_object().unwrap().iter().filter(|(_, map)| map.get("properties").is_some());
    let names: BTreeSet<&str> = maps.map(|(name, _)| name.as_str()).chain(["config"]).collect();
    assert_eq!(names, known.keys().copied().collect());
    for (name, (all, required)) in known {
        let map = if name == "config" { &schema } else { &schema["$defs"][name] };
        let properties: BTreeSet<&str> =
            map["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(properties, all, "{name}");
        assert_eq!(
            strings(&map["required"]),
            required.iter().map(|key| (*key).to_owned()).collect(),
            "{name}"
        );
        assert_eq!(map["additionalProperties"], false, "{name}");
        for (key, property) in map["properties"].as_object().unwrap() {
            let described = property.get("description").is_some() || property.get("$ref").is_some();
            assert!(described, "{name}.{key} has no description");
        }
        assert!(map["description"].is_string(), "{name} has no description");
    }
}

/// Every example of the schema, and of the manual, is read; JSON is YAML.
#[test]
fn examples_are_read() {
    let schema = schema();
    let examples = schema["examples"].as_array().unwrap();
    assert!(examples.len() > 1);
    for example in examples {
        read(&example.to_string()).unwrap();
    }
    let pages = [include_str!("../../../../docs/config.md"), include_str!("../../../../docs/cli.md")];
    let mut read_ones = 0;
    for page in pages {
        for block in page.split("```yaml\n").skip(1) {
            let text = block.split("```").next().unwrap();
            if text.starts_with("spark: 1\n") {
                super::Config::parse(std::path::Path::new("spark.yaml"), text.as_bytes(), &|name| {
                    Some(name.to_lowercase())
                })
                .unwrap_or_else(|errors| panic!("{errors}\n{text}"));
                read_ones += 1;
            }
        }
    }
    assert!(read_ones >= 4, "{read_ones}");
}
