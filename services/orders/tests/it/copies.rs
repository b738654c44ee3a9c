//! Copies of what others own.

use crate::world::{MUG, World, link, product};
use chrono::Utc;
use contracts::{
    event::shortener::UrlDeleted,
    money::{Currency, Money},
};
use uuid::Uuid;

#[tokio::test]
async fn whatever_the_order_of_its_events_the_newest_version_of_a_product_stands() {
    let world = World::new().await;
    let price = |minor| Money::new(minor, Currency::BRL);
    world.played.tell(MUG, 3, product(MUG, "Caneca 3", price(3))).await;
    world.played.tell(MUG, 2, product(MUG, "Caneca 2", price(2))).await;
    // Something after them about the same product says when they were handled.
    world.played.tell(MUG, 4, product(MUG, "Caneca 4", price(4))).await;
    world.eventually("the last version", "SELECT count(*) = 1 FROM products WHERE name = 'Caneca 4'").await;
    let late = product(MUG, "Caneca 3", price(3));
    world.played.tell(MUG, 3, late).await;
    let marker = Uuid::now_v7();
    world.played.tell(marker, 1, product(marker, "Marca", price(1))).await;
    world.eventually("the marker", "SELECT count(*) = 1 FROM products WHERE name = 'Marca'").await;
    assert_eq!(world.count("SELECT minor FROM products WHERE name LIKE 'Caneca%'").await, 4);
}

#[tokio::test]
async fn what_was_made_before_there_were_queues_is_read_from_the_log() {
    // The world's products were.
    let world = World::new().await;
    world.eventually("the end of the log", "SELECT count(*) = 1 FROM histories").await;
    assert_eq!(world.count("SELECT count(*) FROM products").await, 2);
}

#[tokio::test]
async fn a_link_that_is_deleted_is_still_its_owner_s_whatever_came_first() {
    let world = World::new().await;
    let (id, owner) = (Uuid::now_v7(), Uuid::now_v7());
    let gone = UrlDeleted { url_id: id, short_code: "gone".to_owned(), auth_user_id: owner, deleted_at: Utc::now() };
    world.played.tell(id, 2, gone).await;
    world.played.tell(id, 1, link(id, "gone", owner)).await;
    world.link("after", owner).await;
    let deleted = "SELECT count(*) = 1 FROM links WHERE code = 'gone' AND deleted_at IS NOT NULL";
    world.eventually("the deletion", deleted).await;
}
