//! Passwords that are generated once per data folder and kept in `secrets.json`, readable by its owner only.

use crate::{files, lock};
use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng as _;
use rand::distr::Alphanumeric;
use ring::digest::{SHA256, digest};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The generated passwords of one data folder.
#[derive(Debug, Clone)]
pub struct Secrets {
    path: PathBuf,
    passwords: BTreeMap<String, String>,
}

impl Secrets {
    /// Opens `folder/secrets.json`; without one, starts empty.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("secrets.json");
        Ok(Self { passwords: read(&path)?, path })
    }

    /// The password kept under `name`; the first question generates it.
    pub fn get(&mut self, name: &str) -> Result<String> {
        self.get_or(name, generate)
    }

    /// The secret kept under `name`; the first question makes it, whichever process asks it.
    pub fn get_or(&mut self, name: &str, make: impl FnOnce() -> String) -> Result<String> {
        if let Some(password) = self.passwords.get(name) {
            return Ok(password.clone());
        }
        let _turn = turn(&self.path)?;
        self.passwords = read(&self.path)?;
        if let Some(password) = self.passwords.get(name) {
            return Ok(password.clone());
        }
        let password = make();
        self.passwords.insert(name.to_owned(), password.clone());
        write_private(&self.path, &serde_json::to_vec_pretty(&self.passwords)?)?;
        Ok(password)
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, String>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("reading {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// Waits until no other process adds to the file; they may as soon as what this gives is dropped.
fn turn(path: &Path) -> Result<File> {
    let file = path.with_extension("lock");
    lock::hold(&file).with_context(|| format!("locking {}", file.display()))
}

/// A fresh password of 32 letters and digits (190 bits), which needs no quoting in URLs or SQL.
pub fn generate() -> String {
    rand::rng().sample_iter(Alphanumeric).take(32).map(char::from).collect()
}

/// A fresh key of 32 bytes, in base64.
pub fn generate_key() -> String {
    STANDARD.encode(rand::random::<[u8; 32]>())
}

/// SHA-256 of a secret, in hexadecimal: what is told to whoever only has to recognise it.
pub fn sha256(secret: &str) -> String {
    let digest = digest(&SHA256, secret.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Replaces a file in one step with one that only its owner reads (mode 0600).
pub fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    let fresh = path.with_extension(format!("new{}", std::process::id()));
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            files::folder(folder)?;
        }
        files::write(&fresh, content)?;
        fs::rename(&fresh, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::Secrets;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn of_many_who_ask_first_all_get_the_same() {
        let folder = std::env::temp_dir().join(format!("vitrine-secrets-race-{}", std::process::id()));
        let ask = || Secrets::open(&folder).unwrap().get("postgres").unwrap();
        let answers: Vec<_> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|answer| *answer == ask()));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn passwords_last_and_are_private() {
        let folder = std::env::temp_dir().join(format!("vitrine-secrets-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let first = Secrets::open(&folder).unwrap().get("postgres").unwrap();
        let mut again = Secrets::open(&folder).unwrap();
        assert_eq!(again.get("postgres").unwrap(), first);
        assert_ne!(again.get("redis").unwrap(), first);
        let mode = std::fs::metadata(folder.join("secrets.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
