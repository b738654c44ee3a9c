//! What every unit's OpenAPI document has besides its operations.

use contracts::problem::Problem;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, ContentBuilder, OpenApi, PathItem, Ref, Response, ResponseBuilder, Server, Tag};
use utoipa::{PartialSchema, ToSchema};

/// Completes the document of the unit called `name`, so that generators and linters take it as it is.
///
/// - Names of operations are `<tag>_<function>`: they are unique in the document.
/// - An operation that names no security needs none, and says so.
/// - Every operation may answer with a problem that it does not list.
#[must_use]
pub(crate) fn complete(name: &str, mut document: OpenApi) -> OpenApi {
    let mut server = Server::new(if name == "gateway" { "/".to_owned() } else { format!("/api/{name}") });
    server.description = Some("At the gateway.".to_owned());
    document.servers = Some(vec![server]);
    let inherited = document.security.take();
    let mut tags = Vec::new();
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let tag = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
        if let Some(function) = &operation.operation_id {
            operation.operation_id = Some(format!("{}_{function}", tag.replace('-', "_")));
        }
        operation.security.get_or_insert_with(|| inherited.clone().unwrap_or_default());
        operation.responses.responses.entry("default".to_owned()).or_insert_with(|| any_problem().into());
        tags.push(tag);
    }
    tags.sort_unstable();
    tags.dedup();
    document.tags = Some(tags.into_iter().map(Tag::new).collect());
    let schemas = &mut document.components.get_or_insert_default().schemas;
    schemas.insert(Problem::name().into_owned(), Problem::schema());
    let mut referenced = Vec::new();
    Problem::schemas(&mut referenced);
    schemas.extend(referenced);
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, .. } = item;
    [get, put, post, delete, options, head, patch].into_iter().flatten()
}

fn any_problem() -> Response {
    let content: Content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let response = ResponseBuilder::new().description("Any other error: a problem with a code of docs/errors.");
    response.content("application/problem+json", content).build()
}
