//! How fast one address may ask for pages.

use crate::house::{Engine, House};

#[tokio::test]
async fn who_asks_too_fast_for_pages_is_told_so_calmly() {
    let house = House::begun_with(Engine::Sqlite, &[("LIMITS__REQUESTS_PER_SECOND", "1")]).await;
    let visitor = house.visitor();
    for path in [
        "/authorize",
        "/u/login",
        "/v2/logout",
        "/oidc/logout",
        "/u/setup",
    ] {
        let answer = visitor.gets(path).await;
        assert_ne!(answer.status, 429, "{path}: {}", answer.short());
    }
    let answer = visitor.gets("/authorize").await;
    assert_eq!(answer.status, 429, "{}", answer.short());
    assert_eq!(answer.header("retry-after"), "1");
    assert!(answer.header("content-type").starts_with("text/html"));
    assert!(answer.body.contains("too_many_requests"));
    assert_eq!(visitor.gets("/.well-known/jwks.json").await.status, 200);
}
