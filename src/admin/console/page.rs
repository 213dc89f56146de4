//! From sections to HTML. The one place where texts get onto the page: each is escaped.

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior, context};

use super::asked::Form;
use super::table::Section;
use crate::printable::printable;

const PAGE: &str = "page.html";
const TEMPLATES: [(&str, &str); 3] = [
    (PAGE, include_str!("templates/page.html")),
    ("form.html", include_str!("templates/form.html")),
    ("table.html", include_str!("templates/table.html")),
];

/// What stands at the top.
pub(super) struct Head {
    /// Whether requests are served, in words, and whether they are.
    pub(super) state: (String, bool),
    /// What is wrong while they are, a line each.
    pub(super) concerns: Vec<String>,
    /// When the page was made.
    pub(super) made: String,
    /// The form; `Err` is what is wrong with what was asked for.
    pub(super) form: Result<Form, String>,
}

/// Writes the page.
///
/// # Errors
/// The templates'.
pub(super) fn render(head: &Head, sections: &[Section]) -> Result<String, Error> {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_formatter(write);
    for (name, template) in TEMPLATES {
        templates.add_template(name, template)?;
    }
    let (state, is_well) = &head.state;
    templates.get_template(PAGE)?.render(context! {
        version => env!("CARGO_PKG_VERSION"),
        state,
        is_well,
        concerns => &head.concerns,
        made => &head.made,
        form => head.form.as_ref().ok().map(|it| Value::from(Serde(it))),
        wrong => head.form.as_ref().err(),
        sections => Value::from(Serde(sections)),
    })
}

/// Escapes for HTML what is printed, without what turns the direction of letters around.
fn write(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    match value.as_str().map(printable) {
        Some(std::borrow::Cow::Owned(text)) => {
            minijinja::escape_formatter(out, state, &Value::from(text))
        }
        _ => minijinja::escape_formatter(out, state, value),
    }
}

#[cfg(test)]
mod tests {
    use time::{Date, Month};

    use super::*;
    use crate::admin::console::asked::Asked;
    use crate::admin::console::table::{Cell, Column, Table};

    const HOSTILE: &str =
        "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>\u{202e}\u{1b}\0{{ 7*7 }}";

    fn table() -> Table {
        Table {
            caption: HOSTILE.to_owned(),
            columns: vec![Column::text(HOSTILE), Column::number(HOSTILE)],
            rows: vec![vec![
                Cell::text(HOSTILE).with_detail(HOSTILE),
                Cell::state(HOSTILE, false),
            ]],
            totals: vec![vec![Cell::text(HOSTILE), Cell::count(1_234)]],
            empty: HOSTILE.to_owned(),
            more: Some(HOSTILE.to_owned()),
        }
    }

    fn head(query: &str) -> Head {
        let today = Date::from_calendar_date(2026, Month::November, 28).expect("a date");
        let asked = Asked::read(Some(query), today);
        Head {
            state: (HOSTILE.to_owned(), false),
            concerns: vec![HOSTILE.to_owned()],
            made: "now".to_owned(),
            form: asked.map(|it| it.form([HOSTILE.to_owned()])),
        }
    }

    fn page(head: &Head) -> String {
        let empty = Table {
            rows: Vec::new(),
            totals: Vec::new(),
            ..table()
        };
        let section = Section {
            id: "usage",
            title: "Usage",
            notes: vec![HOSTILE.to_owned()],
            tables: vec![table(), empty],
        };
        render(head, &[section]).expect("a page")
    }

    #[test]
    fn nothing_of_a_hostile_text_is_more_than_text() {
        let query =
            "client=%3Cscript%3Ealert(1)%3C/script%3E%22%27%26%3Cimg+src=x+onerror=alert(1)%3E";
        for html in [
            page(&head(query)),
            page(&head("by=%3Cscript%3E%22onload%3D")),
        ] {
            let lower = html.to_ascii_lowercase();
            for forbidden in [
                "<script",
                "<img",
                "javascript:",
                "style=",
                "49",
                "\u{202e}",
                "\u{1b}",
                "\0",
            ] {
                assert!(!lower.contains(forbidden), "{forbidden}: {html}");
            }
            // An attribute that begins in no tag is text; within a tag its quote would have to be there.
            assert!(!html.contains("\"'&<"), "{html}");
            assert!(
                html.contains("&lt;script&gt;"),
                "it is shown as what it is: {html}"
            );
        }
    }

    #[test]
    fn the_page_can_be_read_without_seeing_it() {
        let html = page(&head("client=app"));
        assert!(
            html.starts_with("<!doctype html>\n<html lang=\"en\">"),
            "{html}"
        );
        for part in [
            "<title>",
            "<main id=\"main\"",
            "<h1>",
            "<nav aria-label=",
            "href=\"#main\"",
            "<h2 id=\"usage-title\">",
            "name=\"viewport\"",
            "name=\"color-scheme\" content=\"light dark\"",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let count = |what: &str| html.matches(what).count();
        assert_eq!(count("<h1>"), 1);
        assert_eq!(count("<table"), count("<caption"));
        assert_eq!(count("<th "), count("<th scope="));
        assert_eq!(count("<label for="), count("<select") + count("<input"));
        assert_eq!(count("<section aria-labelledby="), count("<h2 "));
    }

    #[test]
    fn what_was_asked_for_is_in_the_form_and_what_is_wrong_with_it_is_said() {
        let html = page(&head("client=app&by=model&from=2026-11-01"));
        for part in [
            "value=\"app\"",
            "<option value=\"model\" selected>",
            "value=\"2026-11-01\"",
            "value=\"2026-11-28\"",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let html = page(&head("by=xyz"));
        assert!(
            html.contains("role=\"alert\"") && html.contains("by: write one of"),
            "{html}"
        );
        assert!(html.contains("href=\"?\""), "a way back: {html}");
    }
}
