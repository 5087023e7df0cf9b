//! Holds the schema on disk, the tables and the decoder to each other, in both directions.

use super::contract::{FIELDS, TYPES};
use super::decode::{Limits, decode};
use super::field::Field;
use super::kind::Kind;
use super::reject::Reject;
use super::schema::write_schema;
use serde_json::{Map, Value, json};

const ON_DISK: &str = include_str!("../../config/event.schema.json");
/// Two times in order, so that an interval's end comes after its start.
const START_TIME: &str = "2026-01-05T09:00:00Z";
const END_TIME: &str = "2026-01-05T09:30:00+00:00";

fn schema() -> Value {
    serde_json::from_str(ON_DISK).unwrap()
}

fn names(list: &Value) -> Vec<String> {
    list.as_array()
        .map_or(Vec::new(), |list| list.iter().map(|name| name.as_str().unwrap().to_owned()).collect())
}

/// A value that `schema` allows; no word `other`, so that unknown words would show.
fn sample(name: &str, schema: &Value) -> Value {
    if let Some(words) = schema.get("enum") {
        return words.as_array().unwrap().iter().find(|word| **word != "other").unwrap().clone();
    }
    if schema.get("format").is_some() {
        return json!(if name == "end" { END_TIME } else { START_TIME });
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap();
    match kind {
        "string" => json!("größe-7"),
        "boolean" => json!(true),
        "integer" => schema["maximum"].clone(),
        "number" => json!(0.25),
        "array" => json!([sample(name, &schema["items"]), sample(name, &schema["items"])]),
        "object" => {
            let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
            properties.iter().map(|(name, schema)| (name.clone(), sample(name, schema))).collect()
        }
        other => panic!("no sample for {other}"),
    }
}

/// The properties that `type_name` may have, its own before the envelope's, and those it must have.
fn properties(schema: &Value, type_name: &str) -> (Map<String, Value>, Vec<String>) {
    let own = &schema["$defs"][type_name];
    let mut properties = schema["properties"].as_object().unwrap().clone();
    for (name, property) in own.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let known = properties.entry(name).or_insert_with(|| json!({}));
        for (key, value) in property.as_object().unwrap() {
            known[key] = value.clone();
        }
    }
    let mut required = names(&schema["required"]);
    required.extend(names(&own["required"]));
    required.extend(names(&own["anyOf"][0]["required"]));
    (properties, required)
}

fn minimal(schema: &Value, type_name: &str) -> Value {
    let (properties, required) = properties(schema, type_name);
    let mut event: Map<String, Value> =
        required.iter().map(|name| (name.clone(), sample(name, &properties[name]))).collect();
    event.insert("type".to_owned(), json!(type_name));
    event.into()
}

fn full(schema: &Value, type_name: &str) -> Value {
    let (properties, _) = properties(schema, type_name);
    let mut event: Map<String, Value> =
        properties.iter().map(|(name, property)| (name.clone(), sample(name, property))).collect();
    event.insert("type".to_owned(), json!(type_name));
    event.into()
}

/// The verdict on `event`: the type it was read as and how many unknown words it had.
fn verdict(event: &Value) -> Result<(&'static str, u32), Reject> {
    let text = event.to_string();
    decode(text.as_bytes(), &Limits::default()).map(|event| (event.kind.type_name(), event.unknown_values))
}

#[test]
fn the_schema_on_disk_is_the_one_the_tables_write() {
    let written = write_schema();
    if std::env::var_os("INTRADAY_WRITE_SCHEMA").is_some() {
        std::fs::write("config/event.schema.json", &written).unwrap();
    }
    assert!(
        written == ON_DISK,
        "config/event.schema.json is stale: run this test with INTRADAY_WRITE_SCHEMA=1"
    );
}

#[test]
fn every_type_of_the_schema_is_accepted_least_and_full() {
    let schema = schema();
    let types = names(&schema["properties"]["type"]["enum"]);
    assert_eq!(types.len(), schema["$defs"].as_object().unwrap().len());
    for type_name in &types {
        for event in [minimal(&schema, type_name), full(&schema, type_name)] {
            assert_eq!(verdict(&event), Ok((type_name.as_str(), 0)), "{event}");
        }
    }
}

#[test]
fn every_required_property_is_missed() {
    let schema = schema();
    for row in TYPES {
        let (_, required) = properties(&schema, row.name);
        for name in required {
            let mut event = minimal(&schema, row.name);
            event.as_object_mut().unwrap().remove(&name);
            assert_eq!(
                verdict(&event).map_err(|reject| (reject.reason(), reject.field())),
                Err(("missing_field", Some(name.as_str()))),
                "{event}"
            );
        }
    }
}

#[test]
fn either_alternative_is_enough() {
    let schema = schema();
    let mut servqual = minimal(&schema, "survey.responded");
    servqual["kind"] = json!("servqual");
    servqual.as_object_mut().unwrap().remove("score");
    assert_eq!(verdict(&servqual), Ok(("survey.responded", 0)));
    let mut label = minimal(&schema, "sentiment.scored");
    label.as_object_mut().unwrap().remove("score");
    label["label"] = json!("negative");
    assert_eq!(verdict(&label), Ok(("sentiment.scored", 0)));
}

#[test]
fn every_field_of_the_schema_is_read_and_no_other() {
    let schema = schema();
    for row in TYPES {
        let (known, _) = properties(&schema, row.name);
        for field in Field::ALL {
            let mut event = full(&schema, row.name);
            // No field may be both kinds at once, so one of the two is wrong for any that is read.
            let wrong = if field.name() == "attributes" { json!([[]]) } else { json!({"a": []}) };
            event[field.name()] = wrong;
            let expected = if known.contains_key(field.name()) {
                Err(Reject::WrongType(field.name()))
            } else {
                Ok((row.name, 0))
            };
            assert_eq!(verdict(&event), expected, "{} {}", row.name, field.name());
        }
    }
}

#[test]
fn tables_name_every_field_and_type_once() {
    let mut fields: Vec<Field> = FIELDS.iter().map(|row| row.field).collect();
    assert!(fields.iter().zip(Field::ALL).all(|(listed, known)| listed == known));
    fields.extend(TYPES.iter().flat_map(|row| row.own).map(|own| own.field));
    fields.sort_unstable();
    fields.dedup();
    assert_eq!(fields, Field::ALL);
    let mut types: Vec<&str> = TYPES.iter().map(|row| row.name).collect();
    types.sort_unstable();
    types.dedup();
    assert_eq!(types.len(), TYPES.len());
    assert_eq!(types.len(), 48);
}

#[test]
fn limits_of_the_schema_are_the_decoders() {
    let schema = schema();
    for row in TYPES {
        let (known, _) = properties(&schema, row.name);
        for (name, property) in known {
            let mut event = full(&schema, row.name);
            if let Some(max) = property.get("maxLength").and_then(Value::as_u64).filter(|_| name != "type") {
                let max = usize::try_from(max).unwrap();
                event[&name] = json!("x".repeat(max));
                assert!(verdict(&event).is_ok(), "{event}");
                event[&name] = json!("x".repeat(max + 1));
                assert_eq!(verdict(&event).map_err(Reject::reason), Err("too_long"), "{event}");
            } else if let Some(max) = property.get("maximum").and_then(Value::as_i64) {
                let min = property["minimum"].as_i64().unwrap();
                for beyond in [min - 1, max + 1] {
                    event[&name] = json!(beyond);
                    let reason = verdict(&event).map_err(Reject::reason).unwrap_err();
                    assert!(["bad_value", "bad_time"].contains(&reason), "{event}");
                }
            }
        }
    }
}

#[test]
fn words_of_the_schema_are_known_and_others_become_other() {
    let schema = schema();
    for row in TYPES {
        let (known, _) = properties(&schema, row.name);
        for (name, property) in known.iter().filter(|(name, _)| *name != "type") {
            for word in property.get("enum").and_then(Value::as_array).into_iter().flatten() {
                let mut event = full(&schema, row.name);
                event[name] = word.clone();
                assert_eq!(verdict(&event), Ok((row.name, 0)), "{event}");
                event[name] = json!("never-heard-of");
                assert_eq!(verdict(&event), Ok((row.name, 1)), "{event}");
            }
        }
    }
}

#[test]
fn money_is_exact_to_the_millionth() {
    let text =
        r#"{"id":"e","type":"cost.incurred","time":1767605411412,"amount":-1234567.000001,"currency":"EUR"}"#;
    let event = decode(text.as_bytes(), &Limits::default()).unwrap();
    assert!(matches!(event.kind, Kind::CostIncurred { amount_micros: -1_234_567_000_001, .. }));
}
