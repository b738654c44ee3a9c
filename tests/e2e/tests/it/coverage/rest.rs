//! REST: the operations are read from the programs' OpenAPI documents.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use e2e_tests::operations::{self, Operation};
use e2e_tests::{Answer, Client, Platform};
use reqwest::Method;
use serde_json::Value;

use super::rest_table::{CASES, Case, Malformed};
use super::{Access, assert_covered};

const UNITS: [&str; 7] = ["auth", "shortener", "analytics", "orders", "inventory", "payments", "gateway"];

/// What the gateway does not lead to, and the tests of auth and payments try: services ask auth for their tokens
/// themselves, and the payment provider speaks to payments alone.
const INWARD: [&str; 2] = ["POST /oauth2/token", "POST /v1/webhooks/provider"];

/// A token that looks like one, of nobody: header and claims are JSON, the signature is not.
const FORGED: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6Im5vYm9keSJ9.eyJzdWIiOiIwMTkzNDZlNi04ZTllLTcwMDAtODAwMC0wMDAwMDAwMDAwMDAifQ.c2lnbmF0dXJl";

pub(super) fn has_a_case_for_every_operation() -> Result<()> {
    let there = operations()?;
    let name = |unit: &str, operation: &str| format!("{unit}: {operation}");
    let covered: BTreeSet<String> = CASES.iter().map(|case| name(case.unit, case.operation)).collect();
    ensure!(covered.len() == CASES.len(), "an operation has two cases");
    let names = there.iter().map(|operation| name(&operation.unit, &operation.name)).collect();
    assert_covered("REST operations", &names, &covered);
    for case in CASES {
        let operation = there.iter().find(|known| known.unit == case.unit && known.name == case.operation);
        let takes_input = operation.is_some_and(|operation| operation.takes_input);
        let says_so = matches!(case.malformed, Malformed::Nothing);
        assert!(takes_input != says_so, "{}: takes input: {takes_input}", case.operation);
    }
    Ok(())
}

fn operations() -> Result<Vec<Operation>> {
    let all = UNITS.into_iter().map(operations::rest).collect::<Result<Vec<_>>>()?.concat();
    Ok(all.into_iter().filter(|operation| !INWARD.contains(&operation.name.as_str())).collect())
}

pub(super) async fn every_case_is_refused(platform: &Platform) -> Result<()> {
    let clients = Clients {
        nobody: platform.visitor(),
        user: platform.user("Ana").await?.client,
        operator: platform.operator().await?.client,
    };
    let mut wrong = Vec::new();
    for case in CASES {
        let outcome = async {
            unauthorised(platform, &clients, case).await.context("unauthorised")?;
            malformed(platform, &clients, case).await.context("malformed")
        };
        let told = |error| format!("{}: {}: {error:#}", case.unit, case.operation);
        wrong.extend(outcome.await.err().map(told));
    }
    ensure!(wrong.is_empty(), "{} operations refuse otherwise:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

struct Clients {
    nobody: Client,
    user: Client,
    operator: Client,
}

async fn unauthorised(platform: &Platform, clients: &Clients, case: &Case) -> Result<()> {
    let ask = async |client: &Client| call(platform, client, case, &case.path(), &[], None).await;
    let forged = clients.nobody.with_token(FORGED);
    let basic = clients.nobody.with("authorization", "Basic dXNlcjpwYXNz");
    if let Access::Public(_) = case.access {
        let open = ask(&clients.nobody).await?;
        ensure!(open.status != 401 && open.status != 403, "{} is not public: {}", case.operation, open.text());
        if case.reads_tokens() {
            refused(case, &ask(&forged).await?, 401, "invalid_token", None)?;
        }
        return Ok(());
    }
    let none = ask(&clients.nobody).await?;
    refused(case, &none, 401, "unauthenticated", None)?;
    ensure!(none.header("www-authenticate") == "Bearer", "the scheme is not told");
    refused(case, &ask(&forged).await?, 401, "invalid_token", None)?;
    refused(case, &ask(&basic).await?, 401, "invalid_token", None)?;
    if matches!(case.access, Access::Operator | Access::Service) {
        refused(case, &ask(&clients.user).await?, 403, "forbidden", None)?;
    }
    if case.access == Access::Service {
        refused(case, &ask(&clients.operator).await?, 403, "forbidden", None)?;
    }
    Ok(())
}

async fn malformed(platform: &Platform, clients: &Clients, case: &Case) -> Result<()> {
    let client = if case.access == Access::Operator { &clients.operator } else { &clients.user };
    match &case.malformed {
        Malformed::Nothing => {
            // Nothing is read but the token; of that, what is no token at all.
            let nonsense = client.with("authorization", "nonsense");
            let answer = call(platform, &nonsense, case, &case.path(), &[], None).await?;
            if case.reads_tokens() { refused(case, &answer, 401, "invalid_token", None) } else { Ok(()) }
        }
        Malformed::Path { path, status, code, field } => {
            let answer = call(platform, client, case, path, &[], None).await?;
            refused(case, &answer, *status, code, *field)
        }
        Malformed::Header { name, value, field } => {
            let answer = call(platform, client, case, &case.path(), &[(name, value)], None).await?;
            refused(case, &answer, 400, "validation_failed", Some(field))
        }
        Malformed::Body { json, field } => {
            let body = serde_json::from_str(json).with_context(|| format!("the table's {json}"))?;
            let answer = call(platform, client, case, &case.path(), &[], Some(&body)).await?;
            refused(case, &answer, 400, "validation_failed", Some(field))?;
            unreadable(platform, client, case).await
        }
        Malformed::Graphql => {
            let answer = call(platform, client, case, &case.path(), &[], Some(&Value::from("{"))).await?;
            ensure!(answer.status == 400, "{}: {}", answer.status, answer.text());
            ensure!(answer.error_code()? == "malformed_request", "{}", answer.text());
            Ok(())
        }
    }
}

/// Every operation that reads JSON refuses what is none, and what does not say that it is.
async fn unreadable(platform: &Platform, client: &Client, case: &Case) -> Result<()> {
    let client = case.at(platform, client);
    let request = || client.request(case.method(), &case.address(&case.path())).body("{half");
    let answer = client.send(request().header("content-type", "application/json")).await?;
    refused(case, &answer, 400, "malformed_request", None)?;
    let answer = client.send(request().header("content-type", "text/plain")).await?;
    refused(case, &answer, 415, "unsupported_media_type", None)
}

async fn call(
    platform: &Platform,
    client: &Client,
    case: &Case,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Result<Answer> {
    let client = case.at(platform, client);
    let request = client.request(case.method(), &case.address(path));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    client
        .send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
}

/// Checks a refusal: its status, its code, and the field that it names.
fn refused(case: &Case, answer: &Answer, status: u16, code: &str, field: Option<&str>) -> Result<()> {
    ensure!(answer.status == status, "{}, not {status}: {}", answer.status, answer.text());
    if case.method() == Method::HEAD {
        ensure!(answer.body.is_empty(), "an answer to HEAD has no body");
        return Ok(());
    }
    let problem = answer.problem()?;
    ensure!(problem.code.as_str() == code, "{}, not {code}: {}", problem.code, answer.text());
    if let Some(field) = field {
        let named = problem.errors.iter().any(|error| error.field == field);
        ensure!(named, "{field} is not named: {}", answer.text());
    }
    Ok(())
}
