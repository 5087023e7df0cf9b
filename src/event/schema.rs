//! The contract as a JSON Schema, written from the tables.
//!
//! What stands in config/event.schema.json is this text; a test compares the two. A producer may
//! check against it: it is as strict as the contract asks of a producer. The decoder is milder in
//! what is not fatal (unknown types and words, null, empty optional strings) and stricter in one
//! thing that a schema cannot say: it counts lengths in bytes.

use super::contract::{Condition, FIELDS, MAX_COUNT, MAX_QUEUES, MAX_SLOTS, OwnField, Shape, TYPES, TypeRow};
use super::field::Field;
use super::record::MAX_TEXT_BYTES;
use super::words::Channel;
use super::{EARLIEST, LATEST};
use serde_json::{Map, Value, json};

/// The JSON Schema (2020-12) of the native event contract, as indented text with a final newline.
#[must_use]
pub fn write_schema() -> String {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for row in FIELDS {
        let mut schema = shape(row.shape);
        schema["description"] = row.meaning.into();
        if row.field == Field::Type {
            schema = json!({"enum": TYPES.iter().map(|row| row.name).collect::<Vec<_>>()});
            schema["description"] = row.meaning.into();
        }
        if row.required {
            schema["minLength"] = 1.into();
            required.push(row.field.name());
        }
        properties.insert(row.field.name().to_owned(), schema);
    }
    let mut types = Map::new();
    let mut branches = Vec::new();
    for row in TYPES {
        types.insert(row.name.to_owned(), of_type(row));
        branches.push(json!({
            "if": {"properties": {"type": {"const": row.name}}, "required": ["type"]},
            "then": {"$ref": format!("#/$defs/{}", row.name)},
        }));
    }
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "intraday native event, version 1",
        "description": "One JSON object per Kafka record. Lengths are limited in bytes of UTF-8. \
            Unknown fields are ignored; an unknown type or word is counted and not fatal; null and an \
            empty optional string count as absent.",
        "type": "object",
        "properties": properties,
        "required": required,
        "allOf": branches,
        "$defs": types,
    });
    format!("{schema:#}\n")
}

fn of_type(row: &TypeRow) -> Value {
    let mut properties = Map::new();
    for OwnField { field, shape: form } in row.own {
        properties.insert(field.name().to_owned(), shape(*form));
    }
    for field in row.required {
        // A required string may not be empty; numbers do not mind the rule.
        let known = properties.entry(field.name()).or_insert_with(|| json!({}));
        known["minLength"] = 1.into();
    }
    let mut schema = json!({"description": row.meaning});
    if !properties.is_empty() {
        schema["properties"] = properties.into();
    }
    if !row.required.is_empty() {
        schema["required"] = row.required.iter().map(|field| field.name()).collect();
    }
    if !row.any_of.is_empty() {
        schema["anyOf"] = row.any_of.iter().map(condition).collect();
    }
    schema
}

fn condition(condition: &Condition) -> Value {
    match condition {
        Condition::Has(field) => json!({"required": [field.name()]}),
        Condition::Is(field, word) => {
            let name = field.name();
            json!({"properties": {name: {"const": word}}, "required": [name]})
        }
    }
}

/// What JSON Schema says of characters that the decoder refuses in names.
const PRINTABLE: &str = r"^[^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$";

fn shape(shape: Shape) -> Value {
    match shape {
        Shape::Id(max_bytes) => json!({"type": "string", "maxLength": max_bytes}),
        Shape::Name(max_bytes) => {
            json!({"type": ["string", "integer"], "maxLength": max_bytes, "pattern": PRINTABLE})
        }
        Shape::Time => json!({
            "type": ["string", "integer"], "format": "date-time",
            "minimum": EARLIEST.0, "maximum": LATEST.0,
        }),
        Shape::Word(words) => json!({"enum": words}),
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Count(max) => json!({"type": "integer", "minimum": 0, "maximum": max}),
        Shape::Decimal(min, max) => json!({"type": "number", "minimum": min, "maximum": max}),
        Shape::Queues => {
            json!({"type": "array", "maxItems": MAX_QUEUES, "items": self::shape(Shape::Name(MAX_TEXT_BYTES))})
        }
        Shape::Slots => {
            let count = self::shape(Shape::Count(MAX_COUNT));
            let properties = json!({
                "channel": self::shape(Shape::Word(Channel::WORDS)), "active": count, "max": count,
            });
            let slot = json!({"type": "object", "properties": properties, "required": ["active", "max"]});
            json!({"type": "array", "maxItems": MAX_SLOTS, "items": slot})
        }
        Shape::Scalars => json!({
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        }),
    }
}
