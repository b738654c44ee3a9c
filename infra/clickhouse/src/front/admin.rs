//! The statements about databases, which no engine sees: each knows only its own.

/// A statement that the front carries out itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// `SHOW DATABASES`.
    Show,
    /// `CREATE DATABASE [IF NOT EXISTS] name`.
    Create { name: String, lenient: bool },
    /// `DROP DATABASE [IF EXISTS] name`.
    Drop { name: String, lenient: bool },
}

impl Command {
    /// Reads a command; none if the statement is for an engine.
    pub(super) fn read(sql: &[u8]) -> Option<Self> {
        let sql = std::str::from_utf8(sql).ok()?;
        let upper = sql.to_ascii_uppercase();
        let words = |text| <str>::split_whitespace(str::trim_end_matches(text, ';')).take(7);
        let name = words(sql).last()?.to_owned();
        match words(&upper).collect::<Vec<_>>()[..] {
            ["SHOW", "DATABASES"] => Some(Self::Show),
            ["CREATE", "DATABASE", _] => Some(Self::Create { name, lenient: false }),
            ["CREATE", "DATABASE", "IF", "NOT", "EXISTS", _] => Some(Self::Create { name, lenient: true }),
            ["DROP", "DATABASE", _] => Some(Self::Drop { name, lenient: false }),
            ["DROP", "DATABASE", "IF", "EXISTS", _] => Some(Self::Drop { name, lenient: true }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Command;

    #[test]
    fn commands_are_read() {
        let name = "a_B".to_owned();
        for (sql, command) in [
            ("create database a_B;", Command::Create { name: name.clone(), lenient: false }),
            ("CREATE DATABASE IF NOT EXISTS a_B", Command::Create { name: name.clone(), lenient: true }),
            ("DROP DATABASE a_B", Command::Drop { name: name.clone(), lenient: false }),
            ("DROP DATABASE IF EXISTS\n a_B;", Command::Drop { name, lenient: true }),
            ("SHOW DATABASES", Command::Show),
        ] {
            assert_eq!(Command::read(sql.as_bytes()), Some(command), "{sql}");
        }
    }

    #[test]
    fn other_statements_are_for_engines() {
        for sql in ["SELECT 1", "CREATE TABLE a (b Int8)", "CREATE DATABASE a ENGINE = Filesystem", "SHOW TABLES", ""] {
            assert_eq!(Command::read(sql.as_bytes()), None, "{sql}");
        }
    }
}
