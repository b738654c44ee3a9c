//! GraphQL: the fields are read from the gateway's SDL.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
use e2e_tests::{Platform, operations};
use serde_json::{Value, json};

use super::graphql_table::{CASES, Case};
use super::{Access, assert_covered};

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
    let mut wrong = Vec::new();
    for case in CASES {
        let nobody = platform.visitor();
        let outcome = async {
            let answer = nobody.ask(case.proper, Value::Null).await?;
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
            // A bad token is refused before anything of the document is looked at: never taken for none.
            let forged = nobody.with_token("forged").ask(case.proper, Value::Null).await?;
            ensure!(forged.problem()?.code.as_str() == "invalid_token", "{}", forged.text());
            malformed(case, &ana.client).await
        };
        wrong.extend(outcome.await.err().map(|error| format!("{}: {error:#}", case.field)));
    }
    ensure!(wrong.is_empty(), "{} fields refuse otherwise:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

async fn malformed(case: &Case, client: &e2e_tests::Client) -> Result<()> {
    let answer = client.ask(case.malformed, Value::Null).await?;
    refused(&answer.error()?, case.service, "validation_failed", case.names).with_context(|| answer.text())?;
    // An argument of another type is refused by the schema, whoever asks.
    let answer = client.ask(case.mistyped, Value::Null).await?;
    ensure!(answer.status == 400, "mistyped: {}: {}", answer.status, answer.text());
    refused(&answer.error()?, "gateway", "validation_failed", None)
}

fn refused(error: &Value, service: &str, code: &str, field: Option<&str>) -> Result<()> {
    ensure!(error["code"] == code && error["service"] == service, "not {code} of {service}: {error}");
    if let Some(field) = field {
        let fields = error["fields"].as_array().cloned().unwrap_or_default();
        ensure!(fields.iter().any(|named| named["field"] == field), "{field} is not named: {error}");
    }
    Ok(())
}
