//! Random buyers, operators and clocks against the shelf: the invariants of stock hold after each.

use super::*;
use proptest::prelude::*;

const PRODUCTS: u128 = 3;

#[derive(Debug, Clone)]
enum Deed {
    Increase(u128, u32),
    Decrease(u128, u32),
    Reserve(Vec<(u128, u32)>),
    Release(usize),
    Fulfil(usize),
    Expire(usize),
}

fn deeds() -> impl Strategy<Value = Deed> {
    let product = || 0..PRODUCTS;
    prop_oneof![
        (product(), 1..20_u32).prop_map(|(product, pieces)| Deed::Increase(product, pieces)),
        (product(), 1..20_u32).prop_map(|(product, pieces)| Deed::Decrease(product, pieces)),
        prop::collection::vec((product(), 1..8_u32), 1..4).prop_map(Deed::Reserve),
        (0..20_usize).prop_map(Deed::Release),
        (0..20_usize).prop_map(Deed::Fulfil),
        (0..20_usize).prop_map(Deed::Expire),
    ]
}

fn shelf(on_hand: i64) -> Shelf {
    Shelf::new((0..PRODUCTS).map(|id| {
        let stock = Stock { on_hand, reserved: 0 };
        let product = Shelved { name: format!("product {id}"), active: true, stock, version: 1, operations: 0 };
        (Uuid::from_u128(id), product)
    }))
}

/// What all the changes come to.
fn sum(changes: &[Change], product: Uuid) -> Stock {
    let operations = changes.iter().filter(|change| change.product_id == product);
    operations.fold(Stock::default(), |Stock { on_hand, reserved }, change| match change.what {
        What::Operation { kind, quantity, .. } => {
            let pieces = i64::from(quantity);
            match kind {
                Kind::Increase => Stock { on_hand: on_hand + pieces, reserved },
                Kind::Decrease => Stock { on_hand: on_hand - pieces, reserved },
                Kind::Reserve => Stock { on_hand, reserved: reserved + pieces },
                Kind::Release => Stock { on_hand, reserved: reserved - pieces },
            }
        }
        What::Unavailable { .. } => Stock { on_hand, reserved },
    })
}

/// Does what is asked, as the use cases do.
fn act(shelf: &mut Shelf, reservations: &mut Vec<(Status, Items)>, deed: Deed) -> Result<(), StockError> {
    match deed {
        // What an operator may not do is refused and changes nothing.
        Deed::Increase(product, pieces) => drop(shelf.operate(Uuid::from_u128(product), Kind::Increase, pieces)),
        Deed::Decrease(product, pieces) => drop(shelf.operate(Uuid::from_u128(product), Kind::Decrease, pieces)),
        Deed::Reserve(wanted) => {
            let items = Items::stored(wanted.into_iter().map(|(id, pieces)| (Uuid::from_u128(id), pieces)));
            let status = shelf.reserve(&items).map_or(Status::Refused, |()| Status::Open);
            reservations.push((status, items));
        }
        Deed::Release(index) | Deed::Fulfil(index) | Deed::Expire(index) => {
            let count = reservations.len().max(1);
            let Some((status, items)) = reservations.get_mut(index % count) else { return Ok(()) };
            *status = match deed {
                Deed::Release(_) => shelf.release(*status, items)?,
                Deed::Fulfil(_) => shelf.fulfil(*status, items)?,
                _ if *status == Status::Open => shelf.expire(items)?,
                _ => *status,
            };
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn whatever_happens_stock_adds_up(deeds in prop::collection::vec(deeds(), 0..120)) {
        let (mut shelf, mut reservations, mut all) = (shelf(0), Vec::new(), Vec::new());
        for deed in deeds {
            act(&mut shelf, &mut reservations, deed).unwrap();
            all.extend(shelf.take_changes());
            for product in (0..PRODUCTS).map(Uuid::from_u128) {
                let stock = shelf.get(product).unwrap().stock;
                prop_assert!(stock.reserved >= 0 && stock.available() >= 0);
                prop_assert_eq!(stock, sum(&all, product));
                let open = reservations.iter().filter(|(status, _)| *status == Status::Open);
                let held: i64 = open.flat_map(|(_, items)| items.iter())
                    .filter(|(id, _)| *id == product).map(|(_, pieces)| i64::from(pieces)).sum();
                prop_assert_eq!(stock.reserved, held);
                let versions: Vec<_> = all.iter()
                    .filter(|change| change.product_id == product).map(|change| change.version).collect();
                prop_assert_eq!(versions, (2..).take(usize::try_from(shelf.get(product).unwrap().version - 1).unwrap())
                    .collect::<Vec<_>>(), "versions have no gaps");
            }
        }
    }
}

fn items(wanted: &[(u128, u32)]) -> Items {
    Items::stored(wanted.iter().map(|(id, pieces)| (Uuid::from_u128(*id), *pieces)))
}

#[test]
fn an_order_is_set_aside_as_a_whole_or_not_at_all() {
    let mut shelf = shelf(5);
    let refusal = shelf.reserve(&items(&[(0, 2), (1, 6), (2, 9)])).unwrap_err();
    assert_eq!(refusal.code, "out_of_stock");
    let told =
        "Not enough in stock: product 1 (6 wanted, 5 available), product 2 (9 wanted, 5 available). Order fewer.";
    assert_eq!(refusal.message, told);
    assert!(shelf.take_changes().iter().all(|change| matches!(change.what, What::Unavailable { .. })));
    assert_eq!(shelf.reserve(&items(&[(0, 2), (7, 1)])).unwrap_err().code, "unknown_product");
    assert_eq!(shelf.take_changes(), []);
    shelf.reserve(&items(&[(0, 5), (1, 5)])).unwrap();
    assert_eq!(shelf.get(Uuid::from_u128(0)).unwrap().stock.available(), 0);
}

#[test]
fn what_is_not_for_sale_cannot_be_reserved() {
    let mut shelf = shelf(5);
    shelf.products.get_mut(&Uuid::from_u128(1)).unwrap().active = false;
    assert_eq!(shelf.reserve(&items(&[(1, 1)])).unwrap_err().code, "unknown_product");
}

#[test]
fn a_confirmation_after_the_expiry_takes_again_what_is_left() {
    let (mut shelf, wanted) = (shelf(5), items(&[(0, 4)]));
    shelf.reserve(&wanted).unwrap();
    assert_eq!(shelf.expire(&wanted), Ok(Status::Expired));
    assert_eq!(shelf.fulfil(Status::Expired, &wanted), Ok(Status::Fulfilled));
    assert_eq!(shelf.fulfil(Status::Expired, &wanted), Ok(Status::Short));
    assert_eq!(shelf.get(Uuid::from_u128(0)).unwrap().stock, Stock { on_hand: 1, reserved: 0 });
    assert_eq!(shelf.release(Status::Short, &wanted), Ok(Status::Released));
    assert_eq!(shelf.release(Status::Fulfilled, &wanted), Ok(Status::Released));
    assert_eq!(shelf.get(Uuid::from_u128(0)).unwrap().stock, Stock { on_hand: 5, reserved: 0 });
}

#[test]
fn every_item_of_a_reservation_is_set_aside_freed_taken_out_and_brought_back() {
    let (mut shelf, wanted) = (shelf(5), items(&[(0, 1), (1, 2), (2, 3)]));
    let stock = |shelf: &Shelf| {
        [0, 1, 2].map(|id| shelf.get(Uuid::from_u128(id)).unwrap().stock).map(|stock| (stock.on_hand, stock.reserved))
    };
    let (free, held, gone) = ([(5, 0); 3], [(5, 1), (5, 2), (5, 3)], [(4, 0), (3, 0), (2, 0)]);
    shelf.reserve(&wanted).unwrap();
    assert_eq!(stock(&shelf), held);
    assert_eq!(shelf.release(Status::Open, &wanted), Ok(Status::Released));
    assert_eq!(stock(&shelf), free);
    shelf.reserve(&wanted).unwrap();
    assert_eq!(shelf.expire(&wanted), Ok(Status::Expired));
    assert_eq!(stock(&shelf), free);
    assert_eq!(shelf.fulfil(Status::Expired, &wanted), Ok(Status::Fulfilled));
    assert_eq!(stock(&shelf), gone);
    assert_eq!(shelf.release(Status::Fulfilled, &wanted), Ok(Status::Released));
    assert_eq!(stock(&shelf), free);
    shelf.reserve(&wanted).unwrap();
    assert_eq!(shelf.fulfil(Status::Open, &wanted), Ok(Status::Fulfilled));
    assert_eq!(stock(&shelf), gone);
}

#[test]
fn the_operations_of_a_product_are_numbered() {
    let mut shelf = shelf(5);
    shelf.reserve(&items(&[(0, 1), (1, 1)])).unwrap();
    shelf.release(Status::Open, &items(&[(0, 1)])).unwrap();
    let number = |change: &Change| match change.what {
        What::Operation { number, .. } => (change.product_id.as_u128(), change.version, number),
        What::Unavailable { .. } => panic!("{change:?}"),
    };
    assert_eq!(shelf.take_changes().iter().map(number).collect::<Vec<_>>(), [(0, 2, 1), (1, 2, 1), (0, 3, 2)]);
}
