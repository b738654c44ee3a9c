//! MongoDB: a user who may read, write and index one database.

use super::MongoLogin;
use crate::engines::{Address, mongo_administrator};
use anyhow::Result;
use bson::doc;

pub(super) async fn create(address: &Address, name: &str, password: &str) -> Result<MongoLogin> {
    let roles = ["readWrite", "dbAdmin"].map(|role| doc! { "role": role, "db": name }).to_vec();
    let user = |verb: &str| doc! { verb: name, "pwd": password, "roles": &roles };
    mongo_administrator(address, async |client| {
        let database = client.database(name);
        if database.run_command(user("updateUser")).await.is_err() {
            database.run_command(user("createUser")).await?;
        }
        Ok(())
    })
    .await?;
    let url = format!("{}/{name}?replicaSet=rs0&authSource={name}", address.url_as("mongodb", name, password));
    Ok(MongoLogin { url, database: name.to_owned() })
}

pub(super) async fn drop(address: &Address, name: &str) -> Result<()> {
    mongo_administrator(address, async |client| {
        let database = client.database(name);
        database.run_command(doc! { "dropAllUsersFromDatabase": 1 }).await?;
        database.drop().await?;
        Ok(())
    })
    .await
}

pub(super) async fn names(address: &Address) -> Result<Vec<String>> {
    mongo_administrator(address, async |client| {
        let mut names = client.list_database_names().await?;
        let users = doc! { "usersInfo": { "forAllDBs": true } };
        let users = client.database("admin").run_command(users).await?;
        let users = users.get_array("users")?.iter().filter_map(|user| user.as_document()?.get_str("user").ok());
        names.extend(users.map(str::to_owned));
        Ok(names)
    })
    .await
}
