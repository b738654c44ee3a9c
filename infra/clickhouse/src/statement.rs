//! Tells statements apart as far as running them needs, and refuses those that would reach out of the engine's process.

use crate::failure::Failure;
use crate::token::{Token, Tokens};
use bytes::Bytes;

mod policy;

/// A statement, ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// An `INSERT` with its data, which the engine takes apart from each other.
    Insert {
        /// The statement up to its `FORMAT` or `VALUES`.
        head: Bytes,
        /// The format of the data.
        format: String,
        data: Bytes,
    },
    /// A statement that answers with rows and can answer bit by bit.
    Select {
        sql: Bytes,
        /// The format that the statement itself names.
        format: Option<String>,
    },
    /// Anything else.
    Other {
        sql: Bytes,
        /// The format that the statement itself names.
        format: Option<String>,
    },
}

impl Statement {
    /// Reads a statement from the URL's `query` and the body, which a server reads one behind the other: either may
    /// be empty, and what follows an `INSERT`'s format is data.
    pub fn read(query: Option<&str>, body: &Bytes) -> Result<Self, Failure> {
        let Some(query) = query else {
            return Self::of_text(body);
        };
        if body.is_empty() {
            return Self::of_text(&Bytes::copy_from_slice(query.as_bytes()));
        }
        if let Some(insert) = InsertHead::find(query.as_bytes())
            && query.as_bytes()[insert.data..].trim_ascii().is_empty()
        {
            return insert.statement(query.as_bytes(), body);
        }
        Self::of_text(&Bytes::from([query.as_bytes(), b"\n", body].concat()))
    }

    fn of_text(text: &Bytes) -> Result<Self, Failure> {
        if let Some(insert) = InsertHead::find(text) {
            return insert.statement(text, &text.slice(insert.data..));
        }
        let tokens: Vec<_> = Tokens::new(text).collect();
        let end = tokens.iter().position(|token| token.is_symbol(b';')).unwrap_or(tokens.len());
        if tokens[end..].iter().any(|token| !token.is_symbol(b';')) {
            return Err(Failure::syntax("Multi-statements are not allowed"));
        }
        let tokens = &tokens[..end];
        let (Some(first), Some(last)) = (tokens.iter().find(|token| !token.is_symbol(b'(')), tokens.last()) else {
            return Err(Failure::syntax("Empty query"));
        };
        policy::check(tokens)?;
        let sql = text.slice(..last.end);
        let format = format_of(tokens);
        let select = ["SELECT", "WITH", "FROM"].iter().any(|word| first.is(word));
        Ok(if select { Self::Select { sql, format } } else { Self::Other { sql, format } })
    }
}

/// The format that a statement asks for: the last top-level `FORMAT Name`.
fn format_of(tokens: &[Token<'_>]) -> Option<String> {
    let pair = tokens.windows(2).rev().find(|pair| pair[0].depth == 0 && pair[0].is("FORMAT") && pair[1].is_name())?;
    Some(pair[1].string())
}

/// Where the statement ends and the data begins in an `INSERT` that carries data.
#[derive(Debug)]
struct InsertHead {
    end: usize,
    data: usize,
    format: String,
}

impl InsertHead {
    /// Finds the data of an `INSERT`; there is none in `INSERT … SELECT`.
    fn find(text: &[u8]) -> Option<Self> {
        let mut tokens = Tokens::new(text).filter(|token| token.depth == 0);
        tokens.next().filter(|token| token.is("INSERT"))?;
        // `INTO`, and the name of the table, which may look like a keyword.
        let (_into, _table) = (tokens.next()?, tokens.next()?);
        while let Some(token) = tokens.next() {
            if token.is("SELECT") || token.is("WITH") || token.is_symbol(b';') {
                return None;
            }
            if token.is("VALUES") {
                return Some(Self { end: token.start, data: token.end, format: "Values".into() });
            }
            if token.is("FORMAT") {
                let name = tokens.next().filter(Token::is_name)?;
                return Some(Self { end: token.start, data: data_start(text, name.end), format: name.string() });
            }
        }
        None
    }

    fn statement(&self, text: &[u8], data: &Bytes) -> Result<Statement, Failure> {
        let head = text[..self.end].trim_ascii_end();
        policy::check(&Tokens::new(head).collect::<Vec<_>>())?;
        let values = self.format.eq_ignore_ascii_case("Values");
        if values {
            // Values may be expressions, so they are looked at like the statement.
            policy::check(&Tokens::new(data).collect::<Vec<_>>())?;
        }
        let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == b';';
        let length =
            if values { data.iter().rposition(|byte| !blank(byte)).map_or(0, |last| last + 1) } else { data.len() };
        Ok(Statement::Insert {
            head: Bytes::copy_from_slice(head),
            format: self.format.clone(),
            data: data.slice(..length),
        })
    }
}

/// Data begins behind the blanks that follow the format's name, and one line end.
fn data_start(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\x0c')) {
        at += 1;
    }
    at += usize::from(text.get(at) == Some(&b'\r'));
    at + usize::from(text.get(at) == Some(&b'\n'))
}

#[cfg(test)]
mod tests {
    use super::Statement;
    use bytes::Bytes;

    fn insert(query: Option<&str>, body: &'static str) -> (String, String, String) {
        let body = Bytes::from_static(body.as_bytes());
        let Ok(Statement::Insert { head, format, data }) = Statement::read(query, &body) else {
            panic!("not an insert with data: {query:?}");
        };
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        (text(head), format, text(data))
    }

    fn parts(head: &str, format: &str, data: &str) -> (String, String, String) {
        (head.into(), format.into(), data.into())
    }

    #[test]
    fn data_of_inserts_is_found() {
        assert_eq!(insert(Some("INSERT INTO t(a) FORMAT CSV"), "1;2\n"), parts("INSERT INTO t(a)", "CSV", "1;2\n"));
        assert_eq!(insert(None, "insert into t format CSV \n1\n"), parts("insert into t", "CSV", "1\n"));
        assert_eq!(
            insert(None, "INSERT INTO values VALUES (1, ';');\n"),
            parts("INSERT INTO values", "Values", " (1, ';')")
        );
        assert_eq!(insert(Some("INSERT INTO t VALUES"), "(1)"), parts("INSERT INTO t", "Values", "(1)"));
    }

    #[test]
    fn other_statements_keep_their_text() {
        let read = |sql: &'static str| Statement::read(None, &Bytes::from_static(sql.as_bytes())).unwrap();
        let select = Statement::Select { sql: "SELECT 1 FORMAT JSON".into(), format: Some("JSON".into()) };
        assert_eq!(read("SELECT 1 FORMAT JSON;\n"), select);
        assert!(matches!(read("(SELECT 1)"), Statement::Select { format: None, .. }));
        assert!(matches!(read("INSERT INTO t SELECT 1 AS format"), Statement::Other { .. }));
        assert!(matches!(read("DESCRIBE t"), Statement::Other { .. }));
    }

    #[test]
    fn one_statement_at_a_time() {
        let code = |sql: &'static str| Statement::read(None, &Bytes::from_static(sql.as_bytes())).unwrap_err().code;
        assert_eq!((code("SELECT 1; SELECT 2"), code(" -- nothing\n"), code(";")), (62, 62, 62));
    }

    #[test]
    fn the_file_system_is_out_of_reach() {
        for sql in [
            "SELECT file('/etc/passwd')",
            "SELECT * APPLY(`FILE`) FROM t",
            "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
            "INSERT INTO t VALUES (file('/etc/passwd'))",
            "SELECT 1 INTO OUTFILE '/tmp/x'",
            "ATTACH TABLE t FROM '/x' (a Int32) ENGINE = MergeTree ORDER BY a",
            "CREATE TABLE t (a Int32) ENGINE = EmbeddedRocksDB(0, '/x') PRIMARY KEY a",
            "CREATE OR REPLACE DICTIONARY d (a Int32) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'id'))",
            "CREATE TABLE t (a Int32) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = 'web')",
            "DROP TABLE a PARALLEL WITH ATTACH TABLE b",
        ] {
            let failure = Statement::read(None, &Bytes::from_static(sql.as_bytes())).expect_err(sql);
            assert_eq!(failure.code, 497, "{sql}");
        }
    }

    #[test]
    fn harmless_statements_pass() {
        for sql in [
            "SELECT 'file' AS profile, disk_name FROM system.parts",
            "CREATE TABLE t (a Int32) ENGINE = ReplacingMergeTree(a) ORDER BY a",
            "CREATE MATERIALIZED VIEW v ENGINE = AggregatingMergeTree ORDER BY a AS SELECT 1 AS a",
            "SELECT engine FROM system.tables WHERE engine = 'MergeTree'",
        ] {
            Statement::read(None, &Bytes::from_static(sql.as_bytes())).expect(sql);
        }
    }
}
