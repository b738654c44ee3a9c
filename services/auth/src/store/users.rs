//! Table `users`.

use crate::domain::{Email, FullName, User};
use crate::error::Error;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, PgPool, Row};
use uuid::Uuid;

/// An account with what decides on its log-ins.
pub struct Account {
    pub user: User,
    /// The PHC string of its password.
    pub password_hash: String,
    /// Grows with every change of the password.
    pub password_version: i64,
    pub is_active: bool,
}

impl FromRow<'_, PgRow> for Account {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let roles: Vec<String> = row.try_get("roles")?;
        let user = User {
            id: row.try_get("id")?,
            email: Email::stored(row.try_get("email")?),
            full_name: FullName::stored(row.try_get("full_name")?),
            roles: roles.iter().filter_map(|role| role.parse().ok()).collect(),
            created_at: row.try_get("created_at")?,
        };
        Ok(Self {
            user,
            password_hash: row.try_get("password_hash")?,
            password_version: row.try_get("password_version")?,
            is_active: row.try_get("is_active")?,
        })
    }
}

/// Adds an account. Fails with [`Error::EmailTaken`] when there is one with this e-mail.
pub async fn insert(connection: &mut PgConnection, user: &User, password_hash: &str) -> Result<(), Error> {
    // No violation, whose detail would put the e-mail into the database's log.
    let inserted = sqlx::query(
        "INSERT INTO users (id, email, full_name, password_hash, roles, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (email) DO NOTHING",
    )
    .bind(user.id)
    .bind(user.email.as_str())
    .bind(user.full_name.as_str())
    .bind(password_hash)
    .bind(user.role_names())
    .bind(user.created_at)
    .execute(connection)
    .await?;
    if inserted.rows_affected() == 1 { Ok(()) } else { Err(Error::EmailTaken) }
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT id, email, full_name, password_hash, password_version, roles, is_active, created_at FROM users ",
            $condition
        )
    };
}

pub async fn by_email(pool: &PgPool, email: &Email) -> sqlx::Result<Option<Account>> {
    sqlx::query_as(select!("WHERE email = $1")).bind(email.as_str()).fetch_optional(pool).await
}

pub async fn by_id(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Account>> {
    sqlx::query_as(select!("WHERE id = $1")).bind(id).fetch_optional(connection).await
}

/// Whether the account is active and its password still the one that was verified; holds off
/// changes of either until the transaction ends.
pub async fn hold(connection: &mut PgConnection, id: Uuid, password_version: i64) -> sqlx::Result<bool> {
    let held: Option<bool> =
        sqlx::query_scalar("SELECT is_active FROM users WHERE id = $1 AND password_version = $2 FOR SHARE")
            .bind(id)
            .bind(password_version)
            .fetch_optional(connection)
            .await?;
    Ok(held == Some(true))
}

/// Changes the password, if it is still the one that was verified.
pub async fn change_password(
    connection: &mut PgConnection,
    id: Uuid,
    verified_version: i64,
    password_hash: &str,
) -> sqlx::Result<bool> {
    let changed = sqlx::query(
        "UPDATE users SET password_hash = $3, password_version = password_version + 1, updated_at = now()
         WHERE id = $1 AND password_version = $2 AND is_active",
    )
    .bind(id)
    .bind(verified_version)
    .bind(password_hash)
    .execute(connection)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// Deletes an account with its sessions and tokens; `false` when there is none.
pub async fn delete(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<bool> {
    let deleted = sqlx::query("DELETE FROM users WHERE id = $1").bind(id).execute(connection).await?;
    Ok(deleted.rows_affected() == 1)
}

pub async fn rehash(pool: &PgPool, account: &Account, password_hash: &str) -> sqlx::Result<()> {
    sqlx::query("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_version = $2")
        .bind(account.user.id)
        .bind(account.password_version)
        .bind(password_hash)
        .execute(pool)
        .await
        .map(drop)
}
