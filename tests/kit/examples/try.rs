#![allow(missing_docs, clippy::print_stdout)]
use kit::{Engine, engines};
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let site = engines::Site::test()?;
    let four = [Engine::Postgres, Engine::Mongo, Engine::Redis, Engine::Rabbitmq];
    match std::env::args().nth(1).as_deref() {
        Some("stop") => engines::stop(&site).await?,
        _ => {
            engines::ensure(&site, &four).await?;
        }
    }
    Ok(())
}
