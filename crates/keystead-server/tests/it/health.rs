//! What machines that look after machines hear.

use crate::house::House;

#[tokio::test]
async fn alive_ready_and_who() {
    let house = House::new();
    let probe = house.visitor();
    assert_eq!(
        probe.gets("/healthz").await.short(),
        r#"200 {"status":"ok"}"#
    );
    assert_eq!(
        probe.gets("/readyz").await.short(),
        r#"200 {"status":"ready"}"#
    );
    let version = format!(
        r#"200 {{"name":"keystead","version":"{}"}}"#,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(probe.gets("/version").await.short(), version);
}

#[tokio::test]
async fn a_closed_store_is_not_ready_but_alive() {
    let house = House::new();
    house.services.store.close();
    let probe = house.visitor();
    assert_eq!(
        probe.gets("/readyz").await.short(),
        r#"503 {"status":"unavailable"}"#
    );
    assert_eq!(
        probe.gets("/healthz").await.short(),
        r#"200 {"status":"ok"}"#
    );
}

#[tokio::test]
async fn whoever_leaves_wants_no_more_work() {
    let house = House::new();
    house.services.readiness.leave();
    assert_eq!(
        house.visitor().gets("/readyz").await.short(),
        r#"503 {"status":"leaving"}"#
    );
}
