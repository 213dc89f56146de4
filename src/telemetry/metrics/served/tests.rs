use super::*;

#[test]
fn only_what_has_answered_is_shown_by_its_name_and_not_without_bound() {
    let (served, pattern) = (Served::default(), Arc::<str>::from("gpt-*"));
    let shown = |name: &str, pattern: Option<&Arc<str>>, status| {
        let name = Arc::from(name);
        served.shown(&name, pattern, status).to_string()
    };
    let by_pattern = Some(&pattern);
    assert_eq!(shown("listed", None, Some(500)), "listed");
    for status in [None, Some(404), Some(429), Some(500)] {
        assert_eq!(shown("gpt-4o", by_pattern, status), "gpt-*", "{status:?}");
    }
    assert_eq!(shown("gpt-4o", by_pattern, Some(200)), "gpt-4o");
    assert_eq!(shown("gpt-4o", by_pattern, Some(500)), "gpt-4o");
    let more = 0..2 * MAX_SERVED;
    let named = more.filter(|number| {
        let name = format!("gpt-{number}");
        shown(&name, by_pattern, Some(200)) == name
    });
    assert_eq!(named.count(), MAX_SERVED - 1, "and gpt-4o");
    assert_eq!(shown("gpt-more", by_pattern, Some(200)), "gpt-*");
    assert_eq!(shown("gpt-4o", by_pattern, Some(200)), "gpt-4o");
}
