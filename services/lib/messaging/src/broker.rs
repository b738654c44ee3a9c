//! Connections to RabbitMQ that come back.

use anyhow::Context as _;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long connecting or opening a channel may take.
const OPEN_LIMIT: Duration = Duration::from_secs(5);
/// How long the broker may take to answer on a channel. Making a quorum queue takes a while.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// After two heartbeats without a sign of life the broker counts as gone, in seconds.
const HEARTBEAT: u16 = 10;

/// A broker, reached over one connection for consuming and one for publishing.
///
/// They are apart because a broker that is short of memory stops reading from connections that
/// publish: acknowledgements, which would free memory, must still get through.
///
/// Connections are opened when needed and again when lost. Cloning is cheap.
#[derive(Clone)]
pub struct Broker {
    inner: Arc<Inner>,
}

struct Inner {
    url: SecretString,
    name: String,
    consuming: Mutex<Option<Connection>>,
    publishing: Mutex<Option<Connection>>,
}

impl Broker {
    /// Names a broker; opens no connection yet. `name` is shown in the broker's management.
    #[must_use]
    pub fn new(url: &SecretString, name: &str) -> Self {
        let inner = Inner {
            url: url.clone(),
            name: name.to_owned(),
            consuming: Mutex::default(),
            publishing: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Opens a channel on the connection for consuming.
    pub async fn channel(&self) -> anyhow::Result<Channel> {
        self.open(&self.inner.consuming, "consuming").await
    }

    /// Opens a channel on the connection for publishing.
    pub(super) async fn publishing_channel(&self) -> anyhow::Result<Channel> {
        self.open(&self.inner.publishing, "publishing").await
    }

    /// Succeeds when the broker answers, for readiness.
    pub async fn probe(&self) -> anyhow::Result<()> {
        self.channel().await.map(drop)
    }

    async fn open(&self, slot: &Mutex<Option<Connection>>, use_: &str) -> anyhow::Result<Channel> {
        let mut slot = slot.lock().await;
        if let Some(connection) = &*slot
            && let Ok(Ok(channel)) = timeout(OPEN_LIMIT, connection.create_channel()).await
        {
            return Ok(channel);
        }
        *slot = None;
        let connection = timeout(OPEN_LIMIT, self.connect(use_))
            .await
            .context("the broker did not answer in time")?
            .context("the broker cannot be reached")?;
        tracing::info!(broker.connection = use_, "Connected to the broker.");
        let channel = timeout(OPEN_LIMIT, connection.create_channel())
            .await
            .context("the broker did not open a channel in time")??;
        *slot = Some(connection);
        Ok(channel)
    }

    async fn connect(&self, use_: &str) -> anyhow::Result<Connection> {
        let mut uri: AMQPUri =
            self.inner.url.expose_secret().parse().map_err(|_| anyhow::anyhow!("amqp.url is not a valid AMQP URL"))?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        let name = format!("{} {use_}", self.inner.name);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        Ok(Connection::connect_uri(uri, properties).await?)
    }
}

/// Waits for the broker's answer, but not for ever: to what was sent into a connection that was just
/// dying none may ever come, and the client does not tell.
pub(super) async fn answer<T>(question: impl Future<Output = lapin::Result<T>>) -> anyhow::Result<T> {
    Ok(timeout(ANSWER_LIMIT, question).await.context("the broker did not answer in time")??)
}
