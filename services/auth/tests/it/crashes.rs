//! The program dies between two writes of a deletion, is started again, and the account goes, or stays, once.

use crate::{
    app::{PASSWORD, registration},
    participants::Participants,
};
use contracts::{event::auth::UserDeleted, rest::auth::Session};
use harness::{TestProgram, published, sql};
use kit::Stack;
use rstest::rstest;
use serde_json::json;
use sqlx::PgPool;
use std::collections::HashSet;

/// The program with a failpoint, and somebody's account.
struct Doomed {
    // Dropped in this order: the process ends before its databases do.
    stack: Stack,
    pool: PgPool,
    session: Session,
    program: TestProgram,
}

impl Doomed {
    async fn at(failpoint: &str) -> Self {
        let program = TestProgram::of("auth").await;
        let (stack, pool) = (program.start(failpoint).await, program.pool());
        let users = format!("{}/v1/users", stack.url("auth"));
        let registered = chassis::client::new().post(users).json(&registration("ana@exemplo.com"));
        let session = registered.send().await.unwrap().json().await.unwrap();
        Self { stack, pool, session, program }
    }

    /// Asks for the account to be deleted; no status when the program dies of it.
    async fn ask(&self) -> Option<u16> {
        let asked = chassis::client::new().delete(format!("{}/v1/users/me", self.stack.url("auth")));
        let asked = asked.bearer_auth(&self.session.access_token).json(&json!({"password": PASSWORD}));
        asked.send().await.ok().map(|answer| answer.status().as_u16())
    }

    /// Sees the program die, and starts it again without the failpoint.
    async fn revived(self) -> Self {
        Self { stack: self.program.revived(self.stack).await, ..self }
    }

    async fn eventually(&self, what: &str, sql: &str) {
        sql::eventually(&self.pool, what, sql).await;
    }

    async fn count(&self, sql: &str) -> i64 {
        sql::count(&self.pool, sql).await
    }

    /// How many deletions were told.
    async fn told(&self) -> usize {
        self.eventually("the outbox to empty", "SELECT count(*) = 0 FROM outbox").await;
        published::<UserDeleted>(&self.program.sandbox).await
    }

    /// The account is gone by one saga, which told everybody once.
    async fn is_deleted_once(&self, participants: &Participants) {
        self.eventually("the saga to end", "SELECT count(*) = 1 FROM sagas WHERE status = 'completed'").await;
        assert_eq!(self.count("SELECT count(*) FROM sagas").await, 1);
        assert_eq!(self.count("SELECT count(*) FROM users WHERE email = 'ana@exemplo.com'").await, 0);
        assert_eq!(self.told().await, 1);
        let steps = ["shortener.links.disable", "analytics.statistics.detach", "orders.customer.erase"];
        assert_eq!(first_told(participants), steps);
    }
}

/// What the participants were told, without repeats.
fn first_told(participants: &Participants) -> Vec<String> {
    let (mut told, mut seen) = (participants.told(), HashSet::new());
    told.retain(|kind| seen.insert(kind.clone()));
    told
}

#[rstest]
#[case::after_request("auth.delete_account.after_request=return")]
#[case::in_the_engine_after_row("saga.start.after_row=return")]
#[case::in_the_engine_after_outbox("saga.step.after_outbox=return")]
#[case::after_commit("auth.delete_account.after_commit=return")]
#[tokio::test]
async fn a_deletion_that_was_being_asked_for_is_done_once(#[case] failpoint: &str) {
    let doomed = Doomed::at(failpoint).await;
    assert_eq!(doomed.ask().await, None);
    let doomed = doomed.revived().await;
    assert_eq!(doomed.ask().await, Some(202));
    let participants = Participants::obedient(&doomed.program.sandbox).await;
    doomed.is_deleted_once(&participants).await;
}

#[rstest]
#[case::after_account("auth.close_account.after_account=return")]
#[case::in_the_engine_after_local("saga.step.after_local=return")]
// Two replies come before the one that closes the account; messages are written when it is asked for, too.
#[case::in_the_engine_after_row("saga.step.after_row=2*off->return")]
#[case::in_the_engine_after_outbox("saga.step.after_outbox=3*off->return")]
#[case::in_the_engine_after_commit("saga.step.after_commit=2*off->return")]
#[tokio::test]
async fn an_account_that_was_being_closed_is_closed_once(#[case] failpoint: &str) {
    let doomed = Doomed::at(failpoint).await;
    let participants = Participants::obedient(&doomed.program.sandbox).await;
    doomed.ask().await;
    let doomed = doomed.revived().await;
    doomed.is_deleted_once(&participants).await;
}

#[rstest]
#[case::in_the_engine_after_local("saga.step.after_local=return")]
// Four replies come before the one that ends it.
#[case::in_the_engine_after_row("saga.step.after_row=4*off->return")]
#[case::in_the_engine_after_commit("saga.step.after_commit=4*off->return")]
#[tokio::test]
async fn a_deletion_that_was_being_refused_is_refused_once(#[case] failpoint: &str) {
    let doomed = Doomed::at(failpoint).await;
    let participants = Participants::refusing(&doomed.program.sandbox, "orders.customer.erase", "open_orders").await;
    doomed.ask().await;
    let doomed = doomed.revived().await;
    doomed.eventually("the saga to end", "SELECT count(*) = 1 FROM sagas WHERE status = 'compensated'").await;
    let refused = "SELECT count(*) FROM account_deletions WHERE refused_as = 'open_orders'";
    assert_eq!(doomed.count(refused).await, 1);
    assert_eq!(doomed.count("SELECT count(*) FROM sagas").await, 1);
    assert_eq!(doomed.count("SELECT count(*) FROM users WHERE email = 'ana@exemplo.com'").await, 1);
    assert_eq!(doomed.told().await, 0);
    assert_eq!(first_told(&participants)[3..], ["analytics.statistics.attach", "shortener.links.enable"]);
}
