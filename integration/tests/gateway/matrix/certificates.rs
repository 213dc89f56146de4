//! The rows of client certificates.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, KeyUsagePurpose, NameConstraints, SanType, SerialNumber, date_time_ymd,
};
use serde_json::json;
use tempfile::TempDir;
use tollgate_integration::stack::{CHAT_PATH, Options, Stack};

use super::{ALLOWED, Attempt, How, Row};
use crate::pki::{Ca, Certified, FACTORY, ca_params, leaf_params, openssl_pki, self_signed};

/// Revoked by the authority `listed`.
const REVOKED: u64 = 9;

pub(super) struct World {
    stack: Stack,
    /// Its listener passes on what callers claim, as none should.
    careless: Stack,
    /// Of the authority `devices`, without lists.
    root: Ca,
    sub: Ca,
    /// Of the authority `listed`: each has another kind of list.
    listed: Ca,
    stale: Ca,
    forged: Ca,
    silent: Ca,
    openssl: TempDir,
    /// Only owned: the files of the authorities.
    _files: TempDir,
}

impl World {
    pub(super) async fn start() -> Self {
        let (files, openssl) = (folder(), folder());
        openssl_pki(openssl.path(), "rsa:1024");
        let (root, anchor) = (
            Ca::root(ca_params("root")),
            Ca::root(ca_params("listed root")),
        );
        let sub = root.intermediate(ca_params("sub"));
        let [listed, stale, forged, silent] = ["listed", "stale", "forged", "silent"]
            .map(|name| anchor.intermediate(ca_params(name)));
        let lists = [
            anchor.crl(1, &[], 2049),
            listed.crl(1, &[REVOKED], 2049),
            stale.crl(1, &[], 2025),
            Ca::root(ca_params("forged")).crl(1, &[], 2049),
        ];
        let write = |name: &str, text: &str| {
            let path = files.path().join(name);
            std::fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        let (root_file, anchor_file) = (
            write("root.pem", &root.pem),
            write("anchor.pem", &anchor.pem),
        );
        let (lists, openssl_root) = (
            write("lists.pem", &lists.concat()),
            openssl.path().join("root.pem"),
        );
        let authorities = format!(
            "certificate_authorities:
  - {{ name: devices, trust: [\"{root_file}\"], revocation: {{ crl: off }} }}
  - {{ name: listed, trust: [\"{anchor_file}\"], revocation: {{ crl: required, files: [\"{lists}\"] }} }}
  - {{ name: openssl, trust: [\"{}\"], revocation: {{ crl: off }} }}
clients:
  - id: factory-7
    credentials:
      - {{ certificate: {{ authority: devices, uri_san: \"{FACTORY}\" }} }}
      - {{ certificate: {{ authority: listed, uri_san: \"{FACTORY}\" }} }}
      - {{ certificate: {{ authority: openssl, uri_san: \"{FACTORY}\" }} }}
    products: [standard]
  - {{ id: by-dns, credentials: [ {{ certificate: {{ authority: devices, dns_san: both.example }} }} ], products: [standard] }}
  - {{ id: by-mail, credentials: [ {{ certificate: {{ authority: devices, email_san: both@acme.example }} }} ], products: [standard] }}
",
            openssl_root.display()
        );
        let options = |authorities: String| {
            Options::default().mtls().edit_config(move |yaml| {
                let listen = "\"127.0.0.1:0\", client_certificates: xfcc }";
                let yaml = yaml.replacen("\"127.0.0.1:0\" }", listen, 1);
                yaml.replacen("clients:\n", &authorities, 1)
            })
        };
        let careless = options(authorities.clone()).edit_envoy(|envoy| {
            envoy.connection_manager()["forward_client_cert_details"] =
                json!("ALWAYS_FORWARD_ONLY");
        });
        Self {
            stack: Stack::start(options(authorities)).await,
            careless: Stack::start(careless).await,
            root,
            sub,
            listed,
            stale,
            forged,
            silent,
            openssl,
            _files: files,
        }
    }

    fn ask(&self, certified: &Certified) -> Attempt<'_> {
        let client = self
            .stack
            .callers
            .with_certificate(&certified.chain, &certified.key);
        let client = client.expect("a client with a certificate");
        Attempt::new(&self.stack, client.post(self.stack.callers.url(CHAT_PATH)))
    }

    /// A leaf that is good but for a change.
    fn leaf(&self, change: impl FnOnce(&mut CertificateParams)) -> Attempt<'_> {
        let mut params = leaf_params(FACTORY);
        change(&mut params);
        self.ask(&self.sub.leaf(&params, &[&self.sub.pem]))
    }

    /// A good leaf of an intermediate that is good but for a change.
    fn below(&self, change: impl FnOnce(&mut CertificateParams)) -> Attempt<'_> {
        let mut params = ca_params("another sub");
        change(&mut params);
        let sub = self.root.intermediate(params);
        self.ask(&sub.leaf(&leaf_params(FACTORY), &[&sub.pem]))
    }

    /// A good leaf with a serial number, of an issuer that must have lists.
    fn of(&self, ca: &Ca, serial: u64) -> Attempt<'_> {
        let mut params = leaf_params(FACTORY);
        params.serial_number = Some(SerialNumber::from(serial));
        self.ask(&ca.leaf(&params, &[&ca.pem]))
    }

    /// The good certificate, with a header of the caller's own, where the listener lets it through.
    fn claimed(&self, header: impl FnOnce(&Certified) -> String) -> Attempt<'_> {
        let good = self.sub.leaf(&leaf_params(FACTORY), &[&self.sub.pem]);
        let client = self
            .careless
            .callers
            .with_certificate(&good.chain, &good.key);
        let request = client
            .expect("a client")
            .post(self.careless.callers.url(CHAT_PATH));
        Attempt::new(
            &self.careless,
            request.header("x-forwarded-client-cert", header(&good)),
        )
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

/// As Envoy encodes PEM.
fn encoded(pem: &str) -> String {
    pem.replace('\n', "%0A")
        .replace(' ', "%20")
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
}

/// An extension of any bytes, which must be understood.
fn critical(oid: &[u64], der: &[u8]) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, der.to_vec());
    extension.set_criticality(true);
    extension
}

fn constrained_to(name: GeneralSubtree) -> Option<NameConstraints> {
    Some(NameConstraints {
        permitted_subtrees: vec![name],
        excluded_subtrees: Vec::new(),
    })
}

fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().expect("ASCII"))
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("ASCII"))
}

const fn row(
    what: &'static str,
    status: u16,
    reason: &'static str,
    ask: for<'a> fn(&'a World) -> Attempt<'a>,
) -> Row<World> {
    Row {
        what,
        status,
        reason,
        ask,
    }
}

pub(super) const ROWS: [Row<World>; 38] = [
    row("a chain of three", 200, ALLOWED, |it| it.leaf(|_| {})),
    row("on no list", 200, ALLOWED, |it| it.of(&it.listed, 7)),
    row(
        "a header of the caller's that is true",
        200,
        ALLOWED,
        |it| it.claimed(|good| format!("Chain=\"{}\"", encoded(&good.chain))),
    ),
    row("no certificate", 401, "credential_missing", |it| {
        Attempt::new(
            &it.stack,
            it.stack
                .callers
                .http1()
                .post(it.stack.callers.url(CHAT_PATH)),
        )
    }),
    row("a key beside it", 400, "credential_ambiguous", |it| {
        let good = it.sub.leaf(&leaf_params(FACTORY), &[&it.sub.pem]);
        let client = it
            .stack
            .callers
            .with_certificate(&good.chain, &good.key)
            .expect("a client");
        let request = client.post(it.stack.callers.url(CHAT_PATH));
        Attempt::new(&it.stack, request.header("api-key", it.stack.key.text()))
    }),
    row(
        "a header that can't be read",
        400,
        "certificate_malformed",
        |it| it.claimed(|_| "Cert=\"".to_owned()),
    ),
    row("two elements", 400, "certificate_malformed", |it| {
        it.claimed(|good| format!("Chain=\"{0}\",Chain=\"{0}\"", encoded(&good.chain)))
    }),
    row("nine certificates", 400, "certificate_too_large", |it| {
        it.claimed(|good| format!("Chain=\"{}\"", encoded(&good.chain).repeat(5)))
    }),
    row(
        "the header is about another",
        400,
        "certificate_disagrees",
        |it| {
            it.claimed(|_| {
                let other = it.sub.leaf(&leaf_params(FACTORY), &[]);
                format!("Cert=\"{}\"", encoded(&other.chain))
            })
        },
    ),
    row("self-signed", 401, "certificate_untrusted", |it| {
        it.ask(&self_signed(&leaf_params(FACTORY)))
    }),
    row("no intermediate", 401, "certificate_untrusted", |it| {
        it.ask(&it.sub.leaf(&leaf_params(FACTORY), &[]))
    }),
    row(
        "another issuer of the same name",
        401,
        "certificate_untrusted",
        |it| {
            let impostor = Ca::root(ca_params("root"));
            let sub = impostor.intermediate(ca_params("sub"));
            it.ask(&sub.leaf(&leaf_params(FACTORY), &[&sub.pem, &impostor.pem]))
        },
    ),
    row("expired", 401, "certificate_expired", |it| {
        it.leaf(|leaf| leaf.not_after = date_time_ymd(2025, 1, 1))
    }),
    row(
        "an expired intermediate",
        401,
        "certificate_expired",
        |it| it.below(|ca| ca.not_after = date_time_ymd(2025, 1, 1)),
    ),
    row("not yet valid", 401, "certificate_not_yet_valid", |it| {
        it.leaf(|leaf| leaf.not_before = date_time_ymd(2048, 1, 1))
    }),
    row("for servers", 401, "certificate_extended_key_usage", |it| {
        it.leaf(|leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth])
    }),
    row("for nothing", 401, "certificate_extended_key_usage", |it| {
        it.leaf(|leaf| leaf.extended_key_usages = Vec::new())
    }),
    row(
        "an issuer that may not sign",
        401,
        "certificate_key_usage",
        |it| it.below(|ca| ca.key_usages = vec![KeyUsagePurpose::DigitalSignature]),
    ),
    row("a leaf that may sign", 401, "certificate_key_usage", |it| {
        it.leaf(|leaf| leaf.key_usages.push(KeyUsagePurpose::KeyCertSign))
    }),
    row(
        "an authority's own",
        401,
        "certificate_of_authority",
        |it| it.leaf(|leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
    ),
    row(
        "an issuer that is not a CA",
        401,
        "certificate_issuer_no_authority",
        |it| it.below(|ca| ca.is_ca = IsCa::ExplicitNoCa),
    ),
    row(
        "a longer chain than allowed",
        401,
        "certificate_path_length",
        |it| {
            let mut params = ca_params("short");
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            let middle = it.root.intermediate(params);
            let last = middle.intermediate(ca_params("last"));
            it.ask(&last.leaf(&leaf_params(FACTORY), &[&last.pem, &middle.pem]))
        },
    ),
    row(
        "a name outside the constraints",
        401,
        "certificate_name_constraints",
        |it| {
            let mut params = ca_params("of acme only");
            params.name_constraints =
                constrained_to(GeneralSubtree::DnsName("acme.example".to_owned()));
            let sub = it.root.intermediate(params);
            let mut leaf = leaf_params(FACTORY);
            leaf.subject_alt_names = vec![dns("evil.example")];
            it.ask(&sub.leaf(&leaf, &[&sub.pem]))
        },
    ),
    row(
        "constraints on mail addresses",
        401,
        "certificate_unsupported_constraint",
        |it| {
            it.below(|ca| {
                ca.name_constraints =
                    constrained_to(GeneralSubtree::Rfc822Name("acme.example".to_owned()));
            })
        },
    ),
    row("RSA of 1024 bits", 401, "certificate_algorithm", |it| {
        Attempt {
            stack: &it.stack,
            how: How::Openssl(it.openssl.path().to_owned()),
        }
    }),
    row("a serial number of zero", 401, "certificate_serial", |it| {
        it.leaf(|leaf| leaf.serial_number = Some(SerialNumber::from(0_u64)))
    }),
    row(
        "a serial number of 21 octets",
        401,
        "certificate_serial",
        |it| it.leaf(|leaf| leaf.serial_number = Some(SerialNumber::from(vec![0x7f; 21]))),
    ),
    // nameConstraints, which must be critical (RFC 5280, section 4.2.1.10).
    row(
        "name constraints that are not critical",
        401,
        "certificate_profile",
        |it| {
            it.below(|ca| {
                let der = [0x30, 7, 0xa0, 5, 0x30, 3, 0x82, 1, b'a'];
                ca.custom_extensions.push(CustomExtension::from_oid_content(
                    &[2, 5, 29, 30],
                    der.to_vec(),
                ));
            })
        },
    ),
    // policyConstraints: requireExplicitPolicy 0 (section 4.2.1.11).
    row(
        "critical policy constraints",
        401,
        "certificate_unsupported_extension",
        |it| {
            it.below(|ca| {
                ca.custom_extensions
                    .push(critical(&[2, 5, 29, 36], &[0x30, 3, 0x80, 1, 0]))
            })
        },
    ),
    row(
        "a self-issued intermediate",
        401,
        "certificate_self_issued",
        |it| {
            let rollover = it.root.intermediate(ca_params("root"));
            it.ask(&rollover.leaf(&leaf_params(FACTORY), &[&rollover.pem]))
        },
    ),
    row("revoked", 401, "certificate_revoked", |it| {
        it.of(&it.listed, REVOKED)
    }),
    row("no list", 401, "certificate_revocation_unknown", |it| {
        it.of(&it.silent, 7)
    }),
    row(
        "a list that has ended",
        401,
        "certificate_crl_expired",
        |it| it.of(&it.stale, 7),
    ),
    row(
        "a list signed by another key",
        401,
        "certificate_crl_untrusted",
        |it| it.of(&it.forged, 7),
    ),
    row("of no client", 401, "certificate_unknown_client", |it| {
        it.leaf(|leaf| leaf.subject_alt_names = vec![uri("spiffe://acme/factory/8")])
    }),
    row("another case", 401, "certificate_unknown_client", |it| {
        it.leaf(|leaf| leaf.subject_alt_names = vec![uri("spiffe://ACME/factory/7")])
    }),
    row("a wildcard", 401, "certificate_unknown_client", |it| {
        it.leaf(|leaf| leaf.subject_alt_names = vec![dns("*.example")])
    }),
    row("of two clients", 401, "certificate_several_clients", |it| {
        it.leaf(|leaf| {
            let mail = SanType::Rfc822Name("both@acme.example".try_into().expect("ASCII"));
            leaf.subject_alt_names = vec![dns("both.example"), mail];
        })
    }),
];
