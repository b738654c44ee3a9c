//! The program dies between two writes of its part in deleting an account, is started again, and does everything once.

use crate::{
    app::{TARGET, database},
    saga::{disable, enable},
};
use axum::http::StatusCode;
use contracts::{
    command::{Command, Outcome},
    event::shortener::UrlUpdated,
};
use harness::{FakePeer, PATIENCE, TestProgram, published};
use kit::Stack;
use mongodb::bson::{self, Document, doc};
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

/// More than go into one transaction: a switch of all of them takes one, another, and a look that finds none.
const LINKS: u32 = 250;

/// The program with a failpoint, and an owner of links.
struct Doomed {
    // Dropped in this order: the process ends before its databases do.
    stack: Stack,
    saga: FakePeer,
    owner: Uuid,
    program: TestProgram,
}

impl Doomed {
    async fn at(failpoint: &str) -> Self {
        let (program, owner) = (TestProgram::of("shortener").await, Uuid::now_v7());
        let stack = program.start(failpoint).await;
        let saga = FakePeer::new(&program.sandbox, "auth").await;
        let links: Vec<_> = (0..LINKS).map(|number| json!({"url": TARGET, "code": format!("link-{number}")})).collect();
        let made = kit::http::client()
            .post(format!("{}/v1/links/bulk", stack.url("shortener")))
            .bearer_auth(program.issuer.token(owner, &["user"]))
            .json(&json!({"links": links}));
        made.send().await.unwrap().error_for_status().unwrap();
        let doomed = Self { stack, saga, owner, program };
        // So that Redis knows one.
        assert_eq!(doomed.follow("link-0").await, StatusCode::FOUND);
        doomed
    }

    /// Dies of a command, is started again without the failpoint, and says of this and the next attempt that it is done.
    async fn survives<T: Command + Clone>(self, first: T, next: T) -> Self {
        let Self { stack, mut saga, owner, program } = self;
        saga.command(&first).await;
        let stack = program.revived(stack).await;
        let replies = saga.replies(&next).await;
        assert!(replies.iter().any(|reply| reply.step == *first.step()), "{replies:?}");
        assert!(replies.iter().all(|reply| matches!(reply.outcome, Outcome::Done { .. })), "{replies:?}");
        Self { stack, saga, owner, program }
    }

    /// How many of the owner's links are in a state.
    async fn links(&self, state: Document) -> u64 {
        let mut query = doc! {"auth_user_id": bson::Uuid::from(self.owner)};
        query.extend(state);
        let urls = database(&self.program.sandbox).await.collection::<Document>("urls");
        urls.count_documents(query).await.unwrap()
    }

    async fn follow(&self, code: &str) -> StatusCode {
        let url = format!("{}/{code}", self.stack.url("shortener"));
        kit::http::client().get(url).send().await.unwrap().status()
    }

    /// How many changes of links were told.
    async fn told(&self) -> usize {
        let outbox = database(&self.program.sandbox).await.collection::<Document>("outbox");
        let emptied = kit::eventually(PATIENCE, "the outbox to empty", async || {
            Ok((outbox.count_documents(doc! {}).await? == 0).then_some(()))
        });
        emptied.await.unwrap();
        published::<UrlUpdated>(&self.program.sandbox).await
    }
}

#[rstest]
#[case::after_begin("shortener.disable.after_begin=return")]
#[case::after_links("shortener.switch.after_links=return")]
#[case::after_outbox("shortener.switch.after_outbox=1*off->return")]
#[case::after_commit("shortener.switch.after_commit=return")]
#[case::between_transactions("shortener.switch.after_announce=return")]
#[case::before_the_reply("shortener.switch.after_announce=2*off->return")]
#[case::after_reply("shortener.accounts.after_reply=return")]
#[tokio::test]
async fn links_that_were_being_disabled_are_disabled_once(#[case] failpoint: &str) {
    let (doomed, id) = (Doomed::at(failpoint).await, Uuid::now_v7());
    let owner = doomed.owner;
    let doomed = doomed.survives(disable(owner, id, 1), disable(owner, id, 2)).await;
    let disabled = doc! {"version": 2, "disabled_by": bson::Uuid::from(id)};
    assert_eq!(doomed.links(disabled).await, u64::from(LINKS));
    for code in ["link-0", "link-249"] {
        assert_eq!(doomed.follow(code).await, StatusCode::GONE);
    }
    assert_eq!(doomed.told().await, LINKS as usize);
}

#[rstest]
#[case::after_end("shortener.enable.after_end=return")]
// The first three times they are disabled.
#[case::after_links("shortener.switch.after_links=4*off->return")]
#[case::after_commit("shortener.switch.after_commit=3*off->return")]
#[case::between_transactions("shortener.switch.after_announce=3*off->return")]
#[case::before_the_reply("shortener.switch.after_announce=5*off->return")]
#[case::after_reply("shortener.accounts.after_reply=1*off->return")]
#[tokio::test]
async fn links_that_were_being_enabled_are_enabled_once(#[case] failpoint: &str) {
    let (mut doomed, id) = (Doomed::at(failpoint).await, Uuid::now_v7());
    let owner = doomed.owner;
    assert!(matches!(doomed.saga.tell(&disable(owner, id, 1)).await, Outcome::Done { .. }));
    let mut doomed = doomed.survives(enable(owner, id, 1), enable(owner, id, 2)).await;
    let late = doomed.saga.replies(&disable(owner, id, 2)).await.pop().unwrap().outcome;
    assert!(matches!(&late, Outcome::Refused { code, .. } if code == "undone"), "{late:?}");
    let enabled = doc! {"version": 3, "disabled_by": {"$exists": false}};
    assert_eq!(doomed.links(enabled).await, u64::from(LINKS));
    for code in ["link-0", "link-249"] {
        assert_eq!(doomed.follow(code).await, StatusCode::FOUND);
    }
    assert_eq!(doomed.told().await, 2 * LINKS as usize);
}
