//! What the granted scopes say of a user (OpenID Connect Core §5.4), at userinfo and in ID tokens.

use keystead_protocol::{
    profile::{Profile, TimeForm},
    scope::Scope,
    time::Timestamp,
};
use keystead_store::users::User;
use serde_json::{Map, Value, json};

/// The scopes that OpenID Connect defines; an API cannot define them for itself.
pub const OPENID_SCOPES: [&str; 6] = [
    "openid",
    "profile",
    "email",
    "address",
    "phone",
    "offline_access",
];

/// The claims of the granted scopes, `sub` not among them. What the record does not hold is left out, but for what old
/// mobile libraries cannot do without: a name, a nickname and a time of change.
pub fn of_scopes(user: &User, scope: &Scope, profile: Profile) -> Map<String, Value> {
    let mut claims = Map::new();
    let known = &user.profile;
    if scope.contains("profile") {
        let name = known
            .name
            .as_ref()
            .or(user.email.as_ref())
            .or(user.username.as_ref());
        put(&mut claims, "name", name);
        put(
            &mut claims,
            "nickname",
            known.nickname.clone().or_else(|| nickname(user)),
        );
        put(&mut claims, "given_name", known.given_name.as_ref());
        put(&mut claims, "family_name", known.family_name.as_ref());
        put(&mut claims, "middle_name", known.middle_name.as_ref());
        put(
            &mut claims,
            "preferred_username",
            known.preferred_username.as_ref().or(user.username.as_ref()),
        );
        put(&mut claims, "profile", known.profile.as_ref());
        put(&mut claims, "picture", known.picture.as_ref());
        put(&mut claims, "website", known.website.as_ref());
        put(&mut claims, "gender", known.gender.as_ref());
        put(&mut claims, "birthdate", known.birthdate.as_ref());
        put(&mut claims, "zoneinfo", known.zoneinfo.as_ref());
        put(&mut claims, "locale", known.locale.as_ref());
        claims.insert(
            "updated_at".to_owned(),
            moment(user.updated_at, profile.updated_at()),
        );
    }
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

/// Single claims that a client asked for by name (OpenID Connect Core §5.5), as far as the record holds them. Nobody may be
/// asked for what the user has not agreed to: that is for the caller to have seen to.
pub fn by_name(user: &User, names: &[String], profile: Profile) -> Map<String, Value> {
    if names.is_empty() {
        return Map::new();
    }
    let all = "profile email address phone".parse().unwrap_or_default();
    let mut claims = of_scopes(user, &all, profile);
    claims.retain(|name, _| names.contains(name));
    claims
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
                json!({ "name": "ada@example.com", "nickname": "ada", "updated_at": "2017-05-03T10:11:11.045Z" }),
            ),
            ("openid phone address", json!({})),
        ] {
            let claims = of_scopes(&ada(), &scope.parse().unwrap(), Profile::Compat);
            assert_eq!(Value::Object(claims), want, "{scope}");
        }
    }

    #[test]
    fn a_strict_profile_writes_moments_as_numbers() {
        let claims = of_scopes(&ada(), &"profile".parse().unwrap(), Profile::Oidc);
        assert_eq!(claims["updated_at"], json!(1_493_806_271));
    }
}
