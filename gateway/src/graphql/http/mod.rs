//! GraphQL over HTTP, after the draft <https://graphql.github.io/graphql-over-http/draft/>. Subscriptions use
//! server-sent [`events`] or a [`socket`].

mod events;
mod graphiql;
mod live;
mod media;
mod parameters;
mod persisted;
mod prepare;
mod response;
mod socket;

use super::GatewaySchema;
use super::load::{self, Loader};
use super::plan::Plan;
use crate::clients::Services;
use crate::config;
use crate::origin::{Admitted, Origin};
use crate::stale_cache::StaleCache;
use crate::upstream::Upstreams;
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
use http::header::{ALLOW, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderValue};
pub use live::Live;
use media::Media;
use parameters::Parameters;
use persisted::NewDocument;
pub use persisted::PersistedDocuments;
use prepare::{RequestError, only_gets_tokens};
use response::{GraphqlResponse, refuse, refuse_parameters, reply};
use std::sync::Arc;

/// The largest request, in bytes.
const LARGEST: usize = 1024 * 1024;

pub struct Graphql {
    pub schema: GatewaySchema,
    pub upstreams: Upstreams,
    pub stale_cache: StaleCache,
    pub config: Arc<config::Graphql>,
    pub live: Live,
    pub persisted: PersistedDocuments,
}

/// `GET` and `POST /graphql`, and the files of GraphiQL if it is configured.
pub fn routes(graphql: Graphql) -> anyhow::Result<Router> {
    let answers = get(by_get).post(by_post).layer(DefaultBodyLimit::max(LARGEST));
    let files = graphql.config.graphiql.as_deref().map(graphiql::files).transpose()?;
    Ok(Router::new().route("/graphql", answers).with_state(Arc::new(graphql)).merge(files.unwrap_or_default()))
}

/// Answers a GraphQL query once, a query or subscription as server-sent events, never a mutation; or opens a WebSocket for
/// any operations.
#[utoipa::path(get, path = "/graphql", tag = "public", params(
    ("query" = Option<String>, Query, description = "Absent where `extensions` names a document that was sent before."),
    ("operationName" = Option<String>, Query),
    ("variables" = Option<String>, Query, description = "A JSON object."),
    ("extensions" = Option<String>, Query, description = "A JSON object.")),
    responses((status = 101, description = "WebSocket, subprotocol graphql-transport-ws"),
        (status = 200, content_type = "application/json", description = "GraphQL over HTTP, or text/event-stream"),
        (status = 401, description = "`invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 405, description = "`method_not_allowed`: a mutation by GET.", body = Problem, content_type = "application/problem+json"),
        (status = 426, description = "`upgrade_required`: another version of WebSocket than 13.", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn by_get(
    State(graphql): State<Arc<Graphql>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    admitted: Admitted,
    stream: socket::Stream,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if headers.contains_key(UPGRADE) {
        return open_socket(graphql, admitted, stream, upgrade);
    }
    let query = query.unwrap_or_default();
    if graphql.config.graphiql.is_some() && query.is_empty() && media::wants_html(&headers) {
        return graphiql::page();
    }
    match ResponseFormat::of(&headers, true) {
        Some(format) => graphql.respond(Parameters::from_query(&query), format, admitted).await,
        None => unread(admitted, not_acceptable()),
    }
}

fn open_socket(
    graphql: Arc<Graphql>,
    admitted: Admitted,
    stream: socket::Stream,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    match (admitted.known(), upgrade) {
        (Err(failure), _) => failure.into_response(),
        (Ok(origin), Ok(upgrade)) => socket::open(upgrade, stream, graphql, origin),
        (_, Err(WebSocketUpgradeRejection::InvalidWebSocketVersionHeader(rejection))) => {
            // The response names the supported version (RFC 6455, 4.4).
            let failure = Failure::new(Code::UpgradeRequired, rejection.body_text());
            let version = (SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            ([version, (UPGRADE, HeaderValue::from_static("websocket"))], failure).into_response()
        }
        (_, Err(rejection)) => Failure::new(Code::MalformedRequest, rejection.body_text()).into_response(),
    }
}

/// Answers a GraphQL request: once, or as server-sent events where the client takes those.
#[utoipa::path(post, path = "/graphql", tag = "public",
    request_body(content_type = "application/json", description = "query, operationName, variables, extensions", content = Object),
    responses((status = 200, content_type = "application/json", description = "GraphQL over HTTP"),
        (status = 401, description = "`invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`.", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn by_post(
    State(graphql): State<Arc<Graphql>>,
    headers: HeaderMap,
    admitted: Admitted,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let Some(format) = ResponseFormat::of(&headers, false) else { return unread(admitted, not_acceptable()) };
    if !media::is_json(&headers) {
        let detail = "Send the request as application/json.";
        return unread(admitted, Failure::new(Code::UnsupportedMediaType, detail).into_response());
    }
    match body {
        Ok(body) => graphql.respond(Parameters::from_json(&body), format, admitted).await,
        Err(rejection) if rejection.status() == http::StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("The request is too large: at most {LARGEST} bytes are allowed.");
            unread(admitted, Failure::new(Code::PayloadTooLarge, detail).into_response())
        }
        Err(_) => {
            let failure = Failure::new(Code::MalformedRequest, "The request body did not arrive. Send it again.");
            unread(admitted, failure.into_response())
        }
    }
}

/// Refuses a request that was not read. A bad token is the first reason.
fn unread(admitted: Admitted, refusal: Response) -> Response {
    admitted.known().map_or_else(IntoResponse::into_response, |_| refusal)
}

/// The method of a request, and the formats of the response that its client accepts.
#[derive(Clone, Copy)]
struct ResponseFormat {
    by_get: bool,
    /// `None` if the client accepts only server-sent events.
    media: Option<Media>,
    takes_events: bool,
}

impl ResponseFormat {
    /// Returns `None` if the client accepts no format of ours.
    fn of(headers: &HeaderMap, by_get: bool) -> Option<Self> {
        let takes_events = media::accepts_events(headers);
        let media = media::negotiate(headers);
        (media.is_some() || takes_events).then_some(Self { by_get, media, takes_events })
    }

    fn plain(self) -> Media {
        self.media.unwrap_or(Media::Json)
    }
}

impl Graphql {
    /// Responds in a format that the client accepts.
    async fn respond(
        self: Arc<Self>,
        parameters: Result<Parameters, String>,
        format: ResponseFormat,
        admitted: Admitted,
    ) -> Response {
        let (plan, sent) = match parameters {
            Ok(parameters) => self.plan(parameters).await,
            Err(message) => {
                let refuse = |_| refuse_parameters(format.plain(), message);
                return admitted.known().map_or_else(IntoResponse::into_response, refuse);
            }
        };
        // A client that asks for a token may send a bad one. Everywhere else a bad token is refused.
        let gets_tokens = plan.as_ref().is_ok_and(only_gets_tokens);
        let origin = match if gets_tokens { Ok(admitted.anyone()) } else { admitted.known() } {
            Ok(origin) => origin,
            Err(failure) => return failure.into_response(),
        };
        let kind = plan.as_ref().map_or(OperationType::Query, Plan::kind);
        if format.by_get && kind == OperationType::Mutation {
            let failure = Failure::new(Code::MethodNotAllowed, "Send mutations by POST.");
            return ([(ALLOW, HeaderValue::from_static("POST"))], failure).into_response();
        }
        if let Some(sent) = sent {
            self.persisted.keep(sent, &origin).await;
        }
        match format.media {
            // Events are for subscriptions, and for clients that accept nothing else.
            Some(media) if !(format.takes_events && kind == OperationType::Subscription) => {
                self.execute(plan, media, origin).await
            }
            _ => events::respond(self, plan, origin).await,
        }
    }

    /// Finds the document and plans its operation. Returns a valid document that came with its hash, to be kept.
    async fn plan(&self, mut parameters: Parameters) -> (Result<Plan, RequestError>, Option<NewDocument>) {
        match self.persisted.complete(&mut parameters).await {
            Ok(sent) => {
                let plan = prepare::plan(&parameters, &self.schema);
                let sent = sent.filter(|_| plan.is_ok());
                (plan, sent)
            }
            Err(error) => (Err(error), None),
        }
    }

    async fn execute(&self, plan: Result<Plan, RequestError>, media: Media, origin: Origin) -> Response {
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => return refuse(media, error),
        };
        if plan.kind() == OperationType::Subscription {
            let detail = "Accept text/event-stream for subscriptions, or use a WebSocket.";
            return Failure::new(Code::NotAcceptable, detail).into_response();
        }
        let loader = self.loader(origin);
        let execution = self.schema.execute(plan, |request| self.with_data(request, loader.clone()));
        reply(media, load::drive(loader.clone(), execution).await)
    }

    /// Executes any operation. A response with request errors is the last one.
    fn responses(&self, plan: Result<Plan, RequestError>, origin: Origin) -> BoxStream<'static, GraphqlResponse> {
        let id = origin.request_id.clone();
        match plan {
            Ok(plan) => {
                let loader = self.loader(origin);
                let responses = self.schema.stream(plan, |request| self.with_data(request, loader.clone()));
                let responses = load::drive_all(loader, responses);
                responses.map(move |response| GraphqlResponse::of(response, id.as_ref())).boxed()
            }
            Err(error) => stream::once(std::future::ready(GraphqlResponse::refused(error, id.as_ref()))).boxed(),
        }
    }

    fn loader(&self, origin: Origin) -> Loader {
        Loader::new(Services::new(self.upstreams.clone(), origin), self.stale_cache.clone())
    }

    fn with_data(&self, request: Request, loader: Loader) -> Request {
        request.data(loader).data(self.config.live.clone())
    }
}

fn not_acceptable() -> Response {
    let detail = "Accept application/graphql-response+json or application/json.";
    Failure::new(Code::NotAcceptable, detail).into_response()
}
