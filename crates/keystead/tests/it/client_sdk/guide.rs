//! The guided page, as an app whose callback any other page can lead to.

use keystead_client::reqwest::{Url, header};

use super::{Demo, Person};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guided_pages_sign_in_outlives_a_forged_callback() {
    let demo = Demo::starts();
    let mut ada = Person::of(&demo);
    ada.sends(&demo.site, None).await;
    let sign_in = demo.site.join("sign-in").unwrap();
    let begun = ada.sends(&sign_in, Some(String::new())).await;
    let hosted = begun.headers()[header::LOCATION].to_str().unwrap();

    let forged = demo.site.join("callback?code=eves&state=eves").unwrap();
    ada.sends(&forged, None).await;
    let page = ada.sends(&demo.site, None).await.text().await.unwrap();
    assert!(page.contains("it belongs to another sign-in"), "{page}");

    let last = ada.walks(Url::parse(hosted).unwrap()).await;
    assert_eq!(last, demo.site);
    let page = ada.sends(&demo.site, None).await.text().await.unwrap();
    assert!(page.contains("Signed in as"), "{page}");
}
