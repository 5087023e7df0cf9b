//! `[[windows]]`: which windows there are. A list in the configuration replaces the shipped one.

use super::fields::{Fields, Section};
use super::kinds::{Optional, Span, Text, Word};
use super::lists::{missing, repeated};
use super::problem::{Path, Problems};
use super::span::format_span;
use crate::time::window::{SLICE_MS, Window, WindowKind};
use crate::time::{DAY_MS, HOUR_MS, Millis, SECOND_MS};

/// Most windows taken.
pub(super) const WINDOWS_MAX: usize = 16;

/// The word for a window's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Tumbling,
    Sliding,
    Day,
    Week,
    Month,
}

impl Shape {
    const ALL: [Shape; 5] = [Shape::Tumbling, Shape::Sliding, Shape::Day, Shape::Week, Shape::Month];

    const fn name(self) -> &'static str {
        match self {
            Shape::Tumbling => "tumbling",
            Shape::Sliding => "sliding",
            Shape::Day => "day",
            Shape::Week => "week",
            Shape::Month => "month",
        }
    }
}

/// One window as written.
#[derive(Clone, Debug, Default)]
pub(super) struct WindowRow {
    name: String,
    shape: Option<Shape>,
    length_ms: Option<Millis>,
    pace_ms: Option<Millis>,
}

impl WindowRow {
    pub(super) fn of(window: &Window) -> WindowRow {
        let (shape, length_ms) = match window.kind {
            WindowKind::Tumbling { length_ms } => (Shape::Tumbling, Some(length_ms)),
            WindowKind::Sliding { length_ms } => (Shape::Sliding, Some(length_ms)),
            WindowKind::Day => (Shape::Day, None),
        };
        WindowRow { name: window.name.clone(), shape: Some(shape), length_ms, pace_ms: Some(window.pace_ms) }
    }

    /// The window; `None` where the check has found problems.
    pub(super) fn resolve(&self) -> Option<Window> {
        let kind = match (self.shape?, self.length_ms) {
            (Shape::Tumbling, Some(length_ms)) => WindowKind::Tumbling { length_ms },
            (Shape::Sliding, Some(length_ms)) => WindowKind::Sliding { length_ms },
            (Shape::Day, None) => WindowKind::Day,
            _ => return None,
        };
        let pace_ms = self.pace_ms.unwrap_or_else(|| shipped_pace_ms(kind));
        Some(Window { name: self.name.clone(), kind, pace_ms })
    }
}

/// The pace of a window that is written without one: the longer it lasts, the less a second changes it.
const fn shipped_pace_ms(kind: WindowKind) -> Millis {
    match kind.length_ms() {
        ..HOUR_MS => SECOND_MS,
        HOUR_MS => 5 * SECOND_MS,
        _ => 30 * SECOND_MS,
    }
}

impl Section for WindowRow {
    fn fields(&mut self, fields: &mut impl Fields) {
        fields.value("name", &mut self.name, Text { bytes_max: 32 });
        fields.value("kind", &mut self.shape, Optional(Word { all: &Shape::ALL, name: Shape::name }));
        fields.value("length", &mut self.length_ms, Optional(Span { least_ms: SLICE_MS, most_ms: DAY_MS }));
        fields.value("pace", &mut self.pace_ms, Optional(Span { least_ms: 0, most_ms: HOUR_MS }));
    }

    fn check(&self, path: &Path, problems: &mut Problems<'_>) {
        let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !self.name.chars().all(is_bare) {
            problems.add(&path.key("name"), "has characters other than letters, digits, '_' and '-'");
        }
        let fixed = matches!(self.shape, Some(Shape::Tumbling | Shape::Sliding));
        let keys = [
            ("name", self.name.is_empty()),
            ("kind", self.shape.is_none()),
            ("length", fixed && self.length_ms.is_none()),
        ];
        missing(&keys, path, problems);
        if let Some(shape @ (Shape::Week | Shape::Month)) = self.shape {
            let text = format!("{:?} is not supported yet; use tumbling, sliding or day", shape.name());
            problems.add(&path.key("kind"), text);
        }
        let Some(length_ms) = self.length_ms else { return };
        let length = path.key("length");
        if length_ms % SLICE_MS != 0 {
            problems.add(&length, format!("is not a multiple of {}", format_span(SLICE_MS)));
        }
        match self.shape {
            Some(Shape::Sliding) if length_ms > HOUR_MS => {
                problems.add(&length, "of a sliding window is at most 1h");
            }
            Some(Shape::Day) => problems.add(&length, "does not apply to a day; remove it"),
            _ => {}
        }
    }
}

/// What holds over all windows.
pub(super) fn check(rows: &[WindowRow], path: &Path, problems: &mut Problems<'_>) {
    if rows.is_empty() {
        problems.add(path, "is empty; define at least one window");
    }
    let name = |row: &WindowRow| Some(row.name.clone()).filter(|name| !name.is_empty());
    repeated(rows, path, "name", problems, name);
}
