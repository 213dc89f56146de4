//! Of which certificates a list speaks, and of which reasons (RFC 5280, sections 5.2.5 and 6.3.3).

use x509_cert::der::Decode;
use x509_cert::ext::pkix::crl::dp::{
    DistributionPoint, IssuingDistributionPoint, ReasonFlags, Reasons,
};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::name::RdnSequence;

use super::CrlError;

/// A name of a distribution point. Names are compared exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum PointName {
    /// A directory name, also one that was given relative to the issuer's.
    Directory(RdnSequence),
    /// A URI, as a rule.
    Other(GeneralName),
}

/// Where a certificate says that lists for it are, and for which reasons.
#[derive(Clone, Debug)]
pub(in super::super) struct Point {
    names: Vec<PointName>,
    reasons: ReasonFlags,
}

/// `issuingDistributionPoint`: without one, a list speaks of every certificate of its issuer.
#[derive(Debug)]
pub(super) struct Scope {
    /// As it was written: what tells scopes apart.
    der: Option<Vec<u8>>,
    /// The certificate must name one of these.
    names: Option<Vec<PointName>>,
    is_for_leaves_only: bool,
    is_for_authorities_only: bool,
    reasons: ReasonFlags,
}

/// Every reason that there is.
pub(super) fn all_reasons() -> ReasonFlags {
    ReasonFlags::full() - Reasons::Unused
}

impl Point {
    /// The points of a certificate that its own issuer's lists can be for: those of other issuers
    /// (`cRLIssuer`) are of indirect lists.
    pub(in super::super) fn of(points: &[DistributionPoint], issuer: &RdnSequence) -> Vec<Self> {
        let own = points.iter().filter(|point| point.crl_issuer.is_none());
        let named = own.filter_map(|point| Some((point, point.distribution_point.as_ref()?)));
        let read = named.map(|(point, name)| Self {
            names: names(name, issuer),
            reasons: point
                .reasons
                .map_or_else(all_reasons, |it| it & all_reasons()),
        });
        read.collect()
    }
}

/// The URIs of distribution points.
pub(in super::super) fn uris(points: &[DistributionPoint]) -> Vec<String> {
    let names = points
        .iter()
        .filter_map(|it| it.distribution_point.as_ref());
    let names = names.filter_map(|name| match name {
        DistributionPointName::FullName(names) => Some(names),
        DistributionPointName::NameRelativeToCRLIssuer(_) => None,
    });
    let uri = |name: &GeneralName| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str().to_owned()),
        _ => None,
    };
    names.flatten().filter_map(uri).collect()
}

fn names(name: &DistributionPointName, issuer: &RdnSequence) -> Vec<PointName> {
    match name {
        DistributionPointName::FullName(names) => {
            let names = names.iter().map(|name| match name {
                GeneralName::DirectoryName(name) => PointName::Directory(name.as_ref().clone()),
                name => PointName::Other(name.clone()),
            });
            names.collect()
        }
        DistributionPointName::NameRelativeToCRLIssuer(last) => {
            let mut whole = issuer.clone();
            whole.push(last.clone());
            vec![PointName::Directory(whole)]
        }
    }
}

impl Scope {
    /// Reads the extension's value.
    pub(super) fn read(der: Option<&[u8]>, issuer: &RdnSequence) -> Result<Self, CrlError> {
        let Some(der) = der else {
            return Ok(Self {
                der: None,
                names: None,
                is_for_leaves_only: false,
                is_for_authorities_only: false,
                reasons: all_reasons(),
            });
        };
        let point = IssuingDistributionPoint::from_der(der)?;
        if point.indirect_crl {
            return Err(CrlError::Unsupported("an indirect list".to_owned()));
        }
        if point.only_contains_attribute_certs {
            let what = "a list of attribute certificates";
            return Err(CrlError::Unsupported(what.to_owned()));
        }
        let reasons = point.only_some_reasons;
        Ok(Self {
            der: Some(der.to_vec()),
            names: point.distribution_point.map(|name| names(&name, issuer)),
            is_for_leaves_only: point.only_contains_user_certs,
            is_for_authorities_only: point.only_contains_ca_certs,
            reasons: reasons.map_or_else(all_reasons, |it| it & all_reasons()),
        })
    }

    /// The reasons of which a list of this scope speaks for a certificate; none where the certificate is
    /// not in it.
    pub(super) fn reasons_for(&self, is_authority: bool, points: &[Point]) -> ReasonFlags {
        let excludes = match is_authority {
            true => self.is_for_leaves_only,
            false => self.is_for_authorities_only,
        };
        if excludes {
            return ReasonFlags::default();
        }
        let Some(names) = &self.names else {
            return self.reasons;
        };
        let is_named = |point: &&Point| names.iter().any(|name| point.names.contains(name));
        let named = points.iter().filter(is_named);
        let reasons = named.fold(ReasonFlags::default(), |all, point| all | point.reasons);
        reasons & self.reasons
    }
}

impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}
