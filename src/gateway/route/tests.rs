use super::*;
use crate::upstream::{Availability, Backend};

fn asked(names: &[&str]) -> Asked {
    let choice = |name: &&str| Choice {
        backend: Arc::new(Backend::new(name)),
        deployment: "gpt-4o".into(),
    };
    Asked {
        choices: names.iter().map(choice).collect(),
        _under_way: None,
    }
}

fn notes(statuses: &[(&str, u16)]) -> HashMap<String, Attempt> {
    let note = |(name, status): &(&str, u16)| {
        let attempt = Attempt {
            status: *status,
            ..Attempt::default()
        };
        ((*name).to_owned(), attempt)
    };
    statuses.iter().map(note).collect()
}

fn is_ready(asked: &Asked, at: usize) -> bool {
    let backend = &asked.choices.get(at).expect("one").backend;
    backend.availability("gpt-4o", Instant::now()) == Availability::Ready
}

#[test]
fn the_path_has_the_backends_own_name_for_the_deployment() {
    let path = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21";
    assert_eq!(
        path_at(path, "gpt-4o-eu"),
        "/openai/deployments/gpt-4o-eu/chat/completions?api-version=2024-10-21"
    );
    for path in ["/openai/v1/chat/completions", "/openai/deployments/x"] {
        assert_eq!(path_at(path, "gpt-4o-eu"), path);
    }
}

#[test]
fn the_backend_of_the_last_attempt_has_served_it() {
    let asked = asked(&["a", "b"]);
    let first = asked.learn(&notes(&[("a", 200)]), Some(1), 200);
    assert_eq!(first.as_deref(), Some("a"));
    let second = asked.learn(&notes(&[("a", 503), ("b", 200)]), Some(2), 200);
    assert_eq!(second.as_deref(), Some("b"));
    // An order of one is tried again at the same backend.
    let one = self::asked(&["a"]);
    let again = one.learn(&notes(&[("a", 200)]), Some(3), 200);
    assert_eq!(again.as_deref(), Some("a"));
}

#[test]
fn a_request_that_nobody_answers_takes_no_backend_from_others() {
    let asked = asked(&["a", "b"]);
    for _ in 0..100 {
        asked.learn(&notes(&[("a", 500), ("b", 500)]), Some(2), 500);
        asked.learn(&HashMap::new(), Some(2), 503);
    }
    assert!(is_ready(&asked, 0) && is_ready(&asked, 1));
}

#[test]
fn failures_where_another_backend_answers_let_it_rest() {
    for failing in [notes(&[("a", 500), ("b", 200)]), notes(&[("b", 200)])] {
        let asked = asked(&["a", "b"]);
        for _ in 0..5 {
            assert!(is_ready(&asked, 0), "{failing:?}");
            asked.learn(&failing, Some(2), 200);
        }
        assert!(!is_ready(&asked, 0), "{failing:?}");
        assert!(is_ready(&asked, 1), "{failing:?}");
    }
}

#[test]
fn too_many_requests_and_a_rejected_identity_let_it_rest_at_once() {
    for status in [429, 401, 403] {
        let asked = asked(&["a", "b"]);
        asked.learn(&notes(&[("a", status)]), Some(1), status);
        assert!(!is_ready(&asked, 0), "{status}");
        assert!(is_ready(&asked, 1), "{status}");
    }
}
