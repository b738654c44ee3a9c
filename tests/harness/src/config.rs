//! The configuration of a service under test.

use kit::{Engine, Sandbox, units};
use serde_json::{Value, json};

/// The logins of a unit in a sandbox, as the sections of the configuration that all services share.
pub(crate) fn logins(sandbox: &Sandbox, unit: &str) -> Value {
    let mut sections = json!({});
    for engine in units::named(unit).expect("a unit of this name").engines {
        let (section, login) = match engine {
            Engine::Postgres => ("postgres", json!({"url": sandbox.postgres(unit)})),
            Engine::Mongo => {
                let login = sandbox.mongo(unit);
                ("mongo", json!({"url": login.url, "database": login.database}))
            }
            Engine::Redis => {
                let login = sandbox.redis(unit);
                ("redis", json!({"url": login.url, "prefix": login.prefix}))
            }
            Engine::Rabbitmq => ("amqp", json!({"url": sandbox.amqp(unit)})),
            Engine::Clickhouse => {
                let login = sandbox.clickhouse(unit);
                let (database, user, password) = (&login.database, &login.user, &login.password);
                ("clickhouse", json!({"url": login.url, "database": database, "user": user, "password": password}))
            }
            // Only the gateway's, which is tested otherwise.
            Engine::Limits => continue,
        };
        sections[section] = login;
    }
    sections
}

/// Settings with changes: sections are merged key by key, every other value is replaced.
#[must_use]
pub fn merged(mut settings: Value, changes: &Value) -> Value {
    match (settings.as_object_mut(), changes.as_object()) {
        (Some(known), Some(changes)) => {
            for (key, change) in changes {
                let value = known.entry(key).or_insert(Value::Null);
                *value = merged(value.take(), change);
            }
            settings
        }
        _ => changes.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::merged;
    use serde_json::json;

    #[test]
    fn changes_replace_values_and_leave_what_they_do_not_name() {
        let settings = json!({"amqp": {"url": "a", "tries": 3}, "hosts": ["x", "y"]});
        let changes = json!({"amqp": {"url": "b"}, "hosts": ["z"], "limits": {"most": 1}});
        let expected = json!({"amqp": {"url": "b", "tries": 3}, "hosts": ["z"], "limits": {"most": 1}});
        assert_eq!(merged(settings, &changes), expected);
    }
}
