//! What a buyer lives through, and the operator and the merchant beside: orders, by GraphQL.

mod accounts;
mod orders;
mod provider;
mod window;

use std::rc::Rc;

use anyhow::Result;
use e2e_tests::Platform;

#[tokio::test(flavor = "multi_thread")]
async fn a_buyers_journey() -> Result<()> {
    let platform = Rc::new(Platform::start().await?);
    macro_rules! story {
        ($($name:ident)::+) => {
            (stringify!($($name)::+), Box::pin($($name)::+(Rc::clone(&platform))) as crate::Story)
        };
    }
    crate::stories(vec![
        story!(orders::an_order_is_bought_and_seen_by_all_who_may),
        story!(orders::what_is_not_there_is_not_sold),
        story!(orders::who_cannot_pay_gets_nothing_and_holds_nothing),
        story!(orders::a_confirmed_order_is_cancelled_and_paid_back),
        story!(orders::a_shipped_order_only_goes_forward),
        story!(orders::two_buyers_want_the_last_piece),
        story!(orders::a_repeated_key_orders_once),
        story!(orders::a_stranger_sees_no_order),
        story!(window::a_withdrawn_product_is_seen_by_nobody),
        story!(accounts::a_deleted_account_takes_everything_along),
        story!(accounts::an_order_under_way_keeps_the_account),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_misbehaves() -> Result<()> {
    let platform = Platform::start().await?;
    let product = platform.product("Mug", 4_990, 100).await?;
    let buyer = platform.buyer("Bia", "tok_visa_ok").await?;
    provider::slow(&platform, &buyer, &product).await?;
    provider::answer_lost(&platform, &buyer, &product).await?;
    provider::silent(&platform, &buyer, &product).await?;
    provider::webhook_repeated(&platform, &buyer, &product).await?;
    provider::down(&platform, &buyer, &product).await
}
