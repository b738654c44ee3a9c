//! Limits by account and by address.

use crate::world::{PASSWORD, World, limit, registration};
use axum::http::StatusCode;
use contracts::{problem::Code, rest::auth::Session};
use serde_json::{Value, json};

/// With registrations of one e-mail limited to two an hour.
fn limits(per_account: &Value, per_address: &Value, register_per_address: &Value) -> Value {
    json!({"limits": {
        "login_per_account": per_account,
        "login_per_address": per_address,
        "register_per_address": register_per_address,
        "register_per_account": limit(2, 3_600),
    }})
}

fn wide() -> Value {
    limit(10_000, 1)
}

#[tokio::test]
async fn an_account_is_guarded_whether_it_exists_or_not_and_from_wherever_one_tries() {
    let world = World::with(limits(&limit(3, 3_600), &wide(), &wide())).await;
    world.register("ana@exemplo.com").await;
    for email in ["ana@exemplo.com", "nobody@exemplo.com"] {
        let login = || json!({"email": email, "password": "not the password"});
        for address in ["198.51.100.1", "198.51.100.2", "198.51.100.3"] {
            let answer = world.post_from(address, "/v1/sessions", login()).await;
            answer.problem(Code::InvalidCredentials);
        }
        let before = world.accounts.hasher().computed();
        let answer = world.post_from("198.51.100.4", "/v1/sessions", login()).await;
        let problem = answer.problem(Code::RateLimited);
        let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1_100..=1_200).contains(&wait), "{wait} s");
        assert_eq!(wait, problem.retry_after_ms.unwrap().div_ceil(1_000));
        assert_eq!(world.accounts.hasher().computed(), before, "no work for who is over the limit");
    }
}

#[tokio::test]
async fn a_success_forgets_the_failures_before() {
    let world = World::with(limits(&limit(3, 3_600), &wide(), &wide())).await;
    world.register("ana@exemplo.com").await;
    for _ in 0..3 {
        for _ in 0..2 {
            world.log_in("ana@exemplo.com", "wrong").await.problem(Code::InvalidCredentials);
        }
        let _: Session = world.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    }
}

#[tokio::test]
async fn an_address_is_limited_over_all_accounts_and_all_processes() {
    let changes = limits(&wide(), &limit(4, 3_600), &wide());
    let world = World::with(changes.clone()).await;
    let second = world.beside(changes).await.unwrap();
    let login = |number: u32| json!({"email": format!("user{number}@exemplo.com"), "password": PASSWORD});
    for number in 0..4 {
        let one = if number % 2 == 0 { &world } else { &second };
        let answer = one.post_from("198.51.100.1", "/v1/sessions", login(number)).await;
        answer.problem(Code::InvalidCredentials);
    }
    for one in [&world, &second] {
        let answer = one.post_from("198.51.100.1", "/v1/sessions", login(9)).await;
        answer.problem(Code::RateLimited);
        let other = one.post_from("198.51.100.2", "/v1/sessions", login(9)).await;
        other.problem(Code::InvalidCredentials);
    }
}

#[tokio::test]
async fn attempts_at_once_do_not_slip_through() {
    let world = World::with(limits(&limit(3, 3_600), &wide(), &wide())).await;
    let attempts = (0..20).map(|_| world.log_in("ana@exemplo.com", "wrong"));
    let answers = futures::future::join_all(attempts).await;
    let tried = answers.iter().filter(|answer| answer.status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(tried, 3);
}

#[tokio::test]
async fn registrations_are_limited_by_address_and_by_email() {
    let world = World::with(limits(&wide(), &wide(), &limit(3, 3_600))).await;
    let register = async |address: &str, email: &str| world.post_from(address, "/v1/users", registration(email)).await;
    for number in 0..3 {
        let answer = register("198.51.100.1", &format!("user{number}@exemplo.com")).await;
        assert_eq!(answer.status, StatusCode::CREATED);
    }
    let answer = register("198.51.100.1", "late@exemplo.com").await;
    answer.problem(Code::RateLimited);
    assert!(answer.headers.contains_key("retry-after"));
    register("198.51.100.2", "user0@exemplo.com").await.problem(Code::EmailTaken);
    register("198.51.100.3", "user0@exemplo.com").await.problem(Code::RateLimited);
}

#[tokio::test]
async fn neither_addresses_nor_emails_are_stored() {
    let world = World::with(limits(&limit(3, 3_600), &limit(3, 3_600), &wide())).await;
    let login = json!({"email": "ana@exemplo.com", "password": PASSWORD});
    world.post_from("198.51.100.1", "/v1/sessions", login).await.problem(Code::InvalidCredentials);
    let rows: Vec<Vec<u8>> = sqlx::query_scalar("SELECT subject FROM attempts").fetch_all(&world.pool).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.len() == 32));
}
