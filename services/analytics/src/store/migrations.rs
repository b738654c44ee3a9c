//! Brings the database to the schema that this version needs.
//!
//! Each file of `migrations/` runs once, in order, and is then noted in `schema_migrations`. ClickHouse
//! has no transactions around DDL, and two processes may start at once: every statement must be safe
//! to run again (`IF NOT EXISTS` and the like).

use super::{Database, StoreError};
use anyhow::Context as _;
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long one statement may take.
const STATEMENT_LIMIT: Duration = Duration::from_secs(120);

macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        const MIGRATIONS: &[Migration] =
            &[$(Migration { name: $name, sql: include_str!(concat!("../../migrations/", $name, ".sql")) }),+];
    };
}

migrations!["0001_clicks", "0002_url_creations", "0003_ingestion", "0004_histories", "0005_statistics_detachments"];

struct Migration {
    name: &'static str,
    sql: &'static str,
}

#[derive(Row, Serialize, Deserialize)]
struct Applied {
    name: String,
    checksum: u64,
}

impl Database {
    /// Runs the migrations that have not run yet.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        self.run("migrate", STATEMENT_LIMIT, JOURNAL).await?;
        let select = self.client.query_raw("SELECT name, checksum FROM schema_migrations");
        let applied = self.rows::<Applied>("migrations", select).await?;
        for migration in MIGRATIONS {
            match applied.iter().find(|applied| applied.name == migration.name) {
                Some(applied) => anyhow::ensure!(
                    applied.checksum == checksum(migration.sql),
                    "migration {} was changed after it ran; write a new one",
                    migration.name
                ),
                None => {
                    let name = migration.name;
                    self.apply(migration).await.with_context(|| format!("migration {name} failed"))?;
                }
            }
        }
        Ok(())
    }

    async fn apply(&self, migration: &Migration) -> Result<(), StoreError> {
        for statement in statements(migration.sql) {
            self.run("migrate", STATEMENT_LIMIT, statement).await?;
        }
        let (name, checksum) = (migration.name.to_owned(), checksum(migration.sql));
        self.insert("schema_migrations", &[Applied { name, checksum }]).await?;
        tracing::info!(migration.name = migration.name, "A migration ran.");
        Ok(())
    }
}

const JOURNAL: &str = "CREATE TABLE IF NOT EXISTS schema_migrations \
    (name String, checksum UInt64, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) \
    ENGINE = ReplacingMergeTree ORDER BY name";

/// The statements of a file: each ends with a semicolon at the end of a line.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n").map(str::trim).filter(|statement| !statement.is_empty())
}

/// FNV-1a: the same in every version of Rust, unlike the standard library's hashes.
fn checksum(sql: &str) -> u64 {
    sql.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_in_order_and_safe_to_repeat() {
        assert!(MIGRATIONS.is_sorted_by(|one, other| one.name < other.name));
        for migration in MIGRATIONS {
            for statement in statements(migration.sql) {
                let is_safe = statement.contains("IF NOT EXISTS") || statement.contains("IF EXISTS");
                assert!(is_safe, "{}: {statement}", migration.name);
            }
        }
    }

    #[test]
    fn the_checksum_is_fnv_1a() {
        assert_eq!(checksum("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
