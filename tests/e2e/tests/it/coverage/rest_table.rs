//! The cases of REST operations.

use e2e_tests::{Client, Platform};
use reqwest::Method;

use super::Access::{self, Operator, Public, Service, User};

/// The id of nothing.
const SOME_ID: &str = "01936b2e-5a00-7000-8000-000000000001";

/// Products on sale.
const SHOWN: Access = Public("a shop window is looked into from the street");

/// How an operation refuses.
pub(super) struct Case {
    /// The program that has it.
    pub(super) unit: &'static str,
    /// Method and path, as in its document.
    pub(super) operation: &'static str,
    /// Who may call it.
    pub(super) access: Access,
    /// A malformed request, and what it is answered.
    pub(super) malformed: Malformed,
}

/// A malformed request.
pub(super) enum Malformed {
    /// The operation reads nothing that could be malformed.
    Nothing,
    /// A path, with a query where there is one.
    Path { path: &'static str, status: u16, code: &'static str, field: Option<&'static str> },
    /// A header.
    Header { name: &'static str, value: &'static str, field: &'static str },
    /// A body of JSON; what is no JSON at all is tried as well.
    Body { json: &'static str, field: &'static str },
    /// A body that is not GraphQL's, which is answered as GraphQL.
    Graphql,
}

impl Case {
    pub(super) fn method(&self) -> Method {
        let method = self.operation.split(' ').next().unwrap_or_default();
        method.parse().unwrap_or_default()
    }

    /// The operation's path, about a link, breaker or id that there may be.
    pub(super) fn path(&self) -> String {
        let path = self.operation.split(' ').nth(1).unwrap_or_default();
        let known = [("{code}", "some-link"), ("{name}", "analytics"), ("{id}", SOME_ID), ("{order_id}", SOME_ID)];
        known.into_iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
    }

    /// Where a path of the operation's program is found from outside.
    pub(super) fn address(&self, path: &str) -> String {
        match self.unit {
            "gateway" => path.to_owned(),
            "shortener" if self.operation.ends_with(" /{code}") => format!("/r{path}"),
            unit => format!("/api/{unit}{path}"),
        }
    }

    /// The client at the listener that has the operation.
    pub(super) fn at(&self, platform: &Platform, client: &Client) -> Client {
        let is_operators = self.unit == "gateway" && self.access == Operator;
        if is_operators { platform.operators(client) } else { client.clone() }
    }

    /// Redirects are anybody's and look at no token; everything else refuses one that is not valid.
    pub(super) fn reads_tokens(&self) -> bool {
        !self.operation.ends_with("/{code}") || !matches!(self.access, Public(_))
    }
}

const fn path(path: &'static str, field: &'static str) -> Malformed {
    Malformed::Path { path, status: 400, code: "validation_failed", field: Some(field) }
}

const fn unknown(path: &'static str) -> Malformed {
    Malformed::Path { path, status: 404, code: "not_found", field: None }
}

/// Whoever may not call it is refused before anything is read.
const fn refused(path: &'static str) -> Malformed {
    Malformed::Path { path, status: 403, code: "forbidden", field: None }
}

const fn body(field: &'static str, json: &'static str) -> Malformed {
    Malformed::Body { json, field }
}

const fn header(name: &'static str, value: &'static str, field: &'static str) -> Malformed {
    Malformed::Header { name, value, field }
}

const fn case(unit: &'static str, operation: &'static str, access: Access, malformed: Malformed) -> Case {
    Case { unit, operation, access, malformed }
}

const NO_ACCOUNT_YET: Access = Public("whoever calls it has no account yet");
const CREDENTIALS: Access = Public("e-mail and password are the credentials");
const REFRESH: Access = Public("the refresh token is the credential");
const VISITORS: Access = Public("links are for everybody");
const KEYS: Access = Public("public keys verify tokens for everybody");
const GRAPHQL: Access = Public("each field says for itself who may read it; see the table of GraphQL");

/// A case for every operation.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("auth", "POST /v1/users", NO_ACCOUNT_YET, body("email", r#"{"email":"nobody","password":"correct horse battery","full_name":"N"}"#)),
    case("auth", "POST /v1/sessions", CREDENTIALS, body("password", r#"{"email":"nobody@example.com"}"#)),
    case("auth", "POST /v1/sessions/refresh", REFRESH, body("refresh_token", "{}")),
    case("auth", "POST /v1/sessions/revoke", REFRESH, body("refresh_token", r#"{"refresh_token":7}"#)),
    case("auth", "GET /v1/users/me", User, Malformed::Nothing),
    case("auth", "PUT /v1/users/me/password", User, body("new_password", r#"{"current_password":"correct horse"}"#)),
    case("auth", "DELETE /v1/users/me", User, body("password", r#"{"password":7}"#)),
    case("auth", "GET /v1/users/me/deletion", User, Malformed::Nothing),
    case("auth", "GET /.well-known/jwks.json", KEYS, Malformed::Nothing),
    case("auth", "POST /v1/keys/rotate", Operator, Malformed::Nothing),
    case("auth", "GET /v1/sagas", Operator, path("/v1/sagas?status=stuck", "status")),
    case("auth", "GET /v1/sagas/{id}", Operator, unknown("/v1/sagas/01936b2e-5a00-7000-8000-000000000001")),
    case("auth", "POST /v1/sagas/{id}/retry", Operator, body("reason", r#"{"reason":""}"#)),
    case("auth", "POST /v1/sagas/{id}/cancel", Operator, body("reason", r#"{"reason":""}"#)),
    case("auth", "POST /v1/sagas/{id}/settle", Operator, body("reason", r#"{"reason":""}"#)),
    case("auth", "GET /v1/dead-letters", Operator, path("/v1/dead-letters?limit=many", "limit")),
    case("auth", "POST /v1/dead-letters/redrive", Operator, body("reason", r#"{"consumer":"auth.sagas","subject":"s","reason":""}"#)),
    case("auth", "POST /v1/dead-letters/discard", Operator, body("ids", r#"{"consumer":"auth.sagas","reason":"why not"}"#)),
    case("auth", "GET /v1/dead-letters/audit", Operator, path("/v1/dead-letters/audit?limit=-1", "limit")),

    case("shortener", "POST /v1/links", User, body("url", r#"{"url":"ftp://shop.example"}"#)),
    case("shortener", "GET /v1/links", User, path("/v1/links?first=0", "first")),
    case("shortener", "POST /v1/links/batch", User, body("codes", r#"{"codes":[]}"#)),
    case("shortener", "POST /v1/links/bulk", User, body("links", r#"{"links":[]}"#)),
    case("shortener", "GET /v1/links/{code}", User, unknown("/v1/links/no%20code")),
    case("shortener", "PATCH /v1/links/{code}", User, body("colour", r#"{"colour":"red"}"#)),
    case("shortener", "DELETE /v1/links/{code}", User, header("if-match", "newest", "If-Match")),
    case("shortener", "GET /v1/links/{code}/qr", User, path("/v1/links/some-link/qr?size=huge", "size")),
    case("shortener", "GET /v1/dead-letters", Operator, path("/v1/dead-letters?limit=many", "limit")),
    case("shortener", "POST /v1/dead-letters/redrive", Operator, body("reason", r#"{"consumer":"shortener.accounts","subject":"s","reason":""}"#)),
    case("shortener", "POST /v1/dead-letters/discard", Operator, body("ids", r#"{"consumer":"shortener.accounts","reason":"why not"}"#)),
    case("shortener", "GET /v1/dead-letters/audit", Operator, path("/v1/dead-letters/audit?limit=-1", "limit")),
    case("shortener", "GET /{code}", VISITORS, unknown("/no%20code")),
    case("shortener", "HEAD /{code}", VISITORS, unknown("/no%20code")),

    case("analytics", "POST /v1/stats/batch", User, body("window.time_zone", r#"{"codes":["a"],"window":{"time_zone":"Mars/Olympus"},"facets":[{"kind":"totals"}]}"#)),
    case("analytics", "GET /v1/stats", User, path("/v1/stats?granularity=minute", "granularity")),
    case("analytics", "GET /v1/links/{code}/stats", User, path("/v1/links/some-link/stats?from=2026-02-02T00:00:00Z&to=2026-02-01T00:00:00Z", "from")),
    case("analytics", "GET /v1/links/{code}/clicks/live", User, path("/v1/links/some-link/clicks/live?include_bots=perhaps", "include_bots")),
    case("analytics", "GET /v1/links/{code}/clicks/export", User, path("/v1/links/some-link/clicks/export?format=xml", "format")),
    case("analytics", "GET /v1/dead-letters", Operator, path("/v1/dead-letters?limit=many", "limit")),
    case("analytics", "POST /v1/dead-letters/redrive", Operator, body("reason", r#"{"consumer":"analytics.links","subject":"s","reason":""}"#)),
    case("analytics", "POST /v1/dead-letters/discard", Operator, body("ids", r#"{"consumer":"analytics.links","reason":"why not"}"#)),
    case("analytics", "GET /v1/dead-letters/audit", Operator, path("/v1/dead-letters/audit?limit=-1", "limit")),

    case("orders", "PUT /v1/customer", User, body("email", r#"{"email":"nobody","document":"529.982.247-25","full_name":"N","shipping_address":{"street":"S","number":"1","city":"C","state":"SP","zip_code":"01000-000","country":"BR"}}"#)),
    case("orders", "GET /v1/customer", User, Malformed::Nothing),
    case("orders", "POST /v1/customers/batch", User, body("ids", r#"{"ids":[]}"#)),
    case("orders", "GET /v1/customers/{id}", User, unknown("/v1/customers/01936b2e-5a00-7000-8000-000000000001")),
    case("orders", "GET /v1/customers/{id}/key", Service, refused("/v1/customers/nonsense/key")),
    case("orders", "POST /v1/orders", User, body("Idempotency-Key", r#"{"items":[{"product_id":"01936b2e-5a00-7000-8000-000000000001","quantity":1}],"payment_method_id":"01936b2e-5a00-7000-8000-000000000001"}"#)),
    case("orders", "GET /v1/orders", User, path("/v1/orders?first=0", "first")),
    case("orders", "POST /v1/orders/batch", User, body("ids", r#"{"ids":[]}"#)),
    case("orders", "POST /v1/orders/events/batch", User, body("ids", r#"{"ids":[]}"#)),
    case("orders", "GET /v1/orders/{id}", User, path("/v1/orders/01936b2e-5a00-7000-8000-000000000001?at=yesterday", "at")),
    case("orders", "GET /v1/orders/{id}/events", User, unknown("/v1/orders/01936b2e-5a00-7000-8000-000000000001/events")),
    case("orders", "POST /v1/orders/{id}/cancel", User, body("reason", r#"{"reason":7}"#)),
    case("orders", "GET /v1/orders/{id}/changes", User, unknown("/v1/orders/01936b2e-5a00-7000-8000-000000000001/changes")),
    case("orders", "POST /v1/orders/{id}/ship", Operator, body("tracking_number", r#"{"tracking_number":7}"#)),
    case("orders", "POST /v1/orders/{id}/deliver", Operator, unknown("/v1/orders/01936b2e-5a00-7000-8000-000000000001/deliver")),
    case("orders", "POST /v1/links/sales/batch", User, body("codes", r#"{"codes":[]}"#)),
    case("orders", "GET /v1/sagas", Operator, path("/v1/sagas?status=stuck", "status")),
    case("orders", "GET /v1/sagas/{id}", Operator, unknown("/v1/sagas/01936b2e-5a00-7000-8000-000000000001")),
    case("orders", "POST /v1/sagas/{id}/retry", Operator, body("reason", r#"{"reason":""}"#)),
    case("orders", "POST /v1/sagas/{id}/cancel", Operator, body("reason", r#"{"reason":""}"#)),
    case("orders", "POST /v1/sagas/{id}/settle", Operator, body("reason", r#"{"reason":""}"#)),
    case("orders", "GET /v1/dead-letters", Operator, path("/v1/dead-letters?limit=many", "limit")),
    case("orders", "POST /v1/dead-letters/redrive", Operator, body("reason", r#"{"consumer":"orders.sagas","subject":"s","reason":""}"#)),
    case("orders", "POST /v1/dead-letters/discard", Operator, body("ids", r#"{"consumer":"orders.sagas","reason":"why not"}"#)),
    case("orders", "GET /v1/dead-letters/audit", Operator, path("/v1/dead-letters/audit?limit=-1", "limit")),

    case("inventory", "GET /v1/products", SHOWN, path("/v1/products?first=0", "first")),
    case("inventory", "POST /v1/products", Operator, body("sku", r#"{"sku":"","name":"N","price":{"minor":1,"currency":"BRL"}}"#)),
    case("inventory", "POST /v1/products/batch", SHOWN, body("ids", r#"{"ids":[]}"#)),
    case("inventory", "GET /v1/products/{id}", SHOWN, unknown("/v1/products/01936b2e-5a00-7000-8000-000000000001")),
    case("inventory", "PATCH /v1/products/{id}", Operator, body("colour", r#"{"colour":"red"}"#)),
    case("inventory", "GET /v1/products/{id}/stock", SHOWN, unknown("/v1/products/01936b2e-5a00-7000-8000-000000000001/stock")),
    case("inventory", "GET /v1/products/{id}/stock/operations", Operator, path("/v1/products/01936b2e-5a00-7000-8000-000000000001/stock/operations?first=0", "first")),
    case("inventory", "POST /v1/products/{id}/stock/operations", Operator, body("Idempotency-Key", r#"{"kind":"increase","quantity":1,"reason":"r"}"#)),
    case("inventory", "GET /v1/reservations", Operator, path("/v1/reservations?status=lost", "status")),
    case("inventory", "POST /v1/reservations/{id}/fulfil", Operator, unknown("/v1/reservations/01936b2e-5a00-7000-8000-000000000001/fulfil")),
    case("inventory", "POST /v1/stock/rebuild", Operator, path("/v1/stock/rebuild?from_snapshots=perhaps", "from_snapshots")),
    case("inventory", "GET /v1/dead-letters", Operator, path("/v1/dead-letters?limit=many", "limit")),
    case("inventory", "POST /v1/dead-letters/redrive", Operator, body("reason", r#"{"consumer":"inventory.commands","subject":"s","reason":""}"#)),
    case("inventory", "POST /v1/dead-letters/discard", Operator, body("ids", r#"{"consumer":"inventory.commands","reason":"why not"}"#)),
    case("inventory", "GET /v1/dead-letters/audit", Operator, path("/v1/dead-letters/audit?limit=-1", "limit")),

    case("payments", "GET /v1/payments/{id}", User, unknown("/v1/payments/01936b2e-5a00-7000-8000-000000000001")),
    case("payments", "GET /v1/orders/{order_id}/payment", User, unknown("/v1/orders/01936b2e-5a00-7000-8000-000000000001/payment")),
    case("payments", "POST /v1/payments/batch", User, body("order_ids", r#"{"order_ids":[]}"#)),
    case("payments", "POST /v1/payments/{id}/refunds", Operator, body("Idempotency-Key", r#"{"amount":{"minor":1,"currency":"BRL"},"reason":"r"}"#)),
    case("payments", "GET /v1/dead-letters", Operator, path("/v1/dead-letters?limit=many", "limit")),
    case("payments", "POST /v1/dead-letters/redrive", Operator, body("reason", r#"{"consumer":"payments.commands","subject":"s","reason":""}"#)),
    case("payments", "POST /v1/dead-letters/discard", Operator, body("ids", r#"{"consumer":"payments.commands","reason":"why not"}"#)),
    case("payments", "GET /v1/dead-letters/audit", Operator, path("/v1/dead-letters/audit?limit=-1", "limit")),

    case("gateway", "GET /graphql", GRAPHQL, Malformed::Graphql),
    case("gateway", "POST /graphql", GRAPHQL, Malformed::Graphql),
    case("gateway", "GET /r/{code}", VISITORS, unknown("/r/no%20code")),
    case("gateway", "GET /breakers", Operator, Malformed::Nothing),
    case("gateway", "GET /breakers/audit", Operator, Malformed::Nothing),
    case("gateway", "GET /breakers/events", Operator, header("last-event-id", "the last one", "Last-Event-ID")),
    case("gateway", "GET /breakers/{name}", Operator, unknown("/breakers/nothing")),
    case("gateway", "POST /breakers/{name}/force", Operator, body("ttl_seconds", r#"{"state":"open","ttl_seconds":0,"reason":"why not"}"#)),
    case("gateway", "POST /breakers/{name}/reset", Operator, body("reason", r#"{"reason":" "}"#)),
    case("gateway", "POST /breakers/{name}/probe", Operator, body("reason", r#"{"reason":""}"#)),
];
