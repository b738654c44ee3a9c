//! What links sold, for their owners.

use super::Shop;
use crate::{error::Error, store::sales};
use contracts::rest::orders::LinkSales;
use uuid::Uuid;

impl Shop {
    /// What those of these links sold that are the owner's.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn sales(&self, owner: Uuid, codes: &[String]) -> Result<Vec<LinkSales>, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let mut links: Vec<LinkSales> = Vec::new();
        for sold in sales::of(&mut connection, owner, codes).await? {
            let revenue = sold.revenue.filter(|_| sold.orders > 0);
            match links.last_mut().filter(|link| link.code == sold.code) {
                Some(link) => {
                    link.count += sold.orders;
                    link.revenue.extend(revenue);
                }
                None => {
                    let revenue = revenue.into_iter().collect();
                    links.push(LinkSales { code: sold.code, count: sold.orders, revenue });
                }
            }
        }
        Ok(links)
    }
}
