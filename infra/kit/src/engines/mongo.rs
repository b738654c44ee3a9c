//! MongoDB: the real `mongod`, as a replica set of one, because transactions and change streams need a set.

use super::{Address, Addresses, Engine, Site, install};
use crate::files;
use crate::secrets::write_private;
use anyhow::{Context as _, Result, ensure};
use bson::{Document, doc};
use mongodb::Client;
use mongodb::options::ClientOptions;
use std::process::Command;
use std::time::Duration;

pub(super) fn command(site: &Site) -> Result<Command> {
    let folder = site.data(Engine::Mongo);
    let data = folder.join("data");
    files::folder(&data).with_context(|| format!("creating {}", data.display()))?;
    // Members of a set know each other by this file; with it, every client has to log in.
    let key = folder.join("key");
    if !key.is_file() {
        write_private(&key, site.key().as_bytes())?;
    }
    let mut command = Command::new(install::mongod());
    command.arg("--dbpath").arg(&data).arg("--keyFile").arg(&key);
    command.args(["--port", &site.ports().mongo.to_string(), "--bind_ip", "127.0.0.1", "--nounixsocket"]);
    command.args(["--replSet", "rs0", "--oplogSize", "256", "--wiredTigerCacheSizeGB", "0.25", "--quiet"]);
    command.args(["--setParameter", "diagnosticDataCollectionEnabled=false"]);
    // What a killed process leaves open keeps its locks until then; ours take a fraction of a second.
    command.args(["--setParameter", "transactionLifetimeLimitSeconds=10"]);
    if !site.durable() {
        // Unoptimised test programs spend a third of a second on each login otherwise.
        command.args(["--setParameter", "scramSHA256IterationCount=5000"]);
    }
    Ok(command)
}

/// Asks as administrator; a set that is new has neither a member nor an administrator, and gets both.
pub(super) async fn ready(site: &Site) -> Result<()> {
    let address = Addresses::of(site).mongo;
    if let Ok(hello) = as_administrator(&address, async |client| hello(client).await).await {
        if !hello.contains_key("setName") {
            // Docker's image makes the administrator first and leaves the set to us.
            as_administrator(&address, async |client| initiate(client, address.port).await).await?;
        }
        return writable(&hello);
    }
    // Before the first user exists, a connection from this machine may do these two things.
    let url = format!("mongodb://127.0.0.1:{}/?directConnection=true", address.port);
    connected(url, async |guest| {
        let admin = guest.database("admin");
        // Refused when it happened before; the next question tells whether it worked.
        let _ = initiate(guest, address.port).await;
        writable(&hello(guest).await?)?;
        let roles = [doc! { "role": "root", "db": "admin" }];
        let create = doc! { "createUser": &address.user, "pwd": &address.password, "roles": roles.to_vec() };
        admin.run_command(create).await.context("creating the administrator")?;
        Ok(())
    })
    .await
}

async fn initiate(client: &Client, port: u16) -> Result<()> {
    let member = doc! { "_id": 0, "host": format!("127.0.0.1:{port}") };
    let initiate = doc! { "replSetInitiate": { "_id": "rs0", "members": [member] } };
    client.database("admin").run_command(initiate).await?;
    Ok(())
}

async fn hello(client: &Client) -> Result<Document> {
    let admin = client.database("admin");
    Ok(admin.run_command(doc! { "hello": 1 }).await?)
}

fn writable(hello: &Document) -> Result<()> {
    ensure!(hello.get_bool("isWritablePrimary").unwrap_or(false), "it is not primary yet");
    Ok(())
}

/// Runs some work with a client that has the administrator's login.
pub(crate) async fn as_administrator<T>(address: &Address, work: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T> {
    connected(format!("{}/?authSource=admin&directConnection=true", address.url("mongodb")), work).await
}

async fn connected<T>(url: String, work: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T> {
    let mut options = ClientOptions::parse(url).await?;
    options.server_selection_timeout = Some(Duration::from_secs(3));
    options.max_pool_size = Some(2);
    let client = Client::with_options(options)?;
    let outcome = work(&client).await;
    // A client that is merely dropped goes on in the background and trips over the end of the runtime.
    client.shutdown().immediate(true).await;
    outcome
}
