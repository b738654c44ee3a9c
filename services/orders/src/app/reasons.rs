//! Why an order was called off, in people's words: sealed under the buyer's key, opened for whoever may see the order.

use super::Shop;
use crate::{domain::Order, error::Error, store::customers};
use contracts::{person::Sealed, rest::orders as rest};
use sealing::DataKey;
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

impl Shop {
    /// Seals why an order is called off. An erased buyer's orders get no words.
    pub(super) async fn seal_reason(
        &self,
        connection: &mut PgConnection,
        order: &Order,
        reason: Option<String>,
    ) -> Result<Option<Sealed>, Error> {
        let Some(reason) = reason else { return Ok(None) };
        let keys = self.keys(connection, &[order.customer_id]).await?;
        let seal = |key: &DataKey| anyhow::Ok(key.travelling(&key.seal_item(order.id, &reason)?));
        Ok(keys.get(&order.customer_id).map(seal).transpose()?)
    }

    /// An order as it is answered.
    pub(super) async fn shown(&self, connection: &mut PgConnection, order: &Order) -> Result<rest::Order, Error> {
        let mut reasons = self.reasons(connection, std::slice::from_ref(order)).await?;
        Ok(order.shown(reasons.remove(&order.id)))
    }

    /// Orders as they are answered.
    pub(super) async fn all_shown(
        &self,
        connection: &mut PgConnection,
        orders: &[Order],
    ) -> Result<Vec<rest::Order>, Error> {
        let mut reasons = self.reasons(connection, orders).await?;
        Ok(orders.iter().map(|order| order.shown(reasons.remove(&order.id))).collect())
    }

    /// Why these orders were called off, where somebody said so and the buyer was not erased.
    pub(super) async fn reasons(
        &self,
        connection: &mut PgConnection,
        orders: &[Order],
    ) -> Result<HashMap<Uuid, String>, Error> {
        let sealed = |order: &Order| Some((order.id, order.customer_id, order.cancellation.as_ref()?.reason.clone()?));
        let sealed: Vec<_> = orders.iter().filter_map(sealed).collect();
        let customers: Vec<_> = sealed.iter().map(|(_, customer, _)| *customer).collect();
        let keys = self.keys(connection, &customers).await?;
        let open = |(order, customer, sealed): (Uuid, Uuid, Sealed)| {
            let key = keys.get(&customer)?;
            Some(key.arrived(&sealed).and_then(|sealed| Ok((order, key.open_item(order, &sealed)?))))
        };
        Ok(sealed.into_iter().filter_map(open).collect::<anyhow::Result<_>>()?)
    }

    /// The keys of those of these customers who were not erased.
    async fn keys(&self, connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, DataKey>, Error> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut keys = HashMap::new();
        for row in customers::by_ids(connection, ids, None).await? {
            match self.open(&row) {
                Ok((key, _)) => keys.insert(row.id, key),
                Err(Error::Erased) => None,
                Err(error) => return Err(error),
            };
        }
        Ok(keys)
    }
}
