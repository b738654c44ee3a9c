//! Names of the metrics that auth reports. Those of HTTP, tasks and messaging are the chassis's.

/// Counts accounts that were made.
pub const REGISTRATIONS: &str = "auth_registrations_total";
/// Counts log-ins, by `outcome`: `accepted` or `refused`.
pub const LOGINS: &str = "auth_logins_total";
/// Counts access tokens that were asked for by services, by `outcome`: `accepted` or `refused`.
pub const SERVICE_TOKENS: &str = "auth_service_tokens_total";
/// Counts refreshes, by `outcome`: `accepted`, `refused` or `reused`.
pub const REFRESHES: &str = "auth_refreshes_total";
/// Counts sessions that ended before their time, by `reason`.
pub const SESSIONS_ENDED: &str = "auth_sessions_ended_total";
/// Counts attempts that were refused by a limit, by `limit`.
pub const LIMITED: &str = "auth_limited_total";
/// Counts log-ins by strangers to accounts that are being guessed from many addresses. More than a few an hour are an
/// attack: no limit of one address sees it.
pub const GUESSED: &str = "auth_guessed_log_ins_total";
/// Counts accounts whose deletion ended, by `outcome`: `deleted` or `refused`. Counted before the commit, so once more
/// when the step is run again; `sagas_ended_total` of the kind `account_deletion` counts what was committed.
pub const DELETIONS: &str = "auth_account_deletions_total";
/// Measures computations of Argon2id, without the wait for their turn.
pub const HASH_DURATION: &str = "auth_password_hash_duration_seconds";
/// Tells how many requests compute or wait for a hash.
pub const HASHES_UNDER_WAY: &str = "auth_password_hashes_under_way";
/// Counts requests that were sent away because too many waited for a hash.
pub const HASHES_SHED: &str = "auth_password_hashes_shed_total";
/// Counts signing keys that were made.
pub const KEYS_MADE: &str = "auth_signing_keys_made_total";
/// Tells how many keys are published.
pub const KEYS_PUBLISHED: &str = "auth_signing_keys_published";
/// Counts rows that were dropped because their time was over, by `table`.
pub const PURGED: &str = "auth_purged_total";
