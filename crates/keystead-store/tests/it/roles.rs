//! Roles: what users may do is the union of what their roles and they themselves have, and no more.

use keystead_protocol::{
    ids::{ApiId, RoleId, UserId},
    scope::Scope,
};
use keystead_store::{
    Effect, Insert, Tx, apis,
    roles::{self, Addition, Assignment, Permission, Role, Update},
    users,
};

use crate::{
    Case,
    accounts::{MINUTE, scope},
    house::House,
};

pub const CASES: &[Case] = &[
    ("a role is found as it was created and changed", |house| {
        let mut role = new_role(house, "Editor «é»");
        role.description = Some("May edit".to_owned());
        assert_eq!(create(house, &role), Insert::Done);
        assert_eq!(found(house, &role.id), Some(role.clone()));
        house.advance(MINUTE);
        assert_eq!(update(house, &role.id, "Editors"), Update::Done);
        let changed = Role {
            name: "Editors".to_owned(),
            description: None,
            updated_at: house.now(),
            ..role.clone()
        };
        assert_eq!(found(house, &role.id), Some(changed));
    }),
    ("a role is found by its name, byte for byte", |house| {
        let id = role(house, "Owner");
        let by_name = |name: &'static str| house.read(move |tx| roles::by_name(tx, name)).unwrap();
        assert_eq!(by_name("Owner").map(|role| role.id), Some(id));
        assert_eq!(by_name("owner"), None);
        assert_eq!(by_name("Owner "), None);
    }),
    ("a name is taken, at creation and at a change", |house| {
        let (one, two) = (role(house, "one"), role(house, "two"));
        let before = house.contents();
        assert_eq!(create(house, &new_role(house, "one")), Insert::Taken);
        assert_eq!(update(house, &two, "one"), Update::NameTaken);
        assert_eq!(update(house, &fresh(house), "three"), Update::Unknown);
        assert_eq!(update(house, &fresh(house), "one"), Update::Unknown);
        assert_eq!(house.contents(), before);
        assert_eq!(update(house, &one, "one"), Update::Done);
        assert_eq!(create(house, &new_role(house, "One")), Insert::Done);
    }),
    ("of sixteen who create one name, one does", |house| {
        let roles: Vec<_> = (0..16).map(|_| new_role(house, "one")).collect();
        let answers = house.race(
            roles
                .into_iter()
                .map(|role| move |tx: &mut Tx<'_>| roles::create(tx, &role)),
        );
        let count = |wanted| {
            answers
                .iter()
                .filter(|answer| **answer == Ok(wanted))
                .count()
        };
        assert_eq!(
            (count(Insert::Done), count(Insert::Taken)),
            (1, 15),
            "{answers:?}"
        );
    }),
    ("lists go on from behind", |house| {
        let mut ids: Vec<RoleId> = (0..5).map(|n| role(house, &n.to_string())).collect();
        ids.sort();
        let page = |after: Option<RoleId>| {
            let page = house
                .read(move |tx| roles::list(tx, after.as_ref(), 3))
                .unwrap();
            page.into_iter().map(|role| role.id).collect::<Vec<_>>()
        };
        assert_eq!(page(None), ids[..3]);
        assert_eq!(page(Some(ids[2].clone())), ids[3..]);
        assert_eq!(page(Some(ids[4].clone())), []);
    }),
    (
        "permissions are added all or none, to a role and to a user",
        |house| {
            let (user, api) = (house.ada().id, house.api("https://api").id);
            let role = role(house, "one");
            let both = permissions(&api, "write:messages read:messages");
            let with_unknown = [both.clone(), permissions(&api, "fly")].concat();
            let unknown = Addition::UnknownPermission(with_unknown[2].clone());
            let before = house.contents();
            assert_eq!(add_to_role(house, &role, &with_unknown), unknown);
            assert_eq!(add_to_user(house, &user, &with_unknown), unknown);
            let other_api = permissions(
                &ApiId::generate(&mut *house.rng.borrow_mut()),
                "read:messages",
            );
            let unknown = Addition::UnknownPermission(other_api[0].clone());
            assert_eq!(add_to_role(house, &role, &other_api), unknown);
            assert_eq!(
                add_to_role(house, &fresh(house), &both),
                Addition::UnknownHolder
            );
            let nobody = "auth0|x".try_into().unwrap();
            assert_eq!(add_to_user(house, &nobody, &both), Addition::UnknownHolder);
            assert_eq!(house.contents(), before);

            let sorted = permissions(&api, "read:messages write:messages");
            for _ in 0..2 {
                assert_eq!(add_to_role(house, &role, &both), Addition::Done);
                assert_eq!(add_to_user(house, &user, &both), Addition::Done);
                assert_eq!(of_role(house, &role), sorted);
                assert_eq!(of_user_directly(house, &user), sorted);
            }
            let some = permissions(&api, "read:messages fly");
            let (id, mine, gone) = (role.clone(), user.clone(), some);
            house
                .write(move |tx| {
                    roles::remove_from_role(tx, &id, &gone)?;
                    roles::remove_from_user(tx, &mine, &gone)
                })
                .unwrap();
            assert_eq!(of_role(house, &role), sorted[1..]);
            assert_eq!(of_user_directly(house, &user), sorted[1..]);
        },
    ),
    (
        "a user may do what any role or the user may, at that API",
        |house| {
            let ada = house.ada();
            let eve = house.user(&house.connection("other"), "eve@x.org").id;
            let (api, other) = (house.api("https://api").id, house.api("https://other").id);
            let (reader, writer) = (role(house, "reader"), role(house, "writer"));
            assert_eq!(
                add_to_role(house, &reader, &permissions(&api, "read:messages")),
                Addition::Done
            );
            assert_eq!(
                add_to_role(house, &writer, &permissions(&other, "write:messages")),
                Addition::Done
            );
            assert_eq!(may(house, &ada.id, &api), scope(""));
            assert_eq!(assign(house, &ada.id, &reader), Assignment::Done);
            assert_eq!(assign(house, &ada.id, &writer), Assignment::Done);
            assert_eq!(may(house, &ada.id, &api), scope("read:messages"));
            assert_eq!(may(house, &ada.id, &other), scope("write:messages"));
            assert_eq!(
                add_to_user(
                    house,
                    &ada.id,
                    &permissions(&api, "read:messages write:messages")
                ),
                Addition::Done
            );
            assert_eq!(
                may(house, &ada.id, &api).to_string(),
                "read:messages write:messages"
            );
            assert_eq!(may(house, &eve, &api), scope(""));

            unassign(house, &ada.id, &writer);
            assert_eq!(may(house, &ada.id, &other), scope(""));
            let gone = reader.clone();
            assert_eq!(
                house.write(move |tx| roles::delete(tx, &gone)),
                Ok(Effect::Done)
            );
            assert_eq!(
                house.write(move |tx| roles::delete(tx, &reader)),
                Ok(Effect::Unknown)
            );
            assert_eq!(
                may(house, &ada.id, &api).to_string(),
                "read:messages write:messages"
            );
        },
    ),
    ("a scope that an API drops is nobody's any more", |house| {
        let (user, mut api) = (house.ada().id, house.api("https://api"));
        let role = role(house, "one");
        assert_eq!(
            add_to_role(
                house,
                &role,
                &permissions(&api.id, "read:messages write:messages")
            ),
            Addition::Done
        );
        assert_eq!(
            add_to_user(house, &user, &permissions(&api.id, "write:messages")),
            Addition::Done
        );
        assert_eq!(assign(house, &user, &role), Assignment::Done);
        api.scopes
            .retain(|defined| defined.value.as_str() == "read:messages");
        let (id, now) = (api.id.clone(), house.now());
        let answer = house.write(move |tx| apis::update(tx, &api, now));
        assert_eq!(answer, Ok(keystead_store::Update::Done));
        assert_eq!(may(house, &user, &id), scope("read:messages"));
        assert_eq!(of_user_directly(house, &user), []);
    }),
    ("roles are assigned once, to who exists", |house| {
        let (ada, role) = (house.ada().id, role(house, "one"));
        let before = house.contents();
        assert_eq!(assign(house, &ada, &fresh(house)), Assignment::UnknownRole);
        assert_eq!(
            assign(house, &"auth0|x".try_into().unwrap(), &role),
            Assignment::UnknownUser
        );
        assert_eq!(house.contents(), before);
        for _ in 0..2 {
            assert_eq!(assign(house, &ada, &role), Assignment::Done);
            assert_eq!(of_user(house, &ada), std::slice::from_ref(&role));
        }
        unassign(house, &ada, &role);
        unassign(house, &ada, &role);
        assert_eq!(of_user(house, &ada), []);
    }),
    (
        "the users of a role are listed from behind, and go with the user",
        |house| {
            let connection = house.connection("db");
            let role = role(house, "one");
            let mut ids: Vec<UserId> = (0..5)
                .map(|n| house.user(&connection, &format!("{n}@x.org")).id)
                .collect();
            ids.sort();
            for id in &ids {
                assert_eq!(assign(house, id, &role), Assignment::Done);
            }
            let page = |after: Option<&UserId>| {
                let (role, after) = (role.clone(), after.cloned());
                house
                    .read(move |tx| roles::users_of(tx, &role, after.as_ref(), 3))
                    .unwrap()
            };
            assert_eq!(page(None), ids[..3]);
            assert_eq!(page(Some(&ids[2])), ids[3..]);
            let gone = ids[4].clone();
            assert_eq!(
                house.write(move |tx| users::delete(tx, &gone)),
                Ok(Effect::Done)
            );
            assert_eq!(page(Some(&ids[2])), ids[3..4]);
        },
    ),
];

fn new_role(house: &House, name: &str) -> Role {
    Role {
        id: fresh(house),
        name: name.to_owned(),
        description: None,
        created_at: house.now(),
        updated_at: house.now(),
    }
}

fn fresh(house: &House) -> RoleId {
    RoleId::generate(&mut *house.rng.borrow_mut())
}

fn role(house: &House, name: &str) -> RoleId {
    let role = new_role(house, name);
    assert_eq!(create(house, &role), Insert::Done);
    role.id
}

fn create(house: &House, role: &Role) -> Insert {
    let role = role.clone();
    house.write(move |tx| roles::create(tx, &role)).unwrap()
}

fn update(house: &House, id: &RoleId, name: &'static str) -> Update {
    let (id, now) = (id.clone(), house.now());
    house
        .write(move |tx| roles::update(tx, &id, name, None, now))
        .unwrap()
}

fn found(house: &House, id: &RoleId) -> Option<Role> {
    let id = id.clone();
    house.read(move |tx| roles::find(tx, &id)).unwrap()
}

fn permissions(api: &ApiId, scopes: &str) -> Vec<Permission> {
    scope(scopes)
        .iter()
        .map(|scope| Permission {
            api: api.clone(),
            scope: scope.clone(),
        })
        .collect()
}

fn add_to_role(house: &House, role: &RoleId, permissions: &[Permission]) -> Addition {
    let (role, permissions) = (role.clone(), permissions.to_vec());
    house
        .write(move |tx| roles::add_to_role(tx, &role, &permissions))
        .unwrap()
}

fn add_to_user(house: &House, user: &UserId, permissions: &[Permission]) -> Addition {
    let (user, permissions) = (user.clone(), permissions.to_vec());
    house
        .write(move |tx| roles::add_to_user(tx, &user, &permissions))
        .unwrap()
}

fn of_role(house: &House, role: &RoleId) -> Vec<Permission> {
    let role = role.clone();
    house.read(move |tx| roles::of_role(tx, &role)).unwrap()
}

fn of_user_directly(house: &House, user: &UserId) -> Vec<Permission> {
    let user = user.clone();
    house
        .read(move |tx| roles::of_user_directly(tx, &user))
        .unwrap()
}

fn assign(house: &House, user: &UserId, role: &RoleId) -> Assignment {
    let (user, role) = (user.clone(), role.clone());
    house
        .write(move |tx| roles::assign(tx, &user, &role))
        .unwrap()
}

fn unassign(house: &House, user: &UserId, role: &RoleId) {
    let (user, role) = (user.clone(), role.clone());
    house
        .write(move |tx| roles::unassign(tx, &user, &role))
        .unwrap();
}

fn of_user(house: &House, user: &UserId) -> Vec<RoleId> {
    let user = user.clone();
    let roles = house.read(move |tx| roles::of_user(tx, &user)).unwrap();
    roles.into_iter().map(|role| role.id).collect()
}

fn may(house: &House, user: &UserId, api: &ApiId) -> Scope {
    let (user, api) = (user.clone(), api.clone());
    house
        .read(move |tx| roles::permissions_of(tx, &user, &api))
        .unwrap()
}
