//! Rust text cut into tokens, just well enough to judge it.
//!
//! Comments vanish, so that no rule trips over prose; a literal stays one token with its quotes, so that no
//! rule mistakes its content for code. It knows no rule and no file.

/// One word, literal or sign of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// The text as written; `::` is one token, every other sign stands alone.
    pub text: &'a str,
    /// The line that it begins on, counted from 1.
    pub line: usize,
}

impl Token<'_> {
    /// True for identifiers and keywords.
    pub fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c == '_' || c.is_alphabetic())
            && !self.text.ends_with(['"', '\'', '#'])
    }
}

/// All tokens of `text`, in order.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = length(rest, first);
        let piece = &rest[..length];
        if !first.is_whitespace() && !piece.starts_with("//") && !piece.starts_with("/*") {
            found.push(Token { text: piece, line });
        }
        line += piece.matches('\n').count();
        at += length;
    }
    found
}

/// Bytes of the token, comment or white space that `rest` begins with.
fn length(rest: &str, first: char) -> usize {
    if first.is_whitespace() {
        return rest.len() - rest.trim_start().len();
    }
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return comment(rest);
    }
    if let Some(length) = text_literal(rest) {
        return length;
    }
    if let Some(quoted) = rest.strip_prefix("b'").or_else(|| rest.strip_prefix('\'')) {
        return rest.len() - quoted.len() + quote(quoted);
    }
    if rest.starts_with("::") {
        return 2;
    }
    if first == '_' || first.is_alphanumeric() { word(rest) } else { first.len_utf8() }
}

/// Bytes of the identifier or number at the beginning.
fn word(rest: &str) -> usize {
    rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len())
}

/// Bytes of a block comment, which may nest.
fn comment(rest: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        let tail = &rest.as_bytes()[at..];
        if tail.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with(b"*/") {
            depth -= 1;
            at += 2;
        } else {
            at += 1;
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// Bytes of a string literal of any prefix, or none where there is no such literal.
fn text_literal(rest: &str) -> Option<usize> {
    let prefix = rest.find(|c: char| !matches!(c, 'b' | 'c' | 'r'))?;
    let tail = &rest[prefix..];
    if prefix > 2 {
        return None;
    }
    if rest[..prefix].ends_with('r') {
        let hashes = tail.len() - tail.trim_start_matches('#').len();
        let body = tail[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let closed = body.find(&end).map_or(body.len(), |found| found + end.len());
        return Some(prefix + hashes + 1 + closed);
    }
    let body = tail.strip_prefix('"')?;
    Some(prefix + 1 + closing(body, b'"'))
}

/// Bytes of what follows an opening single quote: the rest of a character or the name of a lifetime.
fn quote(rest: &str) -> usize {
    let mut chars = rest.chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => closing(rest, b'\''),
        (Some(c), Some('\'')) => c.len_utf8() + 1,
        _ => word(rest),
    }
}

/// Bytes up to and with the closing quote, over escapes.
fn closing(body: &str, quote: u8) -> usize {
    let mut escaped = false;
    for (at, &byte) in body.as_bytes().iter().enumerate() {
        if !escaped && byte == quote {
            return at + 1;
        }
        escaped = !escaped && byte == b'\\';
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        tokens(source).iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_vanish_and_lines_are_counted_through_them() {
        let found = tokens("a // b\n/* c /* d\n */ e */ f\n\"g\nh\" i");
        let lines: Vec<_> = found.iter().map(|token| (token.text, token.line)).collect();
        assert_eq!(lines, [("a", 1), ("f", 3), ("\"g\nh\"", 4), ("i", 5)]);
    }

    #[test]
    fn literals_stay_whole() {
        assert_eq!(texts(r##"r#"a " b"# br"c" b"d\"" 'e' '\'' b'f'"##).len(), 6);
        assert_eq!(texts(r#""\\" x"#), [r#""\\""#, "x"]);
    }

    #[test]
    fn lifetimes_and_raw_names_are_no_literals() {
        assert_eq!(texts("&'a str"), ["&", "'a", "str"]);
        assert_eq!(texts("r#type"), ["r", "#", "type"]);
        assert_eq!(texts("crate::b.c"), ["crate", "::", "b", ".", "c"]);
    }

    #[test]
    fn a_word_is_no_sign_and_no_literal() {
        let words: Vec<_> = tokens("a b\"c\" 'd' _e 1 (").into_iter().filter(Token::is_word).collect();
        assert_eq!(words.iter().map(|token| token.text).collect::<Vec<_>>(), ["a", "_e"]);
    }
}
