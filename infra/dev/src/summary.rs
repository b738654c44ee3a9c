//! What a person needs to know once everything runs.

use crate::seed::LINKS;
use crate::site::{DEMO, Stack, url};
use anyhow::Result;
use kit::progress::say;
use kit::units;

/// Prints addresses, credentials and three commands to try.
pub(crate) fn show(site: &mut Stack) -> Result<()> {
    let (gateway, password) = (url("gateway"), site.demo_password()?);
    let operator = site.wiring()?.operator;
    let management = site.engines.ports().management;
    let rabbitmq = site.engines.password(kit::Engine::Rabbitmq);
    say(&format!(
        "
  GraphQL      {gateway}/graphql      (GraphiQL in the browser)
  REST         {gateway}/api/<{}>/v1/…
  short links  {gateway}/r/<code>
  operators    http://localhost:8081/breakers
  services     {}
  RabbitMQ     http://localhost:{management}  admin {rabbitmq}

  demo user    {DEMO}  {password}
  operator     {}  {}

try:
  TOKEN=$(curl -s {gateway}/graphql -H 'content-type: application/json' -d '{}' | sed 's/.*\"accessToken\":\"\\([^\"]*\\).*/\\1/')
  curl -s {gateway}/graphql -H 'content-type: application/json' -H \"authorization: Bearer $TOKEN\" -d '{}'
  curl -i {gateway}/r/{}",
        units::services().collect::<Vec<_>>().join("|"),
        units::services().chain(["providers"]).map(|name| format!("{name} {}", url(name))).collect::<Vec<_>>().join("  "),
        operator.email,
        operator.password,
        login(&password),
        r#"{"query":"{ links { edges { node { code url clickCount stats { clicks uniqueVisitors } orders { count revenue { formatted } } } } } }"}"#,
        LINKS[0].0,
    ));
    Ok(())
}

fn login(password: &str) -> String {
    let mutation =
        format!(r#"mutation {{ login(input: {{ email: "{DEMO}", password: "{password}" }}) {{ accessToken }} }}"#);
    serde_json::json!({ "query": mutation }).to_string()
}
