//! `content_log`: what is written, and what it means.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::audit::log_file;
use super::duration;
use super::problem::Problem;
use super::problems::{Problems, check_id, duplicate};
use super::spanned::Spanned;
use super::written::{ContentLog, File, Product, Redact, Sampled};
use crate::access::{Operation, Sampling};
use crate::content::{ContentRules, Redaction};
use crate::telemetry::LogFile;

const DEFAULT_MAX_CONTENT_BYTES: usize = 64 * 1024;
/// Less would be no more than the names of members.
const MIN_CONTENT_BYTES: usize = 256;
const MAX_CONTENT_BYTES: usize = 1024 * 1024;
/// Each of them reads every prompt and every answer.
const MAX_PATTERNS: usize = 100;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_AGE_DAYS: u32 = 999;
const ALL: f64 = 100.0;

/// The file; `None` where there is none. It must not be the audit log's: two would put it aside, and whoever may read
/// the one would read the other.
pub(super) fn file(
    written: Option<&ContentLog>,
    audit: Option<&LogFile>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<LogFile> {
    let written = written?;
    let max_age = written.max_age.as_ref();
    let max_age = max_age.and_then(|it| max_age_of(it, problems));
    let (max_bytes, keep) = (written.max_bytes.as_ref(), written.keep.as_ref());
    let file = log_file(&written.file, max_bytes, keep, directory, problems);
    if audit.is_some_and(|audit| audit.path == file.path) {
        let message = "is the audit log's file already";
        let help = "give each log a file of its own";
        problems.push(Problem::at(written.file.referenced, message).help(help));
    }
    // One file a day.
    let days = |age: Duration| u32::try_from(age.as_secs().div_ceil(DAY.as_secs()));
    let days = max_age
        .and_then(|age| days(age).ok())
        .filter(|_| keep.is_none());
    Some(LogFile {
        max_age,
        keep: days.map_or(file.keep, |days| days.saturating_add(1)),
        ..file
    })
}

fn max_age_of(written: &Spanned<String>, problems: &mut Problems) -> Option<Duration> {
    let message = match duration::parse(&written.value) {
        Some(age) if (DAY..=MAX_AGE_DAYS * DAY).contains(&age) => return Some(age),
        Some(_) => format!("must be at least a day and at most {MAX_AGE_DAYS} days"),
        None => format!("`{}` is not a valid duration", written.value),
    };
    problems.push(Problem::at(written.referenced, message).help("write `30d`"));
    None
}

/// How prompts and answers are written.
pub(super) fn rules(written: Option<&ContentLog>, problems: &mut Problems) -> Arc<ContentRules> {
    let Some(written) = written else {
        return Arc::default();
    };
    let max_bytes = written.max_content_bytes.as_ref();
    let max_bytes = max_bytes.map_or(DEFAULT_MAX_CONTENT_BYTES, |it| {
        if !(MIN_CONTENT_BYTES..=MAX_CONTENT_BYTES).contains(&it.value) {
            let message = format!("must be from {MIN_CONTENT_BYTES} to {MAX_CONTENT_BYTES} bytes");
            problems.push(Problem::at(it.referenced, message));
        }
        it.value
    });
    Arc::new(ContentRules {
        max_bytes,
        redactions: redactions(&written.redact, problems),
    })
}

fn redactions(written: &[Redact], problems: &mut Problems) -> Vec<Redaction> {
    let mut names = HashMap::new();
    let mut redactions = Vec::new();
    for redact in written {
        check_id("pattern", &redact.name, problems);
        if let Some(first) = names.insert(&redact.name.value, redact.name.referenced) {
            problems.push(duplicate("pattern", &redact.name, first));
        }
        match Redaction::new(&redact.name.value, &redact.pattern.value) {
            Ok(redaction) => redactions.push(redaction),
            Err(error) => {
                let problem = Problem::at(redact.pattern.referenced, error.to_string());
                problems.push(problem.help("the syntax is in docs/content-log.md"));
            }
        }
    }
    if let Some(more) = written.get(MAX_PATTERNS) {
        let message = format!("there may be {MAX_PATTERNS} patterns");
        problems.push(Problem::at(more.name.referenced, message));
    }
    redactions
}

/// Which of a product's requests are in the log; `None`: none.
pub(super) fn sampling(
    written: Option<&Spanned<Sampled>>,
    log: Option<&ContentLog>,
    problems: &mut Problems,
) -> Option<Sampling> {
    let written = written?;
    if log.is_none() {
        let message = "there is no `content_log` for it to be written to";
        let help = "say where: `content_log: { file: /var/log/tollgate/content.jsonl }`";
        problems.push(Problem::at(written.referenced, message).help(help));
    }
    let percent = written.value.percent.as_ref();
    let sampling = Sampling::percent(percent.map_or(ALL, |it| it.value));
    if let (None, Some(percent)) = (sampling, percent) {
        let message = "must be above 0 and at most 100";
        let help = "remove `content_log` here to log nothing of this product";
        problems.push(Problem::at(percent.referenced, message).help(help));
    }
    sampling
}

/// What is logged, which nobody should learn by chance, and what is not.
pub(super) fn warnings(file: &File) -> Problems {
    let mut warnings = Problems::new();
    for product in &file.products {
        if let Some(written) = &product.content_log {
            let message = format!(
                "prompts and answers of product `{}` are written to a file",
                product.id.value
            );
            let help = "tell its users; whoever reads the file reads what they have asked";
            warnings.push(Problem::at(written.referenced, message).help(help));
            warnings.extend(unseen(product, written));
        }
    }
    if let Some(log) = &file.content_log
        && file.products.iter().all(|it| it.content_log.is_none())
    {
        let message = "the content log is unused: no product has `content_log`";
        let help = "write `content_log: {}` in a product, or remove it";
        warnings.push(Problem::at(log.file.referenced, message).help(help));
    }
    warnings
}

/// What a product has that comes round the log.
fn unseen(product: &Product, written: &Spanned<Sampled>) -> Option<Problem> {
    let has = |operation| {
        let mut operations = product.operations.value.iter();
        operations.any(|it| it.value == operation)
    };
    let unseen = [
        (product.background, "answers in the background"),
        (has(Operation::Batches), "batches"),
        (has(Operation::Realtime), "realtime sessions"),
    ];
    let unseen: Vec<_> = unseen.iter().filter(|it| it.0).map(|it| it.1).collect();
    let message = format!("{} are not in the content log", unseen.join(", "));
    let help = "give them to another product where the log has to have everything";
    (!unseen.is_empty()).then(|| Problem::at(written.referenced, message).help(help))
}

#[cfg(test)]
mod tests {
    use super::DAY;
    use crate::config::Config;
    use crate::config::tests::{GOOD, parse, warned};

    const LOG: &str = "content_log: { file: c }";
    /// The log, what a product has, and what is wrong.
    const MISTAKES: [(&str, &str, &str); 15] = [
        (
            "audit: { file: ./c }\ncontent_log: { file: c }",
            "",
            "the audit log's file already",
        ),
        ("", ", content_log: {}", "no `content_log` for it"),
        (
            LOG,
            ", content_log: { percent: 0 }",
            "above 0 and at most 100",
        ),
        (
            LOG,
            ", content_log: { percent: 101 }",
            "above 0 and at most 100",
        ),
        (
            LOG,
            ", content_log: { sample: 5 }",
            "there is no member `sample`",
        ),
        (
            "content_log: { file: '' }",
            "",
            "must be the path of a file",
        ),
        (
            "content_log: { file: c, max_bytes: 9 }",
            "",
            "at least 65536 bytes",
        ),
        ("content_log: { file: c, keep: 1001 }", "", "at most 1000"),
        (
            "content_log: { file: c, max_age: 1h }",
            "",
            "at least a day",
        ),
        (
            "content_log: { file: c, max_age: never }",
            "",
            "not a valid duration",
        ),
        (
            "content_log: { file: c, max_content_bytes: 9 }",
            "",
            "from 256 to 1048576 bytes",
        ),
        (
            "content_log: { file: c, redact: [ { name: a, pattern: '(' } ] }",
            "",
            "unclosed group",
        ),
        (
            "content_log: { file: c, redact: [ { name: a, pattern: '.*' } ] }",
            "",
            "the empty text",
        ),
        (
            "content_log: { file: c, redact: [ { name: 'a b', pattern: x } ] }",
            "",
            "not a valid pattern id",
        ),
        (
            "content_log: { file: c, redact: [ { name: a, pattern: x }, { name: a, pattern: y } ] }",
            "",
            "duplicate pattern `a`",
        ),
    ];
    const PRODUCT: &str = "embeddings] }";

    fn config(log: &str, product: &str) -> Result<Config, String> {
        assert!(GOOD.contains(PRODUCT), "{GOOD}");
        let with = format!("embeddings]{product} }}");
        parse(&format!("{}{log}\n", GOOD.replacen(PRODUCT, &with, 1)))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_product_is_logged_where_both_say_so() {
        let log = "content_log: { file: content.jsonl, redact: [ { name: email, pattern: '\\S+@\\S+' } ] }";
        let config =
            config(log, ", content_log: { percent: 12.5 }").unwrap_or_else(|it| panic!("{it}"));
        let file = config.shown.content.as_ref().expect("a file");
        assert_eq!((file.keep, file.max_age), (5, None));
        assert!(file.path.ends_with("content.jsonl"));
        assert_eq!(config.policy.content.max_bytes, 65536);
        assert_eq!(config.policy.content.redactions.len(), 1);
        assert!(
            warned(&config)
                .iter()
                .any(|it| it.contains("prompts and answers of product `standard` are written"))
        );
    }

    #[test]
    fn a_file_a_day_is_kept_as_long_as_its_age_wants() {
        let config = config("content_log: { file: c, max_age: 30d }", "");
        let config = config.unwrap_or_else(|it| panic!("{it}"));
        let file = config.shown.content.expect("a file");
        assert_eq!((file.keep, file.max_age), (31, Some(30 * DAY)));
    }

    #[test]
    fn what_is_not_in_it_is_said() {
        let log = "content_log: { file: content.jsonl }";
        let unused = config(log, "").unwrap_or_else(|it| panic!("{it}"));
        assert!(
            warned(&unused)
                .iter()
                .any(|it| it.contains("the content log is unused"))
        );
        let asked = GOOD.replacen(PRODUCT, "embeddings, realtime], content_log: {} }", 1);
        let unseen = parse(&format!("{asked}{log}\n")).unwrap_or_else(|it| panic!("{it}"));
        let said = "realtime sessions are not in the content log";
        assert!(warned(&unseen).iter().any(|it| it.contains(said)));
    }

    #[test]
    fn mistakes_are_said() {
        for (log, product, reason) in MISTAKES {
            let error = config(log, product)
                .err()
                .unwrap_or_else(|| panic!("{log} {product} is good"));
            assert!(error.contains(reason), "{log} {product}: {error}");
        }
        let many = (0..101).map(|it| format!("{{ name: p{it}, pattern: x }}"));
        let many = many.collect::<Vec<_>>().join(", ");
        let error = config(
            &format!("content_log: {{ file: c, redact: [ {many} ] }}"),
            "",
        )
        .err();
        assert!(error.is_some_and(|it| it.contains("100 patterns")));
    }
}
