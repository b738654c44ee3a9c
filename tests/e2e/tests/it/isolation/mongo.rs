//! MongoDB: databases that only their user may read.

use anyhow::Result;
use bson::{Document, doc};
use kit::Engine;
use mongodb::Client;
use mongodb::error::ErrorKind;

use super::Login;

pub(super) async fn possible(login: &Login, place: &Login) -> Result<Vec<&'static str>> {
    let Login { user, password, .. } = login;
    // A user is known in its own database; users of other engines would have to be known here.
    let known_in = if login.engine == Engine::Mongo { &login.place } else { &place.place };
    let url = format!("mongodb://{user}:{password}@127.0.0.1:{}/?replicaSet=rs0&authSource={known_in}", place.port);
    let client = Client::with_uri_str(&url).await?;
    let database = client.database(&place.place);
    let records = database.collection::<Document>("isolation");
    let first = records.find_one(doc! {}).await.map(drop);
    if first.as_ref().is_err_and(is_unknown) {
        // Each try takes a handshake, which is slow by design; they would all end here.
        return Ok(Vec::new());
    }
    let mut done = Vec::new();
    note(&mut done, "read", first)?;
    note(&mut done, "write", records.insert_one(doc! { "by": login.unit }).await.map(drop))?;
    note(&mut done, "list collections", database.list_collection_names().await.map(drop))?;
    note(&mut done, "drop", records.drop().await)?;
    Ok(done)
}

/// Notes what was possible. An engine that does not answer has refused nothing.
fn note(done: &mut Vec<&'static str>, what: &'static str, outcome: mongodb::error::Result<()>) -> Result<()> {
    match outcome {
        Ok(()) => done.push(what),
        Err(error) if matches!(*error.kind, ErrorKind::Command(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn is_unknown(error: &mongodb::error::Error) -> bool {
    matches!(*error.kind, ErrorKind::Authentication { .. }) || error.to_string().contains("Authentication failed")
}
