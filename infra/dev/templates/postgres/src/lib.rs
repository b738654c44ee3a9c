//! Notes of users.
//!
//! Where to look: [`domain`] says what a note is; [`app`] holds the use cases, one transaction each; the store holds the
//! queries; [`http`] the routes.

pub mod app;
pub mod config;
pub mod domain;
mod error;
pub mod http;
pub mod metrics;
mod store;

pub use error::Error;

use app::Notes;
use axum::Router;
use chassis::App;
use config::Config;
use messaging::AppMessaging as _;
use postgres::AppPostgres as _;

pub struct Service;

impl chassis::Service for Service {
    const NAME: &'static str = "__name__";
    const BIND: &'static str = "127.0.0.1:__port__";
    type Config = Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    async fn build(config: Config, app: &mut App) -> anyhow::Result<Router> {
        let db = app.postgres(&config.postgres, &sqlx::migrate!()).await?;
        app.broker(&config.amqp);
        Ok(http::routes(Notes::new(db), app.verifier()))
    }
}
