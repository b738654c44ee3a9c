//! The part in deleting accounts: commands over the broker, links gone and back.

use crate::world::{TARGET, World, request};
use axum::http::StatusCode;
use chassis::messaging::{Broker, Consumer, HandleError, Handler, Message, Outgoing, Subscription, ledger};
use contracts::{
    command::{
        Command, Direction, Outcome, Replied, StepRef,
        accounts::{DisableLinks, EnableLinks},
    },
    problem::Code,
};
use futures::future::join_all;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(60);

/// The owner of the saga: sends commands and hears the replies.
struct Saga {
    broker: Broker,
    replies: UnboundedReceiver<Replied>,
    _consumer: AbortOnDropHandle<anyhow::Result<()>>,
}

struct Ear(UnboundedSender<Replied>);

impl Handler for Ear {
    async fn handle(&self, message: &Message) -> Result<(), HandleError> {
        let _ = self.0.send(message.decode::<Replied>()?.data);
        Ok(())
    }
}

impl Saga {
    async fn of(world: &World) -> Self {
        let broker = Broker::new(&world.sandbox.amqp("auth").into(), "auth");
        let (heard, replies) = unbounded_channel();
        let subscription = Subscription::to_commands("auth.test", ["auth.saga.replied"]).partitions(1);
        let consumer = Consumer::new(&broker, subscription, ledger::memory(), Ear(heard));
        consumer.declare().await.unwrap();
        let running = tokio::spawn(consumer.run(CancellationToken::new()));
        Self { broker, replies, _consumer: AbortOnDropHandle::new(running) }
    }

    /// Sends a command, and waits for the reply to it.
    async fn tell<T: Command + Clone>(&mut self, command: T) -> Outcome {
        let (step, outgoing) = (command.step().clone(), Outgoing::command(command).unwrap());
        let publisher = self.broker.publisher();
        let sent = kit::eventually(PATIENCE, "the broker to take the command", async || {
            publisher.publish(outgoing.clone()).await?;
            Ok(Some(()))
        });
        sent.await.unwrap();
        let reply = tokio::time::timeout(PATIENCE, self.replies.recv()).await.unwrap().unwrap();
        assert_eq!(reply.step, step);
        reply.outcome
    }
}

fn step(saga_id: Uuid, direction: Direction) -> StepRef {
    let (step, reply_to) = ("disable_links".to_owned(), "auth.saga.replied".to_owned());
    StepRef { saga_id, step, direction, attempt: 1, reply_to }
}

fn disable(owner: Uuid, saga_id: Uuid) -> DisableLinks {
    DisableLinks { step: step(saga_id, Direction::Forward), auth_user_id: owner }
}

fn enable(owner: Uuid, saga_id: Uuid) -> EnableLinks {
    EnableLinks { step: step(saga_id, Direction::Backward), auth_user_id: owner }
}

#[tokio::test]
async fn all_links_lead_nowhere_and_come_back_as_they_were() {
    let world = World::new().await;
    let other = world.beside().await;
    let mut saga = Saga::of(&world).await;
    let links: Vec<_> = (0..250).map(|number| json!({"url": TARGET, "code": format!("link-{number}")})).collect();
    world.ask("POST", "/v1/links/bulk", Some(json!({"links": links}))).await;
    let theirs = json!({"url": TARGET, "code": "theirs"});
    world.send(request("POST", "/v1/links", Some(&world.stranger()), Some(theirs))).await;
    // In the memory of another process, too.
    other.follow("link-7").await.leads_to(TARGET);

    let id = Uuid::now_v7();
    for _ in 0..2 {
        assert!(matches!(saga.tell(disable(world.owner, id)).await, Outcome::Done { .. }));
    }
    for code in ["link-0", "link-7", "link-249"] {
        world.follow(code).await.problem(Code::Gone);
    }
    let told = kit::eventually(PATIENCE, "the other process to hear of it", async || {
        Ok((other.follow("link-7").await.status == 410).then_some(()))
    });
    told.await.unwrap();
    world.follow("theirs").await.leads_to(TARGET);
    assert!(!world.read("link-7").await.active);
    world.ask("POST", "/v1/links", Some(json!({"url": TARGET}))).await.problem(Code::Conflict);

    assert!(matches!(saga.tell(enable(world.owner, id)).await, Outcome::Done { .. }));
    for code in ["link-0", "link-7", "link-249"] {
        world.follow(code).await.leads_to(TARGET);
    }
    let back = world.read("link-7").await;
    assert_eq!((back.active, back.version), (true, 3));
    world.link().await;
}

#[tokio::test]
async fn what_was_undone_before_it_was_done_is_refused_and_disables_nothing() {
    let world = World::new().await;
    let mut saga = Saga::of(&world).await;
    let link = world.link().await;
    let id = Uuid::now_v7();
    assert!(matches!(saga.tell(enable(world.owner, id)).await, Outcome::Done { .. }));
    let late = saga.tell(disable(world.owner, id)).await;
    assert!(matches!(&late, Outcome::Refused { code, .. } if code == "undone"), "{late:?}");
    world.follow(&link.code).await.leads_to(TARGET);
    // Links that another saga disabled are not this one's to enable.
    assert!(matches!(saga.tell(disable(world.owner, Uuid::now_v7())).await, Outcome::Done { .. }));
    assert!(matches!(saga.tell(enable(world.owner, id)).await, Outcome::Done { .. }));
    world.follow(&link.code).await.problem(Code::Gone);
}

#[tokio::test]
async fn links_that_are_made_in_that_very_moment_are_disabled_too() {
    let world = World::new().await;
    let mut saga = Saga::of(&world).await;
    let disabled = async {
        world.link().await;
        saga.tell(disable(world.owner, Uuid::now_v7())).await
    };
    let one = json!({"url": TARGET});
    let many = json!({"links": vec![one.clone(); 20]});
    let single = (0..8).map(|_| until_refused(&world, "/v1/links", &one));
    let bulk = (0..2).map(|_| until_refused(&world, "/v1/links/bulk", &many));
    tokio::join!(join_all(single), join_all(bulk), disabled);
    let urls = world.database().await.collection::<Document>("urls");
    let of_owner = doc! {"auth_user_id": mongodb::bson::Uuid::from(world.owner)};
    assert!(urls.count_documents(of_owner.clone()).await.unwrap() > 10);
    let mut active = of_owner;
    active.insert("disabled_by", doc! {"$exists": false});
    assert_eq!(urls.count_documents(active).await.unwrap(), 0);
}

/// Makes links until the account makes no more.
async fn until_refused(world: &World, path: &str, body: &Value) {
    loop {
        let answer = world.ask("POST", path, Some(body.clone())).await;
        if answer.status == StatusCode::CONFLICT || answer.body.windows(10).any(|part| part == b"\"conflict\"") {
            return;
        }
        assert!(answer.status.is_success(), "{}", String::from_utf8_lossy(&answer.body));
    }
}
