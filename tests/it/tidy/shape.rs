//! Sizes and beginnings: how long a file and a function may be, and that each file says what it is for.
//!
//! It knows text and tokens; it knows no room.

use super::Finding;
use super::source::Source;
use super::token::{self, Token};

/// The most lines of a file.
const FILE_LINES_MAX: usize = 400;

/// The most lines of `src/main.rs`, which only tells the story.
const MAIN_LINES_MAX: usize = 99;

/// The most lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// Files that are longer than a reader holds in mind.
pub fn file_lengths(source: &Source) -> Vec<Finding> {
    let max = if source.path == "src/main.rs" { MAIN_LINES_MAX } else { FILE_LINES_MAX };
    let count = source.text.lines().count();
    if count <= max {
        return Vec::new();
    }
    let remedy = "give one of its nouns a file of its own";
    vec![Finding::new(source, max + 1, format!("the file has {count} lines of at most {max}; {remedy}"))]
}

/// Functions that are longer than a screen.
pub fn function_lengths(source: &Source) -> Vec<Finding> {
    let tokens = token::tokens(&source.text);
    let mut found = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        if pair[0].text != "fn" || !pair[1].is_word() {
            continue;
        }
        let (name, first) = (pair[1].text, pair[0].line);
        let count = body_end(&tokens[at..]).map_or(0, |last| last + 1 - first);
        if count > FUNCTION_LINES_MAX {
            let said = format!("fn {name} has {count} lines of at most {FUNCTION_LINES_MAX}; name its parts");
            found.push(Finding::new(source, first, said));
        }
    }
    found
}

/// Files that do not begin with what they are for.
pub fn headers(source: &Source) -> Vec<Finding> {
    let first = source.text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    if first.starts_with("//! ") || first.starts_with("#![doc") {
        return Vec::new();
    }
    let said = "the file does not begin with `//!`; say what it is for and what it must never know";
    vec![Finding::new(source, 1, said.into())]
}

/// The last line of the function that `tokens` begins with; none where it has no body.
fn body_end(tokens: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0_i32;
    for token in tokens {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth -= 1,
            ";" if depth == 0 => return None,
            "}" => {
                depth -= 1;
                if depth <= 0 {
                    return Some(token.line);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rule: fn(&Source) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
        rule(&Source::new(path, text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_file_has_at_most_its_lines() {
        assert_eq!(lines(file_lengths, "src/a.rs", &"\n".repeat(400)), [0; 0]);
        assert_eq!(lines(file_lengths, "src/a.rs", &"\n".repeat(401)), [401]);
        assert_eq!(lines(file_lengths, "src/main.rs", &"\n".repeat(100)), [100]);
    }

    #[test]
    fn a_function_has_at_most_its_lines() {
        let with = |body: usize| format!("\nfn a(b: [u8; 2]) {{{}}}\nfn c() {{}}", "\n".repeat(body));
        assert_eq!(lines(function_lengths, "src/a.rs", &with(69)), [0; 0]);
        assert_eq!(lines(function_lengths, "src/a.rs", &with(70)), [2]);
        let declared = format!("trait T {{ fn a(); {} fn b() {{}} }}", "\n".repeat(80));
        assert_eq!(lines(function_lengths, "src/a.rs", &declared), [0; 0]);
    }

    #[test]
    fn a_file_begins_with_its_purpose() {
        assert_eq!(lines(headers, "src/a.rs", "//! What it is for.\nfn a() {}"), [0; 0]);
        assert_eq!(lines(headers, "src/a.rs", "#![doc = include_str!(\"a.md\")]"), [0; 0]);
        assert_eq!(lines(headers, "src/a.rs", "use a;\n//! Too late."), [1]);
    }
}
