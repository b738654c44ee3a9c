use super::{Bench, Counted, Handling, PATIENCE, Running, Seen, counted, publish, subscription};
use contracts::envelope::Event;
use kit::Engine;
use messaging::{MemoryState, Message};
use std::sync::{Arc, Mutex};

/// Delivers events and hands over the messages as they came.
async fn messages(bench: &Bench, events: &[Event<Counted>]) -> Vec<Message> {
    let came = Arc::new(Mutex::new(Vec::new()));
    let noting = Arc::clone(&came);
    let handler = Handling(move |message: Message| {
        noting.lock().unwrap().push(message);
        async { Ok(()) }
    });
    let running = Running::start(&bench.broker, subscription(), &MemoryState::default(), handler).await;
    publish(&bench.broker.publisher(), events.iter().cloned()).await.unwrap();
    let all = async || Ok((came.lock().unwrap().len() == events.len()).then_some(()));
    kit::eventually(PATIENCE, "all messages", all).await.unwrap();
    running.stop().await;
    let mut messages = came.lock().unwrap().clone();
    messages.sort_by_key(|message| events.iter().position(|event| event.id == message.id));
    messages
}

#[tokio::test]
async fn postgres_accepts_an_event_once_and_only_what_committed_counts() {
    let bench = Bench::new(&[Engine::Postgres, Engine::Rabbitmq]).await;
    let db = bench.postgres().await;
    let messages = messages(&bench, &[counted("a", 1)]).await;
    let (inbox, other) = (postgres::Inbox::new("auth.counting"), postgres::Inbox::new("auth.other"));

    let mut given_up = db.begin().await.unwrap();
    assert_eq!(inbox.accept(&mut given_up, &messages).await.unwrap().len(), 1);
    given_up.rollback().await.unwrap();
    let mut first = db.begin().await.unwrap();
    assert_eq!(inbox.accept(&mut first, &messages).await.unwrap().len(), 1);
    first.commit().await.unwrap();
    let mut second = db.begin().await.unwrap();
    assert!(inbox.accept(&mut second, &messages).await.unwrap().is_empty());
    assert_eq!(other.accept(&mut second, &messages).await.unwrap().len(), 1, "another consumer has its own entries");
}

#[tokio::test]
async fn postgres_drops_stale_versions() {
    let bench = Bench::new(&[Engine::Postgres, Engine::Rabbitmq]).await;
    let db = bench.postgres().await;
    let messages = messages(&bench, &[counted("a", 2), counted("a", 1), counted("b", 1), counted("a", 3)]).await;
    let inbox = postgres::Inbox::new("auth.counting");
    let mut accepted = Vec::new();
    for message in &messages {
        let mut transaction = db.begin().await.unwrap();
        accepted.push(inbox.accept_newest(&mut transaction, message).await.unwrap());
        transaction.commit().await.unwrap();
    }
    assert_eq!(accepted, [true, false, true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_delivered_twice_takes_effect_once() {
    let bench = Bench::new(&[Engine::Postgres, Engine::Rabbitmq]).await;
    let db = bench.postgres().await;
    sqlx::raw_sql("CREATE TABLE effects (version bigint)").execute(db.pool()).await.unwrap();
    let (inbox, seen) = (postgres::Inbox::new("auth.counting"), Seen::default());
    let (effects, noting) = (db.clone(), seen.clone());
    let handler = Handling(move |message: Message| {
        let (db, inbox, seen) = (effects.clone(), inbox.clone(), noting.clone());
        async move {
            let mut transaction = db.begin().await?;
            seen.add(&message);
            if inbox.accept(&mut transaction, [&message]).await?.is_empty() {
                return Ok(());
            }
            let version = i64::try_from(message.version)?;
            sqlx::query("INSERT INTO effects VALUES ($1)").bind(version).execute(&mut *transaction).await?;
            Ok(transaction.commit().await?)
        }
    });
    let running = Running::start(&bench.broker, subscription(), &db, handler).await;
    let events: Vec<_> = (1..=20).map(|version| counted(format!("s-{version}"), version)).collect();
    let twice = events.iter().chain(&events).cloned();
    publish(&bench.broker.publisher(), twice).await.unwrap();
    seen.until("both deliveries of all", |seen| seen.len() == 40).await;
    running.stop().await;
    let effects: i64 = sqlx::query_scalar("SELECT count(*) FROM effects").fetch_one(db.pool()).await.unwrap();
    assert_eq!(effects, 20);
}

#[tokio::test]
async fn weeks_that_are_long_past_are_dropped() {
    let bench = Bench::new(&[Engine::Postgres, Engine::Rabbitmq]).await;
    let db = bench.postgres().await;
    let old = "CREATE TABLE inbox_20200106 PARTITION OF inbox FOR VALUES FROM ('2020-01-06') TO ('2020-01-13')";
    sqlx::raw_sql(old).execute(db.pool()).await.unwrap();
    let weeks = async || -> i64 {
        let count = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'inbox'::regclass";
        sqlx::query_scalar(count).fetch_one(db.pool()).await.unwrap()
    };
    let before = weeks().await;
    postgres::prepare(db.pool()).await.unwrap();
    assert_eq!(weeks().await, before - 1);
}

#[tokio::test]
async fn an_event_of_a_week_that_has_no_partition_yet_moves_there_and_stays_handled() {
    let bench = Bench::new(&[Engine::Postgres, Engine::Rabbitmq]).await;
    let db = bench.postgres().await;
    let newest = "SELECT max(inhrelid::regclass::text) FROM pg_inherits
                  WHERE inhparent = 'inbox'::regclass AND inhrelid <> 'inbox_other'::regclass";
    let newest: String = sqlx::query_scalar(newest).fetch_one(db.pool()).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP TABLE {newest}"))).execute(db.pool()).await.unwrap();
    let mut early = counted("a", 1);
    early.time = format!("{}-{}-{}T12:00:00Z", &newest[6..10], &newest[10..12], &newest[12..]).parse().unwrap();
    let messages = messages(&bench, &[early]).await;
    let inbox = postgres::Inbox::new("auth.counting");
    let mut connection = db.pool().acquire().await.unwrap();
    assert_eq!(inbox.accept(&mut connection, &messages).await.unwrap().len(), 1);
    postgres::prepare(db.pool()).await.unwrap();
    let moved = format!("SELECT count(*) FROM {newest}");
    assert_eq!(sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(moved)).fetch_one(db.pool()).await.unwrap(), 1);
    assert!(inbox.accept(&mut connection, &messages).await.unwrap().is_empty());
}

#[tokio::test]
async fn preparing_twice_is_harmless_and_an_old_event_finds_a_partition() {
    let bench = Bench::new(&[Engine::Postgres, Engine::Rabbitmq]).await;
    let db = bench.postgres().await;
    postgres::prepare(db.pool()).await.unwrap();
    let mut old = counted("a", 1);
    old.time -= std::time::Duration::from_secs(400 * 24 * 3600);
    let messages = messages(&bench, &[old]).await;
    let inbox = postgres::Inbox::new("auth.counting");
    let mut connection = db.pool().acquire().await.unwrap();
    assert_eq!(inbox.accept(&mut connection, &messages).await.unwrap().len(), 1);
    assert!(inbox.accept(&mut connection, &messages).await.unwrap().is_empty());
}
