use super::{Bench, Handling, PATIENCE, Running, Seen, counted, publish, subscription};
use axum::{Router, body::Body};
use chassis::{
    config,
    jwt::{Verifier, crypto},
};
use harness::Issuer;
use http::{Request, StatusCode};
use kit::Engine;
use messaging::{ConsumerState, DeadLetters, HandleError, MemoryState, Message, dead_letters::Select, operators};
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tower::ServiceExt as _;
use uuid::Uuid;

/// A consumer that refuses everything until told otherwise.
struct Refusing {
    bench: Bench,
    running: Running,
    seen: Seen,
    refuses: Arc<AtomicBool>,
    letters: DeadLetters,
    ids: Vec<Uuid>,
}

impl Refusing {
    /// Has four dead letters: three about `a`, one about `b`.
    async fn start(engine: Engine) -> Self {
        let bench = Bench::new(&[engine, Engine::Rabbitmq]).await;
        match engine {
            Engine::Postgres => Self::remembered_in(bench.postgres().await, bench).await,
            Engine::Mongo => Self::remembered_in(bench.mongo().await, bench).await,
            _ => Self::remembered_in(MemoryState::default(), bench).await,
        }
    }

    async fn remembered_in(state: impl ConsumerState + Clone, bench: Bench) -> Self {
        let (seen, refuses) = (Seen::default(), Arc::new(AtomicBool::new(true)));
        let (noting, refusing) = (seen.clone(), Arc::clone(&refuses));
        let handler = Handling(move |message: Message| {
            let refuses = refusing.load(Ordering::SeqCst);
            if !refuses {
                noting.add(&message);
            }
            async move { if refuses { Err(HandleError::permanent("refused")) } else { Ok(()) } }
        });
        let running = Running::start(&bench.broker, subscription(), &state, handler).await;
        let events = [counted("a", 1), counted("a", 2), counted("b", 1), counted("a", 3)];
        let ids = publish(&bench.broker.publisher(), events).await.unwrap();
        let letters = DeadLetters::new(&bench.broker, &subscription(), &state);
        let this = Self { bench, running, seen, refuses, letters, ids };
        this.left(4).await;
        this.refuses.store(false, Ordering::SeqCst);
        this
    }

    async fn left(&self, count: usize) {
        let left = async || Ok((self.letters.list(None, 100).await?.len() == count).then_some(()));
        kit::eventually(PATIENCE, "the dead letters to be as many", left).await.unwrap();
    }
}

#[rstest]
#[case::postgres(Engine::Postgres)]
#[case::mongo(Engine::Mongo)]
#[tokio::test]
async fn dead_letters_are_redriven_with_their_ids_or_discarded_and_every_decision_is_noted(#[case] engine: Engine) {
    let refusing = Refusing::start(engine).await;
    let (letters, ids) = (&refusing.letters, &refusing.ids);
    assert_eq!(letters.list(Some("b"), 100).await.unwrap().len(), 1);
    assert_eq!(letters.list(None, 2).await.unwrap().len(), 2);
    let refused = letters.list(None, 100).await.unwrap();
    assert!(refused.iter().all(|letter| letter.reason == "refused"));

    let by_id = Select::Ids(vec![ids[2], Uuid::now_v7()]);
    assert_eq!(letters.redrive(&by_id, "op", "mended").await.unwrap(), [ids[2]]);
    refusing.seen.until("the redriven one", |seen| seen.versions("b") == [1]).await;
    let dropped = Select::Ids(vec![ids[1]]);
    assert_eq!(letters.discard(&dropped, "op", "obsolete").await.unwrap(), [ids[1]]);
    let subject = Select::Subject("a".to_owned());
    assert_eq!(letters.redrive(&subject, "op", "mended").await.unwrap(), [ids[0], ids[3]]);
    refusing.seen.until("a's redriven ones", |seen| seen.versions("a") == [1, 3]).await;
    refusing.left(0).await;
    refusing.running.stop().await;

    let deeds = letters.audit(10).await.unwrap();
    let told: Vec<_> = deeds.iter().rev().map(|deed| (deed.message_id, &*deed.action, &*deed.reason)).collect();
    let expected = [
        (ids[2], "redrive", "mended"),
        (ids[1], "discard", "obsolete"),
        (ids[0], "redrive", "mended"),
        (ids[3], "redrive", "mended"),
    ];
    assert_eq!(told, expected);
    assert!(deeds.iter().all(|deed| deed.actor == "op"));
}

async fn call(routes: &Router, token: Option<&str>, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Body::from(body.to_string())).unwrap();
    let answer = routes.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn operators_and_nobody_else_decide_over_http() {
    crypto::install();
    let (refusing, issuer) = (Refusing::start(Engine::Redis).await, Issuer::start().await.unwrap());
    let jwks_url = issuer.jwks_url().parse().unwrap();
    let verifier = Verifier::new(&config::Jwt { jwks_url, ..config::Jwt::default() });
    let routes = operators::routes(verifier, [refusing.letters.clone()]);
    let operator = Uuid::now_v7();
    let token = issuer.token(operator, &["operator"]);
    let user = issuer.token(Uuid::now_v7(), &["user"]);
    let decision = json!({ "consumer": "auth.counting", "ids": [refusing.ids[2]], "reason": "mended" });

    for (method, path) in [("GET", ""), ("GET", "/audit"), ("POST", "/redrive"), ("POST", "/discard")]
        .map(|(m, p)| (m, format!("/v1/dead-letters{p}")))
    {
        let (status, _) = call(&routes, None, method, &path, decision.clone()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
        let (status, _) = call(&routes, Some(&user), method, &path, decision.clone()).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    for (malformed, field) in [
        (json!({ "consumer": "auth.counting", "reason": "mended" }), "ids"),
        (json!({ "consumer": "auth.counting", "subject": "a", "reason": " " }), "reason"),
        (json!({ "consumer": "auth.counting", "subject": "a" }), "reason"),
    ] {
        let (status, problem) = call(&routes, Some(&token), "POST", "/v1/dead-letters/redrive", malformed).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{problem}");
    }
    let unknown = json!({ "consumer": "nobody", "subject": "a", "reason": "mended" });
    let (status, _) = call(&routes, Some(&token), "POST", "/v1/dead-letters/discard", unknown).await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    let (status, listed) = call(&routes, Some(&token), "GET", "/v1/dead-letters?subject=b", Value::Null).await;
    assert_eq!((status, &listed["items"][0]["id"]), (StatusCode::OK, &json!(refusing.ids[2])));
    let (status, decided) = call(&routes, Some(&token), "POST", "/v1/dead-letters/redrive", decision).await;
    assert_eq!((status, &decided["ids"]), (StatusCode::OK, &json!([refusing.ids[2]])));
    let (_, audit) = call(&routes, Some(&token), "GET", "/v1/dead-letters/audit", Value::Null).await;
    assert_eq!(audit["items"][0]["actor"], json!(operator));
    refusing.seen.until("the redriven one", |seen| seen.versions("b") == [1]).await;
    refusing.running.stop().await;
    drop(refusing.bench);
}
