//! `/oauth2/token`: access tokens for services (OAuth 2.0 client credentials, RFC 6749, section 4.4). Not under `/v1/`,
//! to which the gateway leads: services ask here themselves.

use crate::app::Services;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chassis::http::{ClientAddr, Failure, Json};
use contracts::problem::{Code, Problem};
use contracts::rest::auth::{ServiceGrant, ServiceToken};
use secrecy::SecretString;

/// Gives a service an access token.
#[utoipa::path(
    post, path = "/oauth2/token", tag = "services", security(("service" = [])),
    request_body(content = ServiceGrant, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "An access token.", body = ServiceToken),
        (status = 400, description = "`validation_failed` for another grant type, or `malformed_request`.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated`, or `invalid_client`.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn token(
    State(services): State<Services>,
    ClientAddr(address): ClientAddr,
    client: Client,
    grant: Result<Form<ServiceGrant>, FormRejection>,
) -> Result<Json<ServiceToken>, Refused> {
    let Form(grant) = grant.map_err(|rejection| refuse(&rejection))?;
    if grant.grant_type != "client_credentials" {
        return Err(Failure::field("grant_type", "must be client_credentials").into());
    }
    let token = services.token(&client.name, &client.secret, address).await;
    Ok(Json(token.map_err(Failure::from)?))
}

fn refuse(rejection: &FormRejection) -> Failure {
    match rejection.status() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Failure::new(Code::UnsupportedMediaType, "Send the body as application/x-www-form-urlencoded.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            Failure::new(Code::PayloadTooLarge, "The body is larger than this route takes.")
        }
        StatusCode::UNPROCESSABLE_ENTITY => Failure::field("grant_type", "must be client_credentials"),
        _ => Failure::new(Code::MalformedRequest, "The body is not a well-formed form."),
    }
}

/// The name and the secret that came by HTTP Basic (RFC 7617).
pub(super) struct Client {
    name: String,
    secret: SecretString,
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let value = parts.headers.get(header::AUTHORIZATION);
        let none = || Failure::new(Code::Unauthenticated, "Send the service's name and secret by HTTP Basic.");
        let malformed = || Failure::new(Code::InvalidClient, "The Authorization header holds no name and secret.");
        Ok(read(value.ok_or_else(none)?).ok_or_else(malformed)?)
    }
}

fn read(value: &HeaderValue) -> Option<Client> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, secret) = decoded.split_once(':').filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    Some(Client { name: name.to_owned(), secret: secret.into() })
}

/// A failure that names the scheme of services.
pub(super) struct Refused(Failure);

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        if let Some(scheme) = response.headers_mut().get_mut(header::WWW_AUTHENTICATE) {
            *scheme = HeaderValue::from_static("Basic realm=\"services\"");
        }
        response
    }
}
