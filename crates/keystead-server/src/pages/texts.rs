//! The texts of the pages: one catalogue for each language, addressed as Auth0's are — prompt, screen, key.

use std::{collections::HashMap, sync::LazyLock};

use super::{Locale, Screen};

/// Prompt → screen → key → text.
type Catalogue = HashMap<String, HashMap<String, HashMap<String, String>>>;

/// What every screen of a prompt, or of all prompts, may say.
const COMMON: &str = "common";

static EN: LazyLock<Catalogue> = LazyLock::new(|| read(Locale::En));
static DE: LazyLock<Catalogue> = LazyLock::new(|| read(Locale::De));

/// The text of a screen, or else of its prompt, or else of all prompts. Every key that a page asks for is in every catalogue: a test renders all
/// samples in all languages and sees to it. The key itself stands in for what would be missing.
pub(super) fn find(locale: Locale, screen: Screen, key: &str) -> &str {
    #[cfg(test)]
    asked::note(screen, key);
    let catalogue = catalogue(locale);
    places(screen)
        .into_iter()
        .find_map(|(prompt, screen)| {
            let text = catalogue.get(prompt)?.get(screen)?.get(key)?;
            Some(text.as_str())
        })
        .unwrap_or(key)
}

fn catalogue(locale: Locale) -> &'static Catalogue {
    match locale {
        Locale::En => &EN,
        Locale::De => &DE,
    }
}

/// Where the texts of a screen are looked for, nearest first.
fn places(screen: Screen) -> [(&'static str, &'static str); 3] {
    let Screen { prompt, name } = screen;
    [(prompt, name), (prompt, COMMON), (COMMON, COMMON)]
}

fn source(locale: Locale) -> &'static str {
    match locale {
        Locale::En => include_str!("../../locales/en.json"),
        Locale::De => include_str!("../../locales/de.json"),
    }
}

fn read(locale: Locale) -> Catalogue {
    serde_json::from_str(source(locale)).unwrap_or_else(|why| {
        tracing::error!(%locale, %why, "the catalogue of a language cannot be read");
        Catalogue::new()
    })
}

/// What the pages of this thread have asked for, so that a test can tell which texts nobody asks for.
#[cfg(test)]
mod asked {
    use std::{cell::RefCell, collections::BTreeSet};

    use super::Screen;

    thread_local! {
        static ASKED: RefCell<BTreeSet<(Screen, String)>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub(super) fn note(screen: Screen, key: &str) {
        ASKED.with_borrow_mut(|asked| asked.insert((screen, key.to_owned())));
    }

    pub(super) fn all() -> BTreeSet<(Screen, String)> {
        ASKED.with_borrow(Clone::clone)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{
        super::{samples, shown::placeholders},
        *,
    };

    /// A catalogue as it is written, so that a key that stands there twice is seen.
    fn flat(locale: Locale) -> BTreeMap<[String; 3], String> {
        let catalogue: Catalogue = serde_json::from_str(source(locale)).unwrap();
        let mut flat = BTreeMap::new();
        for (prompt, screens) in catalogue {
            for (screen, keys) in screens {
                for (key, text) in keys {
                    flat.insert([prompt.clone(), screen.clone(), key], text);
                }
            }
        }
        flat
    }

    #[test]
    fn no_text_is_written_twice() {
        for locale in Locale::ALL {
            let lines = source(locale).lines();
            let texts = lines.filter(|line| line.contains("\": \"")).count();
            assert_eq!(texts, flat(locale).len(), "{locale}: a key stands twice");
        }
    }

    #[test]
    fn every_text_is_asked_for_and_every_text_asked_for_is_there() {
        samples::render_all();
        let asked = asked::all();
        for locale in Locale::ALL {
            let mut unused: BTreeSet<[String; 3]> = flat(locale).into_keys().collect();
            let there = unused.clone();
            let mut missing = Vec::new();
            for (screen, key) in &asked {
                let found = places(*screen)
                    .map(|(prompt, screen)| [prompt, screen, key].map(str::to_owned))
                    .into_iter()
                    .find(|address| there.contains(address));
                match found {
                    Some(address) => {
                        unused.remove(&address);
                    }
                    None => missing.push((screen, key)),
                }
            }
            assert!(missing.is_empty(), "{locale}: missing {missing:#?}");
            assert!(unused.is_empty(), "{locale}: nobody asks for {unused:#?}");
        }
    }

    #[test]
    fn every_language_says_the_same() {
        let english = flat(Locale::En);
        for locale in Locale::ALL {
            let other = flat(locale);
            let (a, b): (Vec<_>, Vec<_>) = (english.keys().collect(), other.keys().collect());
            assert_eq!(a, b, "{locale}");
            for (address, text) in &english {
                let translated = &other[address];
                assert_eq!(
                    placeholders(text),
                    placeholders(translated),
                    "{locale} {address:?}"
                );
                assert!(
                    !translated.trim().is_empty(),
                    "{locale} {address:?} is empty"
                );
                let same =
                    locale != Locale::En && text == translated && !ALIKE.contains(&text.as_str());
                assert!(!same, "{locale} {address:?} is not translated: {text}");
            }
        }
    }

    /// What is the same in German.
    const ALIKE: &[&str] = &["${companyName}", "${clientName}"];
}
