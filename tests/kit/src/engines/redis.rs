//! Redis, with its logins in a file of its own, so that they survive a restart.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Address, Addresses, Engine, Site};
use crate::secrets::write_private;

pub(super) fn command(site: &Site) -> Result<Command> {
    let folder = site.data(Engine::Redis);
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let logins = folder.join("users.acl");
    if !logins.is_file() {
        let administrator = format!("user default on >{} ~* &* +@all\n", site.password(Engine::Redis));
        write_private(&logins, administrator.as_bytes())?;
    }
    let persistence = if site.durable() { "appendonly yes\nappendfsync everysec\n" } else { "appendonly no\n" };
    let settings = format!(
        "bind 127.0.0.1\nport {}\ndir {}\naclfile {}\nsave \"\"\nmaxmemory 256mb\nmaxmemory-policy volatile-lru\n{persistence}",
        site.ports().redis,
        folder.display(),
        logins.display(),
    );
    let path = folder.join("redis.conf");
    write_private(&path, settings.as_bytes())?;
    let mut command = Command::new("redis-server");
    command.arg(&path);
    Ok(command)
}

pub(super) async fn ready(site: &Site) -> Result<()> {
    let mut connection = connect(&Addresses::of(site).redis).await?;
    redis::cmd("PING").query_async::<String>(&mut connection).await?;
    Ok(())
}

/// Connects as administrator.
///
/// # Errors
/// When Redis does not answer or refuses the login.
pub(crate) async fn connect(address: &Address) -> Result<redis::aio::MultiplexedConnection> {
    let client = redis::Client::open(format!("{}/0", address.url("redis")))?;
    Ok(client.get_multiplexed_async_connection().await?)
}
