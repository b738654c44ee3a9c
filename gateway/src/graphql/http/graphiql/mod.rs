//! GraphiQL for developers: a page of ours with GraphiQL's files from a folder. Nothing is loaded from elsewhere.

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use std::fs;
use std::path::Path;

const FILES: [(&str, &str); 4] = [
    ("react.js", SCRIPT),
    ("react-dom.js", SCRIPT),
    ("graphiql.js", SCRIPT),
    ("graphiql.css", "text/css; charset=utf-8"),
];
const SCRIPT: &str = "text/javascript; charset=utf-8";
/// GraphiQL's editor sets inline styles, and its style sheet holds icons and fonts.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws: wss:";

pub(super) fn page() -> Response {
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(include_str!("page.html"))).into_response()
}

/// Serves the page's files, which are read from `folder` once.
pub(super) fn files(folder: &Path) -> anyhow::Result<Router> {
    let start = ("start.js", SCRIPT, Bytes::from_static(include_bytes!("start.js")));
    let mut router = Router::new().merge(file(start));
    for (name, kind) in FILES {
        let path = folder.join(name);
        let content = fs::read(&path).with_context(|| format!("graphql.graphiql: reading {}", path.display()))?;
        router = router.merge(file((name, kind, content.into())));
    }
    Ok(router)
}

fn file((name, kind, content): (&str, &'static str, Bytes)) -> Router {
    let answer = move || async move { ([(CONTENT_TYPE, kind)], content.clone()) };
    Router::new().route(&format!("/graphql/graphiql/{name}"), get(answer))
}
