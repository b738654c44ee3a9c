//! What is sealed is opened by whoever may, by nobody else, and for ever.

use super::*;
use base64::{Engine, engine::general_purpose::STANDARD};
use uuid::{Uuid, uuid};

const ANA: Uuid = uuid!("01936b2e-5a00-7000-8000-000000000001");
const RUI: Uuid = uuid!("01936b2e-5a00-7000-8000-000000000002");
const CARD: Uuid = uuid!("01936b2e-5a00-7000-8000-000000000007");

fn keyring(keys: &[u8]) -> Keyring {
    Keyring::new(&keys.iter().map(|byte| vec![*byte; 32]).collect::<Vec<_>>()).unwrap()
}

#[test]
fn what_is_sealed_is_opened_by_the_unwrapped_key_and_by_no_other() {
    let ring = keyring(&[1]);
    let (key, wrapped) = ring.generate(ANA).unwrap();
    let (sealed, again) = (key.seal(&"ana@exemplo.com").unwrap(), key.seal(&"ana@exemplo.com").unwrap());
    assert_ne!(sealed, again, "equal values look different");
    assert!(!sealed.windows(3).any(|window| window == b"ana"));
    let unwrapped = ring.unwrap(ANA, key.id, &wrapped).unwrap();
    assert_eq!(unwrapped.open::<String>(&sealed).unwrap(), "ana@exemplo.com");
    assert!(ring.unwrap(RUI, key.id, &wrapped).is_err());
    assert!(ring.unwrap(ANA, RUI, &wrapped).is_err());
    assert!(keyring(&[2]).unwrap(ANA, key.id, &wrapped).is_err());
    let (other, _) = ring.generate(ANA).unwrap();
    assert!(other.open::<String>(&sealed).is_err());
    let mut changed = sealed.clone();
    changed[20] ^= 1;
    assert!(unwrapped.open::<String>(&changed).is_err());
    assert!(unwrapped.open::<String>(&sealed[..5]).is_err());
}

#[test]
fn an_item_is_opened_as_itself_only() {
    let (key, _) = keyring(&[1]).generate(ANA).unwrap();
    let sealed = key.seal_item(CARD, &1).unwrap();
    assert_eq!(key.open_item::<i32>(CARD, &sealed).unwrap(), 1);
    assert!(key.open_item::<i32>(RUI, &sealed).is_err());
    assert!(key.open::<i32>(&sealed).is_err());
}

#[test]
fn a_sub_key_opens_its_part_of_its_person_and_nothing_else() {
    let ring = keyring(&[1]);
    let (key, _) = ring.generate(ANA).unwrap();
    let (other, _) = ring.generate(ANA).unwrap();
    for part in Part::ALL {
        let sealed = key.part(part).seal(&part.as_str()).unwrap();
        let exposed = key.part(part).expose();
        assert_ne!(exposed, key.expose());
        let received = |person, id, part| PartKey::received(person, id, part, &exposed).unwrap();
        assert_eq!(received(ANA, key.id, part).open::<String>(&sealed).unwrap(), part.as_str());
        assert!(received(RUI, key.id, part).open::<String>(&sealed).is_err());
        assert!(received(ANA, other.id, part).open::<String>(&sealed).is_err());
        assert!(other.part(part).open::<String>(&sealed).is_err());
        for another in Part::ALL.into_iter().filter(|another| *another != part) {
            assert_ne!(key.part(another).expose(), exposed);
            assert!(key.part(another).open::<String>(&sealed).is_err());
            assert!(received(ANA, key.id, another).open::<String>(&sealed).is_err());
        }
        // Nor does the data key's own way of sealing.
        assert!(key.open::<String>(&key.arrived(&sealed).unwrap()).is_err());
    }
    for wrong in ["", "nonsense!", "c2hvcnQ="] {
        assert!(PartKey::received(ANA, key.id, Part::Contact, wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_wrapping_key_is_replaced_without_losing_anything() {
    let (key, old) = keyring(&[1]).generate(ANA).unwrap();
    let sealed = key.seal(&"ana").unwrap();
    let both = keyring(&[2, 1]);
    let (fresh, new) = both.generate(ANA).unwrap();
    assert!(keyring(&[1]).unwrap(ANA, fresh.id, &new).is_err(), "the key in force wraps");
    assert_eq!(both.rewrap(ANA, fresh.id, &new).unwrap(), None);
    let rewrapped = both.rewrap(ANA, key.id, &old).unwrap().expect("the key before had wrapped it");
    let only_new = keyring(&[2]);
    assert_eq!(only_new.unwrap(ANA, key.id, &rewrapped).unwrap().open::<String>(&sealed).unwrap(), "ana");
    assert!(only_new.rewrap(ANA, key.id, &old).is_err());
}

#[test]
fn a_keyring_takes_keys_of_32_bytes() {
    assert!(Keyring::new(&[]).is_err());
    for wrong in [0, 16, 31, 33] {
        assert!(Keyring::new(&[vec![0; 32], vec![0; wrong]]).is_err(), "{wrong}");
        assert!(Keyring::new(&[vec![0; wrong]]).is_err(), "{wrong}");
    }
    let configured = STANDARD.encode([1; 32]).into();
    assert!(config::key(&configured, &()).is_ok() && config::keyring(&configured, None).is_ok());
    for wrong in ["", "short", &STANDARD.encode([1; 31]), &"!".repeat(44)] {
        let wrong = wrong.into();
        assert!(config::key(&wrong, &()).is_err() && config::keyring(&configured, Some(&wrong)).is_err());
    }
}

/// Bytes that orders' first version of this code made and stored, and what a sub-key of that data key is.
#[test]
fn what_was_sealed_once_is_opened_for_ever() {
    let decode = |text: &str| STANDARD.decode(text).unwrap();
    let id = uuid!("01a22e98-3a0e-7566-8f4a-b951f927d84c");
    let wrapped = decode("M8BL3xtmsIIsnEpE/XisR4sNi5qaUcUaMzTYn5TgKltFI+dI962z2Uim82oHXi38TrU7NP51ZjVNJJfy");
    let key = keyring(&[2, 1]).unwrap(ANA, id, &wrapped).unwrap();
    assert_eq!(key.expose(), "JxsMO3rdEJf4f3OmM5zhxdQnxrnCqsFk70CXp/G7Qzs=");
    let whole = decode("Tq+kqi7E426zDMloJznvoKrfGHxgKvFqkI/ad8oOWd0GMTkCx+BI6Yjo6yEE");
    assert_eq!(key.open::<String>(&whole).unwrap(), "ana@exemplo.com");
    let item = decode("+1gjWL8O8JwUxNBraQs0cuZlLasqU77r+Y+oBof2M9NGEg==");
    assert_eq!(key.open_item::<String>(CARD, &item).unwrap(), "1234");
    // By another implementation of RFC 5869.
    for (part, expected) in [
        (Part::Contact, "PbMlxwPTQ1VoYroFLiOtLqaSa27fuqTNYsIShuT3gO4="),
        (Part::Document, "sdhP7fR1ZpccZNT8TjCetiJ28vM4cIrZcC7ucb0qmmk="),
        (Part::Shipping, "oVukS3TxgwiHBfe9iQKoq/B6DktPqpBLAGZ8+K6vk9U="),
        (Part::Billing, "WMcKeENh47X6vwFRpqra5m7quFz3k0C0ogGGKqvOsBQ="),
        (Part::Locale, "IWtrGpqPQ30hWQv4teUjiX61AO50JFl1L3NktiSCSPI="),
    ] {
        assert_eq!(key.part(part).expose(), expected, "{part}");
    }
}
