//! A settings tree as TOML text: values first, then tables, then lists of tables.
//!
//! It knows no key; what must not be shown has been left out or replaced before.

use serde_json::{Map, Value as Json};
use std::fmt::Write;

/// The text of a tree. Keys stand in alphabetical order, so equal settings give equal text.
pub(super) fn render(tree: &Map<String, Json>) -> String {
    let mut text = String::new();
    table(&mut text, "", tree);
    text.trim_start().to_owned()
}

// Writing to a string cannot fail, so the results of `writeln` are dropped.
fn table(text: &mut String, path: &str, table: &Map<String, Json>) {
    for (key, value) in table.iter().filter(|(_, value)| !is_table(value) && !is_rows(value)) {
        let _ = writeln!(text, "{} = {}", name(key), inline(value));
    }
    for (key, value) in table {
        let inner = if path.is_empty() { name(key) } else { format!("{path}.{}", name(key)) };
        match value {
            Json::Object(inner_table) => {
                let _ = writeln!(text, "\n[{inner}]");
                self::table(text, &inner, inner_table);
            }
            Json::Array(rows) if is_rows(value) => {
                for row in rows.iter().filter_map(Json::as_object) {
                    let _ = writeln!(text, "\n[[{inner}]]");
                    self::table(text, &inner, row);
                }
            }
            _ => {}
        }
    }
}

fn is_table(value: &Json) -> bool {
    value.is_object()
}

fn is_rows(value: &Json) -> bool {
    value.as_array().is_some_and(|list| list.first().is_some_and(Json::is_object))
}

fn name(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { key.to_owned() } else { quoted(key) }
}

fn inline(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        Json::Array(list) => format!("[{}]", list.iter().map(inline).collect::<Vec<_>>().join(", ")),
        // Numbers, true and false are written alike in both; a tree has no nulls.
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_come_before_tables_and_names_are_quoted_where_they_must_be() {
        let tree = json!({"b": {"x.y": "a\"b", "rows": [{"n": 1}, {"n": 2}]}, "a": [1, true, "t"], "e": []});
        let text = render(tree.as_object().unwrap());
        let expected = "a = [1, true, \"t\"]\ne = []\n\n[b]\n\"x.y\" = \"a\\\"b\"\n\n\
            [[b.rows]]\nn = 1\n\n[[b.rows]]\nn = 2\n";
        assert_eq!(text, expected);
    }
}
