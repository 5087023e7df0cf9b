//! The paths that a file names, with `use` trees unfolded: `use a::{b, c::d}` names `a::b` and `a::c::d`.
//!
//! It knows Rust's path syntax; it knows no room.

use super::source::{Judged, Source};

/// One path, as far as its first generic argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<'a> {
    /// The names between the `::`.
    pub parts: Vec<&'a str>,
    /// The line of its first name, or of its branch in a `use` tree.
    pub line: usize,
    /// True inside of test code.
    pub test: bool,
    /// True where a `use` brings its last name into scope.
    pub used: bool,
    /// How many inline modules enclose it.
    pub depth: usize,
}

/// Every path of `source` that has two names or stands in a `use`, in order.
pub fn paths(source: &Source) -> Vec<Path<'_>> {
    let judged = source.judged();
    let mut walk = Walk { judged: &judged, at: 0, found: Vec::new() };
    let mut modules = Vec::new();
    let mut depth = 0_usize;
    while let Some(now) = judged.get(walk.at) {
        let known = walk.found.len();
        match now.token.text {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                modules.retain(|opened| *opened <= depth);
            }
            "mod" if walk.text(2) == "{" => modules.push(depth + 1),
            _ => {}
        }
        let before = walk.at.checked_sub(1).and_then(|at| judged.get(at)).map_or("", |j| j.token.text);
        if now.token.text == "use" && walk.text(1) != "<" {
            walk.at += 1;
            walk.tree(&[]);
        } else if now.token.is_word() && before != "." {
            walk.plain();
        } else {
            walk.at += 1;
        }
        for path in &mut walk.found[known..] {
            path.depth = modules.len();
        }
    }
    walk.found
}

struct Walk<'a, 'b> {
    judged: &'b [Judged<'a>],
    at: usize,
    found: Vec<Path<'a>>,
}

impl<'a> Walk<'a, '_> {
    fn text(&self, ahead: usize) -> &'a str {
        self.judged.get(self.at + ahead).map_or("", |j| j.token.text)
    }

    fn keep(&mut self, parts: Vec<&'a str>, start: usize, used: bool) {
        if let Some(first) = self.judged.get(start) {
            self.found.push(Path { parts, line: first.token.line, test: first.test, used, depth: 0 });
        }
    }

    /// One branch of a `use` tree, which ends before `,`, `}` or `;`.
    fn tree(&mut self, above: &[&'a str]) {
        let start = self.at;
        let mut parts = above.to_vec();
        loop {
            match self.text(0) {
                "::" => self.at += 1,
                "{" => {
                    self.at += 1;
                    self.branches(&parts);
                    return;
                }
                "as" => {
                    self.at += 2;
                    break;
                }
                "" | "," | "}" | ";" => break,
                name => {
                    parts.push(name);
                    self.at += 1;
                }
            }
        }
        self.keep(parts, start, true);
    }

    fn branches(&mut self, above: &[&'a str]) {
        while self.at < self.judged.len() {
            match self.text(0) {
                "}" => {
                    self.at += 1;
                    return;
                }
                "," => self.at += 1,
                _ => self.tree(above),
            }
        }
    }

    /// A path outside of a `use`.
    fn plain(&mut self) {
        let start = self.at;
        let mut parts = vec![self.text(0)];
        self.at += 1;
        while self.text(0) == "::" && self.judged.get(self.at + 1).is_some_and(|j| j.token.is_word()) {
            parts.push(self.text(1));
            self.at += 2;
        }
        if parts.len() > 1 {
            self.keep(parts, start, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<String> {
        paths(&Source::new("src/a.rs", text)).iter().map(|path| path.parts.join("::")).collect()
    }

    #[test]
    fn use_trees_unfold() {
        assert_eq!(
            named("use crate::{a::{B, c::*}, d as e};"),
            ["crate::a::B", "crate::a::c::*", "crate::d"]
        );
        assert_eq!(named("pub use config;"), ["config"]);
    }

    #[test]
    fn paths_in_code_are_found_and_calls_are_not() {
        assert_eq!(named("let a: x::Y<z::W> = b.c::<u8>() + ::d::e();"), ["x::Y", "z::W", "d::e"]);
        assert_eq!(named("// a::b\nlet _ = \"c::d\";"), [""; 0]);
    }

    #[test]
    fn inline_modules_are_counted_while_they_are_open() {
        let source = Source::new("src/a.rs", "a::b; mod c { fn d() { e::f; } mod g { h::i; } } j::k;");
        let depths: Vec<_> = paths(&source).iter().map(|path| path.depth).collect();
        assert_eq!(depths, [0, 1, 2, 0]);
    }
}
