//! Counts what is sent to Postgres.

use std::cell::Cell;
use std::thread;
use tracing::subscriber::set_global_default;
use tracing::{Event, Metadata, Subscriber, span};

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// Runs `work` on a thread and a runtime of its own, and counts the round trips that it makes to Postgres there: one for
/// each statement. What other threads do meanwhile is not counted.
///
/// # Panics
/// When `work` does.
pub fn round_trips<F: Future<Output = ()>>(work: impl FnOnce() -> F + Send + 'static) -> usize {
    // For all threads: the interest of one thread's subscriber is forgotten when another meets a statement first.
    let _ = set_global_default(Counter);
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime starts").block_on(work());
        COUNT.get()
    };
    thread::spawn(run).join().expect("the work ends well")
}

/// Hears of each statement, as the driver logs it.
struct Counter;

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn event(&self, event: &Event<'_>) {
        let mut is_commit = false;
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            is_commit |= field.name() == "summary" && format!("{value:?}").contains("COMMIT");
        });
        // The driver does not log `BEGIN`: each COMMIT had one.
        COUNT.set(COUNT.get() + 1 + usize::from(is_commit));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
