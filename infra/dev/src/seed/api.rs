//! The gateway, as a client meets it who waits until it can answer.

use anyhow::{Context as _, Result, bail, ensure};
use contracts::problem::Code;
use kit::http::client;
use kit::{Trouble, eventually};
use reqwest::header::{REFERER, USER_AGENT};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// How long services and breakers may take to be back after a crash: a breaker tries again within 30 s.
const PATIENCE: Duration = Duration::from_secs(90);

/// An answer that will not change by waiting.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    /// What was asked for.
    Data(Value),
    /// The request was understood and refused.
    Refused(Code, String),
}

impl Reply {
    /// Reads an answer over GraphQL.
    fn read(mut answer: Value) -> Result<Self> {
        // The worst error first: what one field was refused says little while another field's service is away.
        let errors: Vec<(Code, String)> = answer["errors"].as_array().into_iter().flatten().map(told).collect();
        if let Some((code, message)) = errors.iter().find(|(code, _)| passes(code.status())) {
            bail!("{code}: {message}");
        }
        if let Some((code, message)) = errors.into_iter().next() {
            return Ok(Self::Refused(code, message));
        }
        ensure!(answer["data"].is_object(), "neither data nor errors: {answer}");
        Ok(Self::Data(answer["data"].take()))
    }

    /// What was asked for, where nothing is to be refused.
    pub(super) fn data(self) -> Result<Value> {
        match self {
            Self::Data(data) => Ok(data),
            Self::Refused(code, message) => bail!("the gateway refuses it: {code}: {message}"),
        }
    }
}

/// Code and message of an error. One without a code that we know is the gateway's own trouble.
fn told(error: &Value) -> (Code, String) {
    let code = serde_json::from_value(error["extensions"]["code"].clone()).unwrap_or(Code::Internal);
    let message = error["message"].as_str().map_or_else(|| error.to_string(), str::to_owned);
    let fields = &error["extensions"]["errors"];
    (code, if fields.is_null() { message } else { format!("{message} {fields}") })
}

/// Whether an answer with this status may be another one a moment later.
fn passes(status: u16) -> bool {
    status >= 500 || status == StatusCode::TOO_MANY_REQUESTS.as_u16()
}

/// The gateway for one user.
pub(super) struct Api {
    gateway: String,
    token: Option<String>,
}

impl Api {
    /// Logs somebody in, or registers them if there is no such account.
    pub(super) async fn enter(gateway: &str, email: &str, name: &str, password: &str) -> Result<Self> {
        let mut api = Self { gateway: gateway.to_owned(), token: None };
        let what = format!("{email} to be logged in");
        let login = "mutation($input: LoginInput!) { session: login(input: $input) { accessToken } }";
        let credentials = json!({ "input": { "email": email, "password": password } });
        let mut reply = api.ask(&what, login, &credentials).await?;
        if matches!(reply, Reply::Refused(Code::InvalidCredentials, _)) {
            let register = "mutation($input: RegisterInput!) { session: register(input: $input) { accessToken } }";
            let account = json!({ "input": { "email": email, "password": password, "fullName": name } });
            reply = api.ask(&what, register, &account).await?;
        }
        if matches!(reply, Reply::Refused(Code::EmailTaken, _)) {
            // An earlier try may have made the account without our hearing of it.
            reply = api.ask(&what, login, &credentials).await?;
        }
        if matches!(reply, Reply::Refused(Code::InvalidCredentials, _)) {
            let what = format!("The account {email} has another password than the one in .dev/up/secrets.json.");
            return Err(Trouble::new(what, "set that password there, or start afresh: `cargo dev reset`").into());
        }
        let session = reply.data().with_context(|| format!("logging {email} in"))?;
        let token = session["session"]["accessToken"].as_str().context("a session without a token")?;
        api.token = Some(token.to_owned());
        Ok(api)
    }

    /// Asks until the answer is one that waiting does not change.
    pub(super) async fn ask(&self, what: &str, query: &str, variables: &Value) -> Result<Reply> {
        let body = json!({ "query": query, "variables": variables });
        self.wait(what, async || {
            let answer = self.request(Method::POST, "/graphql").json(&body).send().await?;
            Ok(Some(Reply::read(answer.json().await.context("reading the gateway's answer")?)?))
        })
        .await
    }

    /// Asks a service through the gateway until it answers.
    pub(super) async fn get(&self, what: &str, path: &str) -> Result<Value> {
        self.wait(what, async || {
            let answer = self.request(Method::GET, path).send().await?.error_for_status()?;
            Ok(Some(answer.json().await?))
        })
        .await
    }

    /// Follows a short link as a browser does, until it leads somewhere.
    pub(super) async fn click(&self, code: &str, agent: &str, referrer: &str) -> Result<()> {
        let status = self
            .wait(&format!("the short link {code} to lead somewhere"), async || {
                let request = client().get(format!("{}/r/{code}", self.gateway));
                let status = request.header(USER_AGENT, agent).header(REFERER, referrer).send().await?.status();
                ensure!(!passes(status.as_u16()), "it answers {status}");
                Ok(Some(status))
            })
            .await?;
        ensure!(status.is_redirection(), "the short link {code} answers {status}");
        Ok(())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = client().request(method, format!("{}{path}", self.gateway));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn wait<T>(&self, what: &str, probe: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
        eventually(PATIENCE, what, probe).await.map_err(|error| {
            let what = format!("The demo data is not complete: {error:#}.");
            let mend = "see what is not well by `cargo dev status` and `cargo dev logs`, then run `cargo dev up` again";
            Trouble::new(what, mend).into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Reply;
    use contracts::problem::Code;
    use serde_json::{Value, json};

    fn error(code: &str) -> Value {
        json!({"message": "it says why", "extensions": {"code": code}})
    }

    #[test]
    fn an_open_breaker_is_no_answer() {
        for code in ["unavailable", "timeout", "bad_upstream", "overloaded", "rate_limited", "some_new_code"] {
            let answer = json!({"data": {"customer": null}, "errors": [error("validation_failed"), error(code)]});
            let why = Reply::read(answer).unwrap_err().to_string();
            assert!(why.contains("it says why"), "{why}");
        }
        assert!(Reply::read(json!({"data": null})).is_err());
        assert!(Reply::read(json!({"title": "Service Unavailable"})).is_err());
    }

    #[test]
    fn a_refusal_is_an_answer() {
        let reply = Reply::read(json!({"data": null, "errors": [error("sku_taken")]})).unwrap();
        assert_eq!(reply, Reply::Refused(Code::SkuTaken, "it says why".to_owned()));
        assert!(reply.data().is_err());
    }

    #[test]
    fn data_are_given_only_without_errors() {
        let reply = Reply::read(json!({"data": {"customer": null}})).unwrap();
        assert_eq!(reply.data().unwrap(), json!({"customer": null}));
    }
}
