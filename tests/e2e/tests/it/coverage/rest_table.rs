//! The cases of REST operations.

use e2e_tests::{Client, Platform};
use reqwest::Method;

use super::Access::{self, Operator, Public, User};

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

    /// The operation's path, about a link or breaker that there may be.
    pub(super) fn path(&self) -> &str {
        match self.operation.split(' ').nth(1).unwrap_or_default() {
            "/v1/links/{code}" => "/v1/links/some-link",
            "/v1/links/{code}/qr" => "/v1/links/some-link/qr",
            "/v1/links/{code}/stats" => "/v1/links/some-link/stats",
            "/v1/links/{code}/clicks/live" => "/v1/links/some-link/clicks/live",
            "/v1/links/{code}/clicks/export" => "/v1/links/some-link/clicks/export",
            "/{code}" => "/some-link",
            "/r/{code}" => "/r/some-link",
            "/breakers/{name}" => "/breakers/analytics",
            "/breakers/{name}/force" => "/breakers/analytics/force",
            "/breakers/{name}/reset" => "/breakers/analytics/reset",
            "/breakers/{name}/probe" => "/breakers/analytics/probe",
            path => path,
        }
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
    case("auth", "GET /.well-known/jwks.json", KEYS, Malformed::Nothing),
    case("auth", "POST /v1/keys/rotate", Operator, Malformed::Nothing),

    case("shortener", "POST /v1/links", User, body("url", r#"{"url":"ftp://shop.example"}"#)),
    case("shortener", "GET /v1/links", User, path("/v1/links?first=0", "first")),
    case("shortener", "POST /v1/links/bulk", User, body("links", r#"{"links":[]}"#)),
    case("shortener", "GET /v1/links/{code}", User, unknown("/v1/links/no%20code")),
    case("shortener", "PATCH /v1/links/{code}", User, body("colour", r#"{"colour":"red"}"#)),
    case("shortener", "DELETE /v1/links/{code}", User, header("if-match", "newest", "If-Match")),
    case("shortener", "GET /v1/links/{code}/qr", User, path("/v1/links/some-link/qr?size=huge", "size")),
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
