//! Compares the projection with the operations, and mends it.

use super::Inventory;
use crate::error::Error;
use crate::metrics as names;
use crate::store::rebuild::{self, Compared};
use crate::store::stock;
use contracts::rest::inventory::{StockDifference, StockRebuilt};
use uuid::Uuid;

impl Inventory {
    /// Tells where the projection, the snapshots or the open reservations are not what the operations
    /// say, and mends the first two. Stock may change meanwhile.
    pub async fn rebuild(&self, from_snapshots: bool) -> Result<StockRebuilt, Error> {
        let mut found = Vec::new();
        if !from_snapshots {
            let mut connection = self.db.pool().acquire().await?;
            for wrong in rebuild::mend_snapshots(&mut connection).await? {
                found.push(difference(wrong.product_id, "snapshot", wrong.stored, wrong.computed));
            }
        }
        let mut tx = self.db.begin_with(rebuild::WHOLE).await?;
        let all = rebuild::compare(&mut tx, None, from_snapshots).await?;
        tx.commit().await?;
        for compared in all.iter().filter(|compared| !differences(compared).is_empty()) {
            found.extend(self.mend(compared.product_id, from_snapshots).await?);
        }
        for difference in &found {
            metrics::counter!(names::DIFFERENCES, "field" => difference.field.clone()).increment(1);
            tracing::error!(
                product.id = %difference.product_id,
                field = difference.field,
                stored = difference.stored,
                computed = difference.computed,
                mended = difference.mended,
                "What is stored is not what the stock operations say."
            );
        }
        Ok(StockRebuilt { products: all.len() as u64, differences: found })
    }

    /// Compares one product again, with its row locked, and mends it.
    async fn mend(&self, product: Uuid, from_snapshots: bool) -> Result<Vec<StockDifference>, Error> {
        let mut tx = self.db.begin().await?;
        stock::lock(&mut tx, &[product]).await?;
        let mut found = Vec::new();
        for compared in rebuild::compare(&mut tx, Some(product), from_snapshots).await? {
            found.extend(differences(&compared));
            rebuild::mend(&mut tx, &compared).await?;
        }
        tx.commit().await?;
        Ok(found)
    }
}

fn differences(compared: &Compared) -> Vec<StockDifference> {
    let Compared { product_id, on_hand, reserved, operations, version, .. } = *compared;
    let mut found = Vec::new();
    let mut compare = |field, stored, computed| {
        if stored != computed {
            found.push(difference(product_id, field, stored, computed));
        }
    };
    compare("on_hand", on_hand, compared.summed_on_hand);
    compare("reserved", reserved, compared.summed_reserved);
    compare("operations", operations, compared.counted);
    // Other events of the product grow its version, too.
    compare("version", version, version.max(compared.newest));
    if compared.held != compared.summed_reserved {
        let told = difference(product_id, "open_reservations", compared.held, compared.summed_reserved);
        found.push(StockDifference { mended: false, ..told });
    }
    found
}

fn difference(product_id: Uuid, field: &str, stored: i64, computed: i64) -> StockDifference {
    StockDifference { product_id, field: field.to_owned(), stored, computed, mended: true }
}
