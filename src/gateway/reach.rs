//! Which backends the Envoy of a request leads to. Its configuration says so itself: tollgate.yaml may have become
//! another one since it was written, and a request must go to no place that only one of the two knows.

use http::HeaderValue;

use crate::upstream::Backend;

/// The backends that an Envoy leads to, each as `NAME=HOST:PORT`, with a space between two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It does not say, as with a configuration of the operator's own.
    #[default]
    Unsaid,
    /// This one, without a choice.
    One(HeaderValue),
    /// These, among which it chooses by what it is told.
    Several(HeaderValue),
    /// The same, told in one header; path and identity at the first of them are the headers' own.
    SeveralByOneHeader(HeaderValue),
    /// The same, but after the first that it is told it asks the others in this order.
    InOrder(HeaderValue),
}

impl Reach {
    /// Whether the Envoy chooses by what it is told; `expected` where it does not say.
    pub(super) fn chooses(&self, expected: bool) -> bool {
        match self {
            Self::Unsaid => expected,
            Self::One(_) => false,
            Self::Several(_) | Self::SeveralByOneHeader(_) | Self::InOrder(_) => true,
        }
    }

    /// Whether it is told the order in one header.
    pub(super) fn takes_one_header(&self) -> bool {
        matches!(self, Self::SeveralByOneHeader(_))
    }

    /// Whether it leads to the only backend that tollgate.yaml has. Where that has no address, nothing else can be meant.
    pub(super) fn leads_to_only(&self, backend: &Backend) -> bool {
        backend.address.is_none() && matches!(self, Self::One(_)) || self.leads_to(backend)
    }

    /// Whether it leads to this backend, and to its address. Where it leads to one alone it does not matter what that is
    /// called.
    pub(super) fn leads_to(&self, backend: &Backend) -> bool {
        let own = backend.address.as_deref();
        let list = match self {
            Self::Unsaid => return true,
            Self::One(one) => {
                let known = one.to_str().ok().and_then(|it| it.split_once('='));
                return known.is_some_and(|(_, address)| Some(address) == own);
            }
            Self::Several(list) | Self::SeveralByOneHeader(list) | Self::InOrder(list) => {
                list.to_str().unwrap_or_default()
            }
        };
        list.split(' ').any(|known| {
            let known = known.split_once('=');
            known.is_some_and(|(name, address)| {
                *name == *backend.name && Some(address) == backend.address.as_deref()
            })
        })
    }

    /// Puts the backends after the first into the order in which they are asked, up to one that is not among them:
    /// Envoy would ask that one next.
    pub(super) fn arrange<T>(&self, order: &mut Vec<T>, name: impl Fn(&T) -> &str) {
        let (Self::InOrder(list), Some(first)) = (self, order.first()) else {
            return;
        };
        let first = name(first).to_owned();
        let list = list.to_str().unwrap_or_default();
        let known = list.split(' ').filter_map(|it| it.split_once('='));
        let row = known.map(|(name, _)| name).filter(|it| *it != first);
        let mut arranged = 1;
        for next in row {
            let rest = order.iter().skip(arranged);
            let Some(at) = rest.map(&name).position(|it| it == next) else {
                break;
            };
            order.swap(arranged, arranged + at);
            arranged += 1;
        }
        order.truncate(arranged);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweden() -> Backend {
        let mut backend = Backend::new("sweden");
        backend.address = Some("acme-sweden.openai.azure.com:443".to_owned());
        backend
    }

    #[test]
    fn a_backend_is_known_by_its_name_and_its_address() {
        for (list, is_known) in [
            ("sweden=acme-sweden.openai.azure.com:443", true),
            (
                "east=acme-east.openai.azure.com:443 sweden=acme-sweden.openai.azure.com:443",
                true,
            ),
            ("sweden=acme-sweden.openai.azure.com:8443", false),
            ("east=acme-sweden.openai.azure.com:443", false),
            ("sweden=", false),
            ("sweden", false),
            ("", false),
        ] {
            for kind in [Reach::Several, Reach::SeveralByOneHeader, Reach::InOrder] {
                let reach = kind(HeaderValue::from_static(list));
                assert_eq!(reach.leads_to(&sweden()), is_known, "{reach:?}");
                assert!(!reach.leads_to(&Backend::new("sweden")), "{reach:?}");
            }
        }
        assert!(Reach::Unsaid.leads_to(&sweden()));
    }

    #[test]
    fn the_only_backend_is_known_by_its_address_where_that_is_said() {
        for (one, is_known) in [
            ("sweden=acme-sweden.openai.azure.com:443", true),
            ("other=acme-sweden.openai.azure.com:443", true),
            ("sweden=acme-sweden.openai.azure.com:8443", false),
            ("sweden=", false),
            ("", false),
        ] {
            let reach = Reach::One(HeaderValue::from_static(one));
            assert_eq!(reach.leads_to(&sweden()), is_known, "{one}");
            assert_eq!(reach.leads_to_only(&sweden()), is_known, "{one}");
            assert!(reach.leads_to_only(&Backend::new("anything")), "{one}");
            // There is another one, whose place it is.
            assert!(!reach.leads_to(&Backend::new("anything")), "{one}");
        }
    }

    #[test]
    fn who_does_not_say_chooses_as_expected() {
        let list = HeaderValue::from_static("a=b:1");
        for expected in [false, true] {
            assert_eq!(Reach::Unsaid.chooses(expected), expected);
            assert!(!Reach::One(list.clone()).chooses(expected));
            assert!(Reach::Several(list.clone()).chooses(expected));
            assert!(Reach::SeveralByOneHeader(list.clone()).chooses(expected));
        }
    }

    #[test]
    fn a_fixed_row_goes_as_far_as_all_of_it_may_be_asked() {
        let list = HeaderValue::from_static("a=a:1 b=b:1 c=c:1 d=d:1");
        let arranged = |reach: Reach, order: &[&str]| {
            let mut order: Vec<String> = order.iter().map(|it| (*it).to_owned()).collect();
            reach.arrange(&mut order, String::as_str);
            order.concat()
        };
        for (order, asked) in [
            (&["c", "d", "b", "a"][..], "cabd"),
            (&["c", "b", "d"][..], "c"),
            (&["c", "d", "a"][..], "ca"),
            (&["a", "d", "c", "b"][..], "abcd"),
            (&["a"][..], "a"),
            (&[][..], ""),
        ] {
            assert_eq!(
                arranged(Reach::InOrder(list.clone()), order),
                asked,
                "{order:?}"
            );
            assert_eq!(
                arranged(Reach::Several(list.clone()), order),
                order.concat()
            );
        }
    }
}
