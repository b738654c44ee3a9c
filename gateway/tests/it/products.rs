//! Products and stock.

use serde_json::{Value, json};
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, ResponseTemplate};

use crate::gate::{Gate, code};
use crate::orders::{id, product};

#[tokio::test]
async fn products_are_listed_and_found() {
    let gate = Gate::start().await;
    let page = json!({ "items": [{ "cursor": "c1", "product": product(&id(1)) }], "has_next_page": false });
    Mock::given(path("/v1/products"))
        .and(query_param("search", "caneca azul"))
        .and(query_param("after", "c0"))
        .respond_with(ResponseTemplate::new(200).set_body_json(page))
        .mount(&gate.inventory)
        .await;
    let mut known = product(&id(2));
    known["stock"] = json!({ "available": 3, "on_hand": 5, "reserved": 2 });
    Mock::given(path(format!("/v1/products/{}", id(2))))
        .respond_with(ResponseTemplate::new(200).set_body_json(known))
        .mount(&gate.inventory)
        .await;
    let answer = gate
        .ask(&format!(
            "{{ products(search: \"caneca azul\", after: \"c0\") {{ pageInfo {{ hasPreviousPage endCursor }}
               edges {{ node {{ sku price {{ formatted }} }} }} }}
               product(id: \"{}\") {{ id stock {{ available onHand reserved }} }} }}",
            id(2)
        ))
        .await;
    let products = json!({ "pageInfo": { "hasPreviousPage": true, "endCursor": "c1" },
        "edges": [{ "node": { "sku": "CAN-1", "price": { "formatted": "14.90 BRL" } } }] });
    let product = json!({ "id": id(2), "stock": { "available": 3, "onHand": 5, "reserved": 2 } });
    assert_eq!(answer, json!({ "data": { "products": products, "product": product } }));
    assert_eq!(code(&gate.ask("{ products(first: -1) { edges { cursor } } }").await), "validation_failed");
}

#[tokio::test]
async fn operators_make_and_change_products_and_their_stock() {
    let gate = Gate::start().await;
    let operator = gate.operator();
    let price = json!({ "minor": 1490, "currency": "BRL" });
    Mock::given(method("POST"))
        .and(path("/v1/products"))
        .and(header("authorization", format!("Bearer {operator}")))
        .and(body_json(json!({ "sku": "CAN-1", "name": "Caneca", "price": price })))
        .respond_with(ResponseTemplate::new(201).set_body_json(product(&id(1))))
        .mount(&gate.inventory)
        .await;
    Mock::given(method("PATCH"))
        .and(path(format!("/v1/products/{}", id(1))))
        .and(body_json(json!({ "description": null, "active": false })))
        .respond_with(ResponseTemplate::new(200).set_body_json(product(&id(1))))
        .mount(&gate.inventory)
        .await;
    let operation = json!({
        "id": id(5), "product_id": id(1), "product_version": 2, "kind": "increase", "quantity": 10, "reason": "restock",
        "saga_id": null, "step": null, "reservation_id": null, "actor_auth_user_id": gate.user,
        "at": "2026-01-02T03:04:05Z",
    });
    let stock = json!({ "available": 13, "on_hand": 13, "reserved": 0 });
    Mock::given(method("POST"))
        .and(path(format!("/v1/products/{}/stock/operations", id(1))))
        .and(header("idempotency-key", "delivery-9"))
        .and(body_json(json!({ "kind": "increase", "quantity": 10, "reason": "restock" })))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({ "operation": operation, "stock": stock })))
        .mount(&gate.inventory)
        .await;
    let answer = gate
        .ask_as(
            &operator,
            &format!(
                "mutation {{ createProduct(input: {{ sku: \"CAN-1\", name: \"Caneca\",
                   price: {{ minor: 1490, currency: \"BRL\" }} }}) {{ sku }}
                   updateProduct(id: \"{0}\", input: {{ description: null, active: false }}) {{ id }}
                   changeStock(input: {{ productId: \"{0}\", kind: INCREASE, quantity: 10, reason: \"restock\" }},
                   idempotencyKey: \"delivery-9\") {{ operationId stock {{ onHand }} }} }}",
                id(1)
            ),
        )
        .await;
    let changed = json!({ "operationId": id(5), "stock": { "onHand": 13 } });
    let expected =
        json!({ "createProduct": { "sku": "CAN-1" }, "updateProduct": { "id": id(1) }, "changeStock": changed });
    assert_eq!(answer, json!({ "data": expected }));
}

#[tokio::test]
async fn what_inventory_refuses_is_told_and_what_is_no_amount_does_not_reach_it() {
    let gate = Gate::start().await;
    let forbidden = contracts::problem::Problem::new(contracts::problem::Code::Forbidden, "For operators.");
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(403).set_body_json(forbidden))
        .mount(&gate.inventory)
        .await;
    let create = |currency: &str| {
        format!(
            "mutation {{ createProduct(input: {{ sku: \"A\", name: \"B\", price: {{ minor: 1, currency: \"{currency}\" }} }})
             {{ id }} }}"
        )
    };
    let answer = gate.ask(&create("reais")).await;
    assert_eq!(answer["errors"][0]["extensions"]["fields"][0]["field"], "price.currency");
    assert_eq!(gate.inventory.received_requests().await.expect("recorded").len(), 0);
    let answer = gate.ask(&create("BRL")).await;
    assert_eq!((code(&answer), &answer["data"]), ("forbidden", &Value::Null));
    let query = "mutation { changeStock(input: { productId: \"a/b\", kind: DECREASE, quantity: 1, reason: \"r\" },
        idempotencyKey: \"k\") { at } }";
    assert_eq!(code(&gate.ask(query).await), "not_found");
}

#[tokio::test]
async fn visitors_look_into_the_shop_window() {
    let gate = Gate::start().await;
    let page = json!({ "items": [{ "cursor": "c1", "product": product(&id(1)) }], "has_next_page": false });
    for (at, body) in [("/v1/products".to_owned(), page), (format!("/v1/products/{}", id(1)), product(&id(1)))] {
        Mock::given(path(at)).respond_with(ResponseTemplate::new(200).set_body_json(body)).mount(&gate.inventory).await;
    }
    let missing = contracts::problem::Problem::new(contracts::problem::Code::NotFound, "There is no such product.");
    Mock::given(path(format!("/v1/products/{}", id(2))))
        .respond_with(ResponseTemplate::new(404).set_body_json(missing))
        .mount(&gate.inventory)
        .await;
    let query = format!(
        "{{ products {{ edges {{ node {{ sku stock {{ available onHand }} }} }} }} on: product(id: \"{}\") {{ name }}
           off: product(id: \"{}\") {{ name }} }}",
        id(1),
        id(2)
    );
    let answer = gate.ask_anonymously(&query).await;
    let node = json!({ "sku": "CAN-1", "stock": { "available": 3, "onHand": null } });
    let products = json!({ "edges": [{ "node": node }] });
    let expected = json!({ "products": products, "on": { "name": "Caneca azul" }, "off": null });
    assert_eq!(answer, json!({ "data": expected }));
    let rest = gate.client.get(format!("{}/api/inventory/v1/products", gate.url)).send().await.expect("an answer");
    assert_eq!(rest.status(), 200);
    let sent = gate.inventory.received_requests().await.expect("recorded");
    assert!(sent.iter().all(|request| !request.headers.contains_key("authorization")), "inventory sees a visitor");
}
