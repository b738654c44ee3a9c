//! What the adapter is started with.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::engine::Limits;

/// The options of the adapter.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The folder for everything: one folder per database, and the logins.
    #[arg(long)]
    pub data: PathBuf,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:8123")]
    pub bind: SocketAddr,
    /// The password of the administrator, whose name is `default`.
    #[arg(long, env = "CLICKHOUSE_ADAPTER_PASSWORD", hide_env_values = true)]
    pub password: String,
    /// A login as `name:password:databases`, where databases is a name, a prefix with `*`, or `*` alone, which is an
    /// administrator. Arguments are shown to every user of the machine: better a file.
    #[arg(long = "user", value_name = "LOGIN")]
    pub users: Vec<String>,
    /// A JSON file with logins: `[{"name": "…", "password": "…", "databases": "…"}]`.
    #[arg(long)]
    pub users_file: Option<PathBuf>,
    /// Seconds without a request after which a database's engine stops; it starts again with the next one.
    #[arg(long, default_value_t = 600)]
    pub idle_seconds: u64,
    /// What every engine gets.
    #[command(flatten)]
    pub limits: Limits,
}

/// A login that is given at the start.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub struct Given {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: String,
    /// The databases that it reaches: a name, or a prefix with `*`.
    pub databases: String,
}

impl Options {
    /// The logins of the arguments and of the file.
    ///
    /// # Errors
    /// Fails if one cannot be read.
    pub fn given(&self) -> Result<Vec<Given>> {
        let admin = Given { name: "default".into(), password: self.password.clone(), databases: "*".into() };
        let mut given = vec![admin];
        for text in &self.users {
            given.push(parse(text).with_context(|| "a user is name:password:databases")?);
        }
        if let Some(path) = &self.users_file {
            let text = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
            given
                .extend(serde_json::from_slice::<Vec<Given>>(&text).with_context(|| format!("in {}", path.display()))?);
        }
        Ok(given)
    }
}

/// Passwords may hold colons; names and databases do not.
fn parse(text: &str) -> Option<Given> {
    let (name, rest) = text.split_once(':')?;
    let (password, databases) = rest.rsplit_once(':')?;
    Some(Given { name: name.into(), password: password.into(), databases: databases.into() })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn passwords_may_hold_colons() {
        let given = parse("a:b:c:d*").unwrap();
        assert_eq!((given.name.as_str(), given.password.as_str(), given.databases.as_str()), ("a", "b:c", "d*"));
        assert_eq!(parse("a:b"), None);
    }
}
