//! Starts the engine over its folder, and opens the sessions that statements run in.

use super::chdb::{Call, Connection, Library};
use super::options::Options;
use crate::failure::Failure;
use anyhow::{Context as _, Result, anyhow};
use parking_lot::Mutex;
use std::fs;
use std::path::Path;

/// What the one user of the engine may do, all of it in the one database. Not `DROP DATABASE`, which is the front's,
/// nor dictionaries: an embedded engine lets them run programs.
const PRIVILEGES: &str = "SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP TABLE, DROP VIEW, \
                          UNDROP TABLE, TRUNCATE, OPTIMIZE, SHOW, SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM VIEWS";

/// The running engine, from which sessions are opened. A session lives for one statement, so that nothing that a
/// statement changes in it (settings, temporary tables) reaches another one; opening one takes a millisecond.
pub(super) struct Sessions {
    library: &'static Library,
    arguments: Vec<String>,
    database: String,
    /// Kept open, because the engine stops with its last session.
    anchor: Mutex<Option<Connection>>,
}

impl Sessions {
    pub(super) fn start(options: &Options) -> Result<Self> {
        let folder = options.data.canonicalize().with_context(|| format!("finding {}", options.data.display()))?;
        let config = write_config(&folder, options)?;
        let library = Library::load(&options.limits.library)?;
        let arguments =
            vec![format!("--path={}", folder.join("engine").display()), format!("--config-file={}", config.display())];
        let mut anchor = Connection::open(library, &arguments)?;
        let create = format!("CREATE DATABASE IF NOT EXISTS `{}`", options.database);
        run(&mut anchor, &create).map_err(|text| anyhow!(text))?;
        Ok(Self { library, arguments, database: options.database.clone(), anchor: Mutex::new(Some(anchor)) })
    }

    /// Opens a session in the database, with these settings.
    pub(super) fn open(&self, settings: &[(String, String)]) -> Result<Connection, Failure> {
        let mut connection = Connection::open(self.library, &self.arguments).map_err(Failure::internal)?;
        run(&mut connection, &format!("USE `{}`", self.database)).map_err(Failure::of_engine)?;
        if !settings.is_empty() {
            run(&mut connection, &set(settings)?).map_err(Failure::of_engine)?;
        }
        Ok(connection)
    }

    /// Stops the engine. Every session must be closed before.
    pub(super) fn stop(&self) -> bool {
        drop(self.anchor.lock().take());
        self.library.shutdown()
    }
}

fn run(connection: &mut Connection, sql: &str) -> Result<(), String> {
    connection.query(Call { sql: sql.as_bytes(), format: "TSV", parameters: &[] }).map(drop)
}

/// The statement that makes these settings.
fn set(settings: &[(String, String)]) -> Result<String, Failure> {
    let mut parts = Vec::new();
    for (name, value) in settings {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(Failure::unknown_setting(format!(
                "Setting {name} is neither a builtin setting nor started with the prefix"
            )));
        }
        let value = value.replace('\\', "\\\\").replace('\'', "\\'");
        parts.push(format!("{name} = '{value}'"));
    }
    Ok(format!("SET {}", parts.join(", ")))
}

/// Writes the engine's configuration beside its data and returns the path.
fn write_config(folder: &Path, options: &Options) -> Result<std::path::PathBuf> {
    let (config, users) = (folder.join("config.xml"), folder.join("users.xml"));
    let write =
        |path: &Path, text: String| fs::write(path, text).with_context(|| format!("writing {}", path.display()));
    let users_text = include_str!("users.xml")
        .replace("{privileges}", PRIVILEGES)
        .replace("{database}", &options.database)
        .replace("{max_seconds}", &options.limits.max_seconds.to_string());
    write(&users, users_text)?;
    let config_text = include_str!("config.xml")
        .replace("{users}", &users.display().to_string())
        .replace("{max_memory}", &options.limits.max_memory.to_string());
    write(&config, config_text)?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::set;

    #[test]
    fn settings_are_quoted() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let statement = set(&[pair("a", "it's"), pair("b", "1")]).unwrap();
        assert_eq!(statement, r"SET a = 'it\'s', b = '1'");
        assert_eq!(set(&[pair("a = 1, b", "2")]).unwrap_err().code, 115);
    }
}
