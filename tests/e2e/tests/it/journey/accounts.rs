//! Accounts and sessions.

use std::rc::Rc;

use anyhow::Result;
use e2e_tests::{Platform, User};
use serde_json::{Value, json};

const REFRESH: &str = "mutation($token: String!) { refreshSession(refreshToken: $token) {
    accessToken refreshToken expiresIn user { email } } }";
const LOGOUT: &str = "mutation($token: String!) { logout(refreshToken: $token) }";
const ME: &str = "{ me { id email fullName roles } }";

pub(super) async fn a_session_goes_on_and_ends(platform: Rc<Platform>) -> Result<()> {
    let visitor = platform.visitor();
    let ana = platform.user("Ana").await?;
    assert_eq!(ana.session["expiresIn"], 900);
    let me = ana.client.ask(ME, Value::Null).await?.data()?;
    assert_eq!((&me["me"]["email"], &me["me"]["fullName"]), (&json!(ana.email), &json!("Ana")));
    assert_eq!(me["me"]["roles"], json!(["user"]));

    // A refresh token is good once, and brings the next one.
    let mut data = visitor.ask(REFRESH, json!({ "token": ana.refresh_token() })).await?.data()?;
    let next = data["refreshSession"].take();
    assert_eq!(next["user"]["email"], ana.email);
    assert_ne!(next["refreshToken"], ana.refresh_token());
    let fresh = visitor.with_token(next["accessToken"].as_str().unwrap_or_default());
    assert_eq!(fresh.ask(ME, Value::Null).await?.data()?, me);

    // The old one in somebody's hands ends the session for both.
    let reused = visitor.ask(REFRESH, json!({ "token": ana.refresh_token() })).await?;
    assert_eq!(reused.error_code()?, "invalid_refresh_token");
    let ended = visitor.ask(REFRESH, json!({ "token": next["refreshToken"] })).await?;
    assert_eq!(ended.error_code()?, "invalid_refresh_token", "the newest token of the family is revoked too");

    // She logs in again, and out; another session of hers is not touched.
    let laptop = User::log_in(&visitor, &ana.email, &ana.password).await?;
    let phone = User::log_in(&visitor, &ana.email.to_uppercase(), &ana.password).await?;
    let out = visitor.ask(LOGOUT, json!({ "token": laptop.refresh_token() })).await?.data()?;
    assert_eq!(out["logout"], true);
    let after = visitor.ask(REFRESH, json!({ "token": laptop.refresh_token() })).await?;
    assert_eq!(after.error_code()?, "invalid_refresh_token");
    visitor.ask(REFRESH, json!({ "token": phone.refresh_token() })).await?.data()?;
    Ok(())
}

pub(super) async fn an_account_is_kept_by_its_password(platform: Rc<Platform>) -> Result<()> {
    let ana = platform.user("Ana").await?;
    let visitor = platform.visitor();
    let login = "mutation($input: LoginInput!) { login(input: $input) { accessToken } }";
    let with = |email: &str, password: &str| json!({ "input": { "email": email, "password": password } });

    // A wrong password and an unknown account are told alike.
    let wrong = visitor.ask(login, with(&ana.email, "not her password")).await?;
    let unknown = visitor.ask(login, with("nobody.at.all@example.com", "not her password")).await?;
    assert_eq!(wrong.error_code()?, "invalid_credentials");
    assert_eq!(wrong.errors()?[0]["message"], unknown.errors()?[0]["message"]);
    assert_eq!(unknown.error_code()?, "invalid_credentials");

    // Nobody opens a second account under her e-mail.
    let register = "mutation($input: RegisterInput!) { register(input: $input) { accessToken } }";
    let input = json!({ "email": ana.email.to_uppercase(), "password": "a long enough secret", "fullName": "Not Ana" });
    let second = visitor.ask(register, json!({ "input": input })).await?;
    assert_eq!(second.error_code()?, "email_taken");
    Ok(())
}
