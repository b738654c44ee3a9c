//! Every event that was ever published must decode for ever, and no schema may break a reader.

use contract_tests::breaking_changes;
use contracts::{
    envelope::Envelope,
    event::{Entry, catalogue},
};
use serde_json::Value;
use std::{fs, path::PathBuf};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts")).join(name)
}

fn read(path: &PathBuf) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The golden samples of one version of an event: whole events, as CloudEvents in JSON.
fn samples(entry: &Entry) -> Vec<PathBuf> {
    let folder = folder("golden").join(entry.file_stem());
    let files = fs::read_dir(&folder).unwrap_or_else(|_| panic!("{} is missing", folder.display()));
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn every_golden_sample_decodes_fits_its_schema_and_loses_nothing() {
    for entry in catalogue() {
        let validator = jsonschema::validator_for(entry.schema.as_value()).unwrap();
        let samples = samples(&entry);
        assert!(!samples.is_empty(), "{} has no golden sample", entry.file_stem());
        for path in samples {
            let text = read(&path);
            let envelope: Envelope = serde_json::from_str(&text).unwrap();
            assert_eq!(envelope.kind, entry.kind);
            let data: Value = serde_json::from_str(envelope.data.get()).unwrap();
            assert!(validator.is_valid(&data), "{} does not fit its schema", path.display());
            let again = (entry.roundtrip)(envelope.data.get()).unwrap();
            assert_eq!(again, data, "{} is not read whole", path.display());
        }
    }
}

#[test]
fn no_schema_breaks_what_was_published() {
    for entry in catalogue() {
        let path = folder("published").join(format!("{}.json", entry.file_stem()));
        let published: Value = serde_json::from_str(&read(&path)).unwrap();
        let broken = breaking_changes(&published, entry.schema.as_value());
        assert!(broken.is_empty(), "{}: {broken:#?}\nMake a new major version.", entry.file_stem());
    }
}

#[test]
fn nothing_that_was_published_is_gone() {
    let known: Vec<String> = catalogue().iter().map(Entry::file_stem).collect();
    for file in fs::read_dir(folder("published")).unwrap() {
        let path = file.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(known.contains(&stem), "{stem} was published and must stay readable");
    }
}

#[test]
fn every_message_stands_in_the_catalogue_for_people() {
    let page = read(&folder("../docs/EVENTS.md"));
    for entry in catalogue() {
        assert!(page.contains(&format!("| `{}` |", entry.kind)), "docs/EVENTS.md lacks {}", entry.kind);
    }
}
