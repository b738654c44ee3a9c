//! A Postgres that cannot do its work for the moment.

use crate::world::{PASSWORD, World};
use axum::http::StatusCode;
use contracts::problem::Code;
use std::time::Duration;

#[tokio::test]
async fn while_postgres_only_reads_accounts_are_read_and_log_ins_are_told_to_come_again() {
    let world = World::new().await;
    let session = world.register("ana@exemplo.com").await;
    world.sandbox.alter_role("auth", "SET default_transaction_read_only = on").await.unwrap();
    let read = async || match world.get("/v1/users/me", &session.access_token).await {
        answer if answer.status == StatusCode::OK => Ok(Some(())),
        answer => {
            answer.problem(Code::Unavailable);
            Ok(None)
        }
    };
    kit::eventually(Duration::from_secs(60), "connections that were cut off to be made again", read).await.unwrap();
    let refused = [
        world.log_in("ana@exemplo.com", PASSWORD).await,
        world.refresh(&session.refresh_token).await,
        world.log_out(&session.refresh_token).await,
        world.change_password(&session.access_token, PASSWORD, "another long one").await,
        world.delete_account(&session.access_token, PASSWORD).await,
    ];
    for answer in refused {
        answer.problem(Code::Unavailable);
        assert!(answer.headers.contains_key("retry-after"));
    }
    world.sandbox.alter_role("auth", "CONNECTION LIMIT 0").await.unwrap();
    world.log_in("ana@exemplo.com", PASSWORD).await.problem(Code::Unavailable);
    world.get("/v1/users/me", &session.access_token).await.problem(Code::Unavailable);
}
