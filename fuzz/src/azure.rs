//! What Azure Monitor has counted, as its tools write it down.

use tollgate::usage::{AzureFiles, Period};

/// No count is negative, and a file that is added twice counts twice. Accepted is a file that has both metrics.
pub(crate) fn run(data: &[u8]) -> bool {
    let (mut once, mut twice) = (AzureFiles::default(), AzureFiles::default());
    let added = once.add(data, Period::ALL);
    assert_eq!(twice.add(data, Period::ALL).is_ok(), added.is_ok());
    if added.is_err() {
        return false;
    }
    let again = twice.add(data, Period::ALL);
    assert!(again.is_ok(), "the same file was read before");
    let (Ok(once), Ok(twice)) = (once.usage(), twice.usage()) else {
        return false;
    };
    assert_eq!(once.len(), twice.len());
    for (deployment, tokens) in once {
        let other = twice.get(&deployment).expect("the same deployments");
        for (one, two) in [(tokens.input, other.input), (tokens.output, other.output)] {
            assert!(one >= 0, "{deployment}: {one}");
            assert_eq!(two, one.saturating_mul(2), "{deployment}");
        }
    }
    true
}
