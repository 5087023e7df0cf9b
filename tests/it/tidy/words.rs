//! Words that have no place in the tree: silenced lints, work left lying, panics outside of tests, pictures.
//!
//! It spells what it looks for in two halves where it would find itself.

use super::Finding;
use super::source::{self, Source};
use super::token;

/// Notes to oneself.
const NOTES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Macros that say that something is not ready.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// Lints switched off without being expected: in `src` never, elsewhere only with a reason.
pub fn silenced_lints(source: &Source) -> Vec<Finding> {
    let tokens = token::tokens(&source.text);
    let mut found = Vec::new();
    for start in 0..tokens.len() {
        let Some(end) = source::attribute_end(&tokens, start) else { continue };
        let words: Vec<&str> = tokens[start..end].iter().map(|token| token.text).collect();
        let silenced = words.windows(2).any(|pair| pair == ["allow", "("]);
        let excused = !source.path.starts_with("src/") && words.contains(&"reason");
        if silenced && !excused {
            let remedy = "use #[expect(…, reason = \"…\")], which ends with its cause";
            found.push(Finding::new(
                source,
                tokens[start].line,
                format!("a lint is switched off by allow; {remedy}"),
            ));
        }
    }
    found
}

/// Macros of unfinished work, in tests too.
pub fn unfinished(source: &Source) -> Vec<Finding> {
    let tokens = token::tokens(&source.text);
    let unfinished =
        tokens.windows(2).filter(|pair| UNFINISHED.contains(&pair[0].text) && pair[1].text == "!");
    unfinished
        .map(|pair| {
            Finding::new(source, pair[0].line, format!("{}! is left; finish it or take it out", pair[0].text))
        })
        .collect()
}

/// Calls that end the process where an error should be told.
pub fn panics(source: &Source) -> Vec<Finding> {
    let judged = source.judged();
    let mut found = Vec::new();
    for at in 0..judged.len() {
        let [before, word, after] =
            [at.wrapping_sub(1), at, at + 1].map(|at| judged.get(at).map_or("", |j| j.token.text));
        let ends = match word {
            "unwrap" | "expect" => before == "." && after == "(",
            "panic" => after == "!",
            _ => false,
        };
        if ends && !judged[at].test {
            let said =
                format!("{word} ends the process; return an error, or make the case impossible by its type");
            found.push(Finding::new(source, judged[at].token.line, said));
        }
    }
    found
}

/// Notes to oneself, in any text: what is not done belongs in an issue.
pub fn notes(path: &str, text: &str) -> Vec<Finding> {
    let noted = |line: &str| line.split(|c: char| !c.is_alphanumeric()).any(|word| NOTES.contains(&word));
    let lines = text.lines().enumerate().filter(|(_, line)| noted(line));
    lines
        .map(|(at, _)| Finding::at(path, at + 1, "a note to oneself is left; do it, or open an issue".into()))
        .collect()
}

/// Pictures in text.
pub fn emoji(path: &str, text: &str) -> Vec<Finding> {
    let lines = text.lines().enumerate().filter(|(_, line)| line.chars().any(is_emoji));
    lines
        .map(|(at, _)| Finding::at(path, at + 1, "a picture stands in the text; use a word".into()))
        .collect()
}

/// True for pictographs and for the sign that makes one of a letter; arrows and shapes of text are none.
fn is_emoji(c: char) -> bool {
    matches!(c, '\u{1F000}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}' | '\u{2B50}' | '\u{2B55}' | '\u{FE0F}' | '\u{231A}' | '\u{231B}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rule: fn(&Source) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
        rule(&Source::new(path, text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn lints_are_expected_and_never_allowed() {
        assert_eq!(
            lines(silenced_lints, "src/a.rs", "\n#[allow(dead_code, reason = \"x\")]\nfn a() {}"),
            [2]
        );
        assert_eq!(lines(silenced_lints, "src/a.rs", "#![allow(dead_code)]"), [1]);
        assert_eq!(lines(silenced_lints, "src/a.rs", "#[cfg_attr(test, allow(dead_code))]\nfn a() {}"), [1]);
        assert_eq!(
            lines(silenced_lints, "src/a.rs", "#[expect(dead_code, reason = \"x\")]\nfn allow() {}"),
            [0; 0]
        );
        assert_eq!(lines(silenced_lints, "tests/a.rs", "#![allow(dead_code)]"), [1]);
        assert_eq!(lines(silenced_lints, "tests/a.rs", "#![allow(dead_code, reason = \"x\")]"), [0; 0]);
    }

    #[test]
    fn unfinished_work_is_found_in_code_and_in_prose() {
        assert_eq!(lines(unfinished, "src/a.rs", "fn a() {\n    todo!()\n}"), [2]);
        assert_eq!(lines(unfinished, "src/a.rs", "#[test] fn a() { dbg!(1); }"), [1]);
        assert_eq!(lines(unfinished, "src/a.rs", "let todo = 1; // todo!"), [0; 0]);
        let line = |word: &str| notes("a.md", &format!("fine\n# {word}: later")).len();
        assert_eq!(NOTES.map(line), [1, 1]);
        assert_eq!(line("MASTODON"), 0);
    }

    #[test]
    fn panics_are_for_tests() {
        assert_eq!(
            lines(panics, "src/a.rs", "fn a() {\n    b.unwrap();\n    c.expect(\"d\");\n    panic!();\n}"),
            [2, 3, 4]
        );
        assert_eq!(lines(panics, "src/a.rs", "#[cfg(test)]\nmod t { fn a() { b.unwrap() } }"), [0; 0]);
        assert_eq!(
            lines(panics, "src/a.rs", "a.unwrap_or(b); // c.unwrap()\n#[expect(d)]\nfn e() {}"),
            [0; 0]
        );
    }

    #[test]
    fn pictures_are_found_and_signs_are_not() {
        assert_eq!(
            emoji("a.md", "a → b ≤ c ▲\n\u{1F680} d\n\u{2705}").iter().map(|f| f.line).collect::<Vec<_>>(),
            [2, 3]
        );
    }
}
