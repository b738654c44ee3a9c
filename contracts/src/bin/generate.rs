//! Writes the JSON Schemas of all events and the AsyncAPI document into a folder.

use contracts::{asyncapi, event};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::{fs, io};

fn main() -> io::Result<()> {
    let folder = std::env::args_os()
        .nth(1)
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "name the folder to write into"))?;
    let catalogue = event::catalogue();
    let schemas = folder.join("schemas");
    fs::create_dir_all(&schemas)?;
    for entry in &catalogue {
        write(&schemas.join(format!("{}.json", entry.file_stem())), &entry.schema)?;
    }
    write(&folder.join("asyncapi.json"), &asyncapi::document(&catalogue))
}

fn write(path: &Path, value: &impl Serialize) -> io::Result<()> {
    fs::write(path, serde_json::to_string_pretty(value)? + "\n")
}
