//! Counts tokens and brackets in one pass over the bytes.

use super::TooComplex;
use crate::config::Guard;

/// How deep brackets may nest: the parser recurses on them.
const BRACKETS: usize = 60;
/// How many commas, comments and runs of blanks a document may have for each token.
const GAPS: usize = 3;
/// The longest name or number, in bytes: validation copies a number into each of its errors.
const LONGEST_WORD: usize = 256;

/// How many tokens the parser may see, with gaps and errors. The parser splits some words that [`check`] counts once,
/// and goes on after an error.
pub const fn most_tokens(guard: &Guard) -> usize {
    guard.tokens.saturating_mul(GAPS + 2)
}

/// Checks everything that the parser's time, memory and stack depend on.
pub fn check(query: &str, guard: &Guard) -> Result<(), TooComplex> {
    let mut tokens = Tokens::of(query);
    let (mut count, mut depth) = (0_usize, 0_usize);
    for byte in &mut tokens {
        count += 1;
        if count > guard.tokens {
            return Err(TooComplex { limit: "tokens", allowed: guard.tokens as u64 });
        }
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > BRACKETS {
            return Err(TooComplex { limit: "nested brackets", allowed: BRACKETS as u64 });
        }
    }
    let limits = [
        ("bytes of comments", tokens.comments, guard.comments),
        ("bytes of strings", tokens.strings, guard.literals),
        ("bytes in one name or number", tokens.longest_word, LONGEST_WORD),
        // The parser stores a gap like a token.
        ("gaps between tokens", tokens.gaps, guard.tokens.saturating_mul(GAPS)),
    ];
    match limits.into_iter().find(|(_, found, allowed)| found > allowed) {
        Some((limit, _, allowed)) => Err(TooComplex { limit, allowed: allowed as u64 }),
        None => Ok(()),
    }
}

/// The tokens of a document, each as its first byte. The parser finds malformed documents.
struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Bytes of comments and strings so far.
    comments: usize,
    strings: usize,
    /// Bytes of the longest name or number so far.
    longest_word: usize,
    /// Commas, comments and runs of blanks so far.
    gaps: usize,
}

impl Iterator for Tokens<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        loop {
            let first = *self.bytes.get(self.at)?;
            match first {
                b',' => {
                    self.at += 1;
                    self.gaps += 1;
                }
                _ if is_blank(first) => {
                    self.skip_while(is_blank);
                    self.gaps += 1;
                }
                b'#' => {
                    let start = self.at;
                    self.skip_while(|byte| byte != b'\n' && byte != b'\r');
                    self.comments += self.at - start;
                    self.gaps += 1;
                }
                b'"' => {
                    let start = self.at;
                    self.skip_string();
                    self.strings += self.at - start;
                    return Some(first);
                }
                _ if is_word(first) => {
                    let start = self.at;
                    self.skip_while(is_word);
                    self.longest_word = self.longest_word.max(self.at - start);
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

impl<'a> Tokens<'a> {
    const fn of(query: &'a str) -> Self {
        Self { bytes: query.as_bytes(), at: 0, comments: 0, strings: 0, longest_word: 0, gaps: 0 }
    }

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

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Names and numbers. Other characters than ASCII count as parts of words: they are valid in strings only.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(query: &str) -> String {
        Tokens::of(query).map(char::from).collect()
    }

    #[test]
    fn comments_and_strings_are_measured() {
        let guard = Guard { comments: 100, literals: 1_000, ..Guard::default() };
        let limit = |query: &str| match check(query, &guard) {
            Err(TooComplex { limit, .. }) => limit,
            Ok(()) => "none",
        };
        let (comment, string) = ("#".repeat(60), format!("a(b: \"{}\")", "x".repeat(600)));
        assert_eq!(limit(&format!("{{ {comment}\n {string} }}")), "none");
        assert_eq!(limit(&format!("{{ {comment}\n a {comment}\n }}")), "bytes of comments");
        assert_eq!(limit(&format!("{{ {string} {string} }}")), "bytes of strings");
        assert_eq!(limit(&format!("{} {{ {string} }}", " ".repeat(1_000))), "none");
    }

    #[test]
    fn a_name_or_number_has_an_end() {
        let guard = Guard::default();
        let excess = TooComplex { limit: "bytes in one name or number", allowed: 256 };
        for word in ["a", "1", "é"] {
            assert_eq!(check(&format!("{{ {} }}", word.repeat(256 / word.len())), &guard), Ok(()));
            assert_eq!(check(&format!("{{ {} }}", word.repeat(258 / word.len())), &guard), Err(excess));
        }
    }

    #[test]
    fn what_is_ignored_is_counted() {
        let guard = Guard { tokens: 100, ..Guard::default() };
        let excess = TooComplex { limit: "gaps between tokens", allowed: 300 };
        assert_eq!(check(&format!("{{ a {} }}", ",".repeat(290)), &guard), Ok(()));
        assert_eq!(check(&format!("{{ a {} }}", ",".repeat(301)), &guard), Err(excess));
        assert_eq!(check(&format!("{{ a {} }}", "#\n".repeat(151)), &guard), Err(excess));
        assert_eq!(check(&format!("{{ a {} }}", " ".repeat(10_000)), &guard), Ok(()));
    }

    #[test]
    fn as_many_tokens_pass_as_are_allowed_and_brackets_that_are_closed_do_not_nest() {
        let guard = Guard { tokens: 200, ..Guard::default() };
        let excess = TooComplex { limit: "tokens", allowed: 200 };
        assert_eq!(check(&"a ".repeat(200), &guard), Ok(()));
        assert_eq!(check(&"a ".repeat(201), &guard), Err(excess));
        assert_eq!(check(&"()[]{}".repeat(33), &guard), Ok(()));
        // For each token one the parser sees as two, and three gaps.
        assert_eq!(most_tokens(&guard), 1_000);
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
