//! GraphQL over HTTP.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::gate::{Gate, code};

async fn post(gate: &Gate, accept: &str, body: String) -> (u16, String, Value) {
    let request = gate.client.post(format!("{}/graphql", gate.url)).header("accept", accept);
    let answer = request.header("content-type", "application/json").body(body).send().await.expect("an answer");
    let media = answer.headers()["content-type"].to_str().expect("text").to_owned();
    (answer.status().as_u16(), media, answer.json().await.expect("JSON"))
}

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

#[tokio::test]
async fn the_audits_of_graphql_http_pass() {
    let gate = Gate::start().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/e2e/audits");
    let run = async |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).stdin(Stdio::null());
        let output = command.output().await.expect("Node is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    kit::npm::install(folder.as_ref()).expect("packages are there");
    let results = run("node", &["run.mjs", &format!("{}/graphql", gate.url)]).await;
    let results: Vec<Value> = serde_json::from_slice(&results).expect("JSON");
    let missed: Vec<_> = results.iter().filter(|audit| audit["status"] != "ok").collect();
    assert!(results.len() >= 60 && missed.is_empty(), "{missed:#?}");
}

#[tokio::test]
async fn the_doubling_query_is_refused_without_being_expanded() {
    let gate = Gate::start().await;
    let mut query = "{ ...f0 }".to_owned();
    for level in 0..58 {
        let next = level + 1;
        query += &format!(" fragment f{level} on Query {{ ...f{next} ...f{next} }}");
    }
    query += " fragment f58 on Query { __typename }";
    // Whoever followed every spread would come to the last fragment 2^58 times, and never answer.
    let (status, _, answer) = post(&gate, GRAPHQL, json!({ "query": query }).to_string()).await;
    assert_eq!((status, code(&answer)), (400, "query_too_complex"));
}

#[tokio::test]
async fn the_status_says_what_the_media_type_allows_it_to() {
    let gate = Gate::start().await;
    let query = |text: &str| json!({ "query": text }).to_string();
    for (text, expected) in [("{", "malformed_request"), ("{ nothing }", "validation_failed")] {
        let (status, media, answer) = post(&gate, GRAPHQL, query(text)).await;
        assert_eq!((status, media.contains(GRAPHQL), code(&answer)), (400, true, expected));
        assert_eq!(answer.get("data"), None);
        let (status, media, _) = post(&gate, JSON, query(text)).await;
        assert_eq!((status, media.contains(JSON)), (200, true));
    }
    // A field that fails is no failure of the request.
    let (status, _, answer) = post(&gate, GRAPHQL, query("{ me { id } }")).await;
    assert_eq!((status, code(&answer)), (200, "unauthenticated"));
    assert_eq!(answer["data"], json!({ "me": null }));
}

#[tokio::test]
async fn what_is_no_graphql_request_is_refused() {
    let gate = Gate::start().await;
    for body in ["", "[]", "[{\"query\":\"{ __typename }\"}]", "{}", "{\"query\":1}", "nonsense", "\"{ __typename }\""]
    {
        let (status, _, answer) = post(&gate, JSON, body.to_owned()).await;
        assert_eq!((status, code(&answer)), (400, "malformed_request"), "{body}");
    }
    for body in ["null", "{}", "{\"query\":1}", "{\"query\":\"{a}\",\"extensions\":[]}"] {
        let (_, _, answer) = post(&gate, JSON, body.to_owned()).await;
        let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
        assert!(!message.contains("struct") && !message.contains("Raw"), "our code is not their matter: {message}");
    }
    let large = json!({ "query": "{ __typename }", "variables": { "a": "x".repeat(1024 * 1024) } }).to_string();
    let (status, _, problem) = post(&gate, JSON, large).await;
    assert_eq!((status, &problem["code"]), (413, &json!("payload_too_large")));
    let request = gate.client.post(format!("{}/graphql", gate.url)).header("content-type", "text/plain");
    assert_eq!(request.body("{ __typename }").send().await.expect("an answer").status(), 415);
    let coded = gate.client.post(format!("{}/graphql", gate.url)).header("content-type", JSON);
    let coded = coded.header("content-encoding", "gzip").body("\u{1f}").send().await.expect("an answer");
    assert_eq!(
        (coded.status().as_u16(), &coded.headers()["accept-encoding"]),
        (415, &"identity".parse().expect("text"))
    );
    let (status, ..) = post(&gate, "image/png", json!({ "query": "{ __typename }" }).to_string()).await;
    assert_eq!(status, 406);
}

#[tokio::test]
async fn get_asks_and_never_changes() {
    let gate = Gate::start().await;
    let get = async |query: &str| {
        let url = url::Url::parse_with_params(&format!("{}/graphql", gate.url), [("query", query)]).expect("a URL");
        gate.client.get(url).send().await.expect("an answer")
    };
    assert_eq!(
        get("{ __typename }").await.json::<Value>().await.expect("JSON"),
        json!({ "data": { "__typename": "Query" } })
    );
    let refused = get("mutation { logout(refreshToken: \"x\") }").await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["allow"]),
        (405, &http::HeaderValue::from_static("POST"))
    );
    assert_eq!(gate.auth.received_requests().await.expect("recorded").len(), 0);
}

#[tokio::test]
async fn browsers_get_graphiql_where_it_is_wanted_and_the_headers_always() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["react.js", "react-dom.js", "graphiql.js", "graphiql.css"] {
        std::fs::write(folder.path().join(name), format!("/* {name} */")).expect("written");
    }
    let graphql = json!({ "graphiql": folder.path() });
    let gate = Gate::with(json!({ "graphql": graphql, "cors": { "origins": ["https://app.example"] } })).await;
    let page = gate.client.get(format!("{}/graphql", gate.url)).header("accept", "text/html,*/*;q=0.8");
    let page = page.send().await.expect("an answer");
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert!(page.headers()["content-security-policy"].to_str().expect("text").contains("connect-src 'self'"));
    let page = page.text().await.expect("text");
    for name in ["react.js", "react-dom.js", "graphiql.js", "graphiql.css", "start.js"] {
        let path = format!("/graphql/graphiql/{name}");
        assert!(page.contains(&path), "the page does not ask for {name}");
        let file = gate.client.get(format!("{}{path}", gate.url)).send().await.expect("an answer");
        let kind = if path.ends_with("css") { "text/css; charset=utf-8" } else { "text/javascript; charset=utf-8" };
        assert_eq!((file.status().as_u16(), &file.headers()["content-type"]), (200, &kind.parse().expect("a type")));
    }

    let preflight = async |origin: &str| {
        let url = format!("{}/graphql", gate.url);
        let request = gate.client.request(http::Method::OPTIONS, url).header("origin", origin.to_owned());
        let request = request.header("access-control-request-method", "POST");
        let answer = request.header("access-control-request-headers", "authorization").send().await.expect("an answer");
        answer.headers().get("access-control-allow-origin").cloned()
    };
    assert_eq!(preflight("https://app.example").await, Some(http::HeaderValue::from_static("https://app.example")));
    assert_eq!(preflight("https://evil.example").await, None);
}

#[tokio::test]
async fn pages_may_send_conditions_and_read_what_answers_say() {
    let gate = Gate::with(json!({ "cors": { "origins": ["https://app.example"] } })).await;
    let request = gate.client.request(http::Method::OPTIONS, format!("{}/api/shortener/v1/links/abc", gate.url));
    let request = request.header("origin", "https://app.example").header("access-control-request-method", "PATCH");
    let preflight = request.header("access-control-request-headers", "if-match").send().await.expect("an answer");
    let listed = |answer: &reqwest::Response, name: &str| answer.headers()[name].to_str().expect("text").to_lowercase();
    let allowed = listed(&preflight, "access-control-allow-headers");
    for name in ["if-match", "if-none-match", "idempotency-key", "authorization"] {
        assert!(allowed.split(',').any(|header| header.trim() == name), "{name}: {allowed}");
    }
    let request = gate.client.get(format!("{}/graphql?query=%7B__typename%7D", gate.url));
    let answer = request.header("origin", "https://app.example").send().await.expect("an answer");
    let exposed = listed(&answer, "access-control-expose-headers");
    for name in ["etag", "location", "content-disposition", "retry-after", "x-request-id", "www-authenticate"] {
        assert!(exposed.split(',').any(|header| header.trim() == name), "{name}: {exposed}");
    }
}

#[tokio::test]
async fn a_websocket_of_another_version_is_told_which_there_is() {
    let gate = Gate::start().await;
    let request = gate.client.get(format!("{}/graphql", gate.url)).header("connection", "upgrade");
    let request = request.header("upgrade", "websocket").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let answer = request.header("sec-websocket-version", "8").send().await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["sec-websocket-version"]),
        (426, &"13".parse().expect("text"))
    );
    assert_eq!(answer.json::<Value>().await.expect("a problem")["code"], "upgrade_required");
}

#[test]
fn the_schema_has_the_names_that_frontends_rely_on() {
    let sdl = plain(&gateway::sdl());
    for line in [
        "me: User\n",
        "node(id: ID!): Node\n",
        "interface Node {\n",
        "type Product implements Node {\n",
        "type Link implements Node {\n",
        "type Order implements Node {\n",
        "link(code: String!): Link\n",
        "): LinkConnection!",
        "register(input: RegisterInput!): Session!",
        "login(input: LoginInput!): Session!",
        "refreshSession(refreshToken: String!): Session!",
        "logout(refreshToken: String!): Boolean!",
        "createLink(input: CreateLinkInput!): Link!",
        "createLinks(inputs: [CreateLinkInput!]!): [CreateLinkResult!]!",
        "updateLink(code: String!, input: UpdateLinkInput!): Link!",
        "deleteLink(code: String!): Boolean!",
        "accessToken: String!",
        "expiresIn: Int!",
        "id: ID!",
        "shortUrl: String!",
        "tags: [String!]!",
        "createdAt: DateTime!",
        "maxClicks: Int\n",
        "clickCount: Int!",
        "timeZone: String = \"UTC\"",
        "includeBots: Boolean = false",
        "): LinkStats\n",
        "series(granularity: Granularity! = DAY): [StatsPoint!]!",
        "topReferrers(first: Int = 10): [NamedCount!]!",
        "topCountries(first: Int = 10): [NamedCount!]!",
        "browsers: [NamedCount!]!",
        "asOf: DateTime!",
        "stale: Boolean!",
        "): Order\n",
        "): OrderConnection!",
        "customer: Customer\n",
        "): ProductConnection!",
        "product(id: ID!): Product\n",
        "saveCustomer(input: CustomerInput!): Customer!",
        "placeOrder(input: PlaceOrderInput!, idempotencyKey: String!): Order!",
        "cancelOrder(id: ID!, reason: String): Order!",
        "deleteAccount(password: String!): Boolean!",
        "createProduct(input: CreateProductInput!): Product!",
        "updateProduct(id: ID!, input: UpdateProductInput!): Product!",
        "changeStock(input: ChangeStockInput!, idempotencyKey: String!): StockChanged!",
        "orderChanged(id: ID!): Order!",
        "status: OrderStatus!",
        "total: Money!",
        "items: [OrderItem!]!",
        "payment: Payment\n",
        "link: Link\n",
        "history: [OrderEvent!]!",
        "placedAt: DateTime!",
        "productName: String!",
        "unitPrice: Money!",
        "orders: LinkSales\n",
        "revenue: [Money!]!",
        "minor: Long!",
        "formatted: String!",
        "onHand: Int\n",
    ] {
        assert!(sdl.contains(&plain(line)), "{line}\n{sdl}");
    }
}

/// The schema without descriptions, every white space one space, and no commas.
fn plain(sdl: &str) -> String {
    let code = sdl.split("\"\"\"").step_by(2).collect::<String>();
    let words = code.replace('(', " ( ").replace(')', " ) ").replace(',', " ");
    words.split_whitespace().collect::<Vec<_>>().join(" ") + " "
}
