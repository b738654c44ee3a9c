//! The program dies between two writes, is started again, and does everything once.

use crate::saga::{self, Orders};
use contracts::{
    command::Outcome,
    rest::inventory::{Product, StockChanged, StockRebuilt},
};
use harness::{TestProgram, sql};
use kit::Stack;
use rstest::rstest;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

/// The program, and who talks to it.
struct Doomed {
    orders: Orders,
    pool: PgPool,
    product: Uuid,
    program: TestProgram,
}

impl Doomed {
    /// Of whose product seven pieces are there.
    async fn new() -> Self {
        let program = TestProgram::of("inventory").await.env("INVENTORY_RESERVATIONS__SWEEP_EVERY_MS", "100");
        let orders = Orders::new(&program.sandbox).await;
        let (stack, pool) = (program.start("").await, program.pool());
        let mut doomed = Self { orders, pool, product: Uuid::nil(), program };
        let body = json!({"sku": "A", "name": "A", "price": {"minor": 1, "currency": "BRL"}});
        let product: Product = doomed.post(&stack, "/v1/products", body).await;
        doomed.product = product.id;
        let body = json!({"kind": "increase", "quantity": 7, "reason": "new"});
        let path = format!("/v1/products/{}/stock/operations", product.id);
        let _: StockChanged = doomed.post(&stack, &path, body).await;
        doomed
    }

    async fn post<T: serde::de::DeserializeOwned>(&self, stack: &Stack, path: &str, body: Value) -> T {
        let token = self.program.issuer.token(Uuid::now_v7(), &["user", "operator"]);
        let url = format!("{}{path}", stack.url("inventory"));
        let asked = chassis::client::new().post(url).bearer_auth(token).header("idempotency-key", "key").json(&body);
        asked.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// Starts the program with the failpoint, does `work`, sees it die, and starts it without.
    async fn die_at(&self, failpoint: &str, work: impl AsyncFnOnce(&Orders)) -> Stack {
        let stack = self.program.start(&format!("{failpoint}=return")).await;
        work(&self.orders).await;
        self.program.revived(stack).await
    }

    async fn eventually(&self, what: &str, sql: &str) {
        sql::eventually(&self.pool, what, sql).await;
    }

    /// The stock, once all is told, and that it is what the operations say.
    async fn stock(&self, stack: &Stack) -> (i64, i64) {
        self.eventually("the outbox to empty", "SELECT count(*) = 0 FROM outbox").await;
        let rebuilt: StockRebuilt = self.post(stack, "/v1/stock/rebuild", json!({})).await;
        assert_eq!(rebuilt.differences, []);
        sqlx::query_as("SELECT on_hand, reserved FROM product_stock").fetch_one(&self.pool).await.unwrap()
    }
}

#[rstest]
#[case::after_claim("inventory.reserve.after_claim")]
#[case::after_stock("inventory.reserve.after_stock")]
#[case::after_outbox("inventory.reserve.after_outbox")]
#[case::before_commit("postgres.commit.after_outbox")]
#[case::after_commit("inventory.reserve.after_commit")]
#[tokio::test]
async fn a_reservation_survives(#[case] failpoint: &str) {
    let doomed = Doomed::new().await;
    let command = saga::reserve(Uuid::now_v7(), 1, &[(doomed.product, 2)]);
    let stack = doomed.die_at(failpoint, async |orders| orders.command(&command).await).await;
    saga::reserved(&doomed.orders.reply(&command.step).await);
    assert_eq!(doomed.stock(&stack).await, (7, 2));
    // Every reply, however many came, says the same.
    let replies = doomed.orders.replies_to(&command.step);
    assert!(replies.iter().all(|reply| *reply == replies[0]), "{replies:?}");
}

#[tokio::test]
async fn a_refusal_survives() {
    let doomed = Doomed::new().await;
    let command = saga::reserve(Uuid::now_v7(), 1, &[(doomed.product, 8)]);
    let work = async |orders: &Orders| orders.command(&command).await;
    let stack = doomed.die_at("inventory.reserve.after_refusal", work).await;
    assert_eq!(saga::refused(&doomed.orders.reply(&command.step).await).0, "out_of_stock");
    assert_eq!(doomed.stock(&stack).await, (7, 0));
    assert_eq!(doomed.orders.log(doomed.product, 3).await[2].0, "inventory.stock.unavailable");
}

#[rstest]
#[case::after_stock("inventory.release.after_stock")]
#[case::after_status("inventory.release.after_status")]
#[case::after_outbox("inventory.release.after_outbox")]
#[case::before_commit("postgres.commit.after_outbox")]
#[case::after_commit("inventory.release.after_commit")]
#[tokio::test]
async fn an_undoing_survives(#[case] failpoint: &str) {
    let doomed = Doomed::new().await;
    let saga = Uuid::now_v7();
    let undo = saga::release(saga, 1);
    let work = async |orders: &Orders| {
        orders.command(&saga::reserve(saga, 1, &[(doomed.product, 2)])).await;
        orders.command(&undo).await;
    };
    let stack = doomed.die_at(failpoint, work).await;
    saga::done(&doomed.orders.reply(&undo.step).await);
    assert_eq!(doomed.stock(&stack).await, (7, 0));
}

#[tokio::test]
async fn a_tombstone_survives() {
    let doomed = Doomed::new().await;
    let saga = Uuid::now_v7();
    let undo = saga::release(saga, 1);
    let work = async |orders: &Orders| orders.command(&undo).await;
    let stack = doomed.die_at("inventory.release.after_tombstone", work).await;
    saga::done(&doomed.orders.reply(&undo.step).await);
    let late = doomed.orders.reserve(saga, 1, &[(doomed.product, 2)]).await;
    assert!(matches!(late, Outcome::Refused { .. }), "{late:?}");
    assert_eq!(doomed.stock(&stack).await, (7, 0));
}

#[rstest]
#[case::after_inbox("inventory.fulfil.after_inbox")]
#[case::after_stock("inventory.fulfil.after_stock")]
#[case::after_status("inventory.fulfil.after_status")]
#[case::after_outbox("inventory.fulfil.after_outbox")]
#[case::after_commit("inventory.fulfil.after_commit")]
#[tokio::test]
async fn a_confirmation_survives(#[case] failpoint: &str) {
    let doomed = Doomed::new().await;
    let saga = Uuid::now_v7();
    let work = async |orders: &Orders| {
        saga::reserved(&orders.reserve(saga, 1, &[(doomed.product, 2)]).await);
        orders.confirm(saga).await;
    };
    let stack = doomed.die_at(failpoint, work).await;
    let fulfilled = "SELECT count(*) = 1 FROM reservations WHERE status = 'fulfilled'";
    doomed.eventually("the pieces to leave", fulfilled).await;
    assert_eq!(doomed.stock(&stack).await, (5, 0));
}

#[rstest]
#[case::after_stock("inventory.expire.after_stock")]
#[case::after_status("inventory.expire.after_status")]
#[case::after_outbox("inventory.expire.after_outbox")]
#[tokio::test]
async fn an_expiry_survives(#[case] failpoint: &str) {
    let doomed = Doomed::new().await;
    let work = async |orders: &Orders| {
        saga::reserved(&orders.reserve(Uuid::now_v7(), 1, &[(doomed.product, 2)]).await);
        let over = sqlx::query("UPDATE reservations SET expires_at = now() - interval '1 second'");
        over.execute(&doomed.pool).await.unwrap();
    };
    let stack = doomed.die_at(failpoint, work).await;
    doomed.eventually("the expiry", "SELECT count(*) = 1 FROM reservations WHERE status = 'expired'").await;
    assert_eq!(doomed.stock(&stack).await, (7, 0));
}

#[tokio::test]
async fn the_program_is_ready_measured_and_ends_when_told() {
    let doomed = Doomed::new().await;
    let stack = doomed.program.start("").await;
    saga::reserved(&doomed.orders.reserve(Uuid::now_v7(), 1, &[(doomed.product, 2)]).await);
    let ready = chassis::client::new().get(format!("{}/health/ready", stack.url("inventory"))).send().await.unwrap();
    let ready = ready.error_for_status().unwrap().text().await.unwrap();
    assert!(ready.contains("postgres") && ready.contains("rabbitmq"), "{ready}");
    use inventory::metrics::{RESERVATIONS, RESERVATIONS_OPEN, RESERVATIONS_SHORT, STOCK_OPERATIONS};
    let names = [RESERVATIONS, RESERVATIONS_OPEN, RESERVATIONS_SHORT, STOCK_OPERATIONS];
    doomed.program.measures(&stack, &names).await;
    stack.stop("inventory").await.unwrap();
    assert!(stack.logs("inventory").unwrap().contains("The unit has ended."));
}
