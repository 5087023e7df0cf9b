//! One Rust file as the rules see it: its text, its tokens, and which of them are test code.
//!
//! It knows how Rust finds a module's file; it knows no rule.

use super::token::{self, Token};
use std::collections::BTreeMap;

/// A file with everything that a rule asks of it.
#[derive(Debug)]
pub struct Source {
    /// From the top of the repository, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// The module that the file is, from the crate's root: empty for `lib.rs` and `main.rs`.
    pub module: Vec<String>,
    /// True where the file as a whole is compiled for tests only.
    pub test: bool,
}

/// A token, and whether it is compiled for tests only.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// The word or sign.
    pub token: Token<'a>,
    /// True inside of `#[cfg(test)]` and `#[test]` items.
    pub test: bool,
}

/// A module file that a `mod` line under `#[cfg(test)]` declares, or one that `#[path]` moves.
#[derive(Debug)]
struct Declared {
    file: String,
    folder: String,
    module: Vec<String>,
    test: bool,
    moved: bool,
}

impl Source {
    /// A file by its path from the top of the repository.
    pub fn new(path: &str, text: &str) -> Source {
        let inside = path.split_once('/').map_or(path, |(_, inside)| inside);
        let mut module: Vec<String> = inside.trim_end_matches(".rs").split('/').map(String::from).collect();
        if module.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
            module.pop();
        }
        Source { path: path.into(), text: text.into(), module, test: false }
    }

    /// The first part of the path under its top folder, which is the room that the file is in: `fold` for
    /// `src/fold/mod.rs`, `main` for `src/main.rs`.
    pub fn room(&self) -> &str {
        let inside = self.path.split_once('/').map_or(self.path.as_str(), |(_, inside)| inside);
        inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
    }

    /// The tokens, each with its verdict.
    pub fn judged(&self) -> Vec<Judged<'_>> {
        let tokens = token::tokens(&self.text);
        let mut test = vec![self.test; tokens.len()];
        for (start, token) in tokens.iter().enumerate() {
            if token.text != "#" {
                continue;
            }
            let inner = word(&tokens, start + 1) == "!";
            let Some(end) = attribute_end(&tokens, start) else { continue };
            if is_test_attribute(&tokens[start..end]) {
                let limit = if inner { tokens.len() } else { item_end(&tokens, end) };
                test[start..limit].fill(true);
            }
        }
        tokens.into_iter().zip(test).map(|(token, test)| Judged { token, test }).collect()
    }

    fn declared(&self) -> Vec<Declared> {
        let judged = self.judged();
        let mut found = Vec::new();
        for at in 1..judged.len() {
            let [before, name, end] =
                [at - 1, at, at + 1].map(|at| judged.get(at).map_or("", |j| j.token.text));
            if before == "mod" && end == ";" {
                let moved = moved_to(&judged[..at]);
                let own = self.own_folder();
                let file = match moved {
                    Some(file) => format!("{}/{file}", parent(&self.path)),
                    None => format!("{own}/{name}.rs"),
                };
                let module = self.module.iter().cloned().chain([name.to_owned()]).collect();
                let folder = format!("{own}/{name}/");
                found.push(Declared { file, folder, module, test: judged[at].test, moved: moved.is_some() });
            }
        }
        found
    }

    /// The folder that this file's modules lie in.
    fn own_folder(&self) -> String {
        let name = self.path.rsplit('/').next().unwrap_or("");
        if matches!(name, "mod.rs" | "lib.rs" | "main.rs") {
            return parent(&self.path).to_owned();
        }
        self.path.trim_end_matches(".rs").to_owned()
    }
}

/// Tells the files of one tree apart: which are test code as a whole, and which module a moved one is.
pub fn settle(sources: &mut [Source]) {
    let declared: Vec<Declared> = sources.iter().flat_map(Source::declared).collect();
    let moved: BTreeMap<&str, &Declared> =
        declared.iter().filter(|d| d.moved).map(|d| (d.file.as_str(), d)).collect();
    for source in sources {
        if let Some(declared) = moved.get(source.path.as_str()) {
            source.module.clone_from(&declared.module);
        }
        source.test |=
            declared.iter().any(|d| d.test && (d.file == source.path || source.path.starts_with(&d.folder)));
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn word<'a>(tokens: &[Token<'a>], at: usize) -> &'a str {
    tokens.get(at).map_or("", |token| token.text)
}

/// The place after the `]` that closes the attribute at `start`; none where no attribute begins there.
pub fn attribute_end(tokens: &[Token<'_>], start: usize) -> Option<usize> {
    let open = start + 1 + usize::from(word(tokens, start + 1) == "!");
    if word(tokens, start) != "#" || word(tokens, open) != "[" {
        return None;
    }
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "[" => depth += 1,
            "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

/// True for `#[test]`, `#[tokio::test]` and each `#[cfg(…)]` that asks for `test`.
fn is_test_attribute(attribute: &[Token<'_>]) -> bool {
    let words: Vec<&str> = attribute.iter().filter(|t| t.is_word()).map(|t| t.text).collect();
    match words.as_slice() {
        ["cfg", asked @ ..] => asked.contains(&"test") && !asked.contains(&"not"),
        ["test"] | [_, "test", ..] => true,
        _ => false,
    }
}

/// The place after the item that begins at `start`, over its further attributes.
fn item_end(tokens: &[Token<'_>], mut start: usize) -> usize {
    while let Some(end) = attribute_end(tokens, start) {
        start = end;
    }
    let mut depth = 0_i32;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        let closes = depth == 0 && matches!(token.text, ";" | "}");
        if closes || depth < 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The value of the `#[path = "…"]` among the attributes that end the `before` of a `mod` line.
fn moved_to<'a>(before: &[Judged<'a>]) -> Option<&'a str> {
    let attributes =
        before.iter().rposition(|j| matches!(j.token.text, ";" | "{" | "}")).map_or(0, |at| at + 1);
    let near = &before[attributes..];
    let at = near.windows(2).position(|w| w[0].token.text == "path" && w[1].token.text == "=")?;
    near.get(at + 2).map(|j| j.token.text.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_words(text: &str) -> Vec<String> {
        let source = Source::new("src/a.rs", text);
        let judged = source.judged();
        judged.iter().filter(|j| j.test && j.token.is_word()).map(|j| j.token.text.to_owned()).collect()
    }

    #[test]
    fn test_items_end_where_their_braces_do() {
        assert_eq!(
            test_words("fn a() {} #[cfg(test)] mod t { fn b() {} } fn c() {}"),
            ["cfg", "test", "mod", "t", "fn", "b"]
        );
        assert_eq!(
            test_words("#[cfg(test)] #[path = \"x\"] mod t; fn c() {}"),
            ["cfg", "test", "path", "mod", "t"]
        );
        assert_eq!(test_words("#[cfg(not(test))] fn a() {}"), [""; 0]);
        assert_eq!(test_words("#![cfg(test)] fn a() {}").len(), 4);
    }

    #[test]
    fn files_declared_for_tests_are_test_code_with_all_below() {
        let mut tree = [
            Source::new("src/a/mod.rs", "mod b; #[cfg(test)] mod c;"),
            Source::new("src/a/b.rs", "#[cfg(test)] #[path = \"b_tests.rs\"] mod tests;"),
            Source::new("src/a/b_tests.rs", ""),
            Source::new("src/a/c.rs", ""),
            Source::new("src/a/c/d.rs", ""),
        ];
        settle(&mut tree);
        assert_eq!(tree.each_ref().map(|source| source.test), [false, false, true, true, true]);
        assert_eq!(tree[2].module, ["a", "b", "tests"]);
    }

    #[test]
    fn a_room_is_the_first_part_under_src() {
        assert_eq!(Source::new("src/fold/life/mod.rs", "").room(), "fold");
        assert_eq!(Source::new("src/vitals.rs", "").room(), "vitals");
        assert_eq!(Source::new("src/fold/life/mod.rs", "").module, ["fold", "life"]);
    }
}
