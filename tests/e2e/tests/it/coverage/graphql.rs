//! GraphQL: the fields are read from the gateway's SDL.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
use e2e_tests::{Answer, Client, Platform, operations};
use reqwest::Method;
use serde_json::{Value, json};

use super::graphql_table::{CASES, Case};
use super::{Access, assert_covered};

/// Fields to which a bad token is no matter.
const GET_TOKENS: [&str; 3] = ["Mutation.register", "Mutation.login", "Mutation.refreshSession"];

pub(super) fn has_a_case_for_every_field() -> Result<()> {
    let covered: BTreeSet<String> = CASES.iter().map(|case| case.field.to_owned()).collect();
    ensure!(covered.len() == CASES.len(), "a field has two cases");
    assert_covered("GraphQL fields", &fields(&operations::sdl()?)?, &covered);
    Ok(())
}

/// Every field of the root types, and every other field that takes arguments.
fn fields(sdl: &str) -> Result<BTreeSet<String>> {
    let document = parse_schema(sdl).context("the gateway's schema")?;
    let mut found = BTreeSet::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let name = definition.node.name.node.to_string();
        let TypeKind::Object(object) = definition.node.kind else { continue };
        let is_root = ["Query", "Mutation", "Subscription"].contains(&name.as_str());
        let fields = object.fields.iter().filter(|field| is_root || !field.node.arguments.is_empty());
        found.extend(fields.map(|field| format!("{name}.{}", field.node.name.node)));
    }
    Ok(found)
}

pub(super) async fn every_case_is_refused(platform: &Platform) -> Result<()> {
    let ana = platform.user("Ana").await?;
    ana.create_link(json!({ "url": "https://shop.example", "code": "covered" })).await?;
    let operator = platform.operator().await?;
    let mut wrong = Vec::new();
    for case in CASES {
        let nobody = platform.visitor();
        let outcome = async {
            let answer = ask(&nobody, case.proper).await?;
            if let Access::Public(_) = case.access {
                let body = answer.json()?;
                ensure!(!body.to_string().contains("unauthenticated"), "it is not public: {body}");
            } else {
                ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
                refused(&answer.error()?, "gateway", "unauthenticated", None)?;
                ensure!(
                    answer.partial()?.as_object().is_none_or(|data| data.values().all(Value::is_null)),
                    "data came"
                );
            }
            // A bad token is never taken for none, but by what gets a new one.
            let forged = ask(&nobody.with_token("forged"), case.proper).await?;
            if GET_TOKENS.contains(&case.field) {
                ensure!(!forged.text().contains("invalid_token"), "{}", forged.text());
            } else {
                ensure!(forged.problem()?.code.as_str() == "invalid_token", "{}", forged.text());
            }
            if case.access == Access::Operator {
                let answer = ask(&ana.client, case.proper).await?;
                ensure!(answer.error()?["code"] == "forbidden", "a user may do it: {}", answer.text());
                return malformed(case, &operator.client).await;
            }
            malformed(case, &ana.client).await
        };
        wrong.extend(outcome.await.err().map(|error| format!("{}: {error:#}", case.field)));
    }
    ensure!(wrong.is_empty(), "{} fields refuse otherwise:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

async fn malformed(case: &Case, client: &Client) -> Result<()> {
    let answer = ask(client, case.malformed).await?;
    refused(&answer.error()?, case.service, "validation_failed", case.names).with_context(|| answer.text())?;
    // An argument of another type is refused by the schema, whoever asks.
    let answer = ask(client, case.mistyped).await?;
    // What is answered as a stream has begun before the document is looked at.
    let status = if is_subscription(case.mistyped) { 200 } else { 400 };
    ensure!(answer.status == status, "mistyped: {}: {}", answer.status, answer.text());
    refused(&answer.error()?, "gateway", "validation_failed", None)
}

/// Asks by a JSON answer, and for what happens by a stream, of which the first event counts.
async fn ask(client: &Client, document: &str) -> Result<Answer> {
    if !is_subscription(document) {
        return client.ask(document, Value::Null).await;
    }
    let request = client.request(Method::POST, "/graphql").header("accept", "text/event-stream");
    Ok(client.send(request.json(&json!({ "query": document }))).await?.first_event())
}

fn is_subscription(document: &str) -> bool {
    document.starts_with("subscription")
}

fn refused(error: &Value, service: &str, code: &str, field: Option<&str>) -> Result<()> {
    ensure!(error["code"] == code && error["service"] == service, "not {code} of {service}: {error}");
    if let Some(field) = field {
        let fields = error["fields"].as_array().cloned().unwrap_or_default();
        ensure!(fields.iter().any(|named| named["field"] == field), "{field} is not named: {error}");
    }
    Ok(())
}
