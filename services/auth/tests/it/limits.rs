//! Limits by account and address: strangers' guesses are bounded, and lock out nobody but themselves.

use crate::app::{Answer, PASSWORD, TestApp, limit, registration};
use axum::http::StatusCode;
use contracts::{problem::Code, rest::auth::Session};
use serde_json::{Value, json};

const HOME: &str = "192.0.2.7";

/// With registrations of one e-mail limited to two an hour.
fn limits(per_pair: &Value, per_address: &Value, register_per_address: &Value) -> Value {
    json!({"limits": {
        "login_per_pair": per_pair,
        "login_per_address": per_address,
        "register_per_address": register_per_address,
        "register_per_account": limit(2, 3_600),
    }})
}

fn wide() -> Value {
    limit(10_000, 1)
}

impl TestApp {
    async fn log_in_from(&self, address: &str, email: &str, password: &str) -> Answer {
        self.post_from(address, "/v1/sessions", json!({"email": email, "password": password})).await
    }
}

#[tokio::test]
async fn a_pair_of_account_and_address_is_limited_whether_the_account_exists_or_not() {
    let app = TestApp::with(limits(&limit(3, 3_600), &wide(), &wide())).await;
    app.register("ana@exemplo.com").await;
    for email in ["ana@exemplo.com", "nobody@exemplo.com"] {
        for _ in 0..3 {
            app.log_in_from("198.51.100.1", email, "not the password").await.problem(Code::InvalidCredentials);
        }
        let before = app.accounts.hasher.computed();
        let answer = app.log_in_from("198.51.100.1", email, "not the password").await;
        let problem = answer.problem(Code::RateLimited);
        let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1_100..=1_200).contains(&wait), "{wait} s");
        assert_eq!(wait, problem.retry_after_ms.unwrap().div_ceil(1_000));
        assert_eq!(app.accounts.hasher.computed(), before, "no work for who is over the limit");
        app.log_in_from("198.51.100.2", email, "not the password").await.problem(Code::InvalidCredentials);
    }
}

#[tokio::test]
async fn strangers_guesses_lock_out_neither_the_owner_at_home_nor_one_on_a_journey() {
    let app = TestApp::with(json!({"limits": {
        "login_per_pair": limit(5, 3_600), "login_per_address": wide(), "register_per_address": wide(),
        "strangers_per_account": limit(20, 3_600), "guessed_per_pair": limit(2, 3_600),
    }}))
    .await;
    let registered = app.post_from(HOME, "/v1/users", registration("ana@exemplo.com")).await;
    let _: Session = registered.json(StatusCode::CREATED);
    let mut guesses = 0;
    for stranger in 1..=12 {
        let address = format!("198.51.100.{stranger}");
        for _ in 0..6 {
            let answer = app.log_in_from(&address, "ana@exemplo.com", "not the password").await;
            guesses += usize::from(answer.status == StatusCode::UNAUTHORIZED);
        }
        let _: Session = app.log_in_from(HOME, "ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
        // From where nobody has seen her before.
        let journey = format!("203.0.113.{stranger}");
        let _: Session = app.log_in_from(&journey, "ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    }
    // At first as many as a pair may, twenty in all with those of the owner on her journey; then two of each address.
    assert!(guesses <= 20 + 12 * 2, "{guesses} guesses were let through");
    assert!(guesses >= 12 * 2, "{guesses} guesses were let through");
}

#[tokio::test]
async fn an_address_that_was_let_in_passes_whatever_it_tries_elsewhere() {
    let app = TestApp::with(limits(&limit(5, 3_600), &limit(3, 3_600), &wide())).await;
    let registered = app.post_from(HOME, "/v1/users", registration("ana@exemplo.com")).await;
    let _: Session = registered.json(StatusCode::CREATED);
    for number in 0..3 {
        let email = format!("user{number}@exemplo.com");
        app.log_in_from(HOME, &email, PASSWORD).await.problem(Code::InvalidCredentials);
    }
    app.log_in_from(HOME, "bia@exemplo.com", PASSWORD).await.problem(Code::RateLimited);
    let session: Session = app.log_in_from(HOME, "ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);

    // Who knew the old password is a stranger after a change of it.
    app.change_password(&session.access_token, PASSWORD, "outra senha bem longa").await.no_content();
    assert_eq!(app.count("SELECT count(*) FROM known_networks").await, 0);
    app.log_in_from(HOME, "ana@exemplo.com", PASSWORD).await.problem(Code::RateLimited);
}

#[tokio::test]
async fn known_networks_end_with_their_time_and_with_the_account() {
    let app = TestApp::new().await;
    app.register("ana@exemplo.com").await;
    app.register("bia@exemplo.com").await;
    app.execute("UPDATE known_networks SET seen_at = now() - interval '89 days'").await;
    app.accounts.purge(chrono::Utc::now()).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM known_networks").await, 2);
    app.execute("DELETE FROM users WHERE email = 'bia@exemplo.com'").await;
    assert_eq!(app.count("SELECT count(*) FROM known_networks").await, 1);
    app.accounts.purge(chrono::Utc::now() + chrono::TimeDelta::days(2)).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM known_networks").await, 0);
}

#[tokio::test]
async fn one_address_takes_its_share_of_places_and_is_told_that_it_is_too_much() {
    let config = json!({"passwords": {"at_once": 1, "waiting": 8, "per_caller": 2},
        "limits": {"login_per_address": wide(), "register_per_address": wide(), "login_per_pair": wide(),
            "strangers_per_account": wide()}});
    let app = TestApp::with(config).await;
    app.register("ana@exemplo.com").await;
    let flood = (0..40).map(|_| app.log_in_from("198.51.100.1", "ana@exemplo.com", "wrong"));
    let (flood, honest) =
        tokio::join!(futures::future::join_all(flood), app.log_in_from("198.51.100.2", "ana@exemplo.com", PASSWORD));
    let _: Session = honest.json(StatusCode::CREATED);
    let shed: Vec<_> = flood.iter().filter(|answer| answer.status == StatusCode::SERVICE_UNAVAILABLE).collect();
    assert!(!shed.is_empty());
    for answer in shed {
        answer.problem(Code::Overloaded);
        assert!(answer.headers.contains_key("retry-after"));
    }
}

#[tokio::test]
async fn a_success_forgets_the_failures_before() {
    let app = TestApp::with(limits(&limit(3, 3_600), &wide(), &wide())).await;
    app.register("ana@exemplo.com").await;
    for _ in 0..3 {
        for _ in 0..2 {
            app.log_in("ana@exemplo.com", "wrong").await.problem(Code::InvalidCredentials);
        }
        let _: Session = app.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    }
}

#[tokio::test]
async fn an_address_is_limited_over_all_accounts_and_all_processes() {
    let changes = limits(&wide(), &limit(4, 3_600), &wide());
    let app = TestApp::with(changes.clone()).await;
    let second = app.beside(&changes).await.unwrap();
    let login = |number: u32| json!({"email": format!("user{number}@exemplo.com"), "password": PASSWORD});
    for number in 0..4 {
        let one = if number % 2 == 0 { &app } else { &second };
        let answer = one.post_from("198.51.100.1", "/v1/sessions", login(number)).await;
        answer.problem(Code::InvalidCredentials);
    }
    for one in [&app, &second] {
        let answer = one.post_from("198.51.100.1", "/v1/sessions", login(9)).await;
        answer.problem(Code::RateLimited);
        let other = one.post_from("198.51.100.2", "/v1/sessions", login(9)).await;
        other.problem(Code::InvalidCredentials);
    }
}

#[tokio::test]
async fn attempts_at_once_do_not_slip_through() {
    let app = TestApp::with(limits(&limit(3, 3_600), &wide(), &wide())).await;
    let attempts = (0..20).map(|_| app.log_in("ana@exemplo.com", "wrong"));
    let answers = futures::future::join_all(attempts).await;
    let tried = answers.iter().filter(|answer| answer.status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(tried, 3);
}

#[tokio::test]
async fn registrations_are_limited_by_address_and_by_email() {
    let app = TestApp::with(limits(&wide(), &wide(), &limit(3, 3_600))).await;
    let register = async |address: &str, email: &str| app.post_from(address, "/v1/users", registration(email)).await;
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
    let app = TestApp::with(limits(&limit(3, 3_600), &limit(3, 3_600), &wide())).await;
    let login = json!({"email": "ana@exemplo.com", "password": PASSWORD});
    app.post_from("198.51.100.1", "/v1/sessions", login).await.problem(Code::InvalidCredentials);
    let rows: Vec<Vec<u8>> = sqlx::query_scalar("SELECT subject FROM attempts").fetch_all(app.pool()).await.unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.len() == 32));
}
