//! The fields of a product, as they may be.

use contracts::money::Money;
use contracts::text::is_blank;

macro_rules! text {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

text! {
    /// The merchant's number for a product: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    Sku
}
text! {
    /// A product's name: 1 to 200 characters on one line, inner white space as single spaces.
    Name
}
text! {
    /// What a product is: 1 to 5,000 characters.
    Description
}

impl Sku {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(is_good) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 1 to 64 of A-Z a-z 0-9 . _ -")
        }
    }
}

impl Name {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().any(char::is_control) {
            return Err("must not hold control characters");
        }
        let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match name.chars().count() {
            1..=200 if !is_blank(&name) => Ok(Self(name)),
            _ => Err("must have 1 to 200 characters"),
        }
    }
}

impl Description {
    /// Reads a description; an empty one is none.
    pub fn parse(text: &str) -> Result<Option<Self>, &'static str> {
        if text.chars().any(|character| character.is_control() && !"\n\r\t".contains(character)) {
            return Err("must not hold control characters but line breaks and tabs");
        }
        let text = text.trim();
        match text.chars().count() {
            _ if is_blank(text) => Ok(None),
            0..=5_000 => Ok(Some(Self(text.to_owned()))),
            _ => Err("must have at most 5000 characters"),
        }
    }
}

/// A price: not below zero, and so that any order's total can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price(Money);

impl Price {
    /// The highest price, in minor units.
    const HIGHEST: i64 = 100_000_000_000;

    pub fn parse(money: Money) -> Result<Self, &'static str> {
        match money.minor {
            0..=Self::HIGHEST => Ok(Self(money)),
            ..0 => Err("must not be below zero"),
            _ => Err("must be at most 100000000000 minor units"),
        }
    }

    #[must_use]
    pub fn money(self) -> Money {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::money::Currency;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_short_and_plain() {
        assert!(Sku::parse("CAM-42_b.1").is_ok() && Sku::parse(&"x".repeat(64)).is_ok());
        for bad in ["", " ", "a b", "ç", "a/b", &"x".repeat(65)] {
            assert!(Sku::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn prices_are_not_below_zero_nor_beyond_counting() {
        let price = |minor| Price::parse(Money::new(minor, Currency::BRL));
        assert!(price(0).is_ok() && price(100_000_000_000).is_ok());
        assert_eq!(price(-1), Err("must not be below zero"));
        assert_eq!(price(i64::MAX), Err("must be at most 100000000000 minor units"));
    }

    #[test]
    fn an_empty_description_is_none() {
        assert_eq!(Description::parse("  \n \u{200b}"), Ok(None));
        assert_eq!(Name::parse(" Red  mug ").unwrap().as_str(), "Red mug");
        assert!(Name::parse("\u{200b}").is_err());
        assert!(Description::parse("one\ntwo").is_ok_and(|text| text.is_some()));
        assert!(Description::parse("\u{0}").is_err());
    }

    proptest! {
        #[test]
        fn names_that_are_accepted_are_tidy_and_stay_themselves(text in any::<String>()) {
            if let Ok(name) = Name::parse(&text) {
                prop_assert!((1..=200).contains(&name.as_str().chars().count()));
                prop_assert_eq!(&Name::parse(name.as_str()).unwrap(), &name);
            }
        }
    }
}
