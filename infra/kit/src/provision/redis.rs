//! Redis: a user who sees the keys and channels of one prefix.

use super::RedisLogin;
use crate::engines::{Address, redis_connection};
use anyhow::Result;

pub(super) async fn create(address: &Address, name: &str, password: &str) -> Result<RedisLogin> {
    let mut connection = redis_connection(address).await?;
    let mut command = redis::cmd("ACL");
    command.arg("SETUSER").arg(name).arg("reset").arg("on").arg(format!(">{password}"));
    command.arg(format!("~{name}:*")).arg(format!("&{name}:*"));
    // Commands that reach beyond the prefix (all keys, the server itself) stay closed.
    command.arg(&["+@all", "-@admin", "-@dangerous", "-scan", "-randomkey", "-dbsize", "+info"][..]);
    command.query_async::<()>(&mut connection).await?;
    let url = format!("{}/0", address.url_as("redis", name, password));
    Ok(RedisLogin { url, prefix: format!("{name}:") })
}

/// Writes the users to the file from which Redis reads them when it starts.
pub(super) async fn save(address: &Address) -> Result<()> {
    let mut connection = redis_connection(address).await?;
    Ok(redis::cmd("ACL").arg("SAVE").query_async(&mut connection).await?)
}

pub(super) async fn drop(address: &Address, name: &str) -> Result<()> {
    let mut connection = redis_connection(address).await?;
    redis::cmd("ACL").arg("DELUSER").arg(name).query_async::<()>(&mut connection).await?;
    let mut cursor = 0;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(format!("{name}:*")).arg("COUNT").arg(1_000);
        let (next, keys): (u64, Vec<String>) = scan.query_async(&mut connection).await?;
        if !keys.is_empty() {
            redis::cmd("UNLINK").arg(keys).query_async::<()>(&mut connection).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

pub(super) async fn names(address: &Address) -> Result<Vec<String>> {
    let mut connection = redis_connection(address).await?;
    Ok(redis::cmd("ACL").arg("USERS").query_async(&mut connection).await?)
}
