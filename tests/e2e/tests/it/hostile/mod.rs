//! No input makes a service fail: every operation of every service is met with hostile values, and afterwards no
//! breaker has counted anything.
//!
//! The operations are read from the programs' descriptions, so that one that is added is tried, too. Each field gets a
//! few of the values that are hostile to its type; `VITRINE_HOSTILE=all` sends all of them.

mod descriptors;
mod graphql;
mod raw;
mod rest;
mod sender;
mod values;
mod world;

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, ensure};

use world::World;

/// How many requests are under way at once.
const AT_ONCE: usize = 4;
/// How many values a field gets, unless it gets all.
const A_FEW: usize = 4;
/// How many faults are told.
const TOLD: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn no_input_makes_a_service_fail_or_moves_a_breaker() -> Result<()> {
    let rounds = Rounds::from_environment();
    let world = World::start().await?;
    let mut wrong = raw::every_door(&world).await?;
    wrong.extend(graphql::every_field(&world, &rounds).await?);
    wrong.extend(rest::every_operation(&world, &rounds).await?);
    wrong.sort();
    let told = wrong.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join("\n");
    ensure!(wrong.is_empty(), "{} inputs did what no input may:\n{told}", wrong.len());
    Ok(())
}

/// How much is tried. The same run always tries the same.
struct Rounds {
    take: usize,
    turn: AtomicUsize,
    number: AtomicUsize,
}

impl Rounds {
    fn from_environment() -> Self {
        let all = std::env::var("VITRINE_HOSTILE").is_ok_and(|rounds| rounds == "all");
        Self { take: if all { usize::MAX } else { A_FEW }, turn: AtomicUsize::new(0), number: AtomicUsize::new(0) }
    }

    /// Some of the values: others for the next field.
    fn some<T: Clone>(&self, values: &[T]) -> Vec<T> {
        values::some(values, self.turn.fetch_add(1, Ordering::Relaxed), self.take)
    }

    /// A text that no other request has.
    fn unique(&self) -> String {
        format!("u{}", self.number.fetch_add(1, Ordering::Relaxed))
    }
}
