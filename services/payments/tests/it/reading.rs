//! Who sees which payments.

use crate::{
    app::{TestApp, is_done},
    wire::charge,
};
use axum::http::StatusCode;
use contracts::{
    problem::Code,
    rest::payments::{Payment, PaymentList},
};
use serde_json::json;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn users_see_their_own_and_operators_all() {
    let app = TestApp::new().await;
    let (mine, theirs) = (charge("tok_visa_ok", 100), charge("tok_visa_ok", 200));
    is_done(&app.charged(&mine).await);
    is_done(&app.charged(&theirs).await);
    let token = app.issuer.token(mine.auth_user_id, &["user"]);
    let (own, other) = (app.payment(&mine).await, app.payment(&theirs).await);
    for path in [format!("/v1/payments/{}", own.id), format!("/v1/orders/{}/payment", own.orders_order_id)] {
        assert_eq!(app.ask("GET", &path, &token, None).await.json::<Payment>(StatusCode::OK), own);
    }
    let theirs_path = format!("/v1/orders/{}/payment", other.orders_order_id);
    for path in [&format!("/v1/payments/{}", other.id), &theirs_path, "/v1/payments/nonsense"] {
        app.ask("GET", path, &token, None).await.problem(Code::NotFound);
    }
    let body = json!({"order_ids": [own.orders_order_id, other.orders_order_id, Uuid::now_v7()]});
    let list = app.ask("POST", "/v1/payments/batch", &token, Some(body.clone())).await;
    assert_eq!(list.json::<PaymentList>(StatusCode::OK).payments, [own]);
    let list = app.ask("POST", "/v1/payments/batch", &app.operator, Some(body)).await;
    assert_eq!(list.json::<PaymentList>(StatusCode::OK).payments.len(), 2);
    for wrong in [json!([]), json!(vec![Uuid::nil(); 201])] {
        let body = json!({"order_ids": wrong});
        app.ask("POST", "/v1/payments/batch", &token, Some(body.clone())).await.problem(Code::ValidationFailed);
    }
}
