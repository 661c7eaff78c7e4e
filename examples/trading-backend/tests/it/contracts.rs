//! The committed contracts of the exchanges, read by the backend's own parser.

use serde_json::{Value, json};
use trading_backend::instrument::Venue;
use trading_backend::venue::{Message, decode};

const CONTRACTS: [(Venue, &str); 2] = [
    (Venue::Binance, include_str!("../../contracts/trading-backend-binance.json")),
    (Venue::Btcturk, include_str!("../../contracts/trading-backend-btcturk.json")),
];

/// The messages of a contract, by their description.
fn messages(pact: &str) -> Vec<(String, Value)> {
    let pact: Value = serde_json::from_str(pact).unwrap();
    let interactions = pact["interactions"].as_array().unwrap();
    let message = |one: &Value| {
        assert_eq!(one["type"], "Asynchronous/Messages");
        (one["description"].as_str().unwrap().to_owned(), one["contents"]["content"].clone())
    };
    interactions.iter().map(message).collect()
}

fn understood(venue: Venue, message: &Value) -> Option<Message> {
    decode(venue, &message.to_string()).ok().flatten().map(|received| received.message)
}

/// Paths of all values that are no lists or objects.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| leaves(value, &format!("{path}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, value)| leaves(value, &format!("{path}/{n}"), found));
        }
        _ => found.push(path.to_owned()),
    }
}

/// Takes the value at a path out of its object; from a list nothing is taken.
fn without(message: &Value, path: &str) -> Option<Value> {
    let (parent, name) = path.rsplit_once('/')?;
    let mut message = message.clone();
    message.pointer_mut(parent)?.as_object_mut()?.remove(name)?;
    Some(message)
}

/// The message with another type of value at a path.
fn retyped(message: &Value, path: &str) -> Value {
    let mut message = message.clone();
    let value = message.pointer_mut(path).unwrap();
    *value = match &*value {
        Value::String(_) | Value::Null => json!(7),
        other => json!(other.to_string()),
    };
    message
}

/// The parser understands every message of the contracts, and none that lacks one of its values or has another type of value there:
/// a contract asks for what is needed, and for nothing else.
#[test]
fn contracts_ask_for_what_is_read() {
    let mut seen = 0;
    for (venue, pact) in CONTRACTS {
        for (name, message) in messages(pact) {
            let what = understood(venue, &message).unwrap_or_else(|| panic!("{venue}: {name}: {message}"));
            assert_eq!(matches!(what, Message::Book { .. }), name == "the best levels of a book", "{venue}");
            assert_eq!(matches!(what, Message::Trade { .. }), name == "a trade", "{venue}");
            let mut paths = Vec::new();
            leaves(&message, "", &mut paths);
            for path in paths {
                let changed = [without(&message, &path), Some(retyped(&message, &path))];
                for changed in changed.into_iter().flatten() {
                    assert_eq!(understood(venue, &changed), None, "{venue}: {path} is not needed: {changed}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen >= 40, "{seen} changes");
}

/// What a contract does not speak of may come and change.
#[test]
fn other_fields_are_nobodys_business() {
    for (venue, pact) in CONTRACTS {
        for (name, message) in messages(pact) {
            let mut more = message.clone();
            let body = if more.is_array() { &mut more[1] } else { &mut more };
            for field in ["T", "m", "M", "S", "channel", "type", "event", "new"] {
                body[field] = json!({ "any": [1, null] });
            }
            assert_eq!(understood(venue, &more), understood(venue, &message), "{venue}: {name}");
        }
    }
}
