//! The certificate that Envoy shows to callers, where its files are visible here.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::finding::{Checks, Subject};
use super::patience::{LONGEST, in_words, of_files};
use crate::auth::certificate::{ServerCertificate, ServerKeyError};
use crate::envoy_config::Tls;
use crate::unix_time;

const SUBJECT: &str = "certificate of Envoy";
/// Certificates that are renewed by themselves are renewed earlier.
const WARNING: Duration = Duration::from_secs(14 * 24 * 3600);

/// Looks at the certificate and at its key.
pub(super) async fn examine(files: Tls) -> Checks {
    examine_within(LONGEST, files).await
}

async fn examine_within(longest: Duration, files: Tls) -> Checks {
    let shown = files.certificate.clone();
    let examined = of_files(longest, move || examine_files(&files)).await;
    examined.unwrap_or_else(|error| {
        let mut subject = Subject::new(SUBJECT);
        subject.error(
            "expiry",
            format!("{shown} or its key can't be read: {error}"),
            "see that `envoy.tls` has plain files, on a disk that answers",
        );
        subject.into_checks()
    })
}

fn examine_files(files: &Tls) -> Checks {
    let mut subject = Subject::new(SUBJECT);
    let (certificate, key) = (Path::new(&files.certificate), Path::new(&files.key));
    match std::fs::File::open(certificate) {
        Ok(_) => {}
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::PermissionDenied
            ) =>
        {
            let said = format!(
                "{} can't be read here: look at it where Envoy runs",
                files.certificate
            );
            subject.skipped("expiry", said);
            return subject.into_checks();
        }
        Err(error) => {
            let said = format!("{}: {error}", files.certificate);
            subject.error(
                "expiry",
                said,
                "see that `envoy.tls.certificate` is a PEM file",
            );
            return subject.into_checks();
        }
    }
    match ServerCertificate::read(certificate) {
        Ok(read) => {
            examine_validity(read.validity(), unix_time::now(), &mut subject);
            examine_key(&read, key, &mut subject);
        }
        Err(error) => {
            subject.error(
                "expiry",
                error,
                "see that `envoy.tls.certificate` is a PEM file",
            );
        }
    }
    subject.into_checks()
}

fn examine_validity((begin, end): (Duration, Duration), now: Duration, subject: &mut Subject) {
    let left = end.saturating_sub(now);
    if begin > now {
        let wait = in_words(begin.saturating_sub(now));
        subject.error(
            "expiry",
            format!("it is not valid yet, but in {wait}"),
            "give Envoy a certificate that is valid now",
        );
    } else if left.is_zero() {
        let ago = in_words(now.saturating_sub(end));
        subject.error(
            "expiry",
            format!("it expired {ago} ago: callers can't connect"),
            "renew it; Envoy reads the file when it starts",
        );
    } else if left < WARNING {
        subject.warning(
            "expiry",
            format!("it expires in {}", in_words(left)),
            "renew it; Envoy reads the file when it starts",
        );
    } else {
        subject.ok("expiry", format!("it is valid for {}", in_words(left)));
    }
}

fn examine_key(certificate: &ServerCertificate, key: &Path, subject: &mut Subject) {
    let shown = key.display();
    match certificate.is_of_key(key) {
        Ok(true) => subject.ok("key", format!("{shown} is its key")),
        Ok(false) => subject.error(
            "key",
            format!("{shown} is the key of another certificate: Envoy does not start with it"),
            "set `envoy.tls` to a certificate and its own key",
        ),
        Err(ServerKeyError::Unreadable(_)) => {
            let said = format!("{shown} can't be read here: look at it where Envoy runs");
            subject.skipped("key", said);
        }
        Err(ServerKeyError::NoKey) => subject.error(
            "key",
            format!("{shown}: {}", ServerKeyError::NoKey),
            "see that `envoy.tls.key` is a PEM file with an RSA, ECDSA or Ed25519 key, without a password",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Outcome;

    #[test]
    fn a_certificate_is_early_good_soon_over_or_over() {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let now = DAY * 1000;
        for (begin, end, result) in [
            (now - DAY, now + DAY * 90, Outcome::Ok),
            (now - DAY, now + DAY * 13, Outcome::Warning),
            (now - DAY * 2, now - DAY, Outcome::Error),
            (now + DAY, now + DAY * 90, Outcome::Error),
        ] {
            let mut subject = Subject::new("a");
            examine_validity((begin, end), now, &mut subject);
            assert_eq!(subject.into_checks()[0].result, result, "{begin:?} {end:?}");
        }
    }

    #[test]
    fn a_file_that_never_ends_is_an_error() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().expect("a directory");
        let pipe = folder.path().join("tls.crt");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let name = pipe.display().to_string();
        let files = Tls {
            certificate: name.clone(),
            key: name.clone(),
        };
        let checks = runtime.block_on(examine_within(Duration::from_millis(10), files));
        // The thread still waits for somebody to write.
        runtime.shutdown_background();
        assert_eq!(checks.len(), 1, "{checks:?}");
        assert_eq!(checks[0].result, Outcome::Error);
        assert!(checks[0].message.starts_with(&name), "{checks:?}");
    }
}
