//! `cargo xtask pages`: every hosted page in every state, photographed in Chromium and laid side by side.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::output::say;
use crate::{install, postgres};

/// A size of screen, and how much of it stands on the sheet.
struct Screen {
    width: u32,
    height: u32,
    /// Per cent of its size on the sheet.
    scale: u32,
    columns: u32,
}

const SCREENS: &[Screen] = &[
    Screen {
        width: 360,
        height: 780,
        scale: 50,
        columns: 12,
    },
    Screen {
        width: 1280,
        height: 860,
        scale: 25,
        columns: 8,
    },
];

/// What a reader may prefer, and how Chromium is told.
const SCHEMES: &[(&str, &str)] = &[
    ("light", "--blink-settings=preferredColorScheme=1"),
    ("dark", "--blink-settings=preferredColorScheme=0"),
];

/// The height of a caption, and the room between two pages.
const CAPTION: u32 = 22;
const ROOM: u32 = 12;

/// Writes the pages to `target/pages` and a contact sheet for each size of screen; photographs the sheets in light and in
/// dark, and with [`Detail::Each`] each page by itself too.
pub(crate) fn run(root: &Path, detail: Detail) -> Result<()> {
    install::debian()?;
    let folder = root.join("target/pages");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let pages = render(root, &folder)?;
    for screen in SCREENS {
        let sheet = folder.join(format!("sheet-{}.html", screen.width));
        std::fs::write(&sheet, screen.sheet(&pages))?;
        let (width, height) = screen.size_of_sheet(pages.len());
        for (scheme, setting) in SCHEMES {
            let photo = folder.join(format!("sheet-{}-{scheme}.png", screen.width));
            photograph(&sheet, &photo, (width, height), setting)?;
            say(&photo.display().to_string());
            if detail == Detail::Each {
                for page in &pages {
                    let name = page.trim_end_matches(".html");
                    let photo = folder.join(format!("{name}-{}-{scheme}.png", screen.width));
                    let size = (screen.width, screen.height);
                    photograph(&folder.join(page), &photo, size, setting)?;
                }
            }
        }
    }
    say(&format!("{} pages in {}", pages.len(), folder.display()));
    Ok(())
}

/// Whether each page gets a photograph of its own: a minute for every hundred.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    Sheets,
    Each,
}

/// Has the server's example write the pages, and gives back their names.
fn render(root: &Path, folder: &Path) -> Result<Vec<String>> {
    let output = Command::new("cargo")
        .args(["run", "--quiet", "--locked", "-p", "keystead-server"])
        .args(["--example", "pages", "--"])
        .arg(folder)
        .current_dir(root)
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the pages could not be written");
    }
    let names = String::from_utf8(output.stdout)?;
    Ok(names.lines().map(str::to_owned).collect())
}

impl Screen {
    fn size_on_sheet(&self) -> (u32, u32) {
        (
            self.width * self.scale / 100,
            self.height * self.scale / 100,
        )
    }

    fn size_of_sheet(&self, pages: usize) -> (u32, u32) {
        let (width, height) = self.size_on_sheet();
        let rows = u32::try_from(pages)
            .unwrap_or(u32::MAX)
            .div_ceil(self.columns);
        (
            self.columns * (width + ROOM) + ROOM,
            rows * (height + CAPTION + ROOM) + ROOM,
        )
    }

    /// A page of frames. It is written for a person at this checkout, so that it may have a style of its own.
    fn sheet(&self, pages: &[String]) -> String {
        let (width, height) = self.size_on_sheet();
        let mut sheet = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Keystead's pages, {w} wide</title>\n<style>\n\
             :root {{ color-scheme: light dark }}\n\
             body {{ margin: 0; padding: {ROOM}px; display: grid; gap: {ROOM}px; font: 11px/{CAPTION}px system-ui; \
             grid-template-columns: repeat({c}, {width}px) }}\n\
             figure {{ margin: 0; height: {total}px }}\n\
             figcaption {{ height: {CAPTION}px; overflow: hidden; white-space: nowrap }}\n\
             div {{ width: {width}px; height: {height}px; overflow: hidden; outline: 1px solid #8888 }}\n\
             iframe {{ width: {w}px; height: {h}px; border: 0; transform: scale(.{scale}); transform-origin: 0 0 }}\n\
             </style>\n",
            w = self.width,
            h = self.height,
            c = self.columns,
            scale = self.scale,
            total = height + CAPTION,
        );
        for page in pages {
            let name = page.trim_end_matches(".html");
            let _ = writeln!(
                sheet,
                "<figure><figcaption><a href=\"{page}\">{name}</a></figcaption><div><iframe src=\"{page}\" title=\"{name}\"></iframe></div></figure>"
            );
        }
        sheet
    }
}

fn photograph(page: &Path, photo: &Path, (width, height): (u32, u32), scheme: &str) -> Result<()> {
    let profile = Profile::new()?;
    let mut chromium = Command::new("chromium");
    chromium
        .args(["--headless", "--disable-gpu", "--hide-scrollbars", scheme])
        .args([
            "--allow-file-access-from-files",
            "--virtual-time-budget=20000",
        ])
        .arg(format!("--user-data-dir={}", profile.0.display()))
        .arg(format!("--window-size={width},{height}"))
        .arg(format!("--screenshot={}", photo.display()))
        .arg(format!("file://{}", page.display()));
    if postgres::is_root() {
        // Chromium's sandbox refuses to serve root, who needs none for pages of our own.
        chromium.arg("--no-sandbox");
    }
    let output = chromium.output().context("cannot run chromium")?;
    if !output.status.success() || !photo.is_file() {
        bail!(
            "no photograph of {}: {}",
            page.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

/// A profile of the browser's own, so that it neither finds nor disturbs another that is running.
struct Profile(PathBuf);

impl Profile {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("keystead-pages-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
