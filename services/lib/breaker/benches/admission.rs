//! What a call pays for its breaker.

use breaker::{Outcome, Recovery, Registry};

fn main() {
    divan::main();
}

#[divan::bench(threads = [1, 2])]
fn one_call(bencher: divan::Bencher<'_, '_>) {
    let breaker = Registry::new(1).breaker("upstream", &["read"], Recovery::Probe);
    bencher.bench(|| {
        if let Ok(permit) = breaker.acquire(0, "somebody") {
            permit.finish(Outcome::Success);
        }
    });
}
