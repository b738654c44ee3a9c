//! Accounts.

use super::{Email, FullName};
use chrono::{DateTime, SubsecRound, Utc};
use contracts::event::auth::UserRegistered;
use contracts::rest;
use uuid::Uuid;

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Role {
    /// Everybody's.
    User,
    /// Opens operator routes.
    Operator,
}

#[derive(Debug, Clone)]
pub struct User {
    /// Identifies it for ever: the `sub` of its tokens.
    pub id: Uuid,
    /// How it is reached, and logged in to.
    pub email: Email,
    pub full_name: FullName,
    pub roles: Vec<Role>,
    pub created_at: DateTime<Utc>,
}

impl User {
    /// Makes a new account.
    pub fn register(email: Email, full_name: FullName, roles: Vec<Role>) -> Self {
        // Microseconds are what the database keeps: the first answer equals all later ones.
        let created_at = Utc::now().trunc_subsecs(6);
        Self { id: Uuid::now_v7(), email, full_name, roles, created_at }
    }

    /// The roles as text.
    pub fn role_names(&self) -> Vec<String> {
        self.roles.iter().map(|role| role.into_str().to_owned()).collect()
    }

    /// Whether it opens operator routes.
    pub fn is_operator(&self) -> bool {
        self.roles.contains(&Role::Operator)
    }

    /// What the world is told of a new account: nothing personal.
    pub fn registered(&self) -> UserRegistered {
        UserRegistered { user_id: self.id, roles: self.role_names(), registered_at: self.created_at }
    }
}

impl From<&User> for rest::auth::User {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            email: user.email.as_str().to_owned(),
            full_name: user.full_name.as_str().to_owned(),
            roles: user.role_names(),
            created_at: user.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_of_a_registration_names_nothing_personal() {
        let user = User::register(
            Email::parse("ana@exemplo.com").unwrap(),
            FullName::parse("Ana Silva").unwrap(),
            vec![Role::User],
        );
        let event = serde_json::to_string(&user.registered()).unwrap();
        assert!(!event.contains("exemplo") && !event.contains("Ana"), "{event}");
        assert!(event.contains(&user.id.to_string()));
    }

    #[test]
    fn roles_are_read_as_they_are_written() {
        for role in [Role::User, Role::Operator] {
            assert_eq!(role.into_str().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().is_err());
        assert_eq!(Role::Operator.into_str(), chassis::jwt::OPERATOR);
    }
}
