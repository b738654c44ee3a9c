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
        let error = match once(handler, message, subscription).await {
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

async fn once<H: Handler>(handler: &H, message: &Message, subscription: &Subscription) -> Result<(), HandleError> {
    guard(subscription, message.scope(handler.handle(slice::from_ref(message)))).await
}

/// Lets `handler` try several messages at once.
pub(super) async fn several<H: Handler>(
    handler: &H,
    batch: &[Message],
    subscription: &Subscription,
) -> Result<(), HandleError> {
    guard(subscription, handler.handle(batch)).await
}

/// Makes a panic and a delay failures.
async fn guard(
    subscription: &Subscription,
    work: impl Future<Output = Result<(), HandleError>>,
) -> Result<(), HandleError> {
    match timeout(subscription.limit, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => {
            let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(HandleError::Transient(anyhow::anyhow!("the handler panicked: {}", said.unwrap_or_default())))
        }
        Err(_) => Err(HandleError::Transient(anyhow::anyhow!("the handler took too long"))),
    }
}
