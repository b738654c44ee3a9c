//! What strangers see through the shop window.

use std::rc::Rc;

use anyhow::{Result, ensure};
use e2e_tests::{Client, Platform};
use serde_json::{Value, json};

/// A product that is withdrawn is seen by nobody but operators, whatever way they look.
pub(super) async fn a_withdrawn_product_is_seen_by_nobody(platform: Rc<Platform>) -> Result<()> {
    let shown = platform.product("Window-mug", 4_990, 5).await?;
    let hidden = platform.product("Window-draft", 4_990, 5).await?;
    let operator = platform.operator().await?;
    let withdraw = "mutation($id: ID!) { updateProduct(id: $id, input: { active: false }) { active } }";
    operator.client.ask(withdraw, json!({ "id": hidden })).await?.data()?;

    let user = platform.user("Rui").await?;
    for client in [&platform.visitor(), &user.client] {
        ensure!(sees(client, &shown, "Window-mug").await? == [true; 8], "what is on sale is not seen");
        ensure!(sees(client, &hidden, "Window-draft").await? == [false; 8], "what is not on sale is seen");
    }
    ensure!(sees(&operator.client, &hidden, "Window-draft").await? == [true; 8], "operators do not see it");
    let stock = "query($id: ID!) { product(id: $id) { stock { available onHand reserved } } }";
    let stock = platform.visitor().ask(stock, json!({ "id": shown })).await?.data()?;
    let expected = json!({ "available": 5, "onHand": null, "reserved": null });
    ensure!(stock["product"]["stock"] == expected, "what is in the warehouse is told: {stock}");
    Ok(())
}

/// Looks for a product in every way there is; tells in which it was found.
async fn sees(client: &Client, id: &str, name: &str) -> Result<[bool; 8]> {
    let query = "query($id: ID!, $name: String!) {
        product(id: $id) { id } node(id: $id) { id } row: node(id: $id) { ... on Product { id name } }
        products(first: 100) { edges { node { id } } } search: products(search: $name) { edges { node { id } } } }";
    let data = client.ask(query, json!({ "id": id, "name": name })).await?.data()?;
    let found = |value: &Value| value.to_string().contains(id);
    let base = "/api/inventory/v1/products";
    let batch = client.post(&format!("{base}/batch"), &json!({ "ids": [id] })).await?.json()?;
    let one = client.get(&format!("{base}/{id}")).await?.status == 200;
    let stock = client.get(&format!("{base}/{id}/stock")).await?.status == 200;
    let [listed, searched] = [&data["products"], &data["search"]].map(found);
    let [typed, node, row] = [&data["product"], &data["node"], &data["row"]].map(found);
    Ok([typed, node, row, listed, searched, found(&batch), one, stock])
}
