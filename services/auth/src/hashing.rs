//! Argon2id, computed off the asynchronous threads, as many at once as the machine bears.

use crate::{config::Passwords, domain::Candidate, error::Error, metrics as names};
use anyhow::{Context as _, anyhow};
use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::sync::Semaphore;

/// Hashes and verifies passwords. Clones share their bounds.
///
/// A hash takes 19 MiB and tens of milliseconds on purpose, so a flood of log-ins must neither
/// occupy all memory nor every thread: `turns` bounds what is computed at once, and `seats` what
/// waits for it. One request too many is sent away at once.
#[derive(Clone)]
pub struct Hasher {
    inner: Arc<Inner>,
}

struct Inner {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    seats: Arc<Semaphore>,
    seat_count: usize,
    /// Stands in for the hash of accounts that do not exist.
    decoy: String,
    computed: AtomicU64,
}

/// What verifying told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Right,
    /// The password is right, but was hashed with parameters of old.
    RightButOld,
    /// The password is wrong, or there is none.
    Wrong,
}

impl Hasher {
    /// Makes a hasher, and its decoy.
    ///
    /// # Errors
    /// Fails when Argon2 refuses the parameters.
    pub fn new(config: &Passwords) -> anyhow::Result<Self> {
        let params = Params::new(config.memory_kib, config.passes, 1, None)
            .map_err(|error| anyhow!("Argon2 refuses the parameters: {error}"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = encode(&argon2, b"the password of nobody")?;
        let turns = config.at_once.unwrap_or_else(processors);
        let seat_count = turns + config.waiting;
        let inner = Inner {
            argon2,
            turns: Arc::new(Semaphore::new(turns)),
            seats: Arc::new(Semaphore::new(seat_count)),
            seat_count,
            decoy,
            computed: AtomicU64::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Hashes a password with a new salt, as a PHC string.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait.
    pub async fn hash(&self, password: Candidate) -> Result<String, Error> {
        self.compute(move |inner| encode(&inner.argon2, password.expose())).await
    }

    /// Verifies a password by the hash of its account. Where there is no account, it does the same
    /// work for nothing, so that the time of the answer tells nobody which accounts exist.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait; [`Error::Internal`] when the hash cannot be read.
    pub async fn verify(&self, password: Candidate, hash: Option<String>) -> Result<Verdict, Error> {
        self.compute(move |inner| {
            let exists = hash.is_some();
            let text = hash.as_ref().unwrap_or(&inner.decoy);
            let hash = PasswordHash::new(text).map_err(|error| anyhow!("a stored hash cannot be read: {error}"))?;
            let fits = inner.argon2.verify_password(password.expose(), &hash).is_ok();
            let current = Params::try_from(&hash).is_ok_and(|params| {
                let ours = inner.argon2.params();
                (params.m_cost(), params.t_cost()) == (ours.m_cost(), ours.t_cost())
            });
            Ok(match (exists && fits, current) {
                (true, true) => Verdict::Right,
                (true, false) => Verdict::RightButOld,
                (false, _) => Verdict::Wrong,
            })
        })
        .await
    }

    /// How many hashes were computed so far: the work that a request causes, without a clock.
    #[must_use]
    pub fn computed(&self) -> u64 {
        self.inner.computed.load(Ordering::SeqCst)
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let Ok(seat) = Arc::clone(&self.inner.seats).try_acquire_owned() else {
            metrics::counter!(names::HASHES_SHED).increment(1);
            return Err(Error::Busy);
        };
        self.report();
        let turn = Arc::clone(&self.inner.turns).acquire_owned().await.context("never closed")?;
        let inner = Arc::clone(&self.inner);
        let outcome = tokio::task::spawn_blocking(move || {
            // Held in here: a request that was cancelled still occupies a processor until the end.
            let _held = (seat, turn);
            let began = Instant::now();
            let outcome = work(&inner);
            inner.computed.fetch_add(1, Ordering::SeqCst);
            metrics::histogram!(names::HASH_DURATION).record(began.elapsed().as_secs_f64());
            outcome
        })
        .await;
        self.report();
        Ok(outcome.context("hashing a password panicked")??)
    }

    #[allow(clippy::cast_precision_loss)]
    fn report(&self) {
        let under_way = self.inner.seat_count - self.inner.seats.available_permits();
        metrics::gauge!(names::HASHES_UNDER_WAY).set(under_way as f64);
    }
}

fn encode(argon2: &Argon2<'_>, password: &[u8]) -> anyhow::Result<String> {
    let hash = argon2.hash_password(password);
    Ok(hash.map_err(|error| anyhow!("a password could not be hashed: {error}"))?.to_string())
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(text: &str) -> Candidate {
        Candidate::parse(text.into()).unwrap()
    }

    fn hasher(config: Passwords) -> Hasher {
        Hasher::new(&config).unwrap()
    }

    #[tokio::test]
    async fn right_and_wrong_and_unknown_cost_one_hash_each() {
        let hasher = hasher(Passwords::default());
        let hash = hasher.hash(candidate("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        for (password, hash, verdict) in [
            ("correct horse", Some(hash.clone()), Verdict::Right),
            ("wrong horse", Some(hash), Verdict::Wrong),
            ("the password of nobody", None, Verdict::Wrong),
        ] {
            let before = hasher.computed();
            assert_eq!(hasher.verify(candidate(password), hash).await.unwrap(), verdict);
            assert_eq!(hasher.computed() - before, 1);
        }
    }

    #[tokio::test]
    async fn a_hash_with_parameters_of_old_is_told() {
        let old = hasher(Passwords::default()).hash(candidate("correct horse")).await.unwrap();
        let hasher = hasher(Passwords { passes: 3, ..Passwords::default() });
        let verdict = hasher.verify(candidate("correct horse"), Some(old)).await.unwrap();
        assert_eq!(verdict, Verdict::RightButOld);
    }

    #[tokio::test]
    async fn a_flood_is_sent_away_and_leaves_no_seat_taken() {
        let config = Passwords { at_once: Some(1), waiting: 1, ..Passwords::default() };
        let hasher = hasher(config);
        let held = Arc::clone(&hasher.inner.turns).acquire_owned().await.unwrap();
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let hasher = hasher.clone();
            waiting.spawn(async move { hasher.hash(candidate("patient")).await });
        }
        while hasher.inner.seats.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(hasher.hash(candidate("too many")).await, Err(Error::Busy)));
        drop(held);
        while let Some(outcome) = waiting.join_next().await {
            assert!(outcome.unwrap().is_ok());
        }
        assert!(hasher.hash(candidate("room again")).await.is_ok());
    }
}
