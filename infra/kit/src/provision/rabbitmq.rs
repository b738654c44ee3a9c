//! RabbitMQ: a virtual host per realm, and in it a user per unit, who has its own names and the shared ones.

use super::Realm;
use crate::engines::Addresses;
use crate::http;
use anyhow::{Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The exchanges of events and commands, and the streams that keep events. Everyone may declare, publish and read these.
const SHARED: &str = r"commands|events|events\.log|events\.clicks";

pub(super) async fn create_host(addresses: &Addresses, realm: &Realm) -> Result<()> {
    let host = realm.host();
    call(addresses, Method::PUT, &format!("vhosts/{host}"), Some(json!({}))).await?;
    let administrator = &addresses.rabbitmq.user;
    let all = json!({ "configure": ".*", "write": ".*", "read": ".*" });
    call(addresses, Method::PUT, &format!("permissions/{host}/{administrator}"), Some(all)).await
}

pub(super) async fn create(addresses: &Addresses, realm: &Realm, unit: &str, password: &str) -> Result<String> {
    let (host, user) = (realm.host(), realm.database(unit));
    let login = json!({ "password": password, "tags": "" });
    call(addresses, Method::PUT, &format!("users/{user}"), Some(login)).await?;
    let permissions = permissions(unit);
    call(addresses, Method::PUT, &format!("permissions/{host}/{user}"), Some(permissions)).await?;
    Ok(format!("{}/{host}", addresses.rabbitmq.url_as("amqp", &user, password)))
}

/// What a unit may do, as regular expressions on names. Its own names begin with its name and a dot or a colon. The
/// default exchange is nobody's: it carries a message to every queue by its name.
fn permissions(unit: &str) -> Value {
    let own = format!(r"^({unit}[.:].*|{SHARED})$");
    json!({ "configure": own, "write": own, "read": own })
}

pub(super) async fn drop_user(addresses: &Addresses, user: &str) -> Result<()> {
    call(addresses, Method::DELETE, &format!("users/{user}"), None).await
}

pub(super) async fn drop_host(addresses: &Addresses, realm: &Realm) -> Result<()> {
    call(addresses, Method::DELETE, &format!("vhosts/{}", realm.host()), None).await
}

pub(super) async fn names(addresses: &Addresses) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for kind in ["vhosts", "users"] {
        let url = format!("{}/api/{kind}?columns=name", addresses.management_url());
        let rows: Vec<Value> = http::client().get(url).send().await?.error_for_status()?.json().await?;
        names.extend(rows.iter().filter_map(|row| row["name"].as_str().map(str::to_owned)));
    }
    Ok(names)
}

async fn call(addresses: &Addresses, method: Method, path: &str, body: Option<Value>) -> Result<()> {
    let deleting = method == Method::DELETE;
    let request = http::client().request(method, format!("{}/api/{path}", addresses.management_url()));
    let answer = match body {
        Some(body) => request.json(&body).send().await?,
        None => request.send().await?,
    };
    let status = answer.status();
    let fine = status.is_success() || (deleting && status == StatusCode::NOT_FOUND);
    ensure!(fine, "RabbitMQ answers {status} to {path}: {}", answer.text().await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::permissions;

    #[test]
    fn names_of_others_are_not_covered() {
        let own = permissions("auth")["configure"].as_str().unwrap().to_owned();
        assert_eq!(own, r"^(auth[.:].*|commands|events|events\.log|events\.clicks)$");
        assert_eq!(permissions("auth")["write"], own.as_str());
    }
}
