//! Placing orders.

use crate::{
    app::{MUG, SHIRT, TestApp, cart, product, request, with},
    participants::Act,
};
use axum::http::StatusCode;
use contracts::{
    event::inventory::ProductUpdated,
    money::{Currency, Money},
    problem::Code,
    rest::orders::{Customer, Order, OrderStatus},
};
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn an_order_is_pending_at_once_with_names_and_prices_as_they_are() {
    let app = TestApp::new().await;
    app.played.act("reserve_stock", Act::Silent);
    let buyer = app.buyer().await;
    app.link("natal26", Uuid::now_v7()).await;
    let mut body = cart(&buyer);
    body["link_code"] = json!("natal26");
    body["expected_total"] = json!({"minor": 4_870, "currency": "BRL"});
    let answer = app.place(&buyer, "key", body).await;
    let order: Order = answer.json(StatusCode::ACCEPTED);
    assert_eq!(answer.headers["location"], format!("/v1/orders/{}", order.id).as_str());
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!((order.status, order.version, order.cancelling), (OrderStatus::Pending, 1, false));
    assert_eq!((order.customer_id, order.payment_method_id), (buyer.customer.id, buyer.card));
    assert_eq!(order.total, Money::new(4_870, Currency::BRL));
    assert_eq!(order.link_code.as_deref(), Some("natal26"));
    let items: Vec<_> = order.items.iter().map(|item| (&*item.name, item.quantity, item.total.minor)).collect();
    assert_eq!(items, [("Caneca", 2, 2_580), ("Camiseta", 1, 2_290)]);
    assert_eq!(app.order(&buyer, order.id).await, order);
    let told = app.told(order.id, &["orders.order.placed"]).await;
    assert_eq!(told[0].data["total"], json!({"minor": 4_870, "currency": "BRL"}));
    assert_eq!(told[0].data["auth_user_id"], json!(buyer.user));

    // A price that changes later changes no order.
    let dearer = product(MUG, "Caneca grande", Money::new(9_999, Currency::BRL));
    let dearer = ProductUpdated {
        product_id: MUG,
        sku: dearer.sku,
        name: dearer.name,
        description: None,
        price: dearer.price,
        active: true,
        at: dearer.at,
    };
    app.played.tell(MUG, 2, dearer).await;
    app.eventually("the new price", "SELECT count(*) = 1 FROM products WHERE minor = 9999").await;
    assert_eq!(app.order(&buyer, order.id).await, order);
    let dearer: Order = app.place(&buyer, "another", cart(&buyer)).await.json(StatusCode::ACCEPTED);
    assert_eq!(dearer.total.minor, 22_288);
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once_and_nothing_is_stored() {
    let app = TestApp::new().await;
    let (buyer, other) = (app.buyer().await, app.buyer().await);
    let nobody = Uuid::nil();
    let body = json!({
        "items": [{"product_id": nobody, "quantity": 1}, {"product_id": MUG, "quantity": 1}],
        "payment_method_id": other.card, "link_code": "nobodys",
    });
    let refused = app.place(&buyer, "key", body).await.refused();
    assert_eq!(refused, ["payment_method_id", "items[0].product_id", "link_code"]);
    let body = json!({
        "items": [{"product_id": MUG, "quantity": 0}, {"product_id": MUG, "quantity": 1_001}],
        "payment_method_id": buyer.card,
    });
    let refused = app.place(&buyer, "key", body).await.refused();
    assert_eq!(refused, ["items[0].quantity", "items[1].quantity", "items[1].product_id"]);
    let body = json!({
        "items": [{"product_id": MUG, "quantity": 0}, {"product_id": nobody, "quantity": 1}],
        "payment_method_id": buyer.card, "link_code": "nobodys",
    });
    let refused = app.place(&buyer, "key", body).await.refused();
    assert_eq!(refused, ["items[0].quantity", "items[1].product_id", "link_code"]);
    let mut body = cart(&buyer);
    body["link_code"] = json!("promo\0");
    assert_eq!(app.place(&buyer, "key", body).await.refused(), ["link_code"]);
    let mut body = cart(&buyer);
    body["expected_total"] = json!({"minor": 1, "currency": "BRL"});
    assert_eq!(app.place(&buyer, "key", body).await.refused(), ["expected_total"]);

    let euros = product(nobody, "Porto", Money::new(1_500, Currency::EUR));
    app.played.tell(nobody, 1, euros).await;
    let inactive = Uuid::from_u128(3);
    let mut gone = product(inactive, "Esgotado", Money::new(1, Currency::BRL));
    gone.active = false;
    app.played.tell(inactive, 1, gone).await;
    app.eventually("the products", "SELECT count(*) = 4 FROM products").await;
    let body = json!({
        "items": [{"product_id": MUG, "quantity": 1}, {"product_id": nobody, "quantity": 1}, {"product_id": inactive, "quantity": 1}],
        "payment_method_id": buyer.card,
    });
    let refused = app.place(&buyer, "key", body).await.refused();
    assert_eq!(refused, ["items[1].product_id", "items[2].product_id"]);

    let huge = Uuid::from_u128(4);
    app.played.tell(huge, 1, product(huge, "Iate", Money::new(i64::MAX / 2, Currency::BRL))).await;
    app.eventually("the product", "SELECT count(*) = 5 FROM products").await;
    let body = json!({"items": [{"product_id": huge, "quantity": 3}], "payment_method_id": buyer.card});
    assert_eq!(app.place(&buyer, "key", body).await.refused(), ["items"]);

    for table in ["order_events", "orders", "idempotency_keys", "sagas"] {
        assert_eq!(app.count(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
}

#[tokio::test]
async fn who_is_no_customer_buys_nothing_and_a_means_of_payment_ends() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let stranger = crate::app::Buyer {
        user: Uuid::now_v7(),
        token: app.stranger(),
        customer: buyer.customer.clone(),
        card: buyer.card,
    };
    assert_eq!(app.place(&stranger, "key", cart(&buyer)).await.refused(), ["payment_method_id"]);
    // By pix, which has no number and no end.
    let mut body = cart(&buyer);
    body["payment_method_id"] = json!(buyer.customer.payment_methods[1].id);
    body["items"] = json!([{"product_id": SHIRT, "quantity": 1}]);
    let order: Order = app.place(&buyer, "key", body.clone()).await.json(StatusCode::ACCEPTED);
    app.becomes(&buyer, order.id, OrderStatus::Confirmed).await;
    let charged = app.played.commands(order.id).into_iter().find(|(kind, _)| kind == "payments.payment.charge");
    let (_, charged) = charged.unwrap();
    assert_eq!((&charged["provider_token"], &charged["method"]), (&json!("pix_key_ana"), &json!("pix")));
    // One that the customer took away is nobody's.
    let mut without = crate::app::ana();
    without["payment_methods"] = json!([]);
    let now = app.ask("PUT", "/v1/customer", &buyer.token, Some(without)).await;
    assert!(now.json::<Customer>(StatusCode::OK).payment_methods.is_empty());
    assert_eq!(app.place(&buyer, "later", body).await.refused(), ["payment_method_id"]);
}

#[tokio::test]
async fn an_order_needs_a_key() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let without = request("POST", "/v1/orders", Some(&buyer.token), Some(cart(&buyer)));
    assert_eq!(app.send(without).await.refused(), ["Idempotency-Key"]);
    for key in ["", "with space", &"x".repeat(256), "4111-1111-1111-1111"] {
        assert_eq!(app.place(&buyer, key, cart(&buyer)).await.refused(), ["Idempotency-Key"]);
    }
    assert_eq!(app.count("SELECT count(*) FROM idempotency_keys").await, 0);
    let mut wrong = cart(&buyer);
    wrong["payment_method_id"] = json!(Uuid::nil());
    wrong["items"] = json!([{"product_id": MUG, "quantity": 0}, {"product_id": Uuid::nil(), "quantity": 1}]);
    let refused = app.place(&buyer, "with space", wrong).await.refused();
    assert_eq!(refused, ["Idempotency-Key", "payment_method_id", "items[0].quantity", "items[1].product_id"]);
    let mut odd = cart(&buyer);
    odd["total"] = json!(1);
    app.place(&buyer, "k", odd).await.problem(Code::ValidationFailed);
}

#[tokio::test]
async fn all_is_written_together_or_nothing() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    app.eventually("the outbox to empty", "SELECT count(*) = 0 FROM outbox").await;
    for table in ["order_events", "orders", "outbox", "idempotency_keys", "sagas"] {
        let close = format!("ALTER TABLE {table} ADD CONSTRAINT closed CHECK (false) NOT VALID");
        sqlx::query(sqlx::AssertSqlSafe(close)).execute(app.pool()).await.unwrap();
        app.place(&buyer, table, cart(&buyer)).await.problem(Code::Internal);
        let open = format!("ALTER TABLE {table} DROP CONSTRAINT closed");
        sqlx::query(sqlx::AssertSqlSafe(open)).execute(app.pool()).await.unwrap();
        for other in ["order_events", "orders", "outbox", "idempotency_keys", "sagas"] {
            assert_eq!(app.count(&format!("SELECT count(*) FROM {other}")).await, 0, "{table}: {other}");
        }
    }
    app.confirmed(&buyer).await;
}

#[tokio::test]
async fn orders_that_come_at_once_are_placed_together_and_answered_each_for_itself() {
    let app = TestApp::new().await;
    app.played.act("reserve_stock", Act::Silent);
    let (slow, others) = (app.buyer().await, [app.buyer().await, app.buyer().await]);
    // Whoever is placed with the first buyer's order waits with it.
    let mut held = postgres::Db::from(app.pool().clone()).begin().await.unwrap();
    let lock = sqlx::query("SELECT FROM customers WHERE id = $1 FOR UPDATE").bind(slow.customer.id);
    lock.execute(&mut *held).await.unwrap();
    let place = async |number: usize| {
        let buyer = if number == 0 { &slow } else { &others[number % 2] };
        let mut body = cart(buyer);
        if number % 4 == 3 {
            body["items"][1]["product_id"] = json!(Uuid::now_v7());
        }
        let asked = request("POST", "/v1/orders", Some(&buyer.token), Some(body));
        let asked = with(with(asked, "idempotency-key", &number.to_string()), "x-request-id", &format!("try-{number}"));
        app.send(asked).await
    };
    let release = async {
        harness::sql::somebody_waits(app.pool()).await;
        held.commit().await.unwrap();
    };
    let (answers, ()) = tokio::join!(futures::future::join_all((0..16).map(place)), release);
    for (number, answer) in answers.iter().enumerate() {
        if number % 4 == 3 {
            assert_eq!(answer.refused(), ["items[1].product_id"]);
            continue;
        }
        let order: Order = answer.json(StatusCode::ACCEPTED);
        let events = sqlx::query_scalar("SELECT correlation_id FROM order_events WHERE order_id = $1");
        let by: String = events.bind(order.id).fetch_one(app.pool()).await.unwrap();
        assert_eq!(by, format!("try-{number}"));
        app.told(order.id, &["orders.order.placed"]).await;
    }
    assert_eq!(app.count("SELECT count(*) FROM orders").await, 12);
    assert_eq!(app.count("SELECT count(*) FROM sagas").await, 12);
    let batches = app.count("SELECT count(DISTINCT xmin::text) FROM orders").await;
    assert!(batches <= 4, "{batches} transactions for 12 orders");
}
