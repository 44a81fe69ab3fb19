//! The rules of a password policy as the sign-up and set-up pages show them beside the field.

use keystead_protocol::secret::Secret;
use serde_json::Value;

use crate::{
    identity::{
        database::DatabaseOptions,
        policy::{Policy, Weakness},
    },
    pages::{CharacterClass, PasswordRule, Verdict},
};

/// The rules of a connection: open before a password was tried, then met or broken. `weakness` is why the password was
/// refused, where the password itself does not show it.
pub(super) fn shown(
    options: &DatabaseOptions,
    tried: Option<&Secret>,
    weakness: Option<&Weakness>,
) -> Vec<PasswordRule> {
    let verdict = |kept: bool| match (tried, kept) {
        (None, _) => Verdict::Open,
        (Some(_), true) => Verdict::Met,
        (Some(_), false) => Verdict::Broken,
    };
    let report = Policy::of(options).report(tried.map_or("", Secret::expose));
    let report = serde_json::to_value(report).unwrap_or_default();
    let rules = report["rules"].as_array().into_iter().flatten();
    let mut shown: Vec<PasswordRule> = rules.filter_map(|rule| one(rule, &verdict)).collect();
    let on = |switch: Option<bool>| switch.unwrap_or(false);
    let dictionary = options.password_dictionary.as_ref();
    if on(dictionary.and_then(|dictionary| dictionary.enable)) {
        let broken = matches!(weakness, Some(Weakness::Dictionary));
        shown.push(PasswordRule::NotCommon(verdict(!broken)));
    }
    if on(options
        .password_no_personal_info
        .and_then(|info| info.enable))
    {
        let broken = matches!(weakness, Some(Weakness::PersonalInfo));
        shown.push(PasswordRule::NoUserInformation(verdict(!broken)));
    }
    shown
}

/// A rule of the report that Auth0's libraries are given, in the words of the pages. One that they have no words for is
/// said by the page's own sentence alone.
fn one(rule: &Value, verdict: &impl Fn(bool) -> Verdict) -> Option<PasswordRule> {
    let kept = |rule: &Value| verdict(rule["verified"].as_bool().unwrap_or(false));
    let number = || {
        rule["format"][0]
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
    };
    let classes = || -> Vec<(CharacterClass, Verdict)> {
        let items = rule["items"].as_array().into_iter().flatten();
        items
            .filter_map(|item| Some((class(item["code"].as_str()?)?, kept(item))))
            .collect()
    };
    match rule["code"].as_str()? {
        "lengthAtLeast" => Some(PasswordRule::LengthAtLeast(number()?, kept(rule))),
        "containsAtLeast" => Some(PasswordRule::ContainsAtLeast(
            number()?,
            classes(),
            kept(rule),
        )),
        "shouldContain" => {
            let all = classes();
            let count = u32::try_from(all.len()).ok()?;
            Some(PasswordRule::ContainsAtLeast(count, all, kept(rule)))
        }
        "identicalChars" => Some(PasswordRule::IdenticalChars(number()?, kept(rule))),
        _ => None,
    }
}

fn class(code: &str) -> Option<CharacterClass> {
    match code {
        "lowerCase" => Some(CharacterClass::LowerCase),
        "upperCase" => Some(CharacterClass::UpperCase),
        "numbers" => Some(CharacterClass::Numbers),
        "specialCharacters" => Some(CharacterClass::SpecialCharacters),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{CharacterClass as C, PasswordRule as R, Verdict as V, *};

    fn options(of: Value) -> DatabaseOptions {
        serde_json::from_value(of).unwrap()
    }

    #[test]
    fn every_rule_of_every_policy_is_shown() {
        for (policy, count) in [
            ("none", 1),
            ("low", 1),
            ("fair", 2),
            ("good", 2),
            ("excellent", 3),
        ] {
            let options = options(json!({ "passwordPolicy": policy }));
            assert_eq!(shown(&options, None, None).len(), count, "{policy}");
        }
    }

    #[test]
    fn rules_are_open_until_a_password_was_tried() {
        let options = options(json!({
            "passwordPolicy": "good",
            "password_dictionary": { "enable": true },
            "password_no_personal_info": { "enable": true },
        }));
        let classes = |verdicts: [V; 4]| {
            let all = [C::LowerCase, C::UpperCase, C::Numbers, C::SpecialCharacters];
            all.into_iter().zip(verdicts).collect::<Vec<_>>()
        };
        assert_eq!(
            shown(&options, None, None),
            [
                R::LengthAtLeast(8, V::Open),
                R::ContainsAtLeast(3, classes([V::Open; 4]), V::Open),
                R::NotCommon(V::Open),
                R::NoUserInformation(V::Open),
            ]
        );
        let tried = Secret::from("secret1");
        assert_eq!(
            shown(&options, Some(&tried), Some(&Weakness::Dictionary)),
            [
                R::LengthAtLeast(8, V::Broken),
                R::ContainsAtLeast(
                    3,
                    classes([V::Met, V::Broken, V::Met, V::Broken]),
                    V::Broken
                ),
                R::NotCommon(V::Broken),
                R::NoUserInformation(V::Met),
            ]
        );
    }

    #[test]
    fn all_of_three_classes_are_three_of_them() {
        let options = options(json!({ "passwordPolicy": "fair" }));
        let rules = shown(&options, Some(&"Abcdefg1".into()), None);
        let met = vec![
            (C::LowerCase, V::Met),
            (C::UpperCase, V::Met),
            (C::Numbers, V::Met),
        ];
        assert_eq!(rules[1], R::ContainsAtLeast(3, met, V::Met));
    }
}
