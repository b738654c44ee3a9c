//! Table `products`, read with the stock of each.

use super::unsigned;
use crate::domain::Stock;
use crate::error::Error;
use chrono::{DateTime, Utc};
use contracts::money::{Currency, Money};
use contracts::rest::inventory as rest;
use postgres::is_violation_of;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, PgPool, Row};
use uuid::Uuid;

/// A product with its stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub id: Uuid,
    /// The merchant's number for it.
    pub sku: String,
    pub name: String,
    pub description: Option<String>,
    pub price: Money,
    pub active: bool,
    pub stock: Stock,
    /// Grows by one with every event about it.
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl Product {
    #[must_use]
    pub fn seen(self, by_operator: bool) -> rest::Product {
        rest::Product {
            id: self.id,
            sku: self.sku,
            name: self.name,
            description: self.description,
            price: self.price,
            active: self.active,
            stock: seen(self.stock, by_operator),
            created_at: self.created_at,
            updated_at: self.updated_at,
            version: unsigned(self.version),
        }
    }

    /// What is searched: see the table.
    fn search(&self) -> String {
        format!("{}\n{}", self.name, self.sku).to_lowercase()
    }
}

/// Stock as a caller sees it: how much is in the warehouse is the merchant's business.
#[must_use]
pub fn seen(stock: Stock, by_operator: bool) -> rest::Stock {
    rest::Stock {
        available: stock.available(),
        on_hand: by_operator.then_some(stock.on_hand),
        reserved: by_operator.then_some(stock.reserved),
    }
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT p.id, p.sku, p.name, p.description, p.price_minor, p.currency, p.active, s.on_hand, s.reserved,
                 s.version, p.created_at, p.updated_at
             FROM products p JOIN product_stock s ON s.product_id = p.id ",
            $condition
        )
    };
}

impl FromRow<'_, PgRow> for Product {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let code: &str = row.try_get("currency")?;
        let currency =
            Currency::from_code(code).ok_or_else(|| sqlx::Error::Decode(format!("currency {code}").into()))?;
        Ok(Self {
            id: row.try_get("id")?,
            sku: row.try_get("sku")?,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            price: Money::new(row.try_get("price_minor")?, currency),
            active: row.try_get("active")?,
            stock: Stock { on_hand: row.try_get("on_hand")?, reserved: row.try_get("reserved")? },
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

pub async fn insert(connection: &mut PgConnection, product: &Product) -> Result<(), Error> {
    let statement = "INSERT INTO products
             (id, sku, name, description, price_minor, currency, active, search, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)";
    write(connection, statement, product).await
}

pub async fn update(connection: &mut PgConnection, product: &Product) -> Result<(), Error> {
    let statement = "UPDATE products SET sku = $2, name = $3, description = $4, price_minor = $5, currency = $6,
             active = $7, search = $8, updated_at = $9
         WHERE id = $1";
    write(connection, statement, product).await
}

async fn write(connection: &mut PgConnection, statement: &'static str, product: &Product) -> Result<(), Error> {
    let written = sqlx::query(statement)
        .bind(product.id)
        .bind(&product.sku)
        .bind(&product.name)
        .bind(&product.description)
        .bind(product.price.minor)
        .bind(product.price.currency.code())
        .bind(product.active)
        .bind(product.search())
        .bind(product.updated_at)
        .execute(connection)
        .await;
    written.map(drop).map_err(sku_taken)
}

fn sku_taken(error: sqlx::Error) -> Error {
    if is_violation_of(&error, "products_sku_key") { Error::SkuTaken } else { error.into() }
}

/// The product, with its row locked for a change.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Product, Error> {
    // First the row that everybody locks: what is read after that is the newest.
    sqlx::query("SELECT FROM product_stock WHERE product_id = $1 FOR NO KEY UPDATE")
        .bind(id)
        .execute(&mut *connection)
        .await?;
    let product = sqlx::query_as(select!("WHERE p.id = $1")).bind(id).fetch_optional(connection).await?;
    product.ok_or(Error::UnknownProduct)
}

/// Those of the products that exist; only active ones, unless all are to be seen.
pub async fn by_ids(pool: &PgPool, ids: &[Uuid], all: bool) -> sqlx::Result<Vec<Product>> {
    sqlx::query_as(select!("WHERE p.id = ANY($1) AND (p.active OR $2)")).bind(ids).bind(all).fetch_all(pool).await
}

#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those that are older than this one.
    pub before: Option<Uuid>,
    /// Only those whose name or SKU contains this.
    pub search: Option<String>,
    /// Those that are not active, too.
    pub all: bool,
}

pub async fn list(pool: &PgPool, filter: &Filter, limit: i64) -> sqlx::Result<Vec<Product>> {
    // The greatest id, and a statement of their own for searches, not `$2 IS NULL OR …`: so an index leads to either.
    let all = select!(
        "WHERE (p.active OR $1) AND p.id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
               ORDER BY p.id DESC LIMIT $3"
    );
    let found = select!(
        "WHERE (p.active OR $1) AND p.id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
                   AND p.search LIKE $4
                 ORDER BY p.id DESC LIMIT $3"
    );
    let statement = if filter.search.is_some() { found } else { all };
    let query = sqlx::query_as(statement).bind(filter.all).bind(filter.before).bind(limit);
    let query = match &filter.search {
        Some(text) => query.bind(containing(text)),
        None => query,
    };
    query.fetch_all(pool).await
}

/// The pattern of texts that contain `text` as it is, in lower case.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern + "%"
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_pattern_takes_its_own_signs_as_they_are() {
        assert_eq!(super::containing("50% _Off\\"), "%50\\% \\_off\\\\%");
    }
}
