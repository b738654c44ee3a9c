//! Counts tokens and brackets in one pass over the bytes.

use super::Refused;
use crate::config::Guard;

/// How deep brackets may nest. The parser recurses on them; so deep it needs a small part of a thread's stack.
const BRACKETS: usize = 60;

/// Checks what the parser's time and stack depend on.
pub(super) fn check(query: &str, guard: &Guard) -> Result<(), Refused> {
    let tokens = Tokens { bytes: query.as_bytes(), at: 0 };
    let (mut count, mut depth) = (0_usize, 0_usize);
    for byte in tokens {
        count += 1;
        if count > guard.tokens {
            return Err(Refused::TooComplex { limit: "tokens", allowed: guard.tokens as u64 });
        }
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > BRACKETS {
            return Err(Refused::TooComplex { limit: "nested brackets", allowed: BRACKETS as u64 });
        }
    }
    Ok(())
}

/// The tokens of a document, each as its first byte. Where the document is malformed it is the parser that says so.
struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Tokens<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        loop {
            let first = *self.bytes.get(self.at)?;
            match first {
                b' ' | b'\t' | b'\r' | b'\n' | b',' => self.at += 1,
                b'#' => self.skip_while(|byte| byte != b'\n'),
                b'"' => {
                    self.skip_string();
                    return Some(first);
                }
                _ if is_word(first) => {
                    self.skip_while(is_word);
                    return Some(first);
                }
                _ => {
                    self.at += 1;
                    return Some(first);
                }
            }
        }
    }
}

impl Tokens<'_> {
    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len());
    }

    fn skip_string(&mut self) {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(b"\"\"\"") {
            let mut at = 3;
            while at < rest.len() {
                if rest[at..].starts_with(b"\\\"\"\"") {
                    at += 4;
                } else if rest[at..].starts_with(b"\"\"\"") {
                    at += 3;
                    break;
                } else {
                    at += 1;
                }
            }
            self.at += at.min(rest.len());
            return;
        }
        let mut at = 1;
        while at < rest.len() && rest[at] != b'"' && rest[at] != b'\n' {
            at += if rest[at] == b'\\' { 2 } else { 1 };
        }
        self.at += (at + 1).min(rest.len());
    }
}

/// Names and numbers; anything beyond ASCII counts as part of one, as it can only stand in strings.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(query: &str) -> String {
        Tokens { bytes: query.as_bytes(), at: 0 }.map(char::from).collect()
    }

    #[test]
    fn strings_and_comments_hide_brackets() {
        assert_eq!(tokens("{ a(b: \"{{{\", c: 12) } # {{{"), "{a(b:\"c:1)}");
        assert_eq!(tokens(r#"{ a(b: "\"{", c: """ " {{ \""" {{ """) }"#), "{a(b:\"c:\")}");
        assert_eq!(tokens("\"unfinished {{{"), "\"");
        assert_eq!(tokens("\"\"\"unfinished {{{"), "\"");
        assert_eq!(tokens("\"ends with \\"), "\"");
        assert_eq!(tokens("\"a line\n{"), "\"{");
    }
}
