//! Orders and all that they lead to.

use serde_json::{Value, json};
use uuid::Uuid;
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::gate::{Gate, answers, code, link, requests};

pub(crate) const CUSTOMER: &str = "019346e6-8e9e-7000-8000-0000000000c1";

pub(crate) fn id(number: usize) -> String {
    format!("019346e6-8e9e-7000-8000-{number:012}")
}

/// An order as orders tells it: two products, the link `promo`.
pub(crate) fn order(number: usize, status: &str, version: u64) -> Value {
    let item = |product: usize| {
        let (price, total) = (json!({ "minor": 1290, "currency": "BRL" }), json!({ "minor": 2580, "currency": "BRL" }));
        json!({ "product_id": id(product), "name": "Caneca", "quantity": 2, "unit_price": price, "total": total })
    };
    json!({
        "id": id(number), "customer_id": CUSTOMER, "status": status, "cancelling": false,
        "items": [item(number * 10), item(1)], "total": { "minor": 5160, "currency": "BRL" }, "link_code": format!("promo{number}"),
        "payment_method_id": id(7), "payment_id": null, "rejection": null, "cancellation": null,
        "tracking_number": null, "placed_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z",
        "version": version,
    })
}

pub(crate) fn product(id: &str) -> Value {
    json!({
        "id": id, "sku": "CAN-1", "name": "Caneca azul", "description": null, "active": true,
        "price": { "minor": 1490, "currency": "BRL" }, "stock": { "available": 3 },
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z", "version": 1,
    })
}

pub(crate) fn customer() -> Value {
    let address = json!({ "street": "Rua A", "number": "1", "city": "Recife", "state": "PE", "zip_code": "50000-000",
        "country": "BR" });
    json!({
        "id": CUSTOMER, "email": "ana@example.com", "document": "52998224725", "full_name": "Ana", "phone": null,
        "shipping_address": address, "billing_address": address,
        "payment_methods": [{ "id": id(7), "kind": "credit_card", "last_four": "4242", "expiry": "2029-12" }],
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z", "version": 1,
    })
}

fn payment(order: &str) -> Value {
    json!({
        "id": id(99), "orders_order_id": order, "orders_customer_id": CUSTOMER, "status": "captured",
        "amount": { "minor": 5160, "currency": "BRL" }, "refunded": { "minor": 0, "currency": "BRL" },
        "method": "credit_card", "last_four": "4242", "refunds": [], "created_at": "2026-01-02T03:04:05Z",
    })
}

fn history(order: &str) -> Value {
    let event = |version: u64, kind: &str| {
        json!({ "version": version, "type": kind, "at": "2026-01-02T03:04:05Z", "data": { "version": version },
            "causation_id": null, "correlation_id": null })
    };
    json!({ "order_id": order, "events": [event(1, "placed"), event(2, "confirmed"), event(3, "shipped")] })
}

fn asked(request: &Request, field: &str) -> Vec<String> {
    let body: Value = request.body_json().expect("JSON");
    serde_json::from_value(body[field].clone()).expect("a list of texts")
}

/// Plays a batch: `name` holds what `make` says of each of the `field`'s values.
async fn batch(service: &MockServer, at: &str, field: &'static str, name: &'static str, make: fn(&str) -> Value) {
    let answer = move |request: &Request| {
        let found: Vec<_> = asked(request, field).iter().map(|id| make(id)).collect();
        ResponseTemplate::new(200).set_body_json(json!({ name: found }))
    };
    Mock::given(method("POST")).and(path(at)).respond_with(answer).mount(service).await;
}

/// Plays everything that orders lead to.
pub(crate) async fn has_everything(gate: &Gate) {
    batch(&gate.inventory, "/v1/products/batch", "ids", "items", product).await;
    batch(&gate.payments, "/v1/payments/batch", "order_ids", "payments", payment).await;
    batch(&gate.orders, "/v1/customers/batch", "ids", "customers", |_| customer()).await;
    batch(&gate.orders, "/v1/orders/events/batch", "ids", "histories", history).await;
    batch(&gate.shortener, "/v1/links/batch", "codes", "items", link).await;
}

/// Plays `GET /v1/orders/{id}`.
async fn has_order(gate: &Gate, number: usize) {
    answers(&gate.orders, "GET", &format!("/v1/orders/{}", id(number)), 200, order(number, "confirmed", 2)).await;
}

const EVERYTHING: &str = "id status total { minor currency formatted } placedAt
    items { productName quantity unitPrice { formatted } total { minor } product { name price { formatted }
        stock { available onHand reserved } } }
    customer { fullName paymentMethods { kind lastFour } } payment { status amount { formatted } method }
    link { code } history { version type data }";

#[tokio::test]
async fn a_list_of_orders_costs_one_call_per_service_and_level() {
    let gate = Gate::start().await;
    let token = gate.token();
    let item = |number: usize| json!({ "cursor": format!("c{number}"), "order": order(number, "confirmed", 2) });
    let items: Vec<_> = (1..=20).map(item).collect();
    Mock::given(method("GET"))
        .and(path("/v1/orders"))
        .and(query_param("first", "20"))
        .and(query_param("status", "confirmed"))
        .and(header("authorization", format!("Bearer {token}")))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "items": items, "has_next_page": true })))
        .mount(&gate.orders)
        .await;
    has_everything(&gate).await;
    let query = format!(
        "{{ orders(status: CONFIRMED) {{ pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
            edges {{ cursor node {{ {EVERYTHING} }} }} }} }}"
    );
    let answer = gate.ask_as(&token, &query).await;
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    let orders = &answer["data"]["orders"];
    let page = json!({ "hasNextPage": true, "hasPreviousPage": false, "startCursor": "c1", "endCursor": "c20" });
    assert_eq!((&orders["pageInfo"], orders["edges"].as_array().map(Vec::len)), (&page, Some(20)));
    let node = &orders["edges"][19]["node"];
    assert_eq!(node["status"], "CONFIRMED");
    assert_eq!(node["total"], json!({ "minor": 5160, "currency": "BRL", "formatted": "51.60 BRL" }));
    let item = &node["items"][0];
    assert_eq!((&item["productName"], &item["product"]["name"]), (&json!("Caneca"), &json!("Caneca azul")));
    assert_eq!(item["unitPrice"]["formatted"], "12.90 BRL");
    assert_eq!(item["product"]["stock"], json!({ "available": 3, "onHand": null, "reserved": null }));
    assert_eq!(node["customer"]["paymentMethods"], json!([{ "kind": "CREDIT_CARD", "lastFour": "4242" }]));
    assert_eq!(
        node["payment"],
        json!({ "status": "CAPTURED", "amount": { "formatted": "51.60 BRL" }, "method": "CREDIT_CARD" })
    );
    assert_eq!(node["link"]["code"], "promo20");
    let seen: Vec<_> = node["history"].as_array().expect("events").iter().map(|event| &event["type"]).collect();
    assert_eq!(seen, ["placed", "confirmed"], "nothing after the order's own version");
    for (service, method, path) in [
        (&gate.orders, "GET", "/v1/orders"),
        (&gate.orders, "POST", "/v1/customers/batch"),
        (&gate.orders, "POST", "/v1/orders/events/batch"),
        (&gate.inventory, "POST", "/v1/products/batch"),
        (&gate.payments, "POST", "/v1/payments/batch"),
        (&gate.shortener, "POST", "/v1/links/batch"),
    ] {
        assert_eq!(requests(service, method, path).await, 1, "{method} {path}");
    }
    let sent = &gate.inventory.received_requests().await.expect("recorded")[0];
    assert_eq!(asked(sent, "ids").len(), 21, "each product once");
}

#[tokio::test]
async fn an_order_is_told_as_it_was_and_what_is_none_is_null() {
    let gate = Gate::start().await;
    let at = "2026-01-02T03:04:05.000006Z";
    Mock::given(path(format!("/v1/orders/{}", id(1))))
        .and(query_param("at", at))
        .respond_with(ResponseTemplate::new(200).set_body_json(order(1, "pending", 1)))
        .mount(&gate.orders)
        .await;
    let missing = contracts::problem::Problem::new(contracts::problem::Code::NotFound, "There is no such order.");
    Mock::given(path(format!("/v1/orders/{}", id(2))))
        .respond_with(ResponseTemplate::new(404).set_body_json(&missing))
        .mount(&gate.orders)
        .await;
    Mock::given(path("/v1/customer"))
        .respond_with(ResponseTemplate::new(404).set_body_json(&missing))
        .mount(&gate.orders)
        .await;
    let answer = gate
        .ask(&format!(
            "{{ then: order(id: \"{}\", at: \"{at}\") {{ status }} none: order(id: \"{}\") {{ id }}
               odd: order(id: \"../customer\") {{ id }} product(id: \"x/../y\") {{ id }} customer {{ id }} }}",
            id(1),
            id(2)
        ))
        .await;
    let expected = json!({ "then": { "status": "PENDING" }, "none": null, "odd": null, "product": null,
        "customer": null });
    assert_eq!(answer, json!({ "data": expected }));
    assert_eq!(gate.inventory.received_requests().await.expect("recorded").len(), 0);
}

#[tokio::test]
async fn services_that_are_away_cost_their_own_fields() {
    let gate = Gate::start().await;
    has_order(&gate, 1).await;
    batch(&gate.orders, "/v1/customers/batch", "ids", "customers", |_| customer()).await;
    batch(&gate.orders, "/v1/orders/events/batch", "ids", "histories", history).await;
    for service in [&gate.inventory, &gate.payments, &gate.shortener] {
        Mock::given(wiremock::matchers::any()).respond_with(ResponseTemplate::new(503)).mount(service).await;
    }
    let answer = gate.ask(&format!("{{ order(id: \"{}\") {{ {EVERYTHING} }} }}", id(1))).await;
    let order = &answer["data"]["order"];
    assert_eq!((&order["status"], &order["customer"]["fullName"]), (&json!("CONFIRMED"), &json!("Ana")), "{answer}");
    assert_eq!((&order["payment"], &order["link"]), (&Value::Null, &Value::Null));
    assert_eq!((&order["items"][0]["product"], &order["items"][0]["quantity"]), (&Value::Null, &json!(2)));
    let mut told: Vec<_> = answer["errors"].as_array().expect("errors").iter().map(|e| &e["extensions"]).collect();
    told.sort_by_key(|extensions| extensions["service"].to_string());
    let services: Vec<_> = told.iter().map(|extensions| &extensions["service"]).collect();
    assert_eq!(services, ["inventory", "inventory", "payments", "shortener"]);
    for extensions in told {
        assert_eq!(extensions["code"], "unavailable");
        assert!(extensions["requestId"].is_string() && extensions["retryAfterMs"].is_u64(), "{extensions}");
    }
}

#[tokio::test]
async fn links_of_others_are_null_without_an_error() {
    let gate = Gate::start().await;
    has_order(&gate, 1).await;
    Mock::given(path("/v1/links/batch"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "items": [] })))
        .mount(&gate.shortener)
        .await;
    let answer = gate.ask(&format!("{{ order(id: \"{}\") {{ link {{ code }} }} }}", id(1))).await;
    assert_eq!(answer, json!({ "data": { "order": { "link": null } } }));
}

#[tokio::test]
async fn what_links_sold_costs_one_call_and_is_missing_alone() {
    let gate = Gate::start().await;
    let item = |number: usize| json!({ "cursor": format!("c{number}"), "link": link(&format!("code{number}")) });
    let items: Vec<_> = (0..20).map(item).collect();
    Mock::given(path("/v1/links"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "items": items, "has_next_page": false })))
        .mount(&gate.shortener)
        .await;
    let sold = |code: &str| {
        let revenue = json!([{ "minor": 5_160_000_000_i64, "currency": "BRL" }, { "minor": 70, "currency": "JPY" }]);
        json!({ "code": if code == "code3" { "other" } else { code }, "count": 2, "revenue": revenue })
    };
    batch(&gate.orders, "/v1/links/sales/batch", "codes", "links", sold).await;
    let query = "{ links { edges { node { code orders { count revenue { minor formatted } } } } } }";
    let answer = gate.ask(query).await;
    let node = |number: usize| &answer["data"]["links"]["edges"][number]["node"]["orders"];
    let revenue =
        json!([{ "minor": 5_160_000_000_i64, "formatted": "51600000.00 BRL" }, { "minor": 70, "formatted": "70 JPY" }]);
    assert_eq!(*node(0), json!({ "count": 2, "revenue": revenue }), "{answer}");
    assert_eq!(*node(3), json!({ "count": 0, "revenue": [] }), "one that orders does not know yet");
    assert_eq!(requests(&gate.orders, "POST", "/v1/links/sales/batch").await, 1);

    gate.orders.reset().await;
    Mock::given(wiremock::matchers::any()).respond_with(ResponseTemplate::new(500)).mount(&gate.orders).await;
    let answer = gate.ask(query).await;
    assert_eq!(answer["data"]["links"]["edges"][7]["node"], json!({ "code": "code7", "orders": null }));
    assert_eq!((code(&answer), &answer["errors"][0]["extensions"]["service"]), ("bad_upstream", &json!("orders")));
}

#[tokio::test]
async fn an_order_is_placed_with_its_key_and_cancelled() {
    let gate = Gate::start().await;
    let total = json!({ "minor": 5160, "currency": "BRL" });
    let body = json!({ "items": [{ "product_id": id(1), "quantity": 2 }], "payment_method_id": id(7),
        "link_code": "promo", "expected_total": total });
    Mock::given(method("POST"))
        .and(path("/v1/orders"))
        .and(header("idempotency-key", "cart-17"))
        .and(body_json(body))
        .respond_with(ResponseTemplate::new(202).set_body_json(order(1, "pending", 1)))
        .mount(&gate.orders)
        .await;
    let query = format!(
        "mutation {{ placeOrder(input: {{ items: [{{ productId: \"{}\", quantity: 2 }}], paymentMethodId: \"{}\",
            linkCode: \"promo\", expectedTotal: {{ minor: 5160, currency: \"BRL\" }} }}, idempotencyKey: \"cart-17\")
            {{ id status }} }}",
        id(1),
        id(7)
    );
    let placed = json!({ "data": { "placeOrder": { "id": id(1), "status": "PENDING" } } });
    assert_eq!(gate.ask(&query).await, placed);

    let cancelled = format!("/v1/orders/{}/cancel", id(1));
    Mock::given(method("POST"))
        .and(path(&cancelled))
        .and(body_json(json!({ "reason": "too late" })))
        .respond_with(ResponseTemplate::new(202).set_body_json(order(1, "cancelled", 3)))
        .mount(&gate.orders)
        .await;
    let query = format!("mutation {{ cancelOrder(id: \"{}\", reason: \"too late\") {{ status }} }}", id(1));
    assert_eq!(gate.ask(&query).await["data"]["cancelOrder"]["status"], "CANCELLED");
    let answer = gate.ask("mutation { cancelOrder(id: \"nope\") { id } }").await;
    assert_eq!(code(&answer), "not_found");
}

#[tokio::test]
async fn what_is_wrong_with_an_order_is_named_as_graphql_names_it() {
    let gate = Gate::start().await;
    let names = |answer: &Value| -> Vec<String> {
        let fields = answer["errors"][0]["extensions"]["fields"].as_array().expect("fields").clone();
        fields.iter().map(|field| field["field"].as_str().expect("a name").to_owned()).collect()
    };
    let answer = gate
        .ask(
            "mutation { placeOrder(input: { items: [{ productId: \"x\", quantity: -1 }], paymentMethodId: \"y\",
               expectedTotal: { minor: 1, currency: \"brl\" } }, idempotencyKey: \"k\") { id } }",
        )
        .await;
    assert_eq!(code(&answer), "validation_failed");
    let expected = ["items[0].productId", "items[0].quantity", "paymentMethodId", "expectedTotal.currency"];
    assert_eq!(names(&answer), expected);
    let proper = |key: &str| {
        format!(
            "mutation {{ placeOrder(input: {{ items: [], paymentMethodId: \"{}\" }}, idempotencyKey: \"{key}\")
             {{ id }} }}",
            id(7)
        )
    };
    assert_eq!(names(&gate.ask(&proper("a\\nb")).await), ["idempotencyKey"]);
    assert_eq!(gate.orders.received_requests().await.expect("recorded").len(), 0);

    let problem = contracts::problem::Problem::field("items[0].product_id", "There is no such product.")
        .with_field("link_code", "It is not the code of a link.")
        .with_field("Idempotency-Key", "It must be 1 to 255 visible ASCII characters.");
    Mock::given(path("/v1/orders"))
        .respond_with(ResponseTemplate::new(400).set_body_json(problem))
        .mount(&gate.orders)
        .await;
    let answer = gate.ask(&proper("k")).await;
    assert_eq!(names(&answer), ["items[0].productId", "linkCode", "idempotencyKey"]);
    assert_eq!(answer["errors"][0]["extensions"]["service"], "orders");
}

#[tokio::test]
async fn a_customer_is_saved_and_an_account_deleted() {
    let gate = Gate::start().await;
    let address = json!({ "street": "Rua A", "number": "1", "city": "Recife", "state": "PE", "zip_code": "50000-000",
        "country": "BR" });
    let body = json!({
        "email": "ana@example.com", "document": "529.982.247-25", "full_name": "Ana", "shipping_address": address,
        "payment_methods": [{ "provider_token": "tok_1", "kind": "credit_card", "last_four": "4242",
            "expiry": "2029-12" }],
    });
    Mock::given(method("PUT"))
        .and(path("/v1/customer"))
        .and(body_json(body))
        .respond_with(ResponseTemplate::new(200).set_body_json(customer()))
        .mount(&gate.orders)
        .await;
    let answer = gate
        .ask(
            "mutation { saveCustomer(input: { email: \"ana@example.com\", document: \"529.982.247-25\",
               fullName: \"Ana\", shippingAddress: { street: \"Rua A\", number: \"1\", city: \"Recife\", state: \"PE\",
               zipCode: \"50000-000\", country: \"BR\" }, paymentMethods: [{ providerToken: \"tok_1\",
               kind: CREDIT_CARD, lastFour: \"4242\", expiry: \"2029-12\" }] })
               { id document billingAddress { zipCode } paymentMethods { id } } }",
        )
        .await;
    let saved = &answer["data"]["saveCustomer"];
    assert_eq!((&saved["document"], &saved["billingAddress"]["zipCode"]), (&json!("52998224725"), &json!("50000-000")));

    Mock::given(method("DELETE"))
        .and(path("/v1/users/me"))
        .and(body_json(json!({ "password": "correct horse" })))
        .respond_with(ResponseTemplate::new(202).set_body_json(json!({ "saga_id": Uuid::now_v7() })))
        .mount(&gate.auth)
        .await;
    let answer = gate.ask("mutation { deleteAccount(password: \"correct horse\") }").await;
    assert_eq!(answer, json!({ "data": { "deleteAccount": true } }));
}
