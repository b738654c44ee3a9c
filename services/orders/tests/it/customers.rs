//! Customers: made, read, changed, and nobody else's.

use crate::app::{TestApp, WRAPPING_KEY, ana};
use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::STANDARD};
use contracts::{
    person::{Person, Sealed},
    problem::Code,
    rest::orders::{Customer, CustomerKey, Customers},
};
use harness::PATIENCE;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde_json::{Value, json};
use std::{
    io::{Read, pipe},
    sync::Arc,
};
use uuid::Uuid;

fn open(key: &CustomerKey, sealed: &Value) -> Person {
    let sealed: Sealed = serde_json::from_value(sealed.clone()).unwrap();
    assert_eq!((sealed.key_id, &*key.algorithm), (key.key_id, "AES-256-GCM"));
    let mut bytes = STANDARD.decode(sealed.sealed).unwrap();
    let (nonce, secret) = bytes.split_at_mut(NONCE_LEN);
    let opener = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &STANDARD.decode(&key.key).unwrap()).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
    let opened = opener.open_in_place(nonce, Aad::from(key.customer_id.as_bytes()), secret).unwrap();
    serde_json::from_slice(opened).unwrap()
}

#[tokio::test]
async fn a_user_becomes_a_customer_and_changes_what_is_told() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let Customer { id, version, .. } = buyer.customer;
    assert_eq!((&*buyer.customer.email, &*buyer.customer.document), ("ana.silva@exemplo.com", "52998224725"));
    assert_eq!(buyer.customer.billing_address, buyer.customer.shipping_address);
    assert_eq!(version, 1);
    assert_eq!(app.get::<Customer>("/v1/customer", &buyer.token).await, buyer.customer);

    // The same again changes nothing and tells nobody.
    let again: Customer = app.ask("PUT", "/v1/customer", &buyer.token, Some(ana())).await.json(StatusCode::OK);
    assert_eq!(again, buyer.customer);

    let mut changed = ana();
    changed["phone"] = Value::Null;
    changed["full_name"] = json!("Ana M. Souza");
    changed["payment_methods"] =
        json!([{"id": buyer.card, "kind": "credit_card", "last_four": "4242", "expiry": "2039-12"}]);
    let now: Customer = app.ask("PUT", "/v1/customer", &buyer.token, Some(changed.clone())).await.json(StatusCode::OK);
    assert_eq!((now.version, now.phone, &*now.full_name), (2, None, "Ana M. Souza"));
    assert_eq!(now.payment_methods.iter().map(|means| means.id).collect::<Vec<_>>(), [buyer.card]);
    // What is not said of payment methods leaves them.
    changed.as_object_mut().unwrap().remove("payment_methods");
    let same: Customer = app.ask("PUT", "/v1/customer", &buyer.token, Some(changed)).await.json(StatusCode::OK);
    assert_eq!(same.version, 2);

    let told = app.told(id, &["orders.customer.created", "orders.customer.updated"]).await;
    assert_eq!(told.iter().map(|seen| seen.version).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(told[1].data["changed"], json!(["full_name", "phone", "payment_methods"]));
    let text = app.played.text();
    assert!(!text.contains("Margarida") && !text.contains("exemplo") && !text.contains("52998224725"), "{text}");

    // Units that keep copies read the events with the customer's key.
    let key: CustomerKey = app.get(&format!("/v1/customers/{id}/key"), &app.issuer.service_token("invoices")).await;
    assert_eq!(open(&key, &told[0].data["person"]).full_name, "Ana Margarida Silva");
    assert_eq!(open(&key, &told[1].data["person"]).full_name, "Ana M. Souza");
}

#[tokio::test]
async fn customers_are_their_own_and_operators() {
    let app = TestApp::new().await;
    let (ana, rui) = (app.buyer().await, app.buyer().await);
    let path = format!("/v1/customers/{}", ana.customer.id);
    for token in [&ana.token, &app.operator] {
        assert_eq!(app.get::<Customer>(&path, token).await, ana.customer);
    }
    app.ask("GET", &path, &rui.token, None).await.problem(Code::NotFound);
    app.ask("GET", "/v1/customer", &app.stranger(), None).await.problem(Code::NotFound);
    app.ask("GET", "/v1/customers/nonsense", &ana.token, None).await.problem(Code::NotFound);
    let ids = json!({"ids": [ana.customer.id, rui.customer.id, Uuid::nil()]});
    for (token, expected) in [(&ana.token, 1), (&app.operator, 2), (&app.stranger(), 0)] {
        let batch: Customers =
            app.ask("POST", "/v1/customers/batch", token, Some(ids.clone())).await.json(StatusCode::OK);
        assert_eq!(batch.customers.len(), expected);
    }
    let unknown = format!("/v1/customers/{}/key", Uuid::nil());
    app.ask("GET", &unknown, &app.issuer.service_token("shipping"), None).await.problem(Code::NotFound);
    for token in [&ana.token, &app.operator, &app.issuer.service_token("payments")] {
        app.ask("GET", &format!("{path}/key"), token, None).await.problem(Code::Forbidden);
    }
    for path in [&*path, "/v1/customer", "/v1/orders"] {
        app.ask("GET", path, &app.issuer.service_token("invoices"), None).await.problem(Code::InvalidToken);
    }
}

#[tokio::test]
async fn who_gets_a_customers_key_is_written_down() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let path = format!("/v1/customers/{}/key", buyer.customer.id);
    let (mut log, writer) = pipe().unwrap();
    let lines = tracing_subscriber::fmt().with_env_filter("orders::http=info").with_ansi(false);
    let guard = tracing::subscriber::set_default(lines.with_writer(Arc::new(writer)).finish());
    app.get::<CustomerKey>(&path, &app.issuer.service_token("notifications")).await;
    app.ask("GET", &path, &buyer.token, None).await.problem(Code::Forbidden);
    drop(guard);
    let mut lines = String::new();
    log.read_to_string(&mut lines).unwrap();
    let expected = format!("customer.id={} audit.actor=\"notifications\"", buyer.customer.id);
    assert!(lines.lines().count() == 1 && lines.contains(&expected), "{lines}");
}

#[tokio::test]
async fn data_keys_are_wrapped_by_the_key_in_force_so_that_the_one_before_can_go() {
    let app = TestApp::new().await;
    let buyers = [app.buyer().await, app.buyer().await];
    let new = STANDARD.encode([9; 32]);
    let keys = json!({"customers": {"encryption_key": new, "previous_encryption_key": WRAPPING_KEY}});
    let _other = app.beside(&keys).await.unwrap();
    let only_new = sealing::config::keyring(&new.into(), None).unwrap();
    let are_wrapped = async || {
        let rows: Vec<(Uuid, Uuid, Vec<u8>)> =
            sqlx::query_as("SELECT customer_id, id, wrapped FROM customer_keys").fetch_all(app.pool()).await?;
        assert_eq!(rows.len(), buyers.len());
        Ok(rows.iter().all(|(person, id, wrapped)| only_new.unwrap(*person, *id, wrapped).is_ok()).then_some(rows))
    };
    let rows = kit::eventually(PATIENCE, "all keys to be wrapped anew", are_wrapped).await.unwrap();
    for (person, id, wrapped) in rows {
        let sealed: Vec<u8> = sqlx::query_scalar("SELECT person FROM customers WHERE id = $1")
            .bind(person)
            .fetch_one(app.pool())
            .await
            .unwrap();
        let opened: Person = only_new.unwrap(person, id, &wrapped).unwrap().open(&sealed).unwrap();
        assert_eq!(opened.email, buyers[0].customer.email);
    }
}

#[tokio::test]
async fn two_requests_of_a_new_customer_at_once_make_one() {
    let app = TestApp::new().await;
    let token = app.stranger();
    let asked = (0..6).map(|_| app.ask("PUT", "/v1/customer", &token, Some(ana())));
    let answers = futures::future::join_all(asked).await;
    let ids: std::collections::HashSet<_> = answers
        .iter()
        .map(|answer| {
            assert!(answer.status.is_success());
            serde_json::from_slice::<Customer>(&answer.body).unwrap().id
        })
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(app.count("SELECT count(*) FROM payment_methods").await, 2);
    app.told(ids.into_iter().next().unwrap(), &["orders.customer.created"]).await;
}

#[tokio::test]
async fn every_field_that_is_wrong_is_told_at_once_and_nothing_is_stored() {
    let app = TestApp::new().await;
    let token = app.stranger();
    let mut wrong = ana();
    wrong["email"] = json!("ana@");
    wrong["document"] = json!("529.982.247-26");
    wrong["phone"] = json!("11987654321");
    wrong["shipping_address"]["country"] = json!("Brasil");
    wrong["payment_methods"][1]["id"] = json!(Uuid::nil());
    wrong["payment_methods"][0]["expiry"] = json!("2020-01");
    let refused = app.ask("PUT", "/v1/customer", &token, Some(wrong)).await.refused();
    let expected = ["email", "document", "phone", "shipping_address.country", "payment_methods[0].expiry"];
    assert_eq!(refused, expected);
    let mut unknown = ana();
    unknown["payment_methods"] = json!([{"id": Uuid::nil(), "kind": "pix"}]);
    let refused = app.ask("PUT", "/v1/customer", &token, Some(unknown)).await.refused();
    assert_eq!(refused, ["payment_methods[0].id"]);
    assert_eq!(app.count("SELECT count(*) FROM customers").await, 0);
}

#[tokio::test]
async fn a_card_number_is_refused_wherever_it_stands() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let card = "4111 1111 1111 1111";
    for field in ["email", "document", "full_name", "phone"] {
        let mut body = ana();
        body[field] = json!(card);
        assert_eq!(app.ask("PUT", "/v1/customer", &buyer.token, Some(body)).await.refused(), [field]);
    }
    let mut body = ana();
    body["payment_methods"][0]["provider_token"] = json!("4111/1111/1111/1111");
    body["shipping_address"]["street"] = json!(format!("Rua {card}"));
    body["card_number"] = json!(4_111_111_111_111_111_u64);
    let refused = app.ask("PUT", "/v1/customer", &buyer.token, Some(body)).await;
    let text = String::from_utf8_lossy(&refused.body).into_owned();
    let mut refused = refused.refused();
    refused.sort();
    assert_eq!(refused, ["card_number", "payment_methods[0].provider_token", "shipping_address.street"]);
    assert!(!text.contains("1111"), "{text}");
    let order = app.buy(&buyer).await;
    let path = format!("/v1/orders/{}/cancel", order.id);
    let answer = app.ask("POST", &path, &buyer.token, Some(json!({"reason": card}))).await;
    assert_eq!(answer.refused(), ["reason"]);
    let mut body = crate::app::cart(&buyer);
    body["link_code"] = json!("4111111111111111");
    assert_eq!(app.place(&buyer, "k", body).await.refused(), ["link_code"]);
    assert_eq!(app.get::<Customer>("/v1/customer", &buyer.token).await.version, 1);
}
