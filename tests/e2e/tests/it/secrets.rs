//! What must not be in any log.

use anyhow::Result;
use e2e_tests::{Platform, User, visitor};
use kit::engines::Site;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[tokio::test(flavor = "multi_thread")]
async fn no_log_tells_a_secret_or_whose_it_is() -> Result<()> {
    let platform = Platform::start().await?;
    let (visitor, before) = (platform.visitor(), engine_logs()?);
    let (ana, operator) = (platform.user("Anastasia").await?, platform.operator().await?);
    let mut secrets = vec![operator.password.clone(), operator.refresh_token().to_owned(), ana.client.address()];
    secrets.extend(passwords_of_engines(&platform)?);

    // What goes well, and what goes wrong in every way that might be worth a line.
    let again = User::log_in(&visitor, &ana.email, &ana.password).await?;
    let wrong = "a password mistyped";
    let login = json!({ "email": ana.email, "password": wrong });
    visitor.post("/api/auth/v1/sessions", &login).await?.problem()?;
    let taken = json!({ "email": ana.email, "password": wrong, "full_name": "Anastasia" });
    visitor.post("/api/auth/v1/users", &taken).await?.problem()?;
    let unreadable = format!("{{\"email\":\"{}\",\"password\":\"{}\"", ana.email, ana.password);
    let request = visitor.request(Method::POST, "/api/auth/v1/sessions").header("content-type", "application/json");
    visitor.send(request.body(unreadable)).await?.problem()?;
    let misplaced = json!({ "email": "x", "password": [ana.password], "full_name": ana.email });
    visitor.post("/api/auth/v1/users", &misplaced).await?.problem()?;
    let forged = format!("{}x", ana.access_token());
    visitor.with_token(&forged).ask("{ me { id } }", Value::Null).await?.problem()?;
    let query = format!("{{ me {{ id }} link(code: \"{}\") {{ id }} }}", ana.email);
    ana.client.ask(&query, Value::Null).await?;
    let refresh = json!({ "refresh_token": again.refresh_token() });
    for _ in 0..2 {
        visitor.post("/api/auth/v1/sessions/refresh", &refresh).await?;
    }
    let change = json!({ "current_password": ana.password, "new_password": "a password changed" });
    ana.client.put_json(Method::PUT, "/api/auth/v1/users/me/password", &change).await?.success()?;
    let code = ana.create_link(json!({ "url": "https://shop.example/?email=visitor@private.example" })).await?;
    let clicker = platform.visitor();
    clicker.visit(&code, &visitor::CHROME).await?;
    ana.sees_clicks(&code, 1).await?;

    secrets.extend([wrong.to_owned(), "a password changed".to_owned(), clicker.address()]);
    for user in [&ana, &again] {
        let tokens = [user.access_token(), user.refresh_token()].map(str::to_owned);
        secrets.extend([user.email.clone(), user.password.clone()].into_iter().chain(tokens));
    }
    secrets.extend([operator.email.clone(), "Anastasia".to_owned(), "visitor@private.example".to_owned()]);
    let log = platform.logs()?.to_lowercase();
    assert!(log.lines().count() > 20, "there is a log to look at");
    let engines = engine_logs()?;
    assert!(engines.contains_key("postgres.log"), "{:?}", engines.keys());
    let engines = engines.iter().map(|(name, text)| {
        // What other tests wrote before is no matter of this one.
        let seen = before.get(name).map_or(0, String::len);
        text.get(seen..).unwrap_or_default().to_lowercase()
    });
    let logs: Vec<String> = engines.chain([log]).collect();
    for secret in secrets {
        assert!(secret.len() >= 8, "{secret:?} is too short to be told from other text");
        let secret = secret.to_lowercase();
        let line = logs.iter().flat_map(|log| log.lines()).find(|line| line.contains(&secret));
        assert_eq!(line, None, "a log tells {secret:?}");
    }
    Ok(())
}

/// What the engines of the tests have logged, by the name of the file.
fn engine_logs() -> Result<BTreeMap<String, String>> {
    let folder = std::fs::read_dir(Site::test()?.folder().join("logs"))?;
    let mut logs = BTreeMap::new();
    for file in folder {
        let file = file?;
        let text = String::from_utf8_lossy(&std::fs::read(file.path())?).into_owned();
        logs.insert(file.file_name().to_string_lossy().into_owned(), text);
    }
    Ok(logs)
}

/// The passwords that the units were given for their stores.
fn passwords_of_engines(platform: &Platform) -> Result<Vec<String>> {
    let sandbox = &platform.sandbox;
    let urls = [
        sandbox.postgres("auth"),
        &sandbox.mongo("shortener").url,
        &sandbox.redis("gateway").url,
        &sandbox.limits("gateway").url,
        sandbox.amqp("shortener"),
    ];
    let password = |url: &str| Ok(url::Url::parse(url)?.password().unwrap_or_default().to_owned());
    let mut passwords = urls.into_iter().map(password).collect::<Result<Vec<String>>>()?;
    passwords.push(sandbox.clickhouse("analytics").password.clone());
    passwords.push(platform.stack.environment("auth")?["AUTH_KEYS__ENCRYPTION_KEY"].clone());
    Ok(passwords)
}
