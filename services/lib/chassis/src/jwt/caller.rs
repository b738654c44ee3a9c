//! Extractors that authorise.

use super::{Claims, Verifier};
use crate::http::{Failure, log_fields};
use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use contracts::problem::Code;
use http::header::AUTHORIZATION;
use http::request::Parts;
use secrecy::SecretString;
use uuid::Uuid;

/// The role that opens operator routes.
pub const OPERATOR: &str = "operator";

/// The user on whose behalf a request is made, by a verified token.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user.
    pub user_id: Uuid,
    /// What the user may do.
    pub roles: Vec<String>,
    /// Identifies the token.
    pub token_id: Uuid,
    /// The token itself, to be passed on to other units.
    pub token: SecretString,
}

impl Caller {
    /// Reads and verifies the `Authorization` header, if there is one.
    ///
    /// # Errors
    /// [`Code::InvalidToken`] when there is one that is not a valid bearer token.
    pub async fn from_headers(verifier: &Verifier, headers: &http::HeaderMap) -> Result<Option<Self>, Failure> {
        let Some(token) = token(headers)? else { return Ok(None) };
        Ok(Some(Self::new(verifier.verify(token).await?, token.into())))
    }

    fn new(claims: Claims, token: SecretString) -> Self {
        log_fields::add("user_id", claims.sub.to_string());
        Self { user_id: claims.sub, roles: claims.roles, token_id: claims.jti, token }
    }

    /// Whether the user is an operator.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.roles.iter().any(|role| role == OPERATOR)
    }
}

/// The token of the `Authorization` header, if there is one.
///
/// # Errors
/// [`Code::InvalidToken`] when the header holds something else.
pub(super) fn token(headers: &http::HeaderMap) -> Result<Option<&str>, Failure> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let malformed = || {
        Failure::new(Code::InvalidToken, "Send `Authorization: Bearer` and an access token; this header holds none.")
    };
    token.map(Some).ok_or_else(malformed)
}

impl<S> FromRequestParts<S> for Caller
where
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        Self::from_headers(&Verifier::from_ref(state), &parts.headers)
            .await?
            .ok_or_else(|| Failure::new(Code::Unauthenticated, "Send an access token in the Authorization header."))
    }
}

/// For routes that are open to everybody: nobody where no token came. A bad token is refused all the same.
impl<S> OptionalFromRequestParts<S> for Caller
where
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Failure> {
        Self::from_headers(&Verifier::from_ref(state), &parts.headers).await
    }
}

/// A [`Caller`] who is an operator.
#[derive(Debug, Clone)]
pub struct Operator(pub Caller);

impl<S> FromRequestParts<S> for Operator
where
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let caller = <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        if caller.is_operator() {
            Ok(Self(caller))
        } else {
            Err(Failure::new(Code::Forbidden, "This needs the operator role."))
        }
    }
}
