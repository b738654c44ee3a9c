//! Postal addresses.

use contracts::field_errors::FieldErrors;
use contracts::person::{Address, is_deceptive};
use contracts::text::is_blank;

/// ISO 3166-1 alpha-2, as assigned in 2026.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ \
    FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT \
    JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP \
    MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE \
    RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV \
    TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";
/// Countries whose addresses need a state.
const WITH_STATES: &str = "AU BR CA CN IN JP MX MY US";
/// Countries that have no postal codes (Universal Postal Union).
const WITHOUT_POSTAL_CODES: &str = "AE AG AO AW BF BI BJ BO BQ BS BW BZ CD CF CG CI CK CM CW DJ DM ER FJ GA GD GH GM GQ \
    GY HK JM KI KM KN KP LY ML MO MR MW NR NU QA RW SB SC SL SR SS ST SX SY TD TG TK TL TO TV UG VU YE ZW";

/// Reads the address in the field `name`, with white space around and within tidied.
pub(super) fn read(fields: &mut FieldErrors, name: &str, address: &Address) -> Option<Address> {
    let mut text = |part: &str, value: &str, least: usize, most: usize| {
        fields.take(format!("{name}.{part}"), line(value, least, most))
    };
    let street = text("street", &address.street, 1, 200);
    let number = text("number", &address.number, 1, 20);
    let city = text("city", &address.city, 1, 100);
    let country = country(&address.country);
    let is_one_of = |countries: &str| country.as_ref().is_ok_and(|code| countries.split(' ').any(|one| one == code));
    let is_blank_state = is_blank(&address.state) && !is_one_of(WITH_STATES);
    let state = text("state", &address.state, if is_blank_state { 0 } else { 2 }, 50);
    let is_blank_code = is_blank(&address.zip_code) && is_one_of(WITHOUT_POSTAL_CODES);
    let zip_code = text("zip_code", &address.zip_code, if is_blank_code { 0 } else { 3 }, 12);
    let country = fields.take(format!("{name}.country"), country);
    Some(Address {
        street: street?,
        number: number?,
        city: city?,
        state: state?,
        zip_code: zip_code?,
        country: country?,
    })
}

fn line(text: &str, least: usize, most: usize) -> Result<String, String> {
    if text.chars().any(is_deceptive) {
        return Err("must not hold control or formatting characters".to_owned());
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = text.chars().count();
    if (least..=most).contains(&length) && (length == 0 || !is_blank(&text)) {
        Ok(text)
    } else {
        Err(format!("must have {least} to {most} characters"))
    }
}

fn country(text: &str) -> Result<String, &'static str> {
    let code = text.trim().to_ascii_uppercase();
    let is_known = code.len() == 2 && COUNTRIES.split_ascii_whitespace().any(|known| known == code);
    if is_known { Ok(code) } else { Err("must be a country's code of two letters (ISO 3166-1)") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> Address {
        let text = str::to_owned;
        Address {
            street: text(" Rua  Augusta "),
            number: text("1500"),
            city: text("São Paulo"),
            state: text("SP"),
            zip_code: text("01304-001"),
            country: text("br"),
        }
    }

    #[test]
    fn an_address_is_tidied() {
        let mut fields = FieldErrors::default();
        let read = read(&mut fields, "shipping_address", &address()).unwrap();
        assert!(fields.is_empty());
        assert_eq!((&*read.street, &*read.country), ("Rua Augusta", "BR"));
    }

    #[test]
    fn every_part_that_is_wrong_is_named() {
        let mut fields = FieldErrors::default();
        let long = |length| "x".repeat(length);
        let wrong = Address {
            street: long(201),
            number: String::new(),
            city: "São\u{202e}Paulo".to_owned(),
            state: "S".to_owned(),
            zip_code: long(13),
            country: "XX".to_owned(),
        };
        assert!(read(&mut fields, "billing_address", &wrong).is_none());
        let named: Vec<_> = fields.into_iter().map(|error| error.field).collect();
        let parts = ["street", "number", "city", "state", "zip_code", "country"];
        assert_eq!(named, parts.map(|part| format!("billing_address.{part}")));
    }

    #[test]
    fn countries_without_postal_codes_or_states_need_none() {
        let named = |country: &str, state: &str, zip_code: &str| {
            let [country, state, zip_code] = [country, state, zip_code].map(str::to_owned);
            let mut fields = FieldErrors::default();
            read(&mut fields, "a", &Address { country, state, zip_code, ..address() });
            fields.into_iter().map(|error| error.field).collect::<Vec<_>>()
        };
        for (country, state, zip_code) in [("HK", "Kowloon", ""), ("AE", "Dubai", ""), ("SG", "", "018956")] {
            assert!(named(country, state, zip_code).is_empty(), "{country}");
        }
        assert_eq!(named("BR", "", ""), ["a.state", "a.zip_code"]);
        assert_eq!(named("HK", "K", "1"), ["a.state", "a.zip_code"]);
        assert_eq!(named("XX", "", ""), ["a.zip_code", "a.country"]);
    }

    #[test]
    fn there_are_249_countries() {
        assert_eq!(COUNTRIES.split_ascii_whitespace().count(), 249);
    }
}
