//! GraphQL over HTTP, as the specification's draft says: <https://graphql.github.io/graphql-over-http/draft/>.

mod answer;
mod media;
mod parameters;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use chassis::http::Failure;
use contracts::problem::{Code, Problem};
use http::header::{ALLOW, CONTENT_SECURITY_POLICY};
use http::{HeaderMap, HeaderValue};

use super::{GatewaySchema, guard, load};
use crate::config;
use crate::copies::Copies;
use crate::origin::Origin;
use crate::upstream::Upstreams;
use answer::{refuse, reply};
use media::{Accepted, Media};
use parameters::Parameters;

/// The largest request, in bytes.
const LARGEST: usize = 1024 * 1024;

/// What GraphQL requests are executed with.
#[derive(Clone)]
pub struct Graphql {
    /// The schema.
    pub schema: GatewaySchema,
    /// The services behind it.
    pub upstreams: Upstreams,
    /// Copies of statistics.
    pub copies: Copies,
    /// How it is configured.
    pub config: config::Graphql,
}

/// `GET` and `POST /graphql`.
pub fn routes(graphql: Graphql) -> Router {
    let answers = get(by_get).post(by_post).layer(DefaultBodyLimit::max(LARGEST));
    Router::new().route("/graphql", answers).with_state(graphql)
}

/// Answers a GraphQL query (never a mutation).
#[utoipa::path(get, path = "/graphql", tag = "public", params(
    ("query" = String, Query), ("operationName" = Option<String>, Query),
    ("variables" = Option<String>, Query, description = "A JSON map.")),
    responses((status = 200, content_type = "application/json", description = "GraphQL over HTTP"),
        (status = 405, body = Problem)))]
pub(crate) async fn by_get(
    State(graphql): State<Graphql>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    origin: Origin,
) -> Response {
    let query = query.unwrap_or_default();
    if graphql.config.console && query.is_empty() && media::wants_html(&headers) {
        return console();
    }
    let media = match media::negotiate(&headers) {
        Accepted::Some(media) => media,
        Accepted::None => return not_acceptable(),
    };
    match Parameters::from_query(&query) {
        Ok(parameters) => graphql.execute(parameters, media, origin, true).await,
        Err(message) => refuse(media, message),
    }
}

/// Answers a GraphQL request.
#[utoipa::path(post, path = "/graphql", tag = "public",
    request_body(content_type = "application/json", description = "query, operationName, variables", content = Object),
    responses((status = 200, content_type = "application/json", description = "GraphQL over HTTP"),
        (status = 401, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem)))]
pub(crate) async fn by_post(
    State(graphql): State<Graphql>,
    headers: HeaderMap,
    origin: Origin,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let media = match media::negotiate(&headers) {
        Accepted::Some(media) => media,
        Accepted::None => return not_acceptable(),
    };
    if !media::is_json(&headers) {
        let detail = "Send the request as application/json.";
        return Failure::new(Code::UnsupportedMediaType, detail).into_response();
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == http::StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("A GraphQL request may have {LARGEST} bytes.");
            return Failure::new(Code::PayloadTooLarge, detail).into_response();
        }
        Err(_) => return Failure::new(Code::MalformedRequest, "The body did not arrive.").into_response(),
    };
    match Parameters::from_json(&body) {
        Ok(parameters) => graphql.execute(parameters, media, origin, false).await,
        Err(message) => refuse(media, message),
    }
}

impl Graphql {
    async fn execute(self, parameters: Parameters, media: Media, origin: Origin, by_get: bool) -> Response {
        let mut request = async_graphql::Request::new(parameters.query).variables(parameters.variables);
        request.operation_name = parameters.operation_name;
        let document = match guard::parse(&request.query, &request.variables, &self.config.guard) {
            Ok(document) => document,
            Err(refused) => return answer::refuse_document(media, &refused),
        };
        if by_get && parameters::changes_something(&document, request.operation_name.as_deref()) {
            let failure = Failure::new(Code::MethodNotAllowed, "Mutations are sent by POST.");
            return ([(ALLOW, HeaderValue::from_static("POST"))], failure).into_response();
        }
        if let Err(message) = parameters::check_variables(&document, &request) {
            return answer::refuse_variables(media, message);
        }
        request.set_parsed_query(document);
        let loader = load::loader(self.upstreams.clone(), origin.clone(), self.copies);
        let request = request.data(self.upstreams).data(origin).data(loader);
        reply(media, self.schema.execute(request).await)
    }
}

fn not_acceptable() -> Response {
    let detail = "Answers come as application/graphql-response+json or application/json.";
    Failure::new(Code::NotAcceptable, detail).into_response()
}

/// The page on which developers try queries. It loads nothing from elsewhere.
fn console() -> Response {
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'";
    ([(CONTENT_SECURITY_POLICY, policy)], Html(include_str!("http/console.html"))).into_response()
}
