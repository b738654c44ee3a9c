//! Splits SQL into tokens: enough to see keywords and names without being fooled by strings and comments.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A bare word: keyword, name or number.
    Word,
    /// A name in backticks or double quotes; the text is what stands between them.
    Quoted,
    /// A string literal; the text is what stands between the quotes, escapes untouched.
    Text,
    /// Any other single byte.
    Symbol,
}

/// One token and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    pub kind: Kind,
    /// Its bytes, without quotes.
    pub text: &'a [u8],
    /// The offset of its first byte, quotes included.
    pub start: usize,
    /// The offset behind its last byte, quotes included.
    pub end: usize,
    /// How many parentheses are open around it.
    pub depth: usize,
}

impl Token<'_> {
    /// Tells whether this is the bare word `word`, in any case.
    pub fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    pub fn is_symbol(&self, symbol: u8) -> bool {
        self.kind == Kind::Symbol && self.text == [symbol]
    }

    /// Tells whether this can be a name: a bare word or a quoted one.
    pub fn is_name(&self) -> bool {
        matches!(self.kind, Kind::Word | Kind::Quoted)
    }

    /// The text as a string; bytes that are not UTF-8 are replaced.
    pub fn string(&self) -> String {
        String::from_utf8_lossy(self.text).into_owned()
    }
}

/// The tokens of a statement, read on demand: what follows may be data and not SQL at all.
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    sql: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Tokens<'a> {
    /// Starts at the first byte of `sql`.
    pub fn new(sql: &'a [u8]) -> Self {
        Self { sql, at: 0, depth: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        &self.sql[self.at..]
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            self.at += match rest {
                [first, ..] if first.is_ascii_whitespace() || *first == 0 => 1,
                [b'-', b'-', ..] | [b'#', b'!' | b' ', ..] => {
                    rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
                }
                [b'/', b'*', ..] => {
                    rest[2..].windows(2).position(|pair| pair == b"*/").map_or(rest.len(), |found| found + 4)
                }
                _ => return,
            };
        }
    }

    /// The length of the quoted thing that `rest` starts with, both quotes included.
    fn quoted(rest: &[u8]) -> usize {
        let quote = rest[0];
        let mut at = 1;
        while at < rest.len() {
            match rest[at] {
                b'\\' => at += 2,
                byte if byte == quote && rest.get(at + 1) == Some(&quote) => at += 2,
                byte if byte == quote => return at + 1,
                _ => at += 1,
            }
        }
        rest.len()
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blank();
        let rest = self.rest();
        let first = *rest.first()?;
        let (kind, length) = match first {
            b'\'' => (Kind::Text, Self::quoted(rest)),
            b'`' | b'"' => (Kind::Quoted, Self::quoted(rest)),
            byte if is_word(byte) => (Kind::Word, rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len())),
            _ => (Kind::Symbol, 1),
        };
        let (start, end) = (self.at, self.at + length);
        let text = match kind {
            Kind::Text | Kind::Quoted => &self.sql[start + 1..(end - 1).max(start + 1)],
            Kind::Word | Kind::Symbol => &self.sql[start..end],
        };
        self.at = end;
        if first == b')' {
            self.depth = self.depth.saturating_sub(1);
        }
        let token = Token { kind, text, start, end, depth: self.depth };
        if first == b'(' {
            self.depth += 1;
        }
        Some(token)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::{Kind, Tokens};

    fn texts(sql: &str) -> Vec<String> {
        Tokens::new(sql.as_bytes()).map(|token| token.string()).collect()
    }

    #[test]
    fn strings_and_comments_hide_their_words() {
        assert_eq!(texts("SELECT 'a;\\'b''c' -- FORMAT\n, /* ; */ `x``y`;"), ["SELECT", "a;\\'b''c", ",", "x``y", ";"]);
    }

    #[test]
    fn depth_counts_open_parentheses() {
        let depths: Vec<_> = Tokens::new(b"a (b (c)) d").filter(|t| t.kind == Kind::Word).map(|t| t.depth).collect();
        assert_eq!(depths, [0, 1, 2, 0]);
    }

    #[test]
    fn unclosed_quotes_end_with_the_text() {
        assert_eq!(texts("'"), [""]);
        assert_eq!(texts("a 'bc\\"), ["a", "bc"]);
        assert_eq!(texts("/* a"), Vec::<String>::new());
    }
}
