//! What must be true of money when everything has come to rest: the payment provider's own ledger, payments' tables and
//! the orders are of one mind.

use crate::{
    books::{is_confirmed, number},
    client,
};
use anyhow::ensure;
use contracts::rest::orders::Order;
use kit::{Sandbox, Stack};
use serde::Deserialize;
use sqlx::{Connection as _, PgConnection};
use std::collections::{BTreeMap, BTreeSet};

/// The provider's ledger.
#[derive(Debug, Deserialize)]
pub struct Ledger {
    charges: Vec<Charge>,
    refunds: Vec<Refund>,
}

#[derive(Debug, Deserialize)]
struct Charge {
    id: String,
    /// Begins with the order's id.
    idempotency_key: String,
    status: String,
    amount: Amount,
}

#[derive(Debug, Deserialize)]
struct Refund {
    id: String,
    charge_id: String,
    idempotency_key: String,
    amount: Amount,
}

#[derive(Debug, Deserialize)]
struct Amount {
    minor: i64,
}

/// A charge or refund as both sides know it: its key, what came of it or what it is of, how much, the provider's id.
type Entry = (String, String, i64, Option<String>);

impl Charge {
    fn is_captured(&self) -> bool {
        self.status == "captured"
    }

    fn entry(&self) -> Entry {
        let id = self.is_captured().then(|| self.id.clone());
        (self.idempotency_key.clone(), self.status.clone(), self.amount.minor, id)
    }
}

impl Refund {
    fn entry(&self) -> Entry {
        (self.idempotency_key.clone(), self.charge_id.clone(), self.amount.minor, Some(self.id.clone()))
    }
}

impl Ledger {
    /// Asks the provider for its ledger. Fails when the provider does not answer.
    pub async fn read(stack: &Stack, secret: &str) -> anyhow::Result<Self> {
        let request = client().get(format!("{}/payments/v1/ledger", stack.url("providers"))).bearer_auth(secret);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// Money (5): captured less refunded is the sum of confirmed orders, so that all others have theirs back; no order
    /// is charged twice, and nothing is charged without one. Fails when it is not so.
    pub fn is_conserved(&self, orders: &[Order]) -> anyhow::Result<()> {
        let mut kept = BTreeMap::<&str, i64>::new();
        for charge in self.charges.iter().filter(|charge| charge.is_captured()) {
            let order = charge.idempotency_key.split(':').next().unwrap_or_default();
            ensure!(!kept.contains_key(order), "order {order} is charged twice");
            let refunds = self.refunds.iter().filter(|refund| refund.charge_id == charge.id);
            kept.insert(order, charge.amount.minor - refunds.map(|refund| refund.amount.minor).sum::<i64>());
        }
        for order in orders {
            let (id, expected) = (order.id.to_string(), if is_confirmed(order) { order.total.minor } else { 0 });
            let kept = kept.remove(id.as_str()).unwrap_or(0);
            ensure!(kept == expected, "order {id} is {:?} and {kept} of {expected} was kept", order.status);
        }
        ensure!(kept.is_empty(), "charged for no order: {kept:?}");
        Ok(())
    }

    /// What payments has written down is what the provider did: the same charges, the same refunds, nothing more and
    /// nothing less. Fails when they differ.
    pub async fn agrees(&self, sandbox: &Sandbox) -> anyhow::Result<()> {
        let mut payments = PgConnection::connect(sandbox.postgres("payments")).await?;
        // Undone are those of which the provider must never have heard.
        let charges = sqlx::query_as(
            "SELECT concat(saga_id, ':', step), status, amount_minor, provider_charge_id
             FROM payments WHERE status <> 'undone'",
        );
        is_same("charges", charges.fetch_all(&mut payments).await?, self.charges.iter().map(Charge::entry))?;
        let refunds = sqlx::query_as(
            "SELECT concat('refund:', refund.id), provider_charge_id, refund.amount_minor, provider_refund_id
             FROM refunds refund JOIN payments ON payments.id = payment_id",
        );
        is_same("refunds", refunds.fetch_all(&mut payments).await?, self.refunds.iter().map(Refund::entry))?;
        let wrong: i64 = number(
            &mut payments,
            "SELECT count(*) FROM payments WHERE refunded_minor <>
                 (SELECT coalesce(sum(refunds.amount_minor), 0) FROM refunds WHERE payment_id = payments.id)",
        )
        .await?;
        ensure!(wrong == 0, "{wrong} payments are not the sum of their refunds");
        Ok(())
    }
}

fn is_same(what: &str, written: Vec<Entry>, told: impl Iterator<Item = Entry>) -> anyhow::Result<()> {
    let (written, told) = (BTreeSet::from_iter(written), told.collect());
    let differing: Vec<&Entry> = written.symmetric_difference(&told).take(10).collect();
    ensure!(differing.is_empty(), "{what} that only one of payments and the provider knows: {differing:?}");
    Ok(())
}

/// Every charge and every refund has its outcome, and no call to the provider is left to be made or asked after. Fails
/// when something is pending.
pub async fn is_settled(sandbox: &Sandbox) -> anyhow::Result<()> {
    let mut payments = PgConnection::connect(sandbox.postgres("payments")).await?;
    let (charges, refunds, calls): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM payments WHERE status = 'pending'),
                (SELECT count(*) FROM refunds WHERE status <> 'succeeded'),
                (SELECT count(*) FROM provider_calls)",
    )
    .fetch_one(&mut payments)
    .await?;
    let is_settled = (charges, refunds, calls) == (0, 0, 0);
    ensure!(is_settled, "pending: {charges} payments, {refunds} refunds, {calls} calls to the provider");
    Ok(())
}
