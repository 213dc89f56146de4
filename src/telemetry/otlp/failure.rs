//! Why something was not taken, in words that have nothing of the collector's in them: what it says may be anything.

use std::error::Error;

/// What TLS says, and what that means for whoever has set the variables. The first that fits is meant.
const OF_TLS: [(&str, &str); 7] = [
    (
        "invalid peer certificate: UnknownIssuer",
        "no authority that is trusted has signed the collector's certificate: is it in OTEL_EXPORTER_OTLP_CERTIFICATE?",
    ),
    (
        "invalid peer certificate: certificate expired",
        "the collector's certificate has expired",
    ),
    (
        "invalid peer certificate: certificate not valid yet",
        "the collector's certificate is not valid yet",
    ),
    (
        "invalid peer certificate: certificate not valid for name",
        "the collector's certificate is for another name than the endpoint's",
    ),
    (
        "invalid peer certificate",
        "the collector's certificate is not valid",
    ),
    (
        "received fatal alert: CertificateRequired",
        "the collector asks for a certificate: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    ),
    (
        "received fatal alert",
        "the collector does not accept tollgate's certificate, or its TLS",
    ),
];

/// What a text of a library says of TLS.
pub(super) fn of_tls(text: &str) -> Option<&'static str> {
    let mut known = OF_TLS.iter();
    known.find_map(|(said, means)| text.contains(said).then_some(*means))
}

/// An error with its causes.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{ServerName, UnixTime};
    use rustls::{AlertDescription, CertificateError};

    use super::*;

    #[test]
    fn what_tls_says_is_known_and_none_of_it_is_repeated() {
        let [then, now] =
            [1, 2].map(|s| UnixTime::since_unix_epoch(std::time::Duration::from_secs(s)));
        let expired = CertificateError::ExpiredContext {
            time: now,
            not_after: then,
        };
        let early = CertificateError::NotValidYetContext {
            time: then,
            not_before: now,
        };
        let other = CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("collector").expect("a name"),
            presented: vec!["s3cret".to_owned()],
        };
        for (error, means) in [
            (CertificateError::UnknownIssuer.into(), "OTLP_CERTIFICATE"),
            (expired.into(), "has expired"),
            (early.into(), "not valid yet"),
            (other.into(), "for another name"),
            (CertificateError::BadSignature.into(), "is not valid"),
            (
                rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
                "CLIENT_CERTIFICATE",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::UnknownCA),
                "does not accept",
            ),
        ] {
            let error = std::io::Error::other(error);
            let words = of_tls(&causes(&error)).expect("it is known");
            assert!(words.contains(means), "{error}: {words}");
            assert!(!words.contains("s3cret"), "{words}");
        }
        assert_eq!(of_tls("connection refused"), None);
    }
}
