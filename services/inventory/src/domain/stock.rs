//! The stock of one product: the sum of its operations, never below zero.

use contracts::rest::inventory::StockOperationKind;

/// The most pieces that one operation of an operator's moves.
pub const MOST_AT_ONCE: u32 = 1_000_000;
/// The most pieces of a product that there can be.
const MOST: i64 = 1_000_000_000_000;

/// What can happen to stock.
pub type Kind = StockOperationKind;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stock {
    /// In the warehouse, reserved ones included.
    pub on_hand: i64,
    /// Held by open reservations.
    pub reserved: i64,
}

/// Why something cannot happen to stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StockError {
    #[error("only {available} pieces are free")]
    NotEnough { available: i64 },
    /// Fewer pieces are reserved than would be released.
    #[error("only {reserved} pieces are reserved")]
    NotReserved { reserved: i64 },
    /// There would be more than can be counted.
    #[error("there can be at most {MOST} pieces")]
    TooMany,
    /// The product is not among those that were locked.
    #[error("the product is not locked")]
    Unknown,
}

impl Stock {
    #[must_use]
    pub fn available(self) -> i64 {
        self.on_hand - self.reserved
    }

    /// The stock after an operation. Fails when it cannot happen: less would be there than nothing, or than is
    /// reserved.
    pub fn after(self, kind: Kind, quantity: u32) -> Result<Self, StockError> {
        let pieces = i64::from(quantity);
        let Self { on_hand, reserved } = self;
        match kind {
            Kind::Increase if on_hand + pieces > MOST => Err(StockError::TooMany),
            Kind::Increase => Ok(Self { on_hand: on_hand + pieces, reserved }),
            Kind::Decrease | Kind::Reserve if self.available() < pieces => {
                Err(StockError::NotEnough { available: self.available() })
            }
            Kind::Decrease => Ok(Self { on_hand: on_hand - pieces, reserved }),
            Kind::Reserve => Ok(Self { on_hand, reserved: reserved + pieces }),
            Kind::Release if reserved < pieces => Err(StockError::NotReserved { reserved }),
            Kind::Release => Ok(Self { on_hand, reserved: reserved - pieces }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds() -> impl Strategy<Value = Kind> {
        prop::sample::select(vec![Kind::Increase, Kind::Decrease, Kind::Reserve, Kind::Release])
    }

    proptest! {
        #[test]
        fn stock_is_the_sum_of_what_happened_and_never_below_zero(
            operations in prop::collection::vec((kinds(), 1..50_u32), 0..200)
        ) {
            let (mut stock, mut on_hand, mut reserved) = (Stock::default(), 0, 0);
            for (kind, quantity) in operations {
                let Ok(after) = stock.after(kind, quantity) else { continue };
                let pieces = i64::from(quantity);
                match kind {
                    Kind::Increase => on_hand += pieces,
                    Kind::Decrease => on_hand -= pieces,
                    Kind::Reserve => reserved += pieces,
                    Kind::Release => reserved -= pieces,
                }
                stock = after;
                prop_assert_eq!(stock, Stock { on_hand, reserved });
                prop_assert!(stock.reserved >= 0 && stock.available() >= 0);
            }
        }
    }

    #[test]
    fn what_cannot_happen_is_refused_with_what_there_is() {
        let stock = Stock { on_hand: 5, reserved: 3 };
        assert_eq!(stock.after(Kind::Reserve, 3), Err(StockError::NotEnough { available: 2 }));
        assert_eq!(stock.after(Kind::Decrease, 3), Err(StockError::NotEnough { available: 2 }));
        assert_eq!(stock.after(Kind::Release, 4), Err(StockError::NotReserved { reserved: 3 }));
        let full = Stock { on_hand: MOST, reserved: 0 };
        assert_eq!(Stock { on_hand: MOST - 1, ..full }.after(Kind::Increase, 1), Ok(full));
        assert_eq!(full.after(Kind::Increase, 1), Err(StockError::TooMany));
    }
}
