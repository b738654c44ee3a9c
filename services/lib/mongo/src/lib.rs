//! A service's way to its MongoDB database, and the collections that messaging needs.
//!
//! What is published is written in the transaction that changes the state, whose body the driver may run again:
//!
//! ```
//! # use contracts::{envelope::Event, event::shortener::UrlDeleted};
//! # use mongo::Db;
//! # use mongodb::bson::doc;
//! async fn delete(db: &Db, code: &str, deleted: Event<UrlDeleted>) -> mongodb::error::Result<()> {
//!     let (links, outbox) = (db.database().collection::<bson::Document>("links"), db.outbox());
//!     let mut session = db.client().start_session().await?;
//!     let transaction = session.start_transaction();
//!     transaction
//!         .and_run2(async move |session| {
//!             links.delete_one(doc! { "_id": code }).session(&mut *session).await?;
//!             outbox.enqueue(session, deleted.clone()).await
//!         })
//!         .await
//!         .map(drop)
//! }
//! ```
//!
//! [`AppMongo::mongo`] opens the database of a unit, with the relay of its outbox. A [`Db`] remembers for consumers
//! which messages wait.

#![warn(missing_docs)]

mod app;
mod db;
mod error;
mod outbox;
mod state;

pub use app::AppMongo;
pub use db::{Db, probe};
pub use error::{code, failure, is_away};
pub use outbox::Outbox;
pub use state::prepare;
