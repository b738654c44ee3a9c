//! Copies of what others own.

use crate::app::{MUG, TestApp, link, product};
use chrono::Utc;
use contracts::{
    event::shortener::UrlDeleted,
    money::{Currency, Money},
};
use uuid::Uuid;

#[tokio::test]
async fn whatever_the_order_of_its_events_the_newest_version_of_a_product_stands() {
    let app = TestApp::new().await;
    let price = |minor| Money::new(minor, Currency::BRL);
    app.played.tell(MUG, 3, product(MUG, "Caneca 3", price(3))).await;
    app.played.tell(MUG, 2, product(MUG, "Caneca 2", price(2))).await;
    // Something after them about the same product says when they were handled.
    app.played.tell(MUG, 4, product(MUG, "Caneca 4", price(4))).await;
    app.eventually("the last version", "SELECT count(*) = 1 FROM products WHERE name = 'Caneca 4'").await;
    let late = product(MUG, "Caneca 3", price(3));
    app.played.tell(MUG, 3, late).await;
    let marker = Uuid::now_v7();
    app.played.tell(marker, 1, product(marker, "Marca", price(1))).await;
    app.eventually("the marker", "SELECT count(*) = 1 FROM products WHERE name = 'Marca'").await;
    assert_eq!(app.count("SELECT minor FROM products WHERE name LIKE 'Caneca%'").await, 4);
}

#[tokio::test]
async fn what_was_made_before_there_were_queues_is_read_from_the_log() {
    // The app's products were.
    let app = TestApp::new().await;
    app.eventually("the end of the log", "SELECT count(*) = 1 FROM histories").await;
    assert_eq!(app.count("SELECT count(*) FROM products").await, 2);
}

#[tokio::test]
async fn a_link_that_is_deleted_is_still_its_owner_s_whatever_came_first() {
    let app = TestApp::new().await;
    let (id, owner) = (Uuid::now_v7(), Uuid::now_v7());
    let gone = UrlDeleted { url_id: id, short_code: "gone".to_owned(), auth_user_id: owner, deleted_at: Utc::now() };
    app.played.tell(id, 2, gone).await;
    app.played.tell(id, 1, link(id, "gone", owner)).await;
    app.link("after", owner).await;
    let deleted = "SELECT count(*) = 1 FROM links WHERE code = 'gone' AND deleted_at IS NOT NULL";
    app.eventually("the deletion", deleted).await;
}
