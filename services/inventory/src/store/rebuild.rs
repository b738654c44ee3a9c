//! What the operations say, beside what the projection and the snapshots hold.

use sqlx::PgConnection;
use uuid::Uuid;

/// Begins a transaction that reads tables whole, which connections otherwise avoid.
pub const WHOLE: &str = "BEGIN; SET LOCAL plan_cache_mode = force_custom_plan;
    SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on";

/// What is stored of a product's stock, and what its operations come to.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Compared {
    pub product_id: Uuid,
    /// The projection's version, operations, pieces on hand and pieces reserved.
    pub version: i64,
    pub operations: i64,
    pub on_hand: i64,
    pub reserved: i64,
    /// The version of the newest operation.
    pub newest: i64,
    /// How many operations there are.
    pub counted: i64,
    /// The pieces on hand that they come to.
    pub summed_on_hand: i64,
    /// The pieces reserved that they come to.
    pub summed_reserved: i64,
    /// The pieces that open reservations hold.
    pub held: i64,
}

/// Compares one product, or all: in one statement, which sees one moment. With snapshots, sums begin
/// at each product's newest one; without, at its first operation.
pub async fn compare(
    connection: &mut PgConnection,
    product: Option<Uuid>,
    from_snapshots: bool,
) -> sqlx::Result<Vec<Compared>> {
    sqlx::query_as(
        "SELECT s.product_id, s.version, s.operations, s.on_hand, s.reserved,
                greatest(coalesce(o.newest, 0), coalesce(snap.product_version, 0)) AS newest,
                coalesce(snap.operations, 0) + o.counted AS counted,
                coalesce(snap.on_hand, 0) + o.on_hand AS summed_on_hand,
                coalesce(snap.reserved, 0) + o.reserved AS summed_reserved,
                coalesce(r.held, 0) AS held
         FROM product_stock s
         LEFT JOIN LATERAL (
             SELECT * FROM product_stock_snapshots n WHERE n.product_id = s.product_id AND $2
             ORDER BY n.product_version DESC LIMIT 1) snap ON true
         CROSS JOIN LATERAL (
             SELECT max(o.product_version) AS newest, count(*) AS counted,
                    coalesce(sum(CASE kind WHEN 'increase' THEN quantity WHEN 'decrease' THEN -quantity END), 0)::bigint
                        AS on_hand,
                    coalesce(sum(CASE kind WHEN 'reserve' THEN quantity WHEN 'release' THEN -quantity END), 0)::bigint
                        AS reserved
             FROM product_stock_operations o
             WHERE o.product_id = s.product_id AND o.product_version > coalesce(snap.product_version, 0)) o
         LEFT JOIN (
             SELECT item.product_id, sum(item.quantity)::bigint AS held
             FROM reservations, unnest(product_ids, quantities) AS item (product_id, quantity)
             WHERE status = 'open' GROUP BY item.product_id) r ON r.product_id = s.product_id
         WHERE $1::uuid IS NULL OR s.product_id = $1
         ORDER BY s.product_id",
    )
    .bind(product)
    .bind(from_snapshots)
    .fetch_all(connection)
    .await
}

/// Stores what the operations say; the product's row is locked.
pub async fn mend(connection: &mut PgConnection, compared: &Compared) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE product_stock
         SET version = greatest(version, $2), operations = $3, on_hand = $4, reserved = $5 WHERE product_id = $1",
    )
    .bind(compared.product_id)
    .bind(compared.newest)
    .bind(compared.counted)
    .bind(compared.summed_on_hand)
    .bind(compared.summed_reserved)
    .execute(connection)
    .await
    .map(drop)
}

/// A snapshot that is not what the operations up to it come to.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct WrongSnapshot {
    pub product_id: Uuid,
    /// The pieces that it held: on hand, or reserved where only those differ.
    pub stored: i64,
    /// The pieces that the operations come to.
    pub computed: i64,
}

/// Mends the snapshots that are wrong, and tells which ones were.
pub async fn mend_snapshots(connection: &mut PgConnection) -> sqlx::Result<Vec<WrongSnapshot>> {
    sqlx::query_as(
        "WITH running AS (
             SELECT product_id, product_version, row_number() OVER history AS operations,
                    coalesce(sum(CASE kind WHEN 'increase' THEN quantity WHEN 'decrease' THEN -quantity END)
                        OVER history, 0)::bigint AS on_hand,
                    coalesce(sum(CASE kind WHEN 'reserve' THEN quantity WHEN 'release' THEN -quantity END)
                        OVER history, 0)::bigint AS reserved
             FROM product_stock_operations
             WINDOW history AS (PARTITION BY product_id ORDER BY product_version)),
         wrong AS (
             SELECT n.product_id, n.product_version, r.operations, r.on_hand, r.reserved,
                    CASE WHEN n.on_hand = r.on_hand THEN n.reserved ELSE n.on_hand END AS stored,
                    CASE WHEN n.on_hand = r.on_hand THEN r.reserved ELSE r.on_hand END AS computed
             FROM product_stock_snapshots n JOIN running r USING (product_id, product_version)
             WHERE (n.operations, n.on_hand, n.reserved) <> (r.operations, r.on_hand, r.reserved))
         UPDATE product_stock_snapshots n
         SET operations = wrong.operations, on_hand = wrong.on_hand, reserved = wrong.reserved
         FROM wrong WHERE n.product_id = wrong.product_id AND n.product_version = wrong.product_version
         RETURNING n.product_id, wrong.stored, wrong.computed",
    )
    .fetch_all(connection)
    .await
}
