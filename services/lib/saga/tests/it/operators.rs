//! The operators' routes.

use crate::{
    checkout::{CHARGE, Checkout, RELEASE},
    participants::Mood,
    world::{PATIENCE, World, engine},
};
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use chassis::{config::Common, http::Limits, jwt::Verifier};
use contracts::{
    problem::{Code, Problem},
    rest::sagas::{SagaDetail, SagaEvent, SagaPage, SagaStatus, SagaStepState},
};
use harness::Issuer;
use http_body_util::BodyExt as _;
use saga::Filter;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use tower::ServiceExt as _;
use utoipa::OpenApi as _;
use uuid::Uuid;

/// The routes of a world, and who may use them.
struct Desk {
    issuer: Issuer,
    operator: Uuid,
    router: Router,
}

struct Answer(StatusCode, Vec<u8>);

impl Answer {
    #[track_caller]
    fn json<T: DeserializeOwned>(&self) -> T {
        assert_eq!(self.0, StatusCode::OK, "{}", String::from_utf8_lossy(&self.1));
        serde_json::from_slice(&self.1).unwrap()
    }

    #[track_caller]
    fn problem(&self, code: Code) -> Problem {
        let problem: Problem = serde_json::from_slice(&self.1).unwrap();
        assert_eq!((self.0.as_u16(), problem.code), (code.status(), code), "{problem:?}");
        problem
    }

    #[track_caller]
    fn refuses(&self, fields: &[&str]) {
        let problem = self.problem(Code::ValidationFailed);
        assert_eq!(problem.errors.iter().map(|error| &*error.field).collect::<Vec<_>>(), fields);
    }
}

impl Desk {
    async fn of(world: &World) -> Self {
        chassis::jwt::crypto::install();
        let issuer = Issuer::start().await.unwrap();
        let mut common = Common::default();
        common.jwt.jwks_url = issuer.jwks_url().parse().unwrap();
        let routes = saga::operators::routes(world.engine.clone(), Verifier::new(&common.jwt));
        let router = chassis::http::full(routes, &Limits::from(&common.http));
        Self { issuer, operator: Uuid::now_v7(), router }
    }

    async fn send(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let (parts, body) = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap().into_parts();
        Answer(parts.status, body.collect().await.unwrap().to_bytes().to_vec())
    }

    fn token(&self) -> String {
        self.issuer.token(self.operator, &["user", "operator"])
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, Some(&self.token()), None).await
    }

    async fn decide(&self, id: Uuid, what: &str, reason: &str) -> Answer {
        let path = format!("/v1/sagas/{id}/{what}");
        self.send("POST", &path, Some(&self.token()), Some(json!({"reason": reason}))).await
    }

    async fn list(&self, query: &str) -> SagaPage {
        self.get(&format!("/v1/sagas?{query}")).await.json()
    }
}

#[tokio::test]
async fn only_operators_get_in_and_every_operation_is_tried() {
    let world = World::asleep(Checkout::default()).await;
    let desk = Desk::of(&world).await;
    let description = serde_json::to_value(saga::operators::Api::openapi()).unwrap();
    let paths = description["paths"].as_object().unwrap();
    let mut operations = 0;
    for (path, item) in paths {
        let path = path.replace("{id}", &Uuid::now_v7().to_string());
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            assert!(operation.get("security").is_some() && operation["responses"].get("403").is_some());
            let method = method.to_uppercase();
            let body = operation.get("requestBody").map(|_| json!({"reason": "why not"}));
            desk.send(&method, &path, None, body.clone()).await.problem(Code::Unauthenticated);
            let user = desk.issuer.token(Uuid::now_v7(), &["user"]);
            desk.send(&method, &path, Some(&user), body.clone()).await.problem(Code::Forbidden);
            let forged = desk.issuer.forged(Uuid::now_v7()).unwrap();
            desk.send(&method, &path, Some(&forged), body.clone()).await.problem(Code::InvalidToken);
            if path != "/v1/sagas" {
                desk.send(&method, &path, Some(&desk.token()), body).await.problem(Code::NotFound);
            }
        }
    }
    assert_eq!(operations, 5);
}

#[tokio::test]
async fn sagas_are_listed_by_pages_and_filters() {
    let world = World::asleep(Checkout::default()).await;
    let desk = Desk::of(&world).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, world.place().await);
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = desk.list(&format!("first=2{after}")).await;
        seen.extend(page.items.iter().map(|item| item.saga.id));
        let Some(last) = page.items.last().filter(|_| page.has_next_page) else { break };
        after = format!("&after={}", last.cursor);
    }
    assert_eq!(seen, ids);
    assert_eq!(desk.list("").await.items.len(), 5);
    assert_eq!(desk.list("status=running&kind=checkout").await.items.len(), 5);
    assert_eq!(desk.list("status=needs_attention").await.items.len(), 0);
    assert_eq!(desk.list("kind=other").await.items.len(), 0);
    let one = desk.list(&format!("subject={}", ids[3])).await.items;
    assert_eq!(one.iter().map(|item| item.saga.id).collect::<Vec<_>>(), [ids[3]]);
    assert_eq!(one[0].saga.step.as_deref(), Some("reserve_stock"));

    desk.get("/v1/sagas?first=0&status=lost&kind=&subject=").await.refuses(&["first", "status", "kind", "subject"]);
    desk.get("/v1/sagas?first=many").await.refuses(&["first"]);
    desk.get("/v1/sagas?after=nonsense").await.problem(Code::InvalidCursor);
    desk.get("/v1/sagas/nonsense").await.problem(Code::NotFound);
}

#[tokio::test]
async fn a_list_is_read_by_the_index_of_what_is_asked_for() {
    let world = World::asleep(Checkout::default()).await;
    let plans = [("enable_seqscan", "off"), ("plan_cache_mode", "force_generic_plan")];
    let options = (*world.pool.connect_options()).clone().options(plans);
    // One connection tells of its own uses.
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let engine = engine(&pool.clone().into(), Checkout::default());
    let all = Filter { status: None, kind: None, subject: None, after: None, limit: 21 };
    let of_subject = Filter { subject: Some("x".to_owned()), ..all.clone() };
    let stuck = Filter { status: Some(SagaStatus::NeedsAttention), ..all };
    for (filter, index) in [(of_subject, "sagas_of_subject"), (stuck, "sagas_needing_attention")] {
        engine.list(&filter).await.unwrap();
        kit::eventually(PATIENCE, index, async || {
            let used =
                sqlx::query_scalar::<_, bool>("SELECT idx_scan > 0 FROM pg_stat_user_indexes WHERE indexrelname = $1");
            Ok(used.bind(index).fetch_one(&pool).await?.then_some(()))
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_stuck_saga_is_retried_and_then_settled_with_a_reason() {
    let world = World::new(Checkout::default()).await;
    let desk = Desk::of(&world).await;
    world.participants.take(CHARGE, Mood::Refuses("declined"));
    world.participants.take(RELEASE, Mood::Refuses("gone"));
    let id = world.place().await;
    world.until(id, SagaStatus::NeedsAttention).await;
    assert_eq!(desk.list("status=needs_attention").await.items[0].saga.id, id);
    desk.decide(id, "cancel", "enough").await.problem(Code::Conflict);
    desk.decide(id, "retry", " ").await.refuses(&["reason"]);
    desk.decide(id, "settle", &"x".repeat(501)).await.refuses(&["reason"]);

    let retried: SagaDetail = desk.decide(id, "retry", "stock is mended").await.json();
    assert_eq!(retried.saga.status, SagaStatus::Compensating);
    assert_eq!(retried.saga.attempt, Some(2));
    world.until(id, SagaStatus::NeedsAttention).await;
    let settled: SagaDetail = desk.decide(id, "settle", "freed by hand").await.json();
    assert_eq!(settled.saga.status, SagaStatus::Settled);
    assert_eq!(world.order(id).await.0, "given_up");
    desk.decide(id, "settle", "again").await.problem(Code::Conflict);
    desk.decide(id, "retry", "again").await.problem(Code::Conflict);

    let audited: Vec<_> = settled.history.iter().filter(|record| record.by.is_some()).collect();
    assert_eq!(audited.iter().map(|record| record.event).collect::<Vec<_>>(), [SagaEvent::Retried, SagaEvent::Settled]);
    for (record, reason) in audited.iter().zip(["stock is mended", "freed by hand"]) {
        assert_eq!(record.by.as_deref(), Some(&*desk.operator.to_string()));
        assert_eq!(record.message.as_deref(), Some(reason));
    }
}

#[tokio::test]
async fn a_saga_is_told_step_by_step_and_cancelled() {
    let world = World::new(Checkout::default()).await;
    let desk = Desk::of(&world).await;
    world.participants.take(CHARGE, Mood::Holds);
    let id = world.place().await;
    world.participants.until_held(1).await;
    let before: SagaDetail = desk.get(&format!("/v1/sagas/{id}")).await.json();
    let states =
        |detail: &SagaDetail| detail.steps.iter().map(|step| (step.name.clone(), step.state)).collect::<Vec<_>>();
    let named = |states: [SagaStepState; 4]| {
        ["open_order", "reserve_stock", "charge_payment", "confirm_order"]
            .map(str::to_owned)
            .into_iter()
            .zip(states)
            .collect::<Vec<_>>()
    };
    use SagaStepState::{Done, Running, Undone, Waiting};
    assert_eq!(states(&before), named([Done, Done, Running, Waiting]));
    let reserved = &before.steps[1];
    assert!(reserved.began_at.unwrap() <= reserved.ended_at.unwrap());
    assert_eq!((reserved.attempts, reserved.undo_attempts), (1, 0));
    assert!(before.saga.due_at.unwrap() <= before.saga.deadline);

    desk.decide(id, "settle", "not stuck").await.problem(Code::Conflict);
    desk.decide(id, "cancel", "fraud").await.json::<SagaDetail>();
    world.until(id, SagaStatus::Compensated).await;
    let after: SagaDetail = desk.get(&format!("/v1/sagas/{id}")).await.json();
    assert_eq!(states(&after), named([Undone, Undone, Undone, Waiting]));
    let cause = after.saga.cause.unwrap();
    assert_eq!((&*cause.code, cause.by), ("cancelled", Some(desk.operator.to_string())));
    assert!(after.steps[2].undo_began_at.is_some() && after.steps[2].undone_at.is_some());
    assert_eq!(world.order(id).await.1.as_deref(), Some("cancelled"));
}
