//! Subscriptions.

use super::order::Order;
use super::{services, uuid};
use crate::clients::ServiceError;
use crate::clients::orders::no_order;
use crate::config::Live;
use async_graphql::{Context, ID, Result, Subscription};
use contracts::problem::{Code, Problem};
use contracts::rest::orders;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};

pub struct Subscription;

/// Subscriptions.
#[Subscription]
impl Subscription {
    /// The order as it is now, and again after each change. The subscription ends when the status is final. When
    /// changes can no longer be reported it ends with an error: then subscribe again.
    async fn order_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order's id.")] id: ID,
    ) -> Result<BoxStream<'static, Result<Order>>> {
        let orders = services(ctx).for_user()?.orders();
        let id = uuid(&id).ok_or_else(no_order)?;
        let silence = std::time::Duration::from_millis(ctx.data_unchecked::<Live>().silence_ms);
        let changes = orders.changes(id, silence).await?;
        Ok(until_final(changes.boxed()).map(|change| Ok(change?.into())).boxed())
    }
}

type Changes = BoxStream<'static, Result<orders::Order, ServiceError>>;

/// Ends after a final state. A feed that ends before is broken, however orderly it ended: orders went away.
fn until_final(changes: Changes) -> impl Stream<Item = Result<orders::Order, ServiceError>> + Send + use<> {
    stream::unfold(Some(changes), |changes| async move {
        let mut changes = changes?;
        match changes.next().await {
            Some(Ok(order)) if order.status.is_final() => Some((Ok(order), None)),
            Some(Ok(order)) => Some((Ok(order), Some(changes))),
            Some(Err(error)) => Some((Err(error), None)),
            None => Some((Err(gone()), None)),
        }
    })
}

fn gone() -> ServiceError {
    let mut problem = Problem::new(Code::Unavailable, "orders stopped reporting changes. Subscribe again.");
    problem.retry_after_ms = Some(1_000);
    ServiceError::of("orders", problem)
}
