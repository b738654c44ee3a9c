//! Logins, what they reach, and the databases that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use rand::distr::{Alphanumeric, SampleString as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::credentials::Credentials;
use super::options::Given;
use crate::failure::Failure;

/// A login as it is kept: never its password.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Login {
    salt: String,
    hash: Vec<u8>,
    /// Names of databases, or prefixes with `*`.
    databases: BTreeSet<String>,
}

impl Login {
    fn new(password: &str) -> Self {
        let salt = Alphanumeric.sample_string(&mut rand::rng(), 16);
        Self { hash: hash(&salt, password), salt, databases: BTreeSet::new() }
    }

    fn knows(&self, password: &str) -> bool {
        let given = hash(&self.salt, password);
        // Hashes of a random salt: how long the comparison takes tells nothing about the password.
        given == self.hash
    }
}

fn hash(salt: &str, password: &str) -> Vec<u8> {
    Sha256::new().chain_update(salt).chain_update(password).finalize().to_vec()
}

/// A login that has proven itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) name: String,
    databases: BTreeSet<String>,
}

impl Caller {
    /// Tells whether the login may do everything.
    pub(super) fn is_admin(&self) -> bool {
        self.databases.contains("*")
    }

    /// Tells whether a database was granted to the login.
    pub(super) fn reaches(&self, database: &str) -> bool {
        self.databases.iter().any(|granted| match granted.strip_suffix('*') {
            Some(prefix) => database.starts_with(prefix),
            None => granted == database,
        })
    }

    /// The database that is meant when none is named: the login's own, if there is exactly one.
    pub(super) fn home(&self) -> &str {
        let mut named = self.databases.iter().filter(|granted| !granted.ends_with('*'));
        match (named.next(), named.next()) {
            (Some(only), None) => only,
            _ => "default",
        }
    }
}

/// The logins, and the folders of the databases.
pub(super) struct Access {
    folder: PathBuf,
    /// From the command line: they cannot be changed by statements.
    given: BTreeMap<String, Login>,
    /// From statements: kept in a file.
    created: Mutex<BTreeMap<String, Login>>,
}

impl Access {
    /// Reads what was created before, and adds what is given now.
    pub(super) fn open(folder: PathBuf, given: &[Given]) -> Result<Self> {
        fs::create_dir_all(folder.join("databases/default"))
            .with_context(|| format!("creating {}", folder.display()))?;
        let created = match fs::read(folder.join("logins.json")) {
            Ok(text) => serde_json::from_slice(&text).context("reading logins.json")?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).context("reading logins.json"),
        };
        let login = |given: &Given| {
            let mut login = Login::new(&given.password);
            login.databases.insert(given.databases.clone());
            (given.name.clone(), login)
        };
        Ok(Self { folder, given: given.iter().map(login).collect(), created: Mutex::new(created) })
    }

    /// Checks a name and a password.
    pub(super) fn check(&self, credentials: &Credentials) -> Result<Caller, Failure> {
        let Credentials { user, password } = credentials;
        let login = self.given.get(user).cloned().or_else(|| self.created.lock().get(user).cloned());
        match login {
            Some(login) if login.knows(password) => Ok(Caller { name: user.clone(), databases: login.databases }),
            _ if password.is_empty() => Err(Failure::password_required(format!("{user}: A password is required"))),
            _ => Err(Failure::authentication(format!(
                "{user}: Authentication failed: password is incorrect, or there is no user with such name"
            ))),
        }
    }

    /// The names of all databases.
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
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(Failure::internal(error)),
        }
    }

    /// Removes a database's folder, whose engine must have stopped. It disappears at once, by a rename.
    pub(super) fn drop_database(&self, name: &str) -> Result<(), Failure> {
        let gone = self.folder.join(format!("dropped-{name}-{}", Alphanumeric.sample_string(&mut rand::rng(), 8)));
        fs::rename(self.path(name)?, &gone).and_then(|()| fs::remove_dir_all(&gone)).map_err(Failure::internal)
    }

    fn path(&self, name: &str) -> Result<PathBuf, Failure> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || name.len() > 100 || !name.bytes().all(plain) {
            return Err(Failure::bad_arguments("A database's name is 1 to 100 letters, digits and underscores"));
        }
        Ok(self.folder.join("databases").join(name))
    }

    /// Creates a login; false if it exists.
    pub(super) fn create_user(&self, name: &str, password: &str) -> Result<bool, Failure> {
        if self.given.contains_key(name) || self.created.lock().contains_key(name) {
            return Ok(false);
        }
        self.change(|users| drop(users.insert(name.to_owned(), Login::new(password))))?;
        Ok(true)
    }

    /// Gives a login another password; false if there is none of that name.
    pub(super) fn set_password(&self, name: &str, password: &str) -> Result<bool, Failure> {
        self.change_user(name, |login| *login = Login { databases: login.databases.clone(), ..Login::new(password) })
    }

    /// Removes a login; false if there is none of that name.
    pub(super) fn drop_user(&self, name: &str) -> Result<bool, Failure> {
        let known = self.created.lock().contains_key(name);
        if known {
            self.change(|users| drop(users.remove(name)))?;
        }
        Ok(known)
    }

    /// Grants a database to a login, or takes it back; false if there is no login of that name.
    pub(super) fn grant(&self, name: &str, database: &str, granted: bool) -> Result<bool, Failure> {
        self.change_user(name, |login| {
            if granted {
                login.databases.insert(database.to_owned());
            } else {
                login.databases.remove(database);
            }
        })
    }

    fn change_user(&self, name: &str, change: impl FnOnce(&mut Login)) -> Result<bool, Failure> {
        let known = self.created.lock().contains_key(name);
        self.change(|users| {
            if let Some(login) = users.get_mut(name) {
                change(login);
            }
        })?;
        Ok(known)
    }

    /// Changes the created logins, on disk first.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Login>)) -> Result<(), Failure> {
        let mut users = self.created.lock();
        let mut changed = users.clone();
        change(&mut changed);
        let text = serde_json::to_vec_pretty(&changed).map_err(Failure::internal)?;
        let (path, new) = (self.folder.join("logins.json"), self.folder.join("logins.json.new"));
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&new);
        let written = file.and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()));
        written.and_then(|()| fs::rename(new, path)).map_err(Failure::internal)?;
        *users = changed;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Caller;

    fn caller(databases: &[&str]) -> Caller {
        Caller { name: "a".into(), databases: databases.iter().map(|&name| name.to_owned()).collect() }
    }

    #[test]
    fn grants_are_names_or_prefixes() {
        assert!(caller(&["a"]).reaches("a") && !caller(&["a"]).reaches("ab"));
        assert!(caller(&["t_*"]).reaches("t_1") && !caller(&["t_*"]).reaches("s_1"));
        assert!(caller(&["*"]).is_admin() && !caller(&["t*"]).is_admin());
    }

    #[test]
    fn home_is_the_only_database() {
        assert_eq!(
            (caller(&["a"]).home(), caller(&["a", "b"]).home(), caller(&["*"]).home()),
            ("a", "default", "default")
        );
    }
}
