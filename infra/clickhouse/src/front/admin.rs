//! The statements about databases, logins and grants, which no engine sees: it knows one database and one user.

use crate::failure::Failure;
use crate::token::{Kind, Token, Tokens};

/// A statement that the front carries out itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// `SHOW DATABASES`.
    ShowDatabases,
    /// `CREATE DATABASE [IF NOT EXISTS] name`.
    CreateDatabase { name: String, lenient: bool },
    /// `DROP DATABASE [IF EXISTS] name`.
    DropDatabase { name: String, lenient: bool },
    /// `CREATE USER [IF NOT EXISTS] name IDENTIFIED … BY 'password'`.
    CreateUser { name: String, password: String, lenient: bool },
    /// `ALTER USER name IDENTIFIED … BY 'password'`.
    AlterUser { name: String, password: String },
    /// `DROP USER [IF EXISTS] name`.
    DropUser { name: String, lenient: bool },
    /// `GRANT … ON database.* TO name`.
    Grant { name: String, database: String },
    /// `REVOKE … ON database.* FROM name`.
    Revoke { name: String, database: String },
}

impl Command {
    /// Reads a command; none if the statement is for an engine.
    ///
    /// # Errors
    /// Refuses a statement that begins like a command and goes on like nothing that is known here.
    pub(super) fn read(sql: &[u8]) -> Result<Option<Self>, Failure> {
        let two: Vec<_> = Tokens::new(sql).take(2).collect();
        let [first, second] = two.as_slice() else { return Ok(None) };
        let about = |words: &[&str]| words.iter().any(|word| second.is(word));
        let begins = match () {
            () if first.is("SHOW") => about(&["DATABASES"]),
            () if first.is("CREATE") || first.is("DROP") => about(&["DATABASE", "USER"]),
            () if first.is("ALTER") => about(&["USER"]),
            () => first.is("GRANT") || first.is("REVOKE"),
        };
        if !begins {
            return Ok(None);
        }
        let mut words = Words(Tokens::new(sql).collect());
        let command = words.command().filter(|_| words.ended());
        command.map(Some).ok_or_else(|| Failure::syntax("This form of the statement is not available here"))
    }
}

/// The tokens that are still to be read.
struct Words<'a>(Vec<Token<'a>>);

impl Words<'_> {
    fn command(&mut self) -> Option<Command> {
        if self.take("SHOW DATABASES") {
            let _format = self.take("FORMAT") && self.name().is_some();
            return Some(Command::ShowDatabases);
        }
        if self.take("CREATE DATABASE") {
            let lenient = self.take("IF NOT EXISTS");
            return Some(Command::CreateDatabase { name: self.name()?, lenient });
        }
        if self.take("DROP DATABASE") {
            let (lenient, name) = (self.take("IF EXISTS"), self.name()?);
            let _sync = self.take("SYNC");
            return Some(Command::DropDatabase { name, lenient });
        }
        if self.take("CREATE USER") {
            let (lenient, name) = (self.take("IF NOT EXISTS"), self.name()?);
            return Some(Command::CreateUser { name, password: self.password()?, lenient });
        }
        if self.take("ALTER USER") {
            return Some(Command::AlterUser { name: self.name()?, password: self.password()? });
        }
        if self.take("DROP USER") {
            let lenient = self.take("IF EXISTS");
            return Some(Command::DropUser { name: self.name()?, lenient });
        }
        self.grant()
    }

    /// Whatever privileges are named, it is the database that is granted.
    fn grant(&mut self) -> Option<Command> {
        let grant = self.take("GRANT");
        if !grant && !self.take("REVOKE") {
            return None;
        }
        let on = self.0.iter().position(|token| token.is("ON"))?;
        self.0.drain(..=on);
        let database = self.name()?;
        let all = self.symbol(b'.') && self.symbol(b'*');
        let to = self.take(if grant { "TO" } else { "FROM" });
        let name = self.name().filter(|_| all && to)?;
        Some(if grant { Command::Grant { name, database } } else { Command::Revoke { name, database } })
    }

    fn password(&mut self) -> Option<String> {
        let _known = self.take("IDENTIFIED WITH sha256_password")
            || self.take("IDENTIFIED WITH plaintext_password")
            || self.take("IDENTIFIED");
        let by = self.take("BY");
        let text = self.0.first().filter(|token| by && token.kind == Kind::Text)?.string();
        self.0.remove(0);
        // Escapes would have to be undone; generated passwords have none.
        (!text.contains(['\\', '\''])).then_some(text)
    }

    fn take(&mut self, words: &str) -> bool {
        let count = words.split(' ').count();
        let there = self.0.len() >= count && words.split(' ').zip(&self.0).all(|(word, token)| token.is(word));
        if there {
            self.0.drain(..count);
        }
        there
    }

    fn symbol(&mut self, symbol: u8) -> bool {
        let there = self.0.first().is_some_and(|token| token.is_symbol(symbol));
        if there {
            self.0.remove(0);
        }
        there
    }

    fn name(&mut self) -> Option<String> {
        let name = self.0.first().filter(|token| token.is_name())?.string();
        self.0.remove(0);
        Some(name)
    }

    fn ended(&self) -> bool {
        self.0.iter().all(|token| token.is_symbol(b';'))
    }
}

#[cfg(test)]
mod tests {
    use super::Command;

    fn read(sql: &str) -> Command {
        Command::read(sql.as_bytes()).unwrap().expect(sql)
    }

    #[test]
    fn commands_are_read() {
        let (name, database) = ("a".to_owned(), "d".to_owned());
        let create = Command::CreateUser { name: name.clone(), password: "p".into(), lenient: true };
        assert_eq!(read("CREATE USER IF NOT EXISTS a IDENTIFIED BY 'p'"), create);
        assert_eq!(read("create user if not exists `a` identified with sha256_password by 'p';"), create);
        assert_eq!(
            read("GRANT SELECT, INSERT ON d.* TO a"),
            Command::Grant { name: name.clone(), database: database.clone() }
        );
        assert_eq!(read("REVOKE ALL ON d.* FROM a"), Command::Revoke { name: name.clone(), database });
        assert_eq!(read("DROP DATABASE IF EXISTS a SYNC"), Command::DropDatabase { name, lenient: true });
        assert_eq!(read("SHOW DATABASES"), Command::ShowDatabases);
    }

    #[test]
    fn other_statements_are_for_engines() {
        for sql in ["SELECT 1", "CREATE TABLE a (b Int8)", "SHOW TABLES", "DROP VIEW user", ""] {
            assert_eq!(Command::read(sql.as_bytes()), Ok(None), "{sql}");
        }
    }

    #[test]
    fn half_understood_is_refused() {
        for sql in ["CREATE USER a", "GRANT ALL ON *.* TO a", "CREATE DATABASE a ENGINE = Filesystem", "GRANT b TO a"] {
            assert_eq!(Command::read(sql.as_bytes()).unwrap_err().code, 62, "{sql}");
        }
    }
}
