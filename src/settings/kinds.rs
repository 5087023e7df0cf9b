//! How single values are written: text, words, counts, durations, numbers, dates.
//!
//! From the environment everything comes as text; a kind that wants a number reads it from that text.

use super::fields::Kind;
use super::problem::{Path, Problems};
use super::span::{format_span, parse_span};
use super::tree::{Content, Node};
use crate::time::{EventMs, Millis};
use serde_json::Value as Json;

/// A value that fits on one line and can be read without knowing its neighbours.
pub(super) trait Scalar<T> {
    /// The value, or what is wrong and the remedy.
    fn parse(&self, node: &Node) -> Result<T, String>;
    /// The value as it is printed; `None`: the key is absent.
    fn print(&self, value: &T) -> Option<Json>;
}

/// A scalar as a kind.
#[derive(Clone, Copy)]
pub(super) struct Single<S>(pub(super) S);

impl<T, S: Scalar<T>> Kind<T> for Single<S> {
    fn read(&self, node: &Node, path: &Path, value: &mut T, problems: &mut Problems<'_>) {
        match self.0.parse(node) {
            Ok(parsed) => *value = parsed,
            Err(text) => problems.add(path, text),
        }
    }

    fn show(&self, value: &T) -> Option<Json> {
        self.0.print(value)
    }
}

/// The text of a node, or a remedy.
pub(super) fn text_of<'n>(node: &'n Node, wanted: &str) -> Result<&'n str, String> {
    match &node.content {
        Content::Text(text) => Ok(text),
        _ => Err(format!("is {}; write {wanted}", node.kind())),
    }
}

/// Text of 1 to `bytes_max` bytes without control characters.
#[derive(Clone, Copy)]
pub(super) struct Text {
    pub(super) bytes_max: usize,
}

impl Scalar<String> for Text {
    fn parse(&self, node: &Node) -> Result<String, String> {
        let text = text_of(node, "text in quotes")?;
        if text.is_empty() || text.len() > self.bytes_max {
            return Err(format!("has {} bytes; 1 to {} are taken", text.len(), self.bytes_max));
        }
        if text.chars().any(char::is_control) {
            return Err("has a control character; remove it".to_owned());
        }
        Ok(text.to_owned())
    }

    fn print(&self, value: &String) -> Option<Json> {
        Some(Json::from(value.as_str()))
    }
}

/// A value that may be absent.
#[derive(Clone, Copy)]
pub(super) struct Optional<K>(pub(super) K);

impl<T, K: Scalar<T>> Scalar<Option<T>> for Optional<K> {
    fn parse(&self, node: &Node) -> Result<Option<T>, String> {
        self.0.parse(node).map(Some)
    }

    fn print(&self, value: &Option<T>) -> Option<Json> {
        value.as_ref().and_then(|value| self.0.print(value))
    }
}

/// One word of a closed list.
#[derive(Clone, Copy)]
pub(super) struct Word<T: 'static> {
    pub(super) all: &'static [T],
    pub(super) name: fn(T) -> &'static str,
}

impl<T: Copy> Scalar<T> for Word<T> {
    fn parse(&self, node: &Node) -> Result<T, String> {
        let text = text_of(node, "a word in quotes")?;
        let names: Vec<&str> = self.all.iter().map(|value| (self.name)(*value)).collect();
        let at = names.iter().position(|name| *name == text);
        at.map(|at| self.all[at]).ok_or_else(|| format!("{text:?} is not one of {}", names.join(", ")))
    }

    fn print(&self, value: &T) -> Option<Json> {
        Some(Json::from((self.name)(*value)))
    }
}

/// True or false.
#[derive(Clone, Copy)]
pub(super) struct Flag;

impl Scalar<bool> for Flag {
    fn parse(&self, node: &Node) -> Result<bool, String> {
        match &node.content {
            Content::Flag(flag) => Ok(*flag),
            Content::Text(text) if node.is_from_environment() => match text.to_lowercase().as_str() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(format!("{text:?} is neither true nor false")),
            },
            _ => Err(format!("is {}; write true or false without quotes", node.kind())),
        }
    }

    fn print(&self, value: &bool) -> Option<Json> {
        Some(Json::from(*value))
    }
}

/// A whole number from `least` to `most`.
#[derive(Clone, Copy)]
pub(super) struct Count {
    pub(super) least: i64,
    pub(super) most: i64,
}

impl<T: TryFrom<i64> + TryInto<i64> + Copy> Scalar<T> for Count {
    fn parse(&self, node: &Node) -> Result<T, String> {
        let (least, most) = (self.least, self.most);
        let number = match &node.content {
            Content::Integer(number) => *number,
            Content::Text(text) if node.is_from_environment() => {
                text.parse().map_err(|_| format!("{text:?} is not a whole number from {least} to {most}"))?
            }
            _ => return Err(format!("is {}; write a whole number from {least} to {most}", node.kind())),
        };
        let inside = Some(number).filter(|number| (least..=most).contains(number));
        inside
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| format!("{number} is not within {least} to {most}"))
    }

    fn print(&self, value: &T) -> Option<Json> {
        (*value).try_into().ok().map(|number: i64| Json::from(number))
    }
}

/// A duration from `least_ms` to `most_ms`.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) least_ms: Millis,
    pub(super) most_ms: Millis,
}

impl Scalar<Millis> for Span {
    fn parse(&self, node: &Node) -> Result<Millis, String> {
        let text = text_of(node, "a duration in quotes such as \"10s\"")?;
        let span_ms = parse_span(text)?;
        if (self.least_ms..=self.most_ms).contains(&span_ms) {
            return Ok(span_ms);
        }
        let (least, most) = (format_span(self.least_ms), format_span(self.most_ms));
        Err(format!("{text} is not within {least} to {most}"))
    }

    fn print(&self, value: &Millis) -> Option<Json> {
        Some(Json::from(format_span(*value)))
    }
}

/// A finite number.
#[derive(Clone, Copy)]
pub(super) struct Number;

impl Scalar<f64> for Number {
    fn parse(&self, node: &Node) -> Result<f64, String> {
        let number = match &node.content {
            Content::Float(number) => Some(*number),
            // Whole numbers of a configuration are far below 2^53, and beyond it only digits nobody wrote
            // are lost.
            #[expect(clippy::cast_precision_loss, reason = "a goal, not a count")]
            Content::Integer(number) => Some(*number as f64),
            _ => None,
        };
        number
            .filter(|number| number.is_finite())
            .ok_or_else(|| "is not a finite number; write one such as 0.8".into())
    }

    fn print(&self, value: &f64) -> Option<Json> {
        Some(Json::from(*value))
    }
}

/// Two numbers, the lesser first.
#[derive(Clone, Copy)]
pub(super) struct Band;

impl Scalar<(f64, f64)> for Band {
    fn parse(&self, node: &Node) -> Result<(f64, f64), String> {
        let refused =
            || "is not a band; write two numbers, the lesser first, such as [0.75, 0.85]".to_owned();
        let Content::List(list) = &node.content else { return Err(refused()) };
        let [least, most] = list.as_slice() else { return Err(refused()) };
        let (least, most) = (Number.parse(least)?, Number.parse(most)?);
        if least < most { Ok((least, most)) } else { Err(refused()) }
    }

    fn print(&self, value: &(f64, f64)) -> Option<Json> {
        Some(Json::from(vec![value.0, value.1]))
    }
}

/// A date; it stands for its first moment in UTC.
#[derive(Clone, Copy)]
pub(super) struct Date;

impl Scalar<EventMs> for Date {
    fn parse(&self, node: &Node) -> Result<EventMs, String> {
        let text = text_of(node, "a date such as 2026-01-31")?;
        let moment = (text.len() == 10)
            .then(|| format!("{text}T00:00:00Z").parse::<jiff::Timestamp>().ok())
            .flatten()
            .ok_or_else(|| format!("{text:?} is not a date such as 2026-01-31"))?;
        Ok(EventMs(moment.as_millisecond()))
    }

    fn print(&self, value: &EventMs) -> Option<Json> {
        Some(Json::from(value.to_string().chars().take(10).collect::<String>()))
    }
}

/// A list of at most `items_max` values; from the environment separated by commas.
#[derive(Clone, Copy)]
pub(super) struct List<K> {
    pub(super) item: K,
    pub(super) items_max: usize,
}

impl<T, K: Scalar<T>> Kind<Vec<T>> for List<K> {
    fn read(&self, node: &Node, path: &Path, value: &mut Vec<T>, problems: &mut Problems<'_>) {
        let items: Vec<Node> = match &node.content {
            Content::List(list) => list.clone(),
            Content::Text(text) if node.is_from_environment() => text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(|part| Node { place: node.place.clone(), content: Content::Text(part.to_owned()) })
                .collect(),
            _ => return problems.add(path, format!("is {}; write a list in brackets", node.kind())),
        };
        if items.len() > self.items_max {
            let text = format!("has {} entries; at most {} are taken", items.len(), self.items_max);
            return problems.add(path, text);
        }
        value.clear();
        for (at, item) in items.iter().enumerate() {
            match self.item.parse(item) {
                Ok(item) => value.push(item),
                Err(text) => problems.add(&path.item(at), text),
            }
        }
    }

    fn show(&self, value: &Vec<T>) -> Option<Json> {
        Some(Json::Array(value.iter().filter_map(|item| self.item.print(item)).collect()))
    }
}
