//! Where a unit's configuration comes from: a TOML file, and the environment over it.

mod known;
#[cfg(test)]
mod tests;

use crate::config::Common;
use anyhow::Context as _;
use config::{Config, Environment, File, Map, Value};
use garde::Validate;
use known::Known;
use serde::de::DeserializeOwned;
use std::path::Path;

/// The sources of a unit's configuration, read and merged.
pub(crate) struct Sources {
    name: &'static str,
    merged: Config,
}

impl Sources {
    /// Reads the file, if any, and the environment's variables of the unit `name`.
    ///
    /// The variables are `<NAME>_<SECTION>__<KEY>`, for example `AUTH_HTTP__BIND`; those of the
    /// keys in `lists` hold lists, separated by commas.
    pub(crate) fn read(name: &'static str, lists: &[&str], file: Option<&Path>) -> anyhow::Result<Self> {
        Self::merged(name, lists, file, None)
    }

    /// `variables` stand for the process's environment.
    fn merged(
        name: &'static str,
        lists: &[&str],
        file: Option<&Path>,
        variables: Option<Map<String, String>>,
    ) -> anyhow::Result<Self> {
        let mut environment = Environment::with_prefix(name)
            .prefix_separator("_")
            .separator("__")
            .list_separator(",")
            .with_list_parse_key("http.trusted_proxies")
            .try_parsing(true)
            .source(variables);
        for key in lists {
            environment = environment.with_list_parse_key(key);
        }
        let mut builder = Config::builder();
        if let Some(file) = file {
            builder = builder.add_source(File::from(file));
        }
        let merged = builder
            .add_source(environment)
            .build()
            .with_context(|| format!("the configuration of {name} could not be read"))?;
        Ok(Self { name, merged })
    }

    /// Takes out what every unit is configured with and what only this one is, and validates both.
    ///
    /// # Errors
    /// Fails when a value is missing, of the wrong type, or not valid, and when a key is in neither type; names the key,
    /// never a value.
    pub(crate) fn get<T>(&self) -> anyhow::Result<(Common, T)>
    where
        T: DeserializeOwned + Validate<Context = ()>,
    {
        let name = self.name;
        let mut known = Known::default();
        let all = (self.one(&mut known)?, self.one(&mut known)?);
        // The name of the file comes by a variable with the same prefix.
        known.add("config");
        let unknown = known.others_in(&self.root());
        let told = unknown.iter().map(|key| format!("`{key}` ({})", self.variable(key)) + &known.nearest_to(key));
        anyhow::ensure!(
            unknown.is_empty(),
            "the configuration of {name} has keys that it does not know: {}",
            told.collect::<Vec<_>>().join("; ")
        );
        Ok(all)
    }

    fn one<T>(&self, known: &mut Known) -> anyhow::Result<T>
    where
        T: DeserializeOwned + Validate<Context = ()>,
    {
        let name = self.name;
        let read = self.merged.clone().try_deserialize();
        let value: T = read.with_context(|| format!("the configuration of {name} could not be read"))?;
        value
            .validate()
            .map_err(|report| anyhow::anyhow!("{}", report.to_string().trim().to_owned()))
            .with_context(|| format!("the configuration of {name} is not valid"))?;
        known.learn::<T>(self.root());
        Ok(value)
    }

    fn root(&self) -> Value {
        self.merged.cache.clone()
    }

    /// The environment variable of a key.
    fn variable(&self, key: &str) -> String {
        format!("{}_{}", self.name, key.replace('.', "__")).to_uppercase()
    }
}
