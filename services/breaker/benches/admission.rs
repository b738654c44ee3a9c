//! What a call pays for its breaker.

use breaker::{Outcome, Registry, Settings};

fn main() {
    divan::main();
}

#[divan::bench(threads = [1, 2])]
fn one_call(bencher: divan::Bencher<'_, '_>) {
    let breaker = Registry::new(1).breaker("upstream", Settings::default());
    bencher.bench(|| {
        if let Ok(permit) = breaker.acquire() {
            permit.finish(Outcome::Success);
        }
    });
}
