//! Keeps the copies of products and links in step with their owners' events.

use crate::domain::Product;
use crate::store::histories::Histories;
use crate::store::{links, products};
use contracts::envelope::EventData;
use contracts::event::inventory::{ProductCreated, ProductUpdated};
use contracts::event::shortener::{UrlCreated, UrlDeleted};
use messaging::{HandleError, Handler, Message, Registration, Subscription};
use postgres::Db;
use sqlx::PgConnection;

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "orders.copies";
/// How many events of the log are handled at once: fewer than the database has connections.
const AT_ONCE: usize = 4;

/// The consumer. It begins with the products and links that were made before its queues existed.
#[must_use]
pub fn consumer(db: Db) -> Registration<ProductsAndLinks> {
    Subscription::new(CONSUMER, [ProductCreated::TYPE, ProductUpdated::TYPE, UrlCreated::TYPE, UrlDeleted::TYPE])
        .handled_by(ProductsAndLinks { db: db.clone(), inbox: postgres::Inbox::new(CONSUMER) })
        .copying(AT_ONCE, Histories(db))
}

/// Writes versions of products and links.
pub struct ProductsAndLinks {
    db: Db,
    inbox: postgres::Inbox,
}

/// One version of one thing.
enum Copied {
    Product(Product),
    Link(links::Link),
}

impl Handler for ProductsAndLinks {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        let mut tx = self.db.begin().await?;
        for message in batch {
            if let Some(copy) = read(message)?
                && self.inbox.accept_newest(&mut tx, message).await?
            {
                copy.save(&mut tx, message.version).await?;
            }
        }
        Ok(tx.commit().await?)
    }
}

impl Copied {
    async fn save(&self, connection: &mut PgConnection, version: u64) -> sqlx::Result<()> {
        match self {
            Self::Product(product) => products::save(connection, product, version).await,
            Self::Link(link) => links::save(connection, link).await,
        }
    }
}

/// What a message tells; nothing when it tells of something else.
fn read(message: &Message) -> Result<Option<Copied>, HandleError> {
    let product = |id, name, price, active| Copied::Product(Product { id, name, price, active });
    let link = |code, url_id, owner, deleted_at| Copied::Link(links::Link { code, url_id, owner, deleted_at });
    Ok(Some(match message.kind.as_str() {
        ProductCreated::TYPE => {
            let data = message.decode::<ProductCreated>()?.data;
            product(data.product_id, data.name, data.price, data.active)
        }
        ProductUpdated::TYPE => {
            let data = message.decode::<ProductUpdated>()?.data;
            product(data.product_id, data.name, data.price, data.active)
        }
        UrlCreated::TYPE => {
            let data = message.decode::<UrlCreated>()?.data;
            link(data.short_code, data.url_id, data.auth_user_id, None)
        }
        UrlDeleted::TYPE => {
            let data = message.decode::<UrlDeleted>()?.data;
            link(data.short_code, data.url_id, data.auth_user_id, Some(data.deleted_at))
        }
        _ => return Ok(None),
    }))
}
