//! What orders needs, and what it can do without.

use crate::app::TestApp;
use chassis::health::Status;

#[tokio::test]
async fn it_is_ready_with_its_own_database_and_broker() {
    let app = TestApp::new().await;
    let report = app.health.report().await;
    assert_eq!(report.status, Status::Ready);
    assert!(report.dependencies["postgres"].needed && !report.dependencies["rabbitmq"].needed);
}
