//! What the reader of the tour sees, and the count of what did not come out as it should.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use super::events::Event;
use super::json;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const PLAIN: &str = "\x1b[0m";

/// How much of an event is shown: up to its text, and a little more.
const EVENT_CHARS: usize = 90;

/// Standard output. If nobody reads it any more, there is nobody to tell.
pub struct Screen {
    output: io::Stdout,
    has_colours: bool,
    steps: u32,
    checks: u32,
    failures: u32,
}

impl Screen {
    /// Colours only for a terminal, and only if they are wanted (<https://no-color.org>).
    pub fn new() -> Self {
        let output = io::stdout();
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            has_colours: output.is_terminal() && !unwanted,
            output,
            steps: 0,
            checks: 0,
            failures: 0,
        }
    }

    /// Whether each check so far has held.
    pub fn has_passed(&self) -> bool {
        self.failures == 0
    }

    /// The title of the whole.
    pub fn title(&mut self, text: &str) {
        let text = self.styled(BOLD, text);
        self.line(&text);
    }

    /// The heading of the next step.
    pub fn step(&mut self, heading: &str) {
        self.steps += 1;
        let text = self.styled(BOLD, &format!("{}. {heading}", self.steps));
        self.line(&format!("\n{text}"));
    }

    /// A sentence that explains.
    pub fn say(&mut self, text: &str) {
        self.line(text);
    }

    /// A remark next to an answer.
    pub fn note(&mut self, text: &str) {
        let text = self.styled(DIM, text);
        self.line(&text);
    }

    /// A command as one would type it.
    pub fn command(&mut self, text: &str) {
        let text = self.styled(BOLD, text);
        self.line(&format!("$ {text}"));
    }

    /// What a program or the gateway printed.
    pub fn answer(&mut self, text: &dyn Display) {
        self.line(&text.to_string());
    }

    /// An event of a stream, and how long after the first byte it came.
    pub fn event(&mut self, after: Duration, event: &Event) {
        let data = match event.json() {
            Some(data) => format!("data: {}", json::without_filter_results(data)),
            None => event.text().to_owned(),
        };
        let time = self.styled(DIM, &format!("{:.2} s", after.as_secs_f64()));
        let cut: String = data.chars().take(EVENT_CHARS).collect();
        let more = if cut.len() < data.len() { "…" } else { "" };
        self.line(&format!("{time}  {cut}{more}"));
    }

    /// Checks that `what` is as expected, and says so.
    pub fn expect<T: PartialEq + Display>(&mut self, what: &str, got: T, expected: T) {
        let shown = |value: &T| match value.to_string() {
            empty if empty.is_empty() => "none".to_owned(),
            text => text,
        };
        match got == expected {
            true => self.check(&format!("{what}: {}", shown(&got)), true),
            false => {
                let (got, expected) = (shown(&got), shown(&expected));
                self.check(&format!("{what}: expected {expected}, got {got}"), false);
            }
        }
    }

    /// Says whether a check holds.
    pub fn check(&mut self, what: &str, holds: bool) {
        self.checks += 1;
        match holds {
            true => {
                let tick = self.styled(GREEN, "✓");
                self.line(&format!("{tick} {what}"));
            }
            false => self.fail(&what),
        }
    }

    /// Says what went wrong.
    pub fn fail(&mut self, what: &dyn Display) {
        self.failures += 1;
        let cross = self.styled(RED, &format!("✗ {what}"));
        self.line(&cross);
    }

    /// The last line of the tour.
    pub fn verdict(&mut self) {
        let text = match self.failures {
            0 => self.styled(GREEN, &format!("✓ all {} checks hold", self.checks)),
            failures => self.styled(RED, &format!("✗ {failures} failures")),
        };
        self.line(&format!("\n{text}"));
    }

    fn line(&mut self, text: &str) {
        // Flushed, so that a stream is seen as it comes even through a pipe.
        let _ = writeln!(self.output, "{text}").and_then(|()| self.output.flush());
    }

    fn styled(&self, style: &str, text: &str) -> String {
        match self.has_colours {
            true => format!("{style}{text}{PLAIN}"),
            false => text.to_owned(),
        }
    }
}
