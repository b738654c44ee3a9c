//! Argon2id, computed off the asynchronous threads, as many at once as the machine bears.

use crate::config::Passwords;
use crate::domain::Candidate;
use crate::error::Error;
use crate::metrics as names;
use anyhow::{Context as _, anyhow};
use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bytes of a salt, as RFC 9106 recommends.
const SALT: usize = 16;

/// Hashes and verifies passwords. Clones share their bounds.
///
/// A hash takes 19 MiB and tens of milliseconds on purpose, so a flood of log-ins must neither
/// occupy all memory nor every thread: `turns` bounds what is computed at once, and `seats` what
/// waits for it, of one caller and in all. One request too many is sent away at once.
#[derive(Clone)]
pub struct Hasher {
    inner: Arc<Inner>,
}

struct Inner {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    seats: Arc<Semaphore>,
    seat_count: usize,
    seats_per_caller: usize,
    /// How many seats each caller has who has any.
    taken: Mutex<HashMap<String, usize>>,
    /// Memory that no turn uses. Each turn takes one and brings it back, so that a flood costs as much as `turns` do,
    /// and the allocator never sees blocks of 19 MiB come and go.
    memories: Mutex<Vec<Vec<Block>>>,
    /// Stands in for the hash of accounts that do not exist.
    decoy: String,
    computed: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    Right,
    /// The password is right, but its hash has outdated parameters.
    RightButOutdated,
    /// The password is wrong, or the account does not exist.
    Wrong,
}

impl Hasher {
    /// Makes a hasher, and its decoy.
    pub fn new(config: &Passwords) -> anyhow::Result<Self> {
        let params = Params::new(config.memory_kib, config.passes, 1, None)
            .map_err(|error| anyhow!("Argon2 refuses the parameters: {error}"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut memory = Vec::new();
        let decoy = encode(&argon2, b"the password of nobody", &mut memory)?;
        let turns = config.at_once.unwrap_or_else(processors);
        let seat_count = turns + config.waiting;
        let inner = Inner {
            argon2,
            turns: Arc::new(Semaphore::new(turns)),
            seats: Arc::new(Semaphore::new(seat_count)),
            seat_count,
            seats_per_caller: config.per_caller,
            taken: Mutex::default(),
            memories: Mutex::new(vec![memory]),
            decoy,
            computed: AtomicU64::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Hashes a password with a new salt, as a PHC string. `caller` is on whose behalf: an address or a user. Fails
    /// with [`Error::Busy`] when too many wait, or too many of the caller's.
    pub async fn hash(&self, caller: &str, password: Candidate) -> Result<String, Error> {
        self.compute(caller, move |inner, memory| encode(&inner.argon2, password.expose(), memory)).await
    }

    /// Verifies a password by the hash of its account. Where there is no account, it does the same work for nothing, so
    /// that the time of the answer tells nobody which accounts exist. Fails with [`Error::Busy`] when too many wait, or
    /// too many of the caller's; [`Error::Internal`] when the hash cannot be read.
    pub async fn verify(
        &self,
        caller: &str,
        password: Candidate,
        hash: Option<String>,
    ) -> Result<PasswordCheck, Error> {
        self.compute(caller, move |inner, memory| {
            let exists = hash.is_some();
            let text = hash.as_ref().unwrap_or(&inner.decoy);
            let hash = PasswordHash::new(text).map_err(|error| anyhow!("a stored hash cannot be read: {error}"))?;
            let params = Params::try_from(&hash).map_err(|error| anyhow!("a stored hash cannot be read: {error}"))?;
            let ours = inner.argon2.params();
            let current = (params.m_cost(), params.t_cost()) == (ours.m_cost(), ours.t_cost());
            let fits = fits(&hash, params, password.expose(), memory)?;
            Ok(match (exists && fits, current) {
                (true, true) => PasswordCheck::Right,
                (true, false) => PasswordCheck::RightButOutdated,
                (false, _) => PasswordCheck::Wrong,
            })
        })
        .await
    }

    /// How many hashes were computed so far: the work that a request causes, without a clock.
    pub fn computed(&self) -> u64 {
        self.inner.computed.load(Ordering::SeqCst)
    }

    async fn compute<T: Send + 'static>(
        &self,
        caller: &str,
        work: impl FnOnce(&Inner, &mut Vec<Block>) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let Some(seat) = self.inner.sit_down(caller) else {
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
            let mut memory = lock(&inner.memories).pop().unwrap_or_default();
            let outcome = work(&inner, &mut memory);
            lock(&inner.memories).push(memory);
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

/// A caller's place among those who compute or wait.
struct Seat {
    inner: Arc<Inner>,
    caller: String,
    _permit: OwnedSemaphorePermit,
}

impl Inner {
    /// A seat, if there is one and the caller has not too many.
    fn sit_down(self: &Arc<Self>, caller: &str) -> Option<Seat> {
        let mut taken = lock(&self.taken);
        if taken.get(caller).is_some_and(|seats| *seats >= self.seats_per_caller) {
            return None;
        }
        let permit = Arc::clone(&self.seats).try_acquire_owned().ok()?;
        *taken.entry(caller.to_owned()).or_default() += 1;
        Some(Seat { inner: Arc::clone(self), caller: caller.to_owned(), _permit: permit })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = lock(&self.inner.taken);
        if let Some(seats) = taken.get_mut(&self.caller) {
            *seats -= 1;
            if *seats == 0 {
                taken.remove(&self.caller);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The PHC string of a password with a new salt.
fn encode(argon2: &Argon2<'_>, password: &[u8], memory: &mut Vec<Block>) -> anyhow::Result<String> {
    let failed = |error: &dyn std::fmt::Display| anyhow!("a password could not be hashed: {error}");
    let mut salt = [0; SALT];
    SystemRandom::new().fill(&mut salt).map_err(|error| failed(&error))?;
    let output = digest(argon2, password, &salt, Params::DEFAULT_OUTPUT_LEN, memory)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params()).map_err(|error| failed(&error))?,
        salt: Some(Salt::new(&salt).map_err(|error| failed(&error))?),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

/// Whether it is the password of `hash`, computed with the parameters of that.
fn fits(hash: &PasswordHash, params: Params, password: &[u8], memory: &mut Vec<Block>) -> anyhow::Result<bool> {
    let unreadable = |what: &str| anyhow!("a stored hash cannot be read: {what}");
    let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else { return Err(unreadable("it is not whole")) };
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(|error| unreadable(&error.to_string()))?;
    let version = hash.version.map_or(Ok(Version::V0x13), Version::try_from);
    let version = version.map_err(|error| unreadable(&error.to_string()))?;
    let argon2 = Argon2::new(algorithm, version, params);
    // Compared in constant time.
    Ok(digest(&argon2, password, salt, expected.as_bytes().len(), memory)? == *expected)
}

/// Computes in `memory`, which grows to what the parameters need.
fn digest(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    length: usize,
    memory: &mut Vec<Block>,
) -> anyhow::Result<Output> {
    let blocks = argon2.params().block_count();
    memory.resize(blocks, Block::default());
    let mut output = [0; Output::MAX_LENGTH];
    let output = output.get_mut(..length).context("a hash is too long")?;
    argon2
        .hash_password_into_with_memory(password, salt, output, &mut memory[..])
        .map_err(|error| anyhow!("a password could not be hashed: {error}"))?;
    Output::new(output).map_err(|error| anyhow!("a password could not be hashed: {error}"))
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
        let hash = hasher.hash("caller", candidate("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        for (password, hash, verdict) in [
            ("correct horse", Some(hash.clone()), PasswordCheck::Right),
            ("wrong horse", Some(hash), PasswordCheck::Wrong),
            ("the password of nobody", None, PasswordCheck::Wrong),
        ] {
            let before = hasher.computed();
            assert_eq!(hasher.verify("caller", candidate(password), hash).await.unwrap(), verdict);
            assert_eq!(hasher.computed() - before, 1);
        }
    }

    #[tokio::test]
    async fn a_hash_with_parameters_of_old_is_told() {
        let old = hasher(Passwords::default()).hash("caller", candidate("correct horse")).await.unwrap();
        let hasher = hasher(Passwords { passes: 3, ..Passwords::default() });
        let verdict = hasher.verify("caller", candidate("correct horse"), Some(old)).await.unwrap();
        assert_eq!(verdict, PasswordCheck::RightButOutdated);
    }

    #[tokio::test]
    async fn a_flood_is_sent_away_and_leaves_no_seat_taken() {
        let config = Passwords { at_once: Some(1), waiting: 1, ..Passwords::default() };
        let hasher = hasher(config);
        let held = Arc::clone(&hasher.inner.turns).acquire_owned().await.unwrap();
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let hasher = hasher.clone();
            waiting.spawn(async move { hasher.hash("caller", candidate("patient")).await });
        }
        while hasher.inner.seats.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(hasher.hash("caller", candidate("too many")).await, Err(Error::Busy)));
        drop(held);
        while let Some(outcome) = waiting.join_next().await {
            assert!(outcome.unwrap().is_ok());
        }
        assert!(hasher.hash("caller", candidate("room again")).await.is_ok());
    }

    #[tokio::test]
    async fn one_caller_cannot_take_the_seats_of_all() {
        let config = Passwords { at_once: Some(1), waiting: 3, per_caller: 2, ..Passwords::default() };
        let hasher = hasher(config);
        let seats = [(); 2].map(|()| hasher.inner.sit_down("greedy").unwrap());
        assert!(matches!(hasher.hash("greedy", candidate("one too many")).await, Err(Error::Busy)));
        hasher.hash("other", candidate("has room")).await.unwrap();
        drop(seats);
        hasher.hash("greedy", candidate("room again")).await.unwrap();
        assert!(lock(&hasher.inner.taken).is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flood_takes_the_memory_of_those_computed_at_once_and_no_more() {
        let config = Passwords { at_once: Some(2), waiting: 64, per_caller: 64, ..Passwords::default() };
        let hasher = hasher(config);
        hasher.hash("warm", candidate("warm up")).await.unwrap();
        let before = resident_mib();
        for _ in 0..4 {
            let flood = (0..60).map(|_| hasher.verify("caller", candidate("wrong"), None));
            assert!(futures::future::join_all(flood).await.iter().all(Result::is_ok));
        }
        let grown = resident_mib().saturating_sub(before);
        assert!(grown < 64, "{grown} MiB more than before the flood");
        assert!(lock(&hasher.inner.memories).len() <= 2);
    }

    /// The memory of this process, from Linux.
    fn resident_mib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
    }
}
