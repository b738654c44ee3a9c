//! A Postgres that cannot do its work for the moment.

use crate::app::{PASSWORD, TestApp};
use contracts::problem::Code;

#[tokio::test]
async fn while_postgres_only_reads_accounts_are_read_and_log_ins_are_told_to_come_again() {
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    app.sandbox.alter_role("auth", "SET default_transaction_read_only = on").await.unwrap();
    app.is_read_again("/v1/users/me", &session.access_token).await;
    let refused = [
        app.log_in("ana@exemplo.com", PASSWORD).await,
        app.refresh(&session.refresh_token).await,
        app.log_out(&session.refresh_token).await,
        app.change_password(&session.access_token, PASSWORD, "another long one").await,
        app.delete_account(&session.access_token, PASSWORD).await,
    ];
    for answer in refused {
        answer.problem(Code::Unavailable);
        assert!(answer.headers.contains_key("retry-after"));
    }
    app.sandbox.alter_role("auth", "CONNECTION LIMIT 0").await.unwrap();
    app.log_in("ana@exemplo.com", PASSWORD).await.problem(Code::Unavailable);
    app.ask("GET", "/v1/users/me", &session.access_token, None).await.problem(Code::Unavailable);
}
