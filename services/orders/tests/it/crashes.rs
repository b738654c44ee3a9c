//! The program dies between two writes, is started again, and does everything once.

use crate::{
    app::{MUG, ana, link, product},
    participants::Participants,
};
use contracts::{
    command::{Direction, StepRef, accounts::EraseCustomer},
    money::{Currency, Money},
    rest::orders::{Customer, LinksSales, Order, OrderHistory, OrderStatus},
};
use harness::{PATIENCE, TestProgram, sql};
use kit::Stack;
use messaging::Outgoing;
use rstest::rstest;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

/// The program, and who talks to it.
struct Doomed {
    played: Participants,
    user: Uuid,
    client: reqwest::Client,
    program: TestProgram,
}

impl Doomed {
    async fn new() -> Self {
        let program = TestProgram::of("orders").await.env("ORDERS_LOG__FILTER", "debug,sqlx=info,lapin=info");
        let (played, user) = (Participants::new(&program.sandbox).await, Uuid::now_v7());
        played.tell(MUG, 1, product(MUG, "Caneca", Money::new(1_290, Currency::BRL))).await;
        played.tell(user, 1, link(user, "natal26", user)).await;
        Self { played, user, client: chassis::client::new(), program }
    }

    async fn start(&self, failpoints: &str) -> Stack {
        let stack = self.program.start(failpoints).await;
        let known = "SELECT count(*) = 1 FROM products WHERE EXISTS (SELECT FROM links)";
        sql::eventually(&self.program.pool(), "the copies", known).await;
        stack
    }

    /// Sees the program die, and starts it again without the failpoint.
    async fn revived(&self, stack: Stack) -> Stack {
        self.program.died(&stack).await;
        drop(stack);
        self.start("").await
    }

    async fn try_ask<T: DeserializeOwned>(
        &self,
        stack: &Stack,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<T> {
        let token = self.program.issuer.token(self.user, &["user", "operator"]);
        let url = format!("{}{path}", stack.url("orders"));
        let asked = self.client.request(method.parse()?, url).bearer_auth(token).header("idempotency-key", "key");
        let asked = match body {
            Some(body) => asked.json(body),
            None => asked,
        };
        let answer = asked.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        anyhow::ensure!(status.is_success(), "{status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    async fn ask<T: DeserializeOwned>(&self, stack: &Stack, method: &str, path: &str, body: Option<&Value>) -> T {
        self.try_ask(stack, method, path, body).await.unwrap()
    }

    async fn cart(&self, stack: &Stack) -> Value {
        let customer: Customer = self.ask(stack, "PUT", "/v1/customer", Some(&ana())).await;
        json!({
            "items": [{"product_id": MUG, "quantity": 2}], "payment_method_id": customer.payment_methods[0].id,
            "link_code": "natal26",
        })
    }

    async fn becomes(&self, stack: &Stack, id: Uuid, status: OrderStatus) -> Order {
        let what = format!("the order to be {}", status.into_str());
        let seen = kit::eventually(PATIENCE, &what, async || {
            let order: Order = self.try_ask(stack, "GET", &format!("/v1/orders/{id}"), None).await?;
            anyhow::ensure!(order.status == status, "it is {}", order.status.into_str());
            Ok(Some(order))
        });
        seen.await.unwrap()
    }

    /// What happened to the order, and what its link sold.
    async fn once(&self, stack: &Stack, order: Uuid, kinds: &[&str], sold: u64) {
        let history: OrderHistory = self.ask(stack, "GET", &format!("/v1/orders/{order}/events"), None).await;
        assert_eq!(history.events.iter().map(|event| &*event.kind).collect::<Vec<_>>(), kinds);
        let body = json!({"codes": ["natal26"]});
        let sales: LinksSales = self.ask(stack, "POST", "/v1/links/sales/batch", Some(&body)).await;
        assert_eq!(sales.links[0].count, sold);
        let told: Vec<_> = kinds.iter().filter(|kind| **kind != "cancellation_requested").collect();
        let heard = kit::eventually(PATIENCE, "all to be told", async || {
            let events = self.played.events(order);
            anyhow::ensure!(events.len() == told.len(), "{events:?}");
            Ok(Some(events))
        });
        let kinds: Vec<_> = told.iter().map(|kind| format!("orders.order.{kind}")).collect();
        assert_eq!(heard.await.unwrap().into_iter().map(|seen| seen.kind).collect::<Vec<_>>(), kinds);
        let list: contracts::rest::orders::OrderPage = self.ask(stack, "GET", "/v1/orders", None).await;
        assert_eq!(list.items.len(), 1);
    }
}

#[rstest]
#[case::after_event("orders.record.after_event=return")]
#[case::after_state("orders.record.after_state=return")]
#[case::after_outbox("orders.record.after_outbox=return")]
#[case::before_commit("postgres.commit.after_outbox=1*off->return")]
#[case::after_order("orders.place.after_order=return")]
#[case::after_key("orders.place.after_key=return")]
#[case::after_saga("orders.place.after_saga=return")]
#[case::after_commit("orders.place.after_commit=return")]
#[case::in_the_engine_after_row("saga.start.after_row=return")]
#[tokio::test]
async fn an_order_that_was_being_placed_is_placed_once(#[case] failpoint: &str) {
    let doomed = Doomed::new().await;
    let stack = doomed.start(failpoint).await;
    let cart = doomed.cart(&stack).await;
    doomed.try_ask::<Order>(&stack, "POST", "/v1/orders", Some(&cart)).await.unwrap_err();
    let stack = doomed.revived(stack).await;
    let order: Order = doomed.ask(&stack, "POST", "/v1/orders", Some(&cart)).await;
    doomed.becomes(&stack, order.id, OrderStatus::Confirmed).await;
    doomed.once(&stack, order.id, &["placed", "confirmed"], 1).await;
    let names = [orders::metrics::ORDER_EVENTS, orders::metrics::CONFIRMATION, orders::metrics::LOADED_EVENTS];
    doomed.program.measures(&stack, &names).await;
    // Nothing personal is in the log, however the program ended.
    let log = stack.logs("orders").unwrap();
    for word in ["exemplo", "Margarida", "52998224725", "529.982", "Augusta", "tok_visa", "11987654321"] {
        assert!(!log.contains(word), "the log tells {word}");
    }
}

#[rstest]
// The first time it is placed, the second time confirmed.
#[case::after_event("orders.record.after_event=1*off->return")]
#[case::after_state("orders.record.after_state=1*off->return")]
#[case::after_outbox("orders.record.after_outbox=1*off->return")]
#[case::after_order("orders.confirm.after_order=return")]
#[case::after_sales("orders.confirm.after_sales=return")]
#[case::in_the_engine_after_local("saga.step.after_local=return")]
#[case::in_the_engine_after_row("saga.step.after_row=return")]
#[case::in_the_engine_after_outbox("saga.step.after_outbox=return")]
#[case::in_the_engine_after_commit("saga.step.after_commit=return")]
#[tokio::test]
async fn an_order_that_was_being_confirmed_is_confirmed_once(#[case] failpoint: &str) {
    let doomed = Doomed::new().await;
    let stack = doomed.start(failpoint).await;
    let cart = doomed.cart(&stack).await;
    let placed = doomed.try_ask::<Order>(&stack, "POST", "/v1/orders", Some(&cart)).await;
    let stack = doomed.revived(stack).await;
    let order: Order = doomed.ask(&stack, "POST", "/v1/orders", Some(&cart)).await;
    if let Ok(placed) = placed {
        assert_eq!(placed, order);
    }
    doomed.becomes(&stack, order.id, OrderStatus::Confirmed).await;
    doomed.once(&stack, order.id, &["placed", "confirmed"], 1).await;
}

#[rstest]
#[case::after_saga("orders.cancel.after_saga=return")]
#[case::after_order("orders.give_up.after_order=return")]
#[case::after_sales("orders.give_up.after_sales=return")]
#[tokio::test]
async fn an_order_that_was_being_cancelled_is_cancelled_once(#[case] failpoint: &str) {
    let doomed = Doomed::new().await;
    let stack = doomed.start(failpoint).await;
    let cart = doomed.cart(&stack).await;
    let order: Order = doomed.ask(&stack, "POST", "/v1/orders", Some(&cart)).await;
    doomed.becomes(&stack, order.id, OrderStatus::Confirmed).await;
    let (path, body) = (format!("/v1/orders/{}/cancel", order.id), json!({}));
    let _ = doomed.try_ask::<Order>(&stack, "POST", &path, Some(&body)).await;
    let stack = doomed.revived(stack).await;
    doomed.ask::<Order>(&stack, "POST", &path, Some(&body)).await;
    doomed.becomes(&stack, order.id, OrderStatus::Cancelled).await;
    doomed.once(&stack, order.id, &["placed", "confirmed", "cancellation_requested", "cancelled"], 0).await;
}

#[tokio::test]
async fn an_order_that_was_being_shipped_is_shipped_once() {
    let doomed = Doomed::new().await;
    let stack = doomed.start("orders.ship.after_close=return").await;
    let cart = doomed.cart(&stack).await;
    let order: Order = doomed.ask(&stack, "POST", "/v1/orders", Some(&cart)).await;
    doomed.becomes(&stack, order.id, OrderStatus::Confirmed).await;
    let (path, body) = (format!("/v1/orders/{}/ship", order.id), json!({"tracking_number": "BR1"}));
    doomed.try_ask::<Order>(&stack, "POST", &path, Some(&body)).await.unwrap_err();
    let stack = doomed.revived(stack).await;
    assert_eq!(doomed.becomes(&stack, order.id, OrderStatus::Confirmed).await.version, 2);
    doomed.ask::<Order>(&stack, "POST", &path, Some(&body)).await;
    doomed.once(&stack, order.id, &["placed", "confirmed", "shipped"], 1).await;
}

#[rstest]
#[case::after_row("orders.customer.after_row=return")]
#[case::after_outbox("orders.customer.after_outbox=return")]
#[case::before_commit("postgres.commit.after_outbox=return")]
#[tokio::test]
async fn a_customer_is_made_once(#[case] failpoint: &str) {
    let doomed = Doomed::new().await;
    let stack = doomed.start(failpoint).await;
    doomed.try_ask::<Customer>(&stack, "PUT", "/v1/customer", Some(&ana())).await.unwrap_err();
    let stack = doomed.revived(stack).await;
    let customer: Customer = doomed.ask(&stack, "PUT", "/v1/customer", Some(&ana())).await;
    assert_eq!((customer.version, customer.payment_methods.len()), (1, 2));
}

#[rstest]
#[case::after_key("orders.erase.after_key=return")]
#[case::after_rows("orders.erase.after_rows=return")]
#[case::after_outbox("orders.erase.after_outbox=return")]
#[case::before_commit("postgres.commit.after_outbox=1*off->return")]
#[case::after_reply("orders.erase.after_reply=return")]
#[tokio::test]
async fn an_erasure_is_finished(#[case] failpoint: &str) {
    let doomed = Doomed::new().await;
    let stack = doomed.start(failpoint).await;
    let customer: Customer = doomed.ask(&stack, "PUT", "/v1/customer", Some(&ana())).await;
    let step = StepRef {
        saga_id: doomed.user,
        step: "erase_customer".to_owned(),
        direction: Direction::Forward,
        attempt: 1,
        reply_to: "auth.saga.replied".to_owned(),
    };
    let command = EraseCustomer { step: step.clone(), auth_user_id: doomed.user };
    doomed.played.publish(Outgoing::command(command).unwrap()).await;
    let stack = doomed.revived(stack).await;
    let replied = kit::eventually(PATIENCE, "the reply", async || {
        Ok((!doomed.played.replies().is_empty()).then(|| doomed.played.replies()))
    });
    let replied = replied.await.unwrap();
    assert!(replied.iter().all(|reply| reply.step == step));
    let told = doomed.try_ask::<Customer>(&stack, "GET", "/v1/customer", None).await.unwrap_err();
    assert!(told.to_string().starts_with("410"), "{told}");
    let heard = kit::eventually(PATIENCE, "the erasure to be told", async || {
        let events = doomed.played.events(customer.id);
        Ok((events.len() == 2).then_some(events))
    });
    assert_eq!(heard.await.unwrap()[1].kind, "orders.customer.erased");
}
