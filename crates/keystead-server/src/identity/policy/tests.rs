//! Policies, each against what it takes and what it does not.

use keystead_protocol::{ids::ConnectionId, time::Timestamp};
use keystead_store::connections::{Connection, Options};

use super::*;

fn policy(options: Value) -> Policy {
    let id = ConnectionId::try_from("con_0123456789abcdef").unwrap();
    let strategy = "auth0".to_owned();
    let mut connection = Connection::new(id, "db".to_owned(), strategy, Timestamp::from_secs(0));
    connection.options = Options(options.as_object().unwrap().clone());
    Policy::of(&DatabaseOptions::of(&connection).unwrap())
}

fn named(name: &str) -> Policy {
    policy(json!({ "passwordPolicy": name }))
}

fn nobody() -> (Profile, UserMetadata) {
    (Profile::default(), UserMetadata::default())
}

#[test]
fn each_policy_takes_what_it_says_and_no_less() {
    for (name, password, want) in [
        ("none", "", false),
        ("none", "a", true),
        ("low", "abcde", false),
        ("low", "abcdef", true),
        ("fair", "Abcdef12", true),
        ("fair", "Abcdef1", false),
        ("fair", "abcdef12", false),
        ("fair", "ABCDEF12", false),
        ("fair", "Abcdefgh", false),
        ("good", "Abcdef12", true),
        ("good", "abcdef1!", true),
        ("good", "Abcdefg!", true),
        ("good", "ABCDEF1!", true),
        ("good", "abcdefg!", false),
        ("good", "Abcde1!", false),
        ("good", "пароль1!", true),
        ("excellent", "Abcdef123", false),
        ("excellent", "Abcdef1234", true),
        ("excellent", "Abccdef123", true),
        ("excellent", "Abcccdef12", false),
        ("excellent", "Abcdef12  ", true),
    ] {
        let report = named(name).report(password);
        assert_eq!(
            report.is_verified(),
            want,
            "{name}: {password:?}: {report:?}"
        );
    }
}

#[test]
fn a_length_of_its_own_takes_the_place_of_the_policys() {
    let own = |least: u32| {
        policy(json!({
            "passwordPolicy": "low", "password_complexity_options": { "min_length": least }
        }))
    };
    assert!(own(3).report("abc").is_verified());
    assert!(!own(12).report("abcdefghijk").is_verified());
    assert!(own(128).report(&"𐍈".repeat(128)).is_verified());
}

#[test]
fn a_password_beyond_the_limit_is_refused_and_not_cut() {
    let policy = named("low");
    assert!(policy.report(&"a".repeat(LONGEST)).is_verified());
    let report = policy.report(&"a".repeat(LONGEST + 1));
    assert_eq!(report.rules.last().unwrap().code, "lengthAtMost");
    assert!(!report.is_verified());
}

#[test]
fn the_report_has_the_shape_that_libraries_render() {
    let report = serde_json::to_value(named("excellent").report("aaa")).unwrap();
    assert_eq!(report["verified"], json!(false));
    let rules = report["rules"].as_array().unwrap();
    let shape: Vec<_> = rules
        .iter()
        .map(|rule| (&rule["code"], &rule["format"], &rule["verified"]))
        .collect();
    assert_eq!(
        json!(shape),
        json!([
            ["lengthAtLeast", [10], false],
            ["containsAtLeast", [3, 4], false],
            ["identicalChars", [2, "aaa"], false],
        ])
    );
    let items = rules[1]["items"].as_array().unwrap();
    let items: Vec<_> = items
        .iter()
        .map(|item| (&item["code"], &item["verified"]))
        .collect();
    assert_eq!(
        json!(items),
        json!([
            ["lowerCase", true],
            ["upperCase", false],
            ["numbers", false],
            ["specialCharacters", false],
        ])
    );
    let fair = serde_json::to_value(named("fair").report("")).unwrap();
    assert_eq!(fair["rules"][1]["code"], "shouldContain");
    assert_eq!(fair["rules"][1].get("format"), None);
}

#[test]
fn nobody_may_call_a_password_after_himself() {
    let policy = policy(json!({ "password_no_personal_info": { "enable": true } }));
    let (mut profile, mut user_metadata) = nobody();
    profile.name = Some("Ada King-Noel of X".to_owned());
    user_metadata.0.insert("last".to_owned(), json!("Lovelace"));
    let person = Person {
        email: "countess.ada@example.org",
        username: Some("enchantress"),
        profile: &profile,
        user_metadata: &user_metadata,
    };
    for (password, refused) in [
        ("Xx1!xxxxADAxx", true),
        ("Countess-1815", true),
        ("My.Enchantress1", true),
        ("noel-Xmas-1852", true),
        ("LOVELACE!1a", true),
        ("Example.org-1", false),
        ("of-X-to-Y-1of", false),
        ("Analytical-1843", false),
    ] {
        let judged = policy.judge_alone(&password.into(), &person);
        let want = if refused {
            Err(Weakness::PersonalInfo)
        } else {
            Ok(())
        };
        assert_eq!(judged, want, "{password}");
        assert_eq!(named("good").judge_alone(&password.into(), &person), Ok(()));
    }
}

#[tokio::test]
async fn common_passwords_are_refused_where_the_policy_says_so() {
    let policy = policy(json!({
        "passwordPolicy": "none",
        "password_dictionary": { "enable": true, "dictionary": ["Analytical-Engine-1843"] }
    }));
    let passwords = Passwords::for_this_machine();
    let home = std::net::IpAddr::from([192, 0, 2, 1]);
    for (password, refused) in [
        ("password1", true),
        ("P@ssw0rd", true),
        ("qwertyuiop", true),
        ("aaaaaaaaaaaa", true),
        ("19841984", true),
        ("analytical-engine-1843", true),
        ("correct horse battery staple", false),
        ("xK4-vault-Lantern", false),
        (&"a-long-one".repeat(30), false),
    ] {
        let given = Secret::from(password);
        let judged = policy.judge_common(&passwords, home, &given).await;
        assert_eq!(judged.unwrap().is_err(), refused, "{password}");
        let careless = named("excellent");
        let judged = careless.judge_common(&passwords, home, &given).await;
        assert_eq!(judged.unwrap(), Ok(()), "{password}");
    }
}

#[test]
fn history_is_bounded_and_off_unless_it_is_on() {
    for (options, want) in [
        (json!({}), 0),
        (json!({ "password_history": { "size": 3 } }), 0),
        (json!({ "password_history": { "enable": true } }), 5),
        (
            json!({ "password_history": { "enable": true, "size": 99 } }),
            24,
        ),
    ] {
        assert_eq!(policy(options.clone()).history(), want, "{options}");
    }
}
