//! Makes the caller a customer, or changes the customer's data.

use super::customers::{Customers, shown};
use crate::domain::{CustomerData, PaymentMethod, WantedPaymentMethod, changed};
use crate::error::Error;
use crate::metrics as names;
use crate::store::{customers, payment_methods};
use anyhow::Context as _;
use chrono::{SubsecRound, Utc};
use contracts::envelope::Event;
use contracts::event::orders::{CustomerCreated, CustomerUpdated};
use contracts::field_errors::FieldErrors;
use contracts::person::Person;
use contracts::rest::orders::Customer;
use postgres::Tx;
use sealing::DataKey;
use sqlx::PgConnection;
use uuid::Uuid;

/// A payment method with its id.
type Owned = (Uuid, PaymentMethod);

impl Customers {
    /// Makes the user's customer as wanted; tells whether it is new. Nothing is written, and nobody told, when it is so
    /// already. Fails when a payment method is to be kept that is not there, or the customer was erased.
    pub async fn save_customer(&self, user: Uuid, wanted: CustomerData) -> Result<(Customer, bool), Error> {
        let mut tx = self.db.begin().await?;
        if let Some(row) = customers::lock_by_user(&mut tx, user).await? {
            let customer = self.change(&mut tx, row, wanted).await?;
            tx.commit().await?;
            return Ok((customer, false));
        }
        if let Some(customer) = self.create(&mut tx, user, &wanted).await? {
            tx.commit().await?;
            return Ok((customer, true));
        }
        // Another request was quicker, and has committed by now.
        let row = customers::lock_by_user(&mut tx, user).await?.context("a customer that was there is not")?;
        let customer = self.change(&mut tx, row, wanted).await?;
        tx.commit().await?;
        Ok((customer, false))
    }

    /// Adds the customer; nothing when there is one meanwhile.
    async fn create(&self, tx: &mut Tx, user: Uuid, wanted: &CustomerData) -> Result<Option<Customer>, Error> {
        let (id, now) = (Uuid::now_v7(), Utc::now().trunc_subsecs(6));
        let methods = resolve(wanted.payment_methods.clone().unwrap_or_default(), &[])?;
        let (key, wrapped) = self.keyring.generate(id)?;
        let person = key.seal(&wanted.person)?;
        if !customers::insert(tx, (id, user), &person, (key.id, &wrapped), now).await? {
            return Ok(None);
        }
        chassis::failpoint!("orders.customer.after_row");
        replace(tx, &key, &methods).await?;
        let data =
            CustomerCreated { customer_id: id, auth_user_id: user, person: key.travelling(&person), created_at: now };
        tx.enqueue(Event::new(id.to_string(), 1, data))?;
        chassis::failpoint!("orders.customer.after_outbox");
        tx.on_commit(|| metrics::counter!(names::CUSTOMERS, "what" => "created").increment(1));
        Ok(Some(shown(id, wanted.person.clone(), &methods, (now, now), 1)))
    }

    async fn change(&self, tx: &mut Tx, row: customers::Row, wanted: CustomerData) -> Result<Customer, Error> {
        let (key, person) = self.open(&row)?;
        let before: Person = key.open(person)?;
        let had = self.payment_methods(tx, &[&key]).await?;
        let methods = match wanted.payment_methods {
            Some(wanted) => resolve(wanted, &had)?,
            None => had.clone(),
        };
        let mut fields = changed(&before, &wanted.person);
        fields.extend((methods != had).then(|| "payment_methods".to_owned()));
        let version = u64::try_from(row.version).unwrap_or_default();
        if fields.is_empty() {
            return Ok(shown(row.id, before, &methods, (row.created_at, row.updated_at), version));
        }
        let now = Utc::now().trunc_subsecs(6).max(row.updated_at);
        let person = key.seal(&wanted.person)?;
        customers::update(tx, row.id, &person, row.version + 1, now).await?;
        chassis::failpoint!("orders.customer.after_row");
        if methods != had {
            replace(tx, &key, &methods).await?;
        }
        let data = CustomerUpdated {
            customer_id: row.id,
            auth_user_id: row.auth_user_id,
            person: key.travelling(&person),
            changed: fields,
            updated_at: now,
        };
        tx.enqueue(Event::new(row.id.to_string(), version + 1, data))?;
        chassis::failpoint!("orders.customer.after_outbox");
        tx.on_commit(|| metrics::counter!(names::CUSTOMERS, "what" => "updated").increment(1));
        Ok(shown(row.id, wanted.person, &methods, (row.created_at, now), version + 1))
    }
}

async fn replace(tx: &mut PgConnection, key: &DataKey, methods: &[Owned]) -> Result<(), Error> {
    let sealed = methods.iter().map(|(id, method)| Ok((*id, key.seal_item(*id, method)?)));
    let sealed = sealed.collect::<anyhow::Result<Vec<_>>>()?;
    payment_methods::replace(tx, key.person, &sealed).await?;
    Ok(())
}

/// Gives each wanted payment methods its id: that of the one that is kept, or of one that is the same,
/// so that a request that comes again changes nothing.
fn resolve(wanted: Vec<WantedPaymentMethod>, had: &[Owned]) -> Result<Vec<Owned>, FieldErrors> {
    let mut fields = FieldErrors::default();
    let mut free: Vec<_> = had.iter().filter(|(id, _)| wanted.iter().all(|wanted| wanted.id != Some(*id))).collect();
    let mut resolved = Vec::new();
    for (index, wanted) in wanted.into_iter().enumerate() {
        let kept = had.iter().find(|(id, _)| Some(*id) == wanted.id);
        if wanted.id.is_some() && kept.is_none() {
            fields
                .refuse(format!("payment_methods[{index}].id"), "unknown payment method: leave the id out to add one");
            continue;
        }
        let Some(method) = wanted.into_payment_method(kept.map(|(_, method)| method)) else { continue };
        let id = kept.map(|(id, _)| *id).unwrap_or_else(|| {
            let same = free.iter().position(|(_, other)| *other == method);
            same.map_or_else(Uuid::now_v7, |same| free.remove(same).0)
        });
        resolved.push((id, method));
    }
    if fields.is_empty() { Ok(resolved) } else { Err(fields) }
}
