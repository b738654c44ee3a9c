//! Starts adapters, talks to them, and kills them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kit::eventually;
use url::form_urlencoded;

/// The administrator's password.
pub(crate) const PASSWORD: &str = "administrator";

/// The SHA-256 of `secret`.
pub(crate) const SECRET_SHA256: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

/// How long a condition may take to come true on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running adapter; killed when dropped.
pub(crate) struct Adapter {
    child: Child,
    address: SocketAddr,
}

/// A folder that goes away with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("adapter-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // An engine that was just killed may still write; the folder is in the system's temporary one anyway.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A login: name, password.
pub(crate) type Login = (&'static str, &'static str);

pub(crate) const ADMIN: Login = ("default", PASSWORD);

/// An answer: status, exception code, text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) code: Option<u16>,
    pub(crate) text: String,
    pub(crate) headers: http::HeaderMap,
}

/// Writes the file of a login.
pub(crate) fn write_login(folder: &Path, name: &str, hash: &str, database: &str) {
    let text = format!(r#"{{"password_sha256_hex": "{hash}", "database": "{database}"}}"#);
    std::fs::create_dir_all(folder.join("users.d")).unwrap();
    std::fs::write(folder.join(format!("users.d/{name}.json")), text).unwrap();
}

fn library() -> PathBuf {
    let path = std::env::var_os("VITRINE_CHDB_LIB")
        .map(PathBuf::from)
        .unwrap_or_else(|| kit::engines::downloads().join("chdb/libchdb.so"));
    assert!(path.is_file(), "{} is missing: see infra/clickhouse/README.md, or set VITRINE_CHDB_LIB", path.display());
    path
}

impl Adapter {
    /// Starts an adapter and waits for its port.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clickhouse-adapter"));
        command.arg("--library").arg(library()).arg("--data").arg(folder).args(["--bind", "127.0.0.1:0"]);
        command
            .args(arguments)
            .env("CLICKHOUSE_ADAPTER_PASSWORD", PASSWORD)
            .env("TMPDIR", folder)
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (found, address) = mpsc::channel();
        // Reads to the end: a full pipe would stop the adapter.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("address=") {
                    found.send(address.parse().unwrap()).unwrap();
                }
                // For whoever reads why a test failed.
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        });
        let address = address.recv_timeout(Duration::from_secs(30)).expect("the adapter starts");
        Self { child, address }
    }

    /// Starts one with the database `shop` and its login.
    pub(crate) async fn with_shop(folder: &Path, arguments: &[&str]) -> Self {
        let adapter = Self::start(folder, arguments);
        assert_eq!(adapter.run(ADMIN, "CREATE DATABASE shop").await.status, 200);
        write_login(folder, "shop", SECRET_SHA256, "shop");
        adapter
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The official client, as the login of `shop`.
    pub(crate) fn client(&self) -> clickhouse::Client {
        let client = clickhouse::Client::default().with_url(self.url()).with_database("shop");
        client.with_user("shop").with_password("secret").with_compression(clickhouse::Compression::None)
    }

    /// Sends a statement as the body.
    pub(crate) async fn run(&self, login: Login, sql: &str) -> Answer {
        self.send(login, &[], sql.to_owned()).await
    }

    /// Sends a request with pairs in the URL and a body.
    pub(crate) async fn send(&self, (user, key): Login, pairs: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let request = http::Request::post(format!("{}/?{query}", self.url()));
        let request = request.header("X-ClickHouse-User", user).header("X-ClickHouse-Key", key);
        self.request(request.body(Full::new(body.into())).unwrap()).await.expect("an answer")
    }

    /// Sends any request; none if the adapter is gone.
    pub(crate) async fn request(&self, request: http::Request<Full<Bytes>>) -> Option<Answer> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (parts, body) = client.request(request).await.ok()?.into_parts();
        let text = String::from_utf8_lossy(&body.collect().await.ok()?.to_bytes()).into_owned();
        let code = parts.headers.get("x-clickhouse-exception-code");
        let code = code.map(|value| value.to_str().unwrap().parse().unwrap());
        Some(Answer { status: parts.status.as_u16(), code, text, headers: parts.headers })
    }

    /// What a statement answers that must work.
    pub(crate) async fn ask(&self, sql: &str) -> String {
        let answer = self.run(("shop", "secret"), sql).await;
        assert_eq!(answer.status, 200, "{sql}: {}", answer.text);
        answer.text.trim_end().to_owned()
    }

    /// The processes of the engines.
    pub(crate) fn engines(&self) -> Vec<u32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let children = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
        children.flat_map(|ids| ids.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<_>>()).collect()
    }

    /// Sends a signal to the adapter.
    pub(crate) fn signal(&self, signal: &str) {
        kill(self.child.id(), signal);
    }

    /// Waits for the adapter to end and returns whether it ended well.
    pub(crate) async fn ended(mut self) -> bool {
        eventually(PATIENCE, "the adapter to end", async || Ok(self.child.try_wait()?)).await.unwrap().success()
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn kill(process: u32, signal: &str) {
    let status = Command::new("kill").args([signal, &process.to_string()]).status().unwrap();
    assert!(status.success(), "no process {process}");
}
