//! Table `payments`.

use crate::domain::{ChargeOutcome, KnownStep, Lease, Origin, Payment, Status};
use chrono::{DateTime, Utc};
use contracts::command::StepRef;
use contracts::command::checkout::ChargePayment;
use contracts::money::{Currency, Money};
use postgres::column;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

#[derive(FromRow)]
struct Row {
    id: Uuid,
    saga_id: Uuid,
    step: String,
    status: String,
    orders_order_id: Uuid,
    orders_customer_id: Option<Uuid>,
    auth_user_id: Option<Uuid>,
    amount_minor: Option<i64>,
    currency: Option<String>,
    method: Option<String>,
    last_four: Option<String>,
    provider_charge_id: Option<String>,
    decline_reason: Option<String>,
    refunded_minor: i64,
    version: i64,
    charge_step: Option<Json<StepRef>>,
    undo_step: Option<Json<StepRef>>,
    traceparent: Option<String>,
    correlation_id: Option<String>,
    causation_id: Option<Uuid>,
    created_at: DateTime<Utc>,
    settled_at: Option<DateTime<Utc>>,
}

impl Row {
    /// Nothing for a tombstone.
    fn payment(self) -> sqlx::Result<Option<Payment>> {
        let (Some(minor), Some(charge_step)) = (self.amount_minor, self.charge_step) else { return Ok(None) };
        let wrong = |what: &str| sqlx::Error::Decode(format!("payment {}: {what}", self.id).into());
        let code = self.currency.unwrap_or_default();
        let method = self.method.unwrap_or_default();
        Ok(Some(Payment {
            id: self.id,
            saga_id: self.saga_id,
            status: self.status.parse().map_err(|_| wrong("status"))?,
            amount: Money::new(minor, Currency::from_code(&code).ok_or_else(|| wrong("currency"))?),
            method: method.parse().map_err(|_| wrong("method"))?,
            orders_order_id: self.orders_order_id,
            orders_customer_id: self.orders_customer_id.ok_or_else(|| wrong("customer"))?,
            auth_user_id: self.auth_user_id.ok_or_else(|| wrong("user"))?,
            step: self.step,
            last_four: self.last_four,
            provider_charge_id: self.provider_charge_id,
            decline_reason: self.decline_reason,
            refunded_minor: self.refunded_minor,
            version: self.version,
            charge_step: charge_step.0,
            undo_step: self.undo_step.map(|step| step.0),
            origin: Origin {
                traceparent: self.traceparent,
                correlation_id: self.correlation_id,
                causation_id: self.causation_id,
            },
            created_at: self.created_at,
            settled_at: self.settled_at,
        }))
    }
}

/// Reads a payment out of a row of the whole table; nothing for a tombstone. Fails when the row is not what this
/// version writes.
pub fn read(row: &PgRow) -> sqlx::Result<Option<Payment>> {
    Row::from_row(row)?.payment()
}

fn whole(row: Option<Row>) -> sqlx::Result<Option<Payment>> {
    row.map_or(Ok(None), Row::payment)
}

/// Without the tombstones.
fn all_whole(rows: Vec<Row>) -> sqlx::Result<Vec<Payment>> {
    rows.into_iter().filter_map(|row| row.payment().transpose()).collect()
}

/// What a command wants charged, and where it comes from.
pub struct Intent {
    pub command: ChargePayment,
    pub origin: Origin,
}

/// A payment that was added, with the call that charges it.
#[derive(FromRow)]
struct RecordedRow {
    #[sqlx(flatten)]
    row: Row,
    claimed: bool,
    keeps_token: bool,
}

/// A payment that was added, with the call that charges it.
pub struct Recorded {
    pub payment: Payment,
    /// Whether the call was written as claimed.
    pub claimed: bool,
    /// Whether the call holds the token: that of an erased customer is not kept.
    pub keeps_token: bool,
}

/// Adds the payments of commands with the calls that charge them, in one statement; leaves out those whose saga and step
/// are known. The first `claimed` calls are written as claimed. Where nothing is to be charged there is no call.
pub async fn record(
    connection: &mut PgConnection,
    intents: &[Intent],
    claimed: usize,
    lease: Lease,
) -> sqlx::Result<Vec<Recorded>> {
    let rows: Vec<RecordedRow> = sqlx::query_as(
        "WITH new AS MATERIALIZED (
             SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::bigint[],
                     $8::text[], $9::text[], $10::text[], $11::jsonb[], $12::text[], $13::text[], $14::uuid[], $15::text[])
                 WITH ORDINALITY AS new (id, saga_id, step, orders_order_id, orders_customer_id, auth_user_id,
                     amount_minor, currency, method, last_four, charge_step, traceparent, correlation_id, causation_id,
                     token, number)),
         added AS (
             INSERT INTO payments (id, saga_id, step, status, orders_order_id, orders_customer_id, auth_user_id,
                 amount_minor, currency, method, last_four, charge_step, traceparent, correlation_id, causation_id)
             SELECT id, saga_id, step, 'pending', orders_order_id, orders_customer_id, auth_user_id,
                 amount_minor, currency, method, last_four, charge_step, traceparent, correlation_id, causation_id
             FROM new ON CONFLICT (saga_id, step) DO NOTHING RETURNING *),
         calls AS (
             INSERT INTO provider_calls (id, payment_id, kind, provider_token, begun, tries, lease, leased_until)
             SELECT id, id, 'charge',
                 CASE WHEN EXISTS (SELECT FROM erased_customers e WHERE e.orders_customer_id = new.orders_customer_id)
                     THEN NULL ELSE token END,
                 number <= $16, (number <= $16)::int, CASE WHEN number <= $16 THEN $17::uuid END,
                 CASE WHEN number <= $16 THEN clock_timestamp() + make_interval(secs => $18) END
             FROM added JOIN new USING (id) WHERE added.amount_minor > 0
             RETURNING id, begun, provider_token)
         SELECT added.*, coalesce(begun, false) AS claimed, provider_token IS NOT NULL AS keeps_token
         FROM added LEFT JOIN calls USING (id)",
    )
    .bind(column(intents, |_| Uuid::now_v7()))
    .bind(column(intents, |it| it.command.step.saga_id))
    .bind(column(intents, |it| &*it.command.step.step))
    .bind(column(intents, |it| it.command.orders_order_id))
    .bind(column(intents, |it| it.command.orders_customer_id))
    .bind(column(intents, |it| it.command.auth_user_id))
    .bind(column(intents, |it| it.command.amount.minor))
    .bind(column(intents, |it| it.command.amount.currency.code()))
    .bind(column(intents, |it| it.command.method.into_str()))
    .bind(column(intents, |it| it.command.last_four.as_deref()))
    .bind(column(intents, |it| Json(&it.command.step)))
    .bind(column(intents, |it| it.origin.traceparent.as_deref()))
    .bind(column(intents, |it| it.origin.correlation_id.as_deref()))
    .bind(column(intents, |it| it.origin.causation_id))
    .bind(column(intents, |it| &*it.command.provider_token))
    .bind(i64::try_from(claimed).unwrap_or(i64::MAX))
    .bind(lease.id)
    .bind(lease.length.as_secs_f64())
    .fetch_all(connection)
    .await?;
    let recorded = |RecordedRow { row, claimed, keeps_token }| {
        row.payment().map(|payment| payment.map(|payment| Recorded { payment, claimed, keeps_token })).transpose()
    };
    rows.into_iter().filter_map(recorded).collect()
}

/// Leaves word that a step was undone before it came; `false` when it had come meanwhile.
pub async fn insert_tombstone(
    connection: &mut PgConnection,
    step: &StepRef,
    orders_order_id: Uuid,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO payments (id, saga_id, step, status, orders_order_id, undo_step, settled_at)
         VALUES ($1, $2, $3, 'undone', $4, $5, now()) ON CONFLICT (saga_id, step) DO NOTHING",
    )
    .bind(Uuid::now_v7())
    .bind(step.saga_id)
    .bind(&step.step)
    .bind(orders_order_id)
    .bind(Json(step))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// What is known of a saga's step; holds off its other changes until the transaction ends.
pub async fn hold_step(connection: &mut PgConnection, saga_id: Uuid, step: &str) -> sqlx::Result<Option<KnownStep>> {
    let row: Option<Row> = sqlx::query_as("SELECT * FROM payments WHERE saga_id = $1 AND step = $2 FOR UPDATE")
        .bind(saga_id)
        .bind(step)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(row.payment()?.map_or(KnownStep::Tombstone, |payment| KnownStep::Payment(Box::new(payment)))))
}

/// The payment; holds off its other changes until the transaction ends.
pub async fn hold(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Payment>> {
    let query = sqlx::query_as("SELECT * FROM payments WHERE id = $1 FOR UPDATE").bind(id);
    whole(query.fetch_optional(connection).await?)
}

/// The payments of sagas' steps, in no order; steps without one are left out.
pub async fn by_steps(pool: &PgPool, steps: &[impl AsRef<(Uuid, String)>]) -> sqlx::Result<Vec<Payment>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT p.* FROM unnest($1::uuid[], $2::text[]) AS asked (saga_id, step) JOIN payments p USING (saga_id, step)",
    )
    .bind(column(steps, |it| it.as_ref().0))
    .bind(column(steps, |it| &*it.as_ref().1))
    .fetch_all(pool)
    .await?;
    all_whole(rows)
}

/// The payment with this id, nothing but `owner`'s, where one is given.
pub async fn by_id(pool: &PgPool, id: Uuid, owner: Option<Uuid>) -> sqlx::Result<Option<Payment>> {
    let query = sqlx::query_as("SELECT * FROM payments WHERE id = $1 AND ($2 IS NULL OR auth_user_id = $2)");
    whole(query.bind(id).bind(owner).fetch_optional(pool).await?)
}

/// The newest payment of each of these orders, nothing but `owner`'s, where one is given.
pub async fn by_orders(pool: &PgPool, orders: &[Uuid], owner: Option<Uuid>) -> sqlx::Result<Vec<Payment>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT DISTINCT ON (orders_order_id) * FROM payments
         WHERE orders_order_id = ANY($1) AND ($2 IS NULL OR auth_user_id = $2) AND amount_minor IS NOT NULL
         ORDER BY orders_order_id, created_at DESC",
    )
    .bind(orders)
    .bind(owner)
    .fetch_all(pool)
    .await?;
    all_whole(rows)
}

/// Notes a newer command for a payment that is pending.
pub async fn note_charge_step(connection: &mut PgConnection, id: Uuid, step: &StepRef) -> sqlx::Result<()> {
    let query = sqlx::query("UPDATE payments SET charge_step = $2 WHERE id = $1").bind(id).bind(Json(step));
    query.execute(connection).await.map(drop)
}

/// Notes a newer compensation, whose origin the outcome has from now on.
pub async fn note_undo_step(
    connection: &mut PgConnection,
    id: Uuid,
    step: &StepRef,
    origin: &Origin,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE payments SET undo_step = $2, traceparent = $3, correlation_id = $4, causation_id = $5 WHERE id = $1",
    )
    .bind(id)
    .bind(Json(step))
    .bind(&origin.traceparent)
    .bind(&origin.correlation_id)
    .bind(origin.causation_id)
    .execute(connection)
    .await
    .map(drop)
}

/// Ends a payment that the provider never heard of.
pub async fn undo(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<()> {
    let query = sqlx::query("UPDATE payments SET status = 'undone', settled_at = now() WHERE id = $1").bind(id);
    query.execute(connection).await.map(drop)
}

/// Writes the outcomes of those payments that are pending, and holds off their other changes; tells which. What an
/// erased customer's payment must not keep goes with it, and so do the calls with their tokens.
pub async fn settle(connection: &mut PgConnection, outcomes: &[(Uuid, ChargeOutcome)]) -> sqlx::Result<Vec<Payment>> {
    let (mut ids, mut statuses, mut charges, mut reasons) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (id, outcome) in outcomes {
        let (status, charge, reason) = match outcome {
            ChargeOutcome::Captured { charge_id } => (Status::Captured, Some(&**charge_id), None),
            ChargeOutcome::Declined { reason } => (Status::Declined, None, Some(&**reason)),
        };
        ids.push(*id);
        statuses.push(status.into_str());
        charges.push(charge);
        reasons.push(reason);
    }
    let rows: Vec<Row> = sqlx::query_as(
        "WITH settled AS (
             UPDATE payments p SET status = new.status, provider_charge_id = new.charge, decline_reason = new.reason,
                 settled_at = now(), version = version + 1,
                 last_four = CASE WHEN EXISTS (SELECT FROM erased_customers e
                     WHERE e.orders_customer_id = p.orders_customer_id) THEN NULL ELSE last_four END
             FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS new (id, status, charge, reason)
             WHERE p.id = new.id AND p.status = 'pending' RETURNING p.*),
         called AS (DELETE FROM provider_calls WHERE id = ANY($1))
         SELECT * FROM settled",
    )
    .bind(ids)
    .bind(statuses)
    .bind(charges)
    .bind(reasons)
    .fetch_all(connection)
    .await?;
    all_whole(rows)
}

/// Adds to what was given back. Fails when the database does, or when it would be more than was captured.
pub async fn add_refunded(connection: &mut PgConnection, id: Uuid, minor: i64) -> sqlx::Result<Option<Payment>> {
    let query = sqlx::query_as(
        "UPDATE payments SET refunded_minor = refunded_minor + $2, version = version + 1 WHERE id = $1 RETURNING *",
    );
    whole(query.bind(id).bind(minor).fetch_optional(connection).await?)
}

/// Holds a customer's payments: until the transaction ends nobody changes them or adds refunds.
pub async fn hold_customer(connection: &mut PgConnection, customer: Uuid) -> sqlx::Result<()> {
    sqlx::query("SELECT FROM payments WHERE orders_customer_id = $1 ORDER BY id FOR UPDATE")
        .bind(customer)
        .execute(connection)
        .await
        .map(drop)
}

/// Forgets the last digits of a customer's payment methods.
pub async fn forget_customer(connection: &mut PgConnection, customer: Uuid) -> sqlx::Result<()> {
    sqlx::query("UPDATE payments SET last_four = NULL WHERE orders_customer_id = $1 AND last_four IS NOT NULL")
        .bind(customer)
        .execute(connection)
        .await
        .map(drop)
}
