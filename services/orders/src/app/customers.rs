//! Reads customers.

use super::{Shop, sees};
use crate::{
    domain::Means,
    error::Error,
    store::{customers, payment_methods},
};
use anyhow::Context as _;
use chassis::jwt::Caller;
use chrono::{DateTime, Utc};
use contracts::{
    person::Person,
    rest::orders::{Customer, CustomerKey},
};
use sealing::DataKey;
use sqlx::PgConnection;
use uuid::Uuid;

impl Shop {
    /// The user's customer.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the user is none; [`Error::Erased`].
    pub async fn customer_of(&self, user: Uuid) -> Result<Customer, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let row = customers::by_user(&mut connection, user).await?.ok_or(Error::NotFound)?;
        self.show(&mut connection, vec![row]).await?.pop().ok_or(Error::Erased)
    }

    /// The customer of this id, if the caller may see it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Erased`].
    pub async fn customer(&self, caller: &Caller, id: Uuid) -> Result<Customer, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let rows = customers::by_ids(&mut connection, &[id], sees(caller)).await?;
        if rows.is_empty() {
            return Err(Error::NotFound);
        }
        self.show(&mut connection, rows).await?.pop().ok_or(Error::Erased)
    }

    /// Those of these customers that the caller may see and that were not erased.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn customers(&self, caller: &Caller, ids: &[Uuid]) -> Result<Vec<Customer>, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let rows = customers::by_ids(&mut connection, ids, sees(caller)).await?;
        self.show(&mut connection, rows).await
    }

    /// A customer's data key.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Erased`].
    pub async fn customer_key(&self, id: Uuid) -> Result<CustomerKey, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let row = customers::by_ids(&mut connection, &[id], None).await?.pop().ok_or(Error::NotFound)?;
        let (key, _) = self.open(&row)?;
        Ok(CustomerKey { customer_id: id, key_id: key.id, algorithm: "AES-256-GCM".to_owned(), key: key.expose() })
    }

    /// The key of a row, and the sealed person.
    pub(super) fn open<'a>(&self, row: &'a customers::Row) -> Result<(DataKey, &'a [u8]), Error> {
        match (&row.person, row.key_id, &row.wrapped) {
            (Some(person), Some(key_id), Some(wrapped)) => Ok((self.keyring.unwrap(row.id, key_id, wrapped)?, person)),
            _ => Err(Error::Erased),
        }
    }

    /// The means of payment of the keys' customers, each customer's in order.
    pub(super) async fn means(
        &self,
        connection: &mut PgConnection,
        keys: &[&DataKey],
    ) -> Result<Vec<(Uuid, Means)>, Error> {
        Ok(self.means_of(connection, keys).await?.into_iter().map(|(_, id, means)| (id, means)).collect())
    }

    async fn means_of(
        &self,
        connection: &mut PgConnection,
        keys: &[&DataKey],
    ) -> Result<Vec<(Uuid, Uuid, Means)>, Error> {
        let ids: Vec<_> = keys.iter().map(|key| key.person).collect();
        let opened = payment_methods::of(connection, &ids).await?.into_iter().map(|row| {
            let key = keys.iter().find(|key| key.person == row.customer_id).context("a means of nobody's")?;
            Ok((row.customer_id, row.id, key.open_item(row.id, &row.sealed)?))
        });
        Ok(opened.collect::<anyhow::Result<_>>()?)
    }

    /// Opens customers; those that were erased are left out.
    async fn show(&self, connection: &mut PgConnection, rows: Vec<customers::Row>) -> Result<Vec<Customer>, Error> {
        let mut opened = Vec::new();
        for row in rows {
            let person = match self.open(&row) {
                Ok((key, person)) => key.open::<Person>(person).map(|person| (key, person))?,
                Err(Error::Erased) => continue,
                Err(error) => return Err(error),
            };
            opened.push((row, person));
        }
        let keys: Vec<_> = opened.iter().map(|(_, (key, _))| key).collect();
        let all = self.means_of(connection, &keys).await?;
        let customer = |(row, (_, person)): (customers::Row, (DataKey, Person))| {
            let own = all.iter().filter(|(owner, ..)| *owner == row.id);
            let means: Vec<_> = own.map(|(_, id, means)| (*id, means.clone())).collect();
            let version = u64::try_from(row.version).unwrap_or_default();
            shown(row.id, person, &means, (row.created_at, row.updated_at), version)
        };
        Ok(opened.into_iter().map(customer).collect())
    }
}

/// A customer as it is answered.
pub(super) fn shown(
    id: Uuid,
    person: Person,
    means: &[(Uuid, Means)],
    (created_at, updated_at): (DateTime<Utc>, DateTime<Utc>),
    version: u64,
) -> Customer {
    Customer {
        id,
        email: person.email,
        document: person.document,
        full_name: person.full_name,
        phone: person.phone,
        shipping_address: person.shipping_address,
        billing_address: person.billing_address,
        payment_methods: means.iter().map(|(id, means)| means.shown(*id)).collect(),
        created_at,
        updated_at,
        version,
    }
}
