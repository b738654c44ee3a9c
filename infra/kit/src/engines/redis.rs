//! Both Redis servers, with their logins in a file of its own, so that they survive a restart.

use super::{Address, Engine, Site};
use crate::files;
use crate::secrets::write_private;
use anyhow::{Context as _, Result};
use redis::AsyncConnectionConfig;
use std::process::Command;
use std::time::Duration;

/// How long Redis may take to let an administrator in, and to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a Redis holds, and what it does when that is full.
///
/// The one for limits is full when there are far more clients than a gateway serves; it then takes no more, and gateways
/// judge by themselves. It need not survive a restart: limits fill again within seconds.
fn memory(site: &Site, engine: Engine) -> &'static str {
    match (engine, site.durable()) {
        (Engine::Limits, _) => "maxmemory 64mb\nmaxmemory-policy noeviction\nappendonly no\n",
        (_, true) => "maxmemory 256mb\nmaxmemory-policy volatile-lru\nappendonly yes\nappendfsync everysec\n",
        (_, false) => "maxmemory 256mb\nmaxmemory-policy volatile-lru\nappendonly no\n",
    }
}

pub(super) fn command(site: &Site, engine: Engine) -> Result<Command> {
    let folder = site.data(engine);
    files::folder(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let logins = folder.join("users.acl");
    if !logins.is_file() {
        let administrator = format!("user default on >{} ~* &* +@all\n", site.password(engine));
        write_private(&logins, administrator.as_bytes())?;
    }
    let settings = format!(
        "bind 127.0.0.1\nport {}\ndir {}\naclfile {}\nsave \"\"\n{}",
        site.port(engine),
        folder.display(),
        logins.display(),
        memory(site, engine),
    );
    let path = folder.join("redis.conf");
    write_private(&path, settings.as_bytes())?;
    let mut command = Command::new("redis-server");
    command.arg(&path);
    Ok(command)
}

pub(super) async fn ready(address: &Address) -> Result<()> {
    let mut connection = connect(address).await?;
    redis::cmd("PING").query_async::<String>(&mut connection).await?;
    Ok(())
}

pub(crate) async fn connect(address: &Address) -> Result<redis::aio::MultiplexedConnection> {
    let client = redis::Client::open(format!("{}/0", address.url("redis")))?;
    // The default of half a second is short for a disk that others keep busy.
    let patience =
        AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(Some(PATIENCE));
    Ok(client.get_multiplexed_async_connection_with_config(&patience).await?)
}
