//! Reads and erases customers.

use super::owner;
use crate::domain::PaymentMethod;
use crate::error::Error;
use crate::metrics as names;
use crate::store::{customers, orders, payment_methods};
use anyhow::Context as _;
use chassis::jwt::Caller;
use chrono::{DateTime, SubsecRound, Utc};
use contracts::envelope::Event;
use contracts::event::orders::CustomerErased;
use contracts::person::Person;
use contracts::rest::orders::{Customer, CustomerKey};
use postgres::{Db, Tx};
use sealing::{DataKey, Keyring};
use sqlx::PgConnection;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Customers, and what opens their data. Clones are the same.
#[derive(Clone)]
pub struct Customers {
    pub(super) db: Db,
    pub(super) keyring: Arc<Keyring>,
}

/// What came of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Erased {
    /// Nobody can read the data any more, if there ever were any.
    Done,
    /// An order of the customer is under way.
    OpenOrders,
}

impl Customers {
    #[must_use]
    pub fn new(db: Db, keyring: Arc<Keyring>) -> Self {
        Self { db, keyring }
    }

    /// The user's customer. Fails with [`Error::NotFound`] when the user is none; [`Error::Erased`].
    pub async fn customer_of(&self, user: Uuid) -> Result<Customer, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let row = customers::by_user(&mut connection, user).await?.ok_or(Error::NotFound)?;
        self.show(&mut connection, vec![row]).await?.pop().ok_or(Error::Erased)
    }

    /// The customer of this id, if the caller may see it.
    pub async fn customer(&self, caller: &Caller, id: Uuid) -> Result<Customer, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let rows = customers::by_ids(&mut connection, &[id], owner(caller)).await?;
        if rows.is_empty() {
            return Err(Error::NotFound);
        }
        self.show(&mut connection, rows).await?.pop().ok_or(Error::Erased)
    }

    /// Those of these customers that the caller may see and that were not erased.
    pub async fn customers(&self, caller: &Caller, ids: &[Uuid]) -> Result<Vec<Customer>, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let rows = customers::by_ids(&mut connection, ids, owner(caller)).await?;
        self.show(&mut connection, rows).await
    }

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

    /// The payment methods of the keys' customers, each customer's in order.
    pub(super) async fn payment_methods(
        &self,
        connection: &mut PgConnection,
        keys: &[&DataKey],
    ) -> Result<Vec<(Uuid, PaymentMethod)>, Error> {
        Ok(self.payment_methods_of(connection, keys).await?.into_iter().map(|(_, id, method)| (id, method)).collect())
    }

    async fn payment_methods_of(
        &self,
        connection: &mut PgConnection,
        keys: &[&DataKey],
    ) -> Result<Vec<(Uuid, Uuid, PaymentMethod)>, Error> {
        let ids: Vec<_> = keys.iter().map(|key| key.person).collect();
        let opened = payment_methods::of(connection, &ids).await?.into_iter().map(|row| {
            let key = keys.iter().find(|key| key.person == row.customer_id).context("a payment method has no owner")?;
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
        let all = self.payment_methods_of(connection, &keys).await?;
        let customer = |(row, (_, person)): (customers::Row, (DataKey, Person))| {
            let own = all.iter().filter(|(owner, ..)| *owner == row.id);
            let methods: Vec<_> = own.map(|(_, id, method)| (*id, method.clone())).collect();
            let version = u64::try_from(row.version).unwrap_or_default();
            shown(row.id, person, &methods, (row.created_at, row.updated_at), version)
        };
        Ok(opened.into_iter().map(customer).collect())
    }

    /// The keys of those of these customers who were not erased.
    pub(super) async fn keys(
        &self,
        connection: &mut PgConnection,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, DataKey>, Error> {
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

    /// Erases the user's customer, in the transaction `tx`. Once erased, for ever erased.
    pub(crate) async fn erase(&self, tx: &mut Tx, user: Uuid) -> Result<Erased, Error> {
        let now = Utc::now().trunc_subsecs(6);
        let mut row = customers::lock_by_user(tx, user).await?;
        if row.is_none() && !customers::refuse(tx, user, now).await? {
            row = customers::lock_by_user(tx, user).await?;
        }
        let Some(row) = row.filter(|row| row.person.is_some()) else { return Ok(Erased::Done) };
        if orders::any_open(tx, row.id).await? {
            return Ok(Erased::OpenOrders);
        }
        let now = now.max(row.updated_at);
        customers::erase(tx, row.id, now).await?;
        chassis::failpoint!("orders.erase.after_rows");
        let version = u64::try_from(row.version).unwrap_or_default() + 1;
        let data = CustomerErased { customer_id: row.id, auth_user_id: user, erased_at: now };
        tx.enqueue(Event::new(row.id.to_string(), version, data))?;
        chassis::failpoint!("orders.erase.after_outbox");
        tx.on_commit(|| metrics::counter!(names::CUSTOMERS, "what" => "erased").increment(1));
        Ok(Erased::Done)
    }
}

/// A customer as it is answered.
pub(super) fn shown(
    id: Uuid,
    person: Person,
    methods: &[(Uuid, PaymentMethod)],
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
        payment_methods: methods.iter().map(|(id, method)| method.shown(*id)).collect(),
        created_at,
        updated_at,
        version,
    }
}
