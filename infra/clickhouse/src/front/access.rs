//! Logins, what they reach, and the databases that there are.

use super::credentials::Credentials;
use crate::failure::Failure;
use anyhow::{Context as _, Result};
use rand::distr::{Alphanumeric, SampleString as _};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

/// The file of a login, `users.d/<name>.json`.
#[derive(Debug, Deserialize)]
struct Login {
    password_sha256_hex: String,
    database: String,
}

/// A login that has proven itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) name: String,
    /// The one database that it reaches; the administrator reaches all.
    database: Option<String>,
}

impl Caller {
    /// Tells whether the login may use a database.
    pub(super) fn reaches(&self, database: &str) -> bool {
        self.database.as_deref().is_none_or(|own| own == database)
    }

    /// The database that is meant when a request names none.
    pub(super) fn home(&self) -> &str {
        self.database.as_deref().unwrap_or("default")
    }
}

/// The folder with the databases and the logins. Every request reads its login's file anew, so that a change is valid
/// at once.
pub(super) struct Access {
    folder: PathBuf,
    password: String,
}

impl Access {
    pub(super) fn open(folder: PathBuf, password: String) -> Result<Self> {
        fs::create_dir_all(folder.join("databases/default"))
            .with_context(|| format!("creating {}", folder.display()))?;
        Ok(Self { folder, password })
    }

    pub(super) fn check(&self, credentials: &Credentials) -> Result<Caller, Failure> {
        let Credentials { user, password } = credentials;
        let caller = |database| Ok(Caller { name: user.clone(), database });
        // Hashes are compared: how long that takes tells nothing about the password.
        if user == "default" && hash(password) == hash(&self.password) {
            return caller(None);
        }
        match self.login(user)? {
            Some(login) if login.password_sha256_hex == hash(password) => caller(Some(login.database)),
            _ if password.is_empty() => Err(Failure::password_required(format!("{user}: A password is required"))),
            _ => Err(Failure::authentication(format!(
                "{user}: Authentication failed: password is incorrect, or there is no user with such name"
            ))),
        }
    }

    fn login(&self, name: &str) -> Result<Option<Login>, Failure> {
        if !is_plain(name) {
            return Ok(None);
        }
        match fs::read(self.folder.join("users.d").join(name).with_extension("json")) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(Failure::internal),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::internal(error)),
        }
    }

    pub(super) fn databases(&self) -> Result<Vec<String>, Failure> {
        let entries = fs::read_dir(self.folder.join("databases")).map_err(Failure::internal)?;
        let mut names: Vec<_> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The folder of a database that exists.
    pub(super) fn database(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.path(name)?;
        if folder.is_dir() {
            Ok(folder)
        } else {
            Err(Failure::unknown_database(format!("Database {name} does not exist")))
        }
    }

    /// Creates a database; false if it exists.
    pub(super) fn create_database(&self, name: &str) -> Result<bool, Failure> {
        match fs::create_dir(self.path(name)?) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(Failure::internal(error)),
        }
    }

    /// Removes a database's folder, whose engine must have stopped. It disappears at once, by a rename.
    pub(super) fn drop_database(&self, name: &str) -> Result<(), Failure> {
        let gone = self.folder.join(format!("dropped-{name}-{}", Alphanumeric.sample_string(&mut rand::rng(), 8)));
        fs::rename(self.path(name)?, &gone).and_then(|()| fs::remove_dir_all(&gone)).map_err(Failure::internal)
    }

    fn path(&self, name: &str) -> Result<PathBuf, Failure> {
        if !is_plain(name) {
            return Err(Failure::bad_arguments("A database's name is 1 to 100 letters, digits and underscores"));
        }
        Ok(self.folder.join("databases").join(name))
    }
}

fn hash(password: &str) -> String {
    Sha256::digest(password).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Tells whether a name can be a file's.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=100).contains(&name.len()) && name.bytes().all(plain)
}
