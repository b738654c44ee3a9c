//! Queries that are small to send and large to answer.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use e2e_tests::{Client, Platform};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// How many times longer than a trivial query the refusal may take. Expanded, it would be hundreds of thousands.
const AT_ONCE: u32 = 100;
/// How often time is taken. The least counts: what else the machine did is no property of the query.
const TRIES: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn doubling_fragments_are_refused_at_once() -> Result<()> {
    let platform = Platform::start().await?;
    let ana = platform.user("Ana").await?;
    let query = doubling();
    assert!((950..=1_000).contains(&query.len()), "{}", query.len());

    let (trivial, _) = quickest(&ana.client, "{ __typename }").await?;
    for client in [&ana.client, &platform.visitor()] {
        let (refused, error) = quickest(client, &query).await?;
        assert_eq!(error, "query_too_complex");
        assert!(refused < trivial * AT_ONCE, "the refusal took {refused:?}, a trivial query {trivial:?}");
    }

    // Nor does a body that is too large, or a batch, reach anything that would look at it.
    let large = json!({ "query": format!("{{ __typename }} # {}", "x".repeat(1024 * 1024)) });
    let answer = ana.client.post("/graphql", &large).await?;
    assert_eq!((answer.status, answer.problem()?.code.as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"));
    let batch = json!([{ "query": "{ __typename }" }, { "query": "{ __typename }" }]);
    let answer = ana.client.post("/graphql", &batch).await?;
    assert_eq!((answer.status, answer.error_code()?.as_str()), (StatusCode::BAD_REQUEST, "malformed_request"));
    // And no link disappears because somebody loaded a picture.
    ana.create_link(json!({ "url": "https://shop.example", "code": "by-get" })).await?;
    let path = "/graphql?query=mutation%20%7B%20deleteLink(code%3A%20%22by-get%22)%20%7D";
    let answer = ana.client.call(Method::GET, path).await?;
    assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    let still = ana.client.ask("{ link(code: \"by-get\") { code } }", Value::Null).await?.data()?;
    assert_eq!(still["link"]["code"], "by-get");
    Ok(())
}

/// Some 965 bytes in which each fragment spreads the next one twice: the last field is reached 2^25 times.
fn doubling() -> String {
    let mut query = "{ ...f0 }".to_owned();
    for level in 0..25 {
        let next = level + 1;
        let _ = write!(query, " fragment f{level} on Query {{...f{next} ...f{next}}}");
    }
    query.push_str(" fragment f25 on Query{__typename}");
    query
}

/// The least time of several tries, and the code that the last one is refused with.
async fn quickest(client: &Client, query: &str) -> Result<(Duration, String)> {
    let (mut least, mut code) = (Duration::MAX, String::new());
    for _ in 0..TRIES {
        let answer = client.ask(query, Value::Null).await?;
        least = least.min(answer.took);
        code = answer.error_code().unwrap_or_default();
    }
    Ok((least, code))
}
