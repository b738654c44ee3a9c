//! A real provider on a port that it keeps: it can go and come back, with its ledger.

use chassis::{Context, config::Common, health::Health};
use providers::ledger::Everything;
use serde_json::{Value, json};
use std::{future::IntoFuture, net::SocketAddr, sync::Mutex};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

pub(crate) const SECRET: &str = "what payments and the provider share";

pub(crate) struct Provider {
    address: SocketAddr,
    folder: TempDir,
    webhooks: Mutex<Option<String>>,
    running: Mutex<Option<CancellationToken>>,
    client: reqwest::Client,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        chassis::jwt::crypto::install();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let provider = Self {
            address,
            folder: tempfile::tempdir().unwrap(),
            webhooks: Mutex::default(),
            running: Mutex::default(),
            client: chassis::client::new(),
        };
        provider.serve(listener);
        provider
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Goes, with every connection.
    pub(crate) fn stop(&self) {
        if let Some(running) = self.running.lock().unwrap().take() {
            running.cancel();
        }
    }

    /// Comes back at the same address; tells outcomes to `webhooks` from then on.
    pub(crate) async fn come_back(&self, webhooks: Option<String>) {
        self.stop();
        *self.webhooks.lock().unwrap() = webhooks;
        let listener = kit::eventually(harness::PATIENCE, "the port", async || {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(self.address)?;
            Ok(Some(socket.listen(128)?))
        });
        self.serve(listener.await.unwrap());
    }

    fn serve(&self, listener: TcpListener) {
        let context = Context::new(
            Common::default(),
            metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle(),
        );
        let shutdown = context.shutdown.clone();
        let config = json!({
            "secret": SECRET,
            "ledger": {"directory": self.folder.path()},
            "webhooks": {"url": *self.webhooks.lock().unwrap(), "first_pause_ms": 20, "longest_pause_ms": 200},
        });
        let state = providers::assemble(&serde_json::from_value(config).unwrap(), &context).unwrap();
        let router = providers::http::routes(state).merge(chassis::health::routes(Health::default()));
        *self.running.lock().unwrap() = Some(shutdown.clone());
        // A thread and runtime of its own: ending it closes the connections, too, as the end of a process does.
        let listener = listener.into_std().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                shutdown.run_until_cancelled(axum::serve(listener, router).into_future()).await;
            });
        });
    }

    pub(crate) async fn faults(&self, faults: Value) {
        let url = format!("{}/payments/v1/faults", self.url());
        let request = self.client.put(url).bearer_auth(SECRET).json(&json!({"faults": faults, "seed": 1}));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    pub(crate) async fn ledger(&self) -> Everything {
        let request = self.client.get(format!("{}/payments/v1/ledger", self.url())).bearer_auth(SECRET);
        request.send().await.unwrap().json().await.unwrap()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop();
    }
}
