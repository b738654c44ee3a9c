//! The program dies between two writes of its part in deleting an account, is started again, and does everything once.

use crate::{
    saga::{attach, detach},
    support::{TestApp, ask, sandbox},
};
use anyhow::Result;
use contracts::command::{Command, Outcome};
use harness::FakePeer;
use reqwest::StatusCode;
use rstest::rstest;
use uuid::Uuid;

/// How many rows tell of the one saga, and the stage that it has reached.
const STAGE: &str = "SELECT count(), max(stage) FROM statistics_detachments FINAL";

/// An owner with statistics, of whose saga the program dies.
struct Doomed {
    app: TestApp,
    saga: FakePeer,
    owner: Uuid,
}

impl Doomed {
    async fn at(failpoint: &str) -> Result<Self> {
        let (app, owner) = (TestApp::doomed(sandbox().await?, failpoint).await?, Uuid::now_v7());
        app.link(owner, "boots").await?;
        Ok(Self { saga: FakePeer::new(&app.sandbox, "auth").await, app, owner })
    }

    /// Dies of a command, is started again without the failpoint, and says of this and the next attempt that it is done.
    async fn survives<T: Command + Clone>(self, first: T, next: T) -> Result<Self> {
        let Self { app, mut saga, owner } = self;
        saga.command(&first).await;
        let app = app.revived().await;
        let replies = saga.replies(&next).await;
        assert!(replies.iter().any(|reply| reply.step == *first.step()), "{replies:?}");
        assert!(replies.iter().all(|reply| matches!(reply.outcome, Outcome::Done { .. })), "{replies:?}");
        Ok(Self { app, saga, owner })
    }

    async fn statistics(&self) -> Result<StatusCode> {
        Ok(self.app.get(self.owner, "/v1/links/boots/stats").await?.status())
    }
}

#[rstest]
#[case::after_row("analytics.detach.after_row=return")]
#[case::after_reply("analytics.accounts.after_reply=return")]
#[tokio::test]
async fn statistics_that_were_being_hidden_are_hidden_once(#[case] failpoint: &str) -> Result<()> {
    let (doomed, id) = (Doomed::at(failpoint).await?, Uuid::now_v7());
    let owner = doomed.owner;
    let doomed = doomed.survives(detach(owner, id, 1), detach(owner, id, 2)).await?;
    assert_eq!(ask(&doomed.app.sandbox, STAGE).await?, "1\t1");
    assert_eq!(doomed.statistics().await?, StatusCode::NOT_FOUND);
    Ok(())
}

#[rstest]
#[case::after_row("analytics.attach.after_row=return")]
// The first time they are hidden.
#[case::after_reply("analytics.accounts.after_reply=1*off->return")]
#[tokio::test]
async fn statistics_that_were_coming_back_come_back_once(#[case] failpoint: &str) -> Result<()> {
    let (mut doomed, id) = (Doomed::at(failpoint).await?, Uuid::now_v7());
    let owner = doomed.owner;
    assert!(matches!(doomed.saga.tell(&detach(owner, id, 1)).await, Outcome::Done { .. }));
    let mut doomed = doomed.survives(attach(owner, id, 1), attach(owner, id, 2)).await?;
    let late = doomed.saga.replies(&detach(owner, id, 2)).await.pop().map(|reply| reply.outcome);
    assert!(matches!(&late, Some(Outcome::Refused { code, .. }) if code == "undone"), "{late:?}");
    assert_eq!(ask(&doomed.app.sandbox, STAGE).await?, "1\t2");
    assert_eq!(doomed.statistics().await?, StatusCode::OK);
    Ok(())
}
