//! QR codes.

use crate::app::{TestApp, request, with};
use axum::http::StatusCode;
use contracts::problem::Code;

#[tokio::test]
async fn a_links_code_is_drawn_in_both_formats_and_known_again() {
    let app = TestApp::new().await;
    let path = format!("/v1/links/{}/qr", app.link().await.code);
    let svg = app.as_user("GET", &path, None).await;
    assert_eq!(svg.headers["content-type"], "image/svg+xml");
    assert!(svg.text().contains("<svg"));
    let png = app.as_user("GET", &format!("{path}?format=png&size=300&correction=h"), None).await;
    assert_eq!(png.headers["content-type"], "image/png");
    assert_eq!(&png.body[..8], b"\x89PNG\r\n\x1a\n");
    assert_eq!(png.body[16..24], [0, 0, 1, 44, 0, 0, 1, 44], "300 by 300");
    assert_ne!(png.headers["etag"], svg.headers["etag"]);
    let again = request("GET", &path, Some(&app.token), None);
    let again = app.send(with(again, "if-none-match", svg.headers["etag"].to_str().unwrap())).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert!(again.body.is_empty());
}

#[tokio::test]
async fn what_cannot_be_drawn_is_refused() {
    let app = TestApp::new().await;
    let path = format!("/v1/links/{}/qr", app.link().await.code);
    let problem = app.as_user("GET", &format!("{path}?format=gif&size=63&correction=x"), None).await;
    assert_eq!(problem.problem(Code::ValidationFailed).errors.len(), 3);
    app.as_user("GET", &format!("{path}?size=2049"), None).await.problem(Code::ValidationFailed);
    app.as_user("GET", "/v1/links/nothing/qr", None).await.problem(Code::NotFound);
}
