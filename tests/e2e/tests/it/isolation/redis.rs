//! Redis: keys and channels under a prefix that only its user may name.

use anyhow::Result;
use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, ErrorKind, RedisError, cmd};

use super::Login;

pub(super) async fn possible(login: &Login, place: &Login) -> Result<Vec<&'static str>> {
    let Login { user, password, .. } = login;
    let client = Client::open(format!("redis://{user}:{password}@127.0.0.1:{}/0", place.port))?;
    let mut connection = match client.get_multiplexed_async_connection().await {
        Ok(connection) => connection,
        Err(error) if is_refusal(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let (name, other) = (format!("{}isolation", place.place), format!("{}isolation:copy", place.place));
    let mut done = Vec::new();
    for (what, mut command, arguments) in [
        ("read", cmd("GET"), vec![name.as_str()]),
        ("write", cmd("SET"), vec![&name, "1"]),
        ("publish", cmd("PUBLISH"), vec![&name, "1"]),
        ("copy", cmd("COPY"), vec![&name, &other, "REPLACE"]),
        ("run scripts on", cmd("EVAL"), vec!["return redis.call('GET', KEYS[1])", "1", &name]),
        ("delete", cmd("DEL"), vec![&name, &other]),
    ] {
        command.arg(arguments);
        run(&mut connection, &mut done, what, command).await?;
    }
    // Commands that reach beyond any prefix are nobody's.
    for (what, beyond) in [("list keys", "KEYS"), ("empty", "FLUSHALL"), ("list users", "ACL"), ("configure", "CONFIG")]
    {
        let mut command = cmd(beyond);
        match beyond {
            "KEYS" => command.arg("*"),
            "ACL" => command.arg("LIST"),
            "CONFIG" => command.arg("GET").arg("requirepass"),
            _ => &mut command,
        };
        let mut too_much = Vec::new();
        run(&mut connection, &mut too_much, what, command).await?;
        anyhow::ensure!(too_much.is_empty(), "{} can {too_much:?}", login.unit);
    }
    Ok(done)
}

async fn run(
    connection: &mut MultiplexedConnection,
    done: &mut Vec<&'static str>,
    what: &'static str,
    command: Cmd,
) -> Result<()> {
    match command.query_async::<redis::Value>(connection).await {
        Ok(_) => done.push(what),
        Err(error) if is_refusal(&error) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn is_refusal(error: &RedisError) -> bool {
    let text = error.to_string();
    error.kind() == ErrorKind::AuthenticationFailed
        || text.contains("NOPERM")
        || text.contains("WRONGPASS")
        || text.contains("permission")
        || text.contains("ACL")
}
