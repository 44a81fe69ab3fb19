//! What the granted scopes say of a user (OpenID Connect Core §5.4), at userinfo and in ID tokens.

use keystead_protocol::{
    profile::{Profile, TimeForm},
    scope::Scope,
    time::Timestamp,
};
use keystead_store::users::User;
use serde_json::{Map, Value, json};

use crate::{config::Issuer, pages};

/// The scopes that OpenID Connect defines; an API cannot define them for itself.
pub const OPENID_SCOPES: [&str; 6] = [
    "openid",
    "profile",
    "email",
    "address",
    "phone",
    "offline_access",
];

/// A user as a client is told of them.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// The record.
    pub user: &'a User,
    /// The rule book of the request.
    pub profile: Profile,
    /// Who tells.
    pub issuer: &'a Issuer,
}

impl Told<'_> {
    /// The claims of the granted scopes, `sub` not among them. What the record does not hold is left out, but for what old
    /// mobile libraries cannot do without: a name, a nickname, a time of change, and in Auth0's profiles a picture.
    pub fn of_scopes(self, scope: &Scope) -> Map<String, Value> {
        let mut claims = Map::new();
        if scope.contains("profile") {
            self.put_profile(&mut claims);
        }
        let (user, known) = (self.user, &self.user.profile);
        if scope.contains("email") && user.email.is_some() {
            put(&mut claims, "email", user.email.as_ref());
            claims.insert("email_verified".to_owned(), user.email_verified.into());
        }
        if scope.contains("address") {
            put(&mut claims, "address", known.address.as_ref());
        }
        if scope.contains("phone") && known.phone_number.is_some() {
            put(&mut claims, "phone_number", known.phone_number.as_ref());
            claims.insert(
                "phone_number_verified".to_owned(),
                known.phone_number_verified.unwrap_or(false).into(),
            );
        }
        claims
    }

    fn put_profile(self, claims: &mut Map<String, Value>) {
        let (user, known) = (self.user, &self.user.profile);
        let name = known.name.as_ref().or(user.email.as_ref());
        put(claims, "name", name.or(user.username.as_ref()));
        let nickname = known.nickname.clone().or_else(|| nickname(user));
        put(claims, "nickname", nickname);
        put(claims, "given_name", known.given_name.as_ref());
        put(claims, "family_name", known.family_name.as_ref());
        put(claims, "middle_name", known.middle_name.as_ref());
        let preferred = known.preferred_username.as_ref().or(user.username.as_ref());
        put(claims, "preferred_username", preferred);
        put(claims, "profile", known.profile.as_ref());
        let nobodys = || {
            let always = self.profile.always_has_picture();
            always.then(|| pages::avatar_of(self.issuer))
        };
        put(claims, "picture", known.picture.clone().or_else(nobodys));
        put(claims, "website", known.website.as_ref());
        put(claims, "gender", known.gender.as_ref());
        put(claims, "birthdate", known.birthdate.as_ref());
        put(claims, "zoneinfo", known.zoneinfo.as_ref());
        put(claims, "locale", known.locale.as_ref());
        let changed = moment(user.updated_at, self.profile.updated_at());
        claims.insert("updated_at".to_owned(), changed);
    }

    /// Single claims that a client asked for by name (OpenID Connect Core §5.5), as far as the record holds them. Nobody may
    /// be asked for what the user has not agreed to: that is for the caller to have seen to.
    pub fn by_name(self, names: &[String]) -> Map<String, Value> {
        if names.is_empty() {
            return Map::new();
        }
        let all = "profile email address phone".parse().unwrap_or_default();
        let mut claims = self.of_scopes(&all);
        claims.retain(|name, _| names.contains(name));
        claims
    }
}

fn put(claims: &mut Map<String, Value>, name: &str, value: Option<impl serde::Serialize>) {
    if let Some(value) = value {
        claims.insert(name.to_owned(), json!(value));
    }
}

/// The part of an e-mail address before the `@`, as Auth0 has it.
fn nickname(user: &User) -> Option<String> {
    let local = user
        .email
        .as_ref()
        .and_then(|email| email.rsplit_once('@'))
        .map(|(local, _)| local.to_owned());
    local.or_else(|| user.username.clone())
}

fn moment(at: Timestamp, form: TimeForm) -> Value {
    match form {
        TimeForm::Seconds => at.as_secs().into(),
        TimeForm::Iso => {
            let at = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
            format!("{at:.3}").into()
        }
    }
}

#[cfg(test)]
mod tests {
    use keystead_protocol::ids::{ConnectionId, UserId};

    use super::*;

    fn ada() -> User {
        let id = UserId::try_from("auth0|1").unwrap();
        let connection = ConnectionId::try_from("con_0123456789abcdef").unwrap();
        let mut user = User::new(id, connection, Timestamp::from_millis(1_493_806_271_045));
        user.email = Some("ada@example.com".to_owned());
        user
    }

    fn told(user: &User, scope: &str, profile: Profile) -> Value {
        let issuer = &Issuer::parse("https://id.example.com/").unwrap();
        let told = Told {
            user,
            profile,
            issuer,
        };
        Value::Object(told.of_scopes(&scope.parse().unwrap()))
    }

    #[test]
    fn each_scope_releases_its_own_claims_and_no_others() {
        for (scope, want) in [
            ("openid", json!({})),
            ("openid read:messages", json!({})),
            (
                "openid email",
                json!({ "email": "ada@example.com", "email_verified": false }),
            ),
            (
                "openid profile",
                json!({
                    "name": "ada@example.com", "nickname": "ada", "updated_at": "2017-05-03T10:11:11.045Z",
                    "picture": "https://id.example.com/avatar.png",
                }),
            ),
            ("openid phone address", json!({})),
        ] {
            assert_eq!(told(&ada(), scope, Profile::Compat), want, "{scope}");
        }
    }

    #[test]
    fn a_strict_profile_writes_moments_as_numbers_and_makes_no_picture_up() {
        let claims = told(&ada(), "profile", Profile::Oidc);
        assert_eq!(claims["updated_at"], json!(1_493_806_271));
        assert_eq!(claims.get("picture"), None);
    }

    #[test]
    fn a_picture_of_ones_own_stays() {
        let mut user = ada();
        user.profile.picture = Some("https://example.com/ada.jpg".to_owned());
        for profile in [Profile::Compat, Profile::Legacy, Profile::Oidc] {
            let claims = told(&user, "profile", profile);
            assert_eq!(claims["picture"], "https://example.com/ada.jpg");
        }
    }
}
