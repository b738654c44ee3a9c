//! Orders over any sequence of events.

use super::*;
use contracts::{money::Currency, person::Sealed};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

fn placed() -> Event {
    let price = Money::new(1_290, Currency::BRL);
    let item = OrderItem {
        inventory_product_id: Uuid::from_u128(7),
        name: "Caneca".to_owned(),
        quantity: 2,
        unit_price: price,
        total: Money::new(2_580, Currency::BRL),
    };
    Event::Placed(Placed {
        order_id: Uuid::from_u128(1),
        customer_id: Uuid::from_u128(2),
        auth_user_id: Uuid::from_u128(3),
        items: vec![item],
        total: Money::new(2_580, Currency::BRL),
        payment_method_id: Uuid::from_u128(4),
        shortener_short_code: Some("natal26".to_owned()),
    })
}

fn confirmed() -> Event {
    Event::Confirmed { payments_payment_id: Uuid::from_u128(9) }
}

fn requested() -> Event {
    let words = Sealed { key_id: Uuid::from_u128(5), sealed: "changed my mind".to_owned() };
    Event::CancellationRequested { by: CancelledBy::Buyer, reason: Some(words) }
}

fn cancelled() -> Event {
    Event::Cancelled { by: CancelledBy::Deadline, reason: None }
}

fn rejected() -> Event {
    Event::Rejected { reason: "out_of_stock".to_owned(), detail: "Sold out.".to_owned() }
}

fn shipped() -> Event {
    Event::Shipped { tracking_number: None }
}

fn corrected() -> Event {
    Event::TrackingCorrected { tracking_number: "BR1".to_owned() }
}

fn every() -> [Event; 8] {
    [placed(), requested(), confirmed(), rejected(), cancelled(), shipped(), corrected(), Event::Delivered {}]
}

fn at(version: u64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + i64::try_from(version).unwrap(), 0).unwrap()
}

fn after(events: &[Event]) -> Result<Order, Broken> {
    let mut state = None;
    for (version, event) in (1..).zip(events) {
        state = Some(Order::apply(state, version, at(version), event.clone())?);
    }
    Ok(state.unwrap())
}

fn stored(version: u64, event: &Event) -> Stored {
    Stored {
        version,
        kind: event.kind().to_owned(),
        schema: current_schema(event.kind()),
        data: event.data().unwrap(),
        at: at(version),
        causation_id: None,
        correlation_id: None,
    }
}

#[rstest]
#[case::delivered(&[placed(), confirmed(), shipped(), corrected(), Event::Delivered {}], OrderStatus::Delivered, 4)]
#[case::rejected(&[placed(), rejected()], OrderStatus::Rejected, 2)]
#[case::cancelled_by_nobody(&[placed(), cancelled()], OrderStatus::Cancelled, 2)]
#[case::called_off(&[placed(), requested(), cancelled()], OrderStatus::Cancelled, 2)]
#[case::called_off_and_out_of_stock(&[placed(), requested(), rejected()], OrderStatus::Rejected, 2)]
#[case::called_off_after_confirmation(&[placed(), confirmed(), requested(), cancelled()], OrderStatus::Cancelled, 3)]
fn ways_that_an_order_may_go(#[case] events: &[Event], #[case] status: OrderStatus, #[case] published: u64) {
    let order = after(events).unwrap();
    assert_eq!((order.status, order.published, order.version), (status, published, events.len() as u64));
    assert!(order.status.is_final() && !order.is_cancelling());
    assert_eq!(order.updated_at, at(order.version));
    for event in every() {
        assert!(Order::apply(Some(order.clone()), order.version + 1, at(9), event).is_err(), "an end is an end");
    }
}

#[rstest]
#[case::without_beginning(&[confirmed()])]
#[case::placed_twice(&[placed(), placed()])]
#[case::shipped_before_confirmed(&[placed(), shipped()])]
#[case::confirmed_when_called_off(&[placed(), requested(), confirmed()])]
#[case::shipped_when_called_off(&[placed(), confirmed(), requested(), shipped()])]
#[case::called_off_twice(&[placed(), requested(), requested()])]
#[case::cancelled_when_shipped(&[placed(), confirmed(), shipped(), cancelled()])]
#[case::rejected_when_confirmed(&[placed(), confirmed(), rejected()])]
fn ways_that_it_may_not(#[case] events: &[Event]) {
    assert!(after(events).is_err());
}

#[test]
fn what_is_decided_twice_happens_once() {
    let order = after(&[placed(), confirmed(), Event::Shipped { tracking_number: Some("BR1".to_owned()) }]).unwrap();
    assert_eq!(order.ship(None), Ok(None));
    assert_eq!(order.ship(Some("BR1".to_owned())), Ok(None));
    assert_eq!(order.ship(Some("BR2".to_owned())).unwrap().unwrap().kind(), "tracking_corrected");
    let why = order.request_cancellation(CancelledBy::Buyer, None).unwrap_err();
    assert_eq!(why.to_string(), "an order that is shipped cannot be cancelled");
    let order = after(&[placed(), requested()]).unwrap();
    assert_eq!(
        order.confirm(Uuid::nil()).unwrap_err().to_string(),
        "an order that is being cancelled cannot be confirmed"
    );
}

#[test]
fn a_gap_in_the_versions_is_no_history() {
    let order = after(&[placed()]).unwrap();
    assert!(Order::apply(Some(order), 3, at(3), confirmed()).is_err());
    assert!(Order::apply(None, 2, at(2), placed()).is_err());
}

/// As this service wrote it before amounts carried their currency.
fn placed_1() -> Value {
    serde_json::from_str(include_str!("../../../tests/it/fixtures/placed.1.json")).unwrap()
}

#[test]
fn an_order_of_the_first_schema_reads_as_one_of_today() {
    let old = Stored { schema: 1, data: placed_1(), ..stored(1, &placed()) };
    let Event::Placed(read) = Event::read(old.clone()).unwrap() else { panic!("it was placed") };
    assert_eq!(read.total, Money::new(4_870, Currency::BRL));
    assert_eq!(read.items.iter().map(|item| item.total.minor).collect::<Vec<_>>(), [2_580, 2_290]);
    assert_eq!(read.shortener_short_code, None);
    for schema in [0, 3] {
        assert!(matches!(Event::read(Stored { schema, ..old.clone() }), Err(Unreadable::Unknown { .. })));
    }
    let empty = Stored { data: json!({}), ..old };
    assert!(Event::read(empty).is_err());
}

proptest! {
    #[test]
    fn events_read_as_they_were_written(which in 0_usize..8, version in 1_u64..9) {
        let event = every()[which].clone();
        prop_assert_eq!(Event::read(stored(version, &event)).unwrap(), event);
    }

    #[test]
    fn whatever_comes_the_rules_hold(choices in proptest::collection::vec(1_usize..8, 0..12)) {
        let mut order = after(&[placed()]).unwrap();
        let mut statuses = vec![order.status];
        for choice in choices {
            let event = every()[choice].clone();
            let Ok(next) = Order::apply(Some(order.clone()), order.version + 1, at(order.version + 1), event) else {
                continue;
            };
            prop_assert!(!order.status.is_final());
            prop_assert_eq!(next.version, order.version + 1);
            prop_assert_eq!(next.total, order.total);
            prop_assert!(next.published == order.published || next.published == order.published + 1);
            prop_assert!(!(next.status == OrderStatus::Confirmed && next.payments_payment_id.is_none()));
            if next.status != order.status {
                statuses.push(next.status);
            }
            // A snapshot is as good as the events before it.
            let snapshot: Order = serde_json::from_value(serde_json::to_value(&next).unwrap()).unwrap();
            prop_assert_eq!(&snapshot, &next);
            order = next;
        }
        let ways = [
            vec![OrderStatus::Pending, OrderStatus::Confirmed, OrderStatus::Shipped, OrderStatus::Delivered],
            vec![OrderStatus::Pending, OrderStatus::Rejected],
            vec![OrderStatus::Pending, OrderStatus::Cancelled],
            vec![OrderStatus::Pending, OrderStatus::Confirmed, OrderStatus::Cancelled],
        ];
        prop_assert!(ways.iter().any(|way| way.starts_with(&statuses)), "{:?}", statuses);
    }
}
