//! The tries that a message gets at once.

use super::{Handler, Subscription};
use crate::{HandleError, Message};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::slice;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Lets `handler` try until it succeeds, fails for good, has used up its tries, or `shutdown` is
/// cancelled. A panic counts as a failed try: the next message must not pay for it.
pub(super) async fn attempt<H: Handler>(
    handler: &H,
    message: &Message,
    subscription: &Subscription,
    shutdown: &CancellationToken,
) -> Result<(), HandleError> {
    let mut pause = subscription.pause;
    let mut number = 1;
    loop {
        let error = match message.scope(once(handler, slice::from_ref(message), subscription)).await {
            Err(HandleError::Transient(error)) => error,
            settled => return settled,
        };
        if number >= subscription.tries || shutdown.is_cancelled() {
            return Err(HandleError::Transient(error));
        }
        tracing::info!(message.id = %message.id, error = format!("{error:#}"), try = number, "A try failed.");
        tokio::select! {
            () = sleep(pause) => {}
            () = shutdown.cancelled() => return Err(HandleError::Transient(error)),
        }
        number += 1;
        pause *= 2;
    }
}

/// Lets `handler` try once. A panic and a delay count as failures.
pub(super) async fn once<H: Handler>(
    handler: &H,
    batch: &[Message],
    subscription: &Subscription,
) -> Result<(), HandleError> {
    let work = AssertUnwindSafe(handler.handle(batch)).catch_unwind();
    match timeout(subscription.limit, work).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => {
            let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(HandleError::Transient(anyhow::anyhow!("the handler panicked: {}", said.unwrap_or_default())))
        }
        Err(_) => Err(HandleError::Transient(anyhow::anyhow!("the handler took too long"))),
    }
}
