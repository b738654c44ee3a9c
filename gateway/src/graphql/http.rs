//! GraphQL over HTTP, as the specification's draft says: <https://graphql.github.io/graphql-over-http/draft/>. What
//! lasts travels as [`events`] or over a [`socket`].

mod answer;
mod events;
mod graphiql;
mod live;
mod media;
mod parameters;
mod prepare;
mod socket;

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chassis::http::Failure;
use contracts::problem::{Code, Problem};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::header::{ALLOW, UPGRADE};
use http::{HeaderMap, HeaderValue};

use super::{GatewaySchema, load};
use crate::config;
use crate::copies::Copies;
use crate::origin::Origin;
use crate::upstream::Upstreams;
use answer::{Answer, refuse, refuse_parameters, reply};
use media::{Accepted, Media};
use parameters::Parameters;
use prepare::{Attempt, Prepared};

pub use live::Live;

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
    /// What live connections are kept with.
    pub live: Live,
}

/// `GET` and `POST /graphql`, and the files of GraphiQL where it is wanted.
///
/// # Errors
/// Fails when one of those files is not there.
pub fn routes(graphql: Graphql) -> anyhow::Result<Router> {
    let answers = get(by_get).post(by_post).layer(DefaultBodyLimit::max(LARGEST));
    let files = graphql.config.graphiql.as_deref().map(graphiql::files).transpose()?;
    Ok(Router::new().route("/graphql", answers).with_state(graphql).merge(files.unwrap_or_default()))
}

/// Answers a GraphQL query (never a mutation), or opens a WebSocket for any operations.
#[utoipa::path(get, path = "/graphql", tag = "public", params(
    ("query" = String, Query), ("operationName" = Option<String>, Query),
    ("variables" = Option<String>, Query, description = "A JSON map.")),
    responses((status = 101, description = "WebSocket, subprotocol graphql-transport-ws"),
        (status = 200, content_type = "application/json", description = "GraphQL over HTTP"),
        (status = 405, body = Problem)))]
pub(crate) async fn by_get(
    State(graphql): State<Graphql>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    origin: Origin,
    stream: socket::Stream,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if headers.contains_key(UPGRADE) {
        return match upgrade {
            Ok(upgrade) => socket::open(upgrade, stream, graphql, origin),
            Err(rejection) => Failure::new(Code::MalformedRequest, rejection.body_text()).into_response(),
        };
    }
    let query = query.unwrap_or_default();
    if graphql.config.graphiql.is_some() && query.is_empty() && media::wants_html(&headers) {
        return graphiql::page();
    }
    let media = match media::negotiate(&headers) {
        Accepted::Some(media) => media,
        Accepted::None => return not_acceptable(),
    };
    match Parameters::from_query(&query) {
        Ok(parameters) => {
            let prepared = Prepared::parse(&parameters, &graphql.schema);
            graphql.execute(prepared, media, origin, true).await
        }
        Err(message) => refuse_parameters(media, message),
    }
}

/// Answers a GraphQL request: once, or as server-sent events where the client takes those.
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
    let takes_events = media::accepts_events(&headers);
    let media = match media::negotiate(&headers) {
        Accepted::Some(media) => Some(media),
        Accepted::None if takes_events => None,
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
    let parameters = match Parameters::from_json(&body) {
        Ok(parameters) => parameters,
        Err(message) => return refuse_parameters(media.unwrap_or(Media::Json), message),
    };
    let prepared = Prepared::parse(&parameters, &graphql.schema);
    let lasts = prepared.as_ref().is_ok_and(|prepared| prepared.kind() == OperationType::Subscription);
    match media {
        // Events are for what lasts, and for who takes nothing else.
        Some(media) if !(takes_events && lasts) => graphql.execute(prepared, media, origin, false).await,
        _ => events::respond(graphql, prepared, origin).await,
    }
}

impl Graphql {
    /// Executes an operation that has one result.
    async fn execute(self, prepared: Attempt, media: Media, origin: Origin, by_get: bool) -> Response {
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(refusal) => return refuse(media, refusal),
        };
        match prepared.kind() {
            OperationType::Query => {}
            _ if by_get => {
                let failure = Failure::new(Code::MethodNotAllowed, "Only queries are sent by GET.");
                return ([(ALLOW, HeaderValue::from_static("POST"))], failure).into_response();
            }
            OperationType::Mutation => {}
            OperationType::Subscription => {
                let detail = "Subscriptions are answered as text/event-stream, or over a WebSocket.";
                return Failure::new(Code::NotAcceptable, detail).into_response();
            }
        }
        let response = self.schema.execute(prepared.plan, |request| self.with_data(request, origin, true)).await;
        reply(media, response)
    }

    /// Executes an operation of any kind, with any number of results. One of which nothing was executed is the last.
    fn answers(&self, prepared: Attempt, origin: Origin) -> BoxStream<'static, Answer> {
        let id = origin.request_id.clone();
        match prepared {
            Ok(Prepared { plan }) => {
                // What was loaded for one event is old at the next.
                let keep = plan.kind() != OperationType::Subscription;
                let responses = self.schema.stream(plan, |request| self.with_data(request, origin, keep));
                responses.map(move |response| Answer::of(response, id.as_ref())).boxed()
            }
            Err(refusal) => stream::once(std::future::ready(Answer::refusal(refusal, id.as_ref()))).boxed(),
        }
    }

    /// Gives a request what resolvers ask for.
    fn with_data(&self, request: Request, origin: Origin, keep: bool) -> Request {
        let loads = load::loader(self.upstreams.clone(), origin.clone(), self.copies.clone());
        loads.enable_all_cache(keep);
        request.data(self.upstreams.clone()).data(origin).data(loads).data(self.config.live.clone())
    }
}

fn not_acceptable() -> Response {
    let detail = "Answers come as application/graphql-response+json or application/json.";
    Failure::new(Code::NotAcceptable, detail).into_response()
}
