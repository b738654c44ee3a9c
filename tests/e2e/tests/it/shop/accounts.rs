//! The end of an account, across four services.

use std::rc::Rc;

use anyhow::{Result, ensure};
use e2e_tests::{Platform, User, visitor};
use kit::eventually;
use serde_json::{Value, json};

use crate::PATIENCE;

async fn delete(user: &User) -> Result<()> {
    let mutation = "mutation($password: String!) { deleteAccount(password: $password) }";
    let data = user.client.ask(mutation, json!({ "password": user.password })).await?.data()?;
    assert_eq!(data["deleteAccount"], true);
    Ok(())
}

pub(super) async fn a_deleted_account_takes_everything_along(platform: Rc<Platform>) -> Result<()> {
    let buyer = platform.buyer("Lia", "tok_visa_ok").await?;
    let code = buyer.user.create_link(json!({ "url": "https://shop.example/lia" })).await?;
    let wrong = "mutation { deleteAccount(password: \"not the password\") }";
    let refused = buyer.user.client.ask(wrong, Value::Null).await?.error()?;
    assert_eq!(refused["code"], "invalid_credentials");
    delete(&buyer.user).await?;
    eventually(PATIENCE, "the account to be gone", async || {
        let again = User::log_in(&platform.visitor(), &buyer.user.email, &buyer.user.password).await;
        Ok(again.is_err().then_some(()))
    })
    .await?;
    assert_eq!(platform.visitor().visit(&code, &visitor::CHROME).await?.status, 410);
    // The token is good for some minutes more, and opens nothing.
    let customer = buyer.user.client.ask("{ customer { email } }", Value::Null).await?;
    ensure!(!customer.text().contains(&buyer.user.email), "{}", customer.text());
    Ok(())
}

pub(super) async fn an_order_under_way_keeps_the_account(platform: Rc<Platform>) -> Result<()> {
    let product = platform.product("Tent", 70_000, 2).await?;
    let buyer = platform.buyer("Nina", "tok_visa_ok").await?;
    let code = buyer.user.create_link(json!({ "url": "https://shop.example/nina" })).await?;
    let id = buyer.buy(&product, 1).await?;
    buyer.user.order_becomes(&id, "CONFIRMED").await?;
    delete(&buyer.user).await?;
    eventually(PATIENCE, "the deletion to be refused", async || {
        let deletion = buyer.user.client.get("/api/auth/v1/users/me/deletion").await?.json()?;
        ensure!(deletion["status"] == "refused" && deletion["reason"] == "open_orders", "{deletion}");
        Ok(Some(()))
    })
    .await?;
    // Everything is as it was.
    assert_eq!(platform.visitor().visit(&code, &visitor::CHROME).await?.status, 302);
    User::log_in(&platform.visitor(), &buyer.user.email, &buyer.user.password).await?;
    assert_eq!(buyer.user.order(&id).await?["customer"]["email"], buyer.user.email);
    Ok(())
}
