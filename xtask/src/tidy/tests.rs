//! Each check on small trees (`cases.txt`): what it must object to, and what it must let pass.

use super::*;
use crate::tree::sketch;

struct Case<'a> {
    check: &'a str,
    sentence: &'a str,
    files: Vec<(&'a str, String)>,
    /// `path:line` of every objection, sorted.
    want: Vec<String>,
}

fn cases() -> Vec<Case<'static>> {
    let mut cases = Vec::new();
    for block in include_str!("cases.txt").split("\n== ").skip(1) {
        let (title, files) = block.split_once('\n').unwrap();
        let (check, sentence) = title.split_once(": ").unwrap();
        let mut case = Case {
            check,
            sentence,
            files: Vec::new(),
            want: Vec::new(),
        };
        for line in files.trim_end().lines() {
            // A path has a slash and no blank; an SQL comment has blanks.
            if let Some(path) = line
                .strip_prefix("-- ")
                .filter(|path| path.contains('/') && !path.contains(' '))
            {
                case.files.push((path, String::new()));
                continue;
            }
            let (path, text) = case.files.last_mut().unwrap();
            let code = line.strip_suffix(" //~");
            text.push_str(code.unwrap_or(line));
            text.push('\n');
            case.want
                .extend(code.map(|_| format!("{path}:{}", text.lines().count())));
        }
        case.want.sort();
        cases.push(case);
    }
    cases
}

#[test]
fn every_check_objects_where_it_must_and_nowhere_else() {
    for case in cases() {
        let files: Vec<(&str, &str)> = case
            .files
            .iter()
            .map(|(path, text)| (*path, text.as_str()))
            .collect();
        let check = CHECKS
            .iter()
            .find(|known| known.name == case.check)
            .unwrap();
        let mut found: Vec<String> = (check.find)(&sketch(&files))
            .iter()
            .map(|spot| format!("{}:{}", spot.path, spot.line))
            .collect();
        found.sort();
        assert_eq!(found, case.want, "{}: {}", case.check, case.sentence);
    }
}

#[test]
fn every_check_has_a_case_that_it_objects_to() {
    let cases = cases();
    let shown = |check: &Check| {
        cases
            .iter()
            .any(|case| case.check == check.name && !case.want.is_empty())
    };
    let bare: Vec<&str> = CHECKS
        .iter()
        .filter(|check| !shown(check))
        .map(|check| check.name)
        .collect();
    assert_eq!(bare, ["length"], "its cases are made below");
}

#[test]
fn a_file_of_401_lines_breaks_and_601_lines_of_tests_warn() {
    let lines = |count: usize| "//! a\n".repeat(count);
    let tests = |count: usize| {
        format!(
            "//! a\n#[cfg(test)]\nmod tests {{\n{}}}\n",
            "    // a\n".repeat(count)
        )
    };
    for (name, path, text, want) in [
        ("400 lines", "crates/a/src/a.rs", lines(400), None),
        (
            "401 lines",
            "crates/a/src/a.rs",
            lines(401),
            Some(Weight::Breaks),
        ),
        (
            "500 lines of tests in the file",
            "crates/a/src/a.rs",
            tests(500),
            None,
        ),
        (
            "600 lines of a test file",
            "crates/a/tests/a.rs",
            lines(600),
            None,
        ),
        (
            "601 lines of a test file",
            "crates/a/tests/a.rs",
            lines(601),
            Some(Weight::Warns),
        ),
    ] {
        let spots = prose::length(&sketch(&[(path, &text)]));
        assert!(spots.first().map(|spot| spot.weight) == want, "{name}");
    }
}

#[test]
fn a_module_declared_for_tests_is_test_code_in_its_own_file_too() {
    let tree = sketch(&[
        ("crates/a/src/lib.rs", "//! a\n#[cfg(test)]\nmod tests;\n"),
        ("crates/a/src/tests.rs", "//! a\nfn a() { println!() }\n"),
        (
            "crates/a/src/tests/deep.rs",
            "//! a\nfn a() { println!() }\n",
        ),
    ]);
    assert!(prose::prints(&tree).is_empty());
}
