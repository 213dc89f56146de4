//! Between the plain types of limits and their messages, in both directions: the service writes them, and the
//! commands read them.

use std::sync::Arc;
use std::time::Duration;

use super::error::ControlError;
use super::limits::{Foreseen, IntendedBody, Intent, SubjectStandings};
use super::v1;
use super::v1::exceeded::Room;
use crate::access::Operation;
use crate::limits::{
    Amounts, Away, Exceeded, Measure, Meter, RateLimits, Resets, Rule, Span, Standing, Subject,
    Until, WhenUnavailable,
};

pub(crate) fn of_subject(of: &SubjectStandings) -> v1::SubjectLimits {
    v1::SubjectLimits {
        subject: Some(subject(&of.subject)),
        standings: of.standings.iter().map(standing).collect(),
    }
}

fn subject(subject: &Subject) -> v1::Subject {
    let mut message = v1::Subject {
        kind: subject.kind().to_owned(),
        client: subject
            .client()
            .map(|it| it.to_string())
            .unwrap_or_default(),
        ..v1::Subject::default()
    };
    match subject {
        Subject::Deployment(name) => message.deployment = name.to_string(),
        Subject::Product(name) => message.product = name.to_string(),
        Subject::ProductClient { product, .. } => message.product = product.to_string(),
        Subject::User { user, .. } => message.user = user.as_ref().map(|it| it.to_string()),
        Subject::Everything | Subject::Client(_) => {}
    }
    message
}

fn standing(standing: &Standing) -> v1::Standing {
    let Rule { meter, most } = standing.rule;
    let (resets_in_ms, renews_at_ms) = match standing.resets {
        Resets::In(wait) => (Some(wait_ms(wait)), None),
        Resets::At(at) => (None, Some(at)),
        Resets::WithRequests => (None, None),
    };
    v1::Standing {
        measure: meter.measure.as_str().to_owned(),
        period: meter.span.as_str().to_owned(),
        limit: most,
        whole: Some(standing.whole).filter(|whole| *whole != most),
        used: standing.used,
        set_aside: standing.set_aside,
        resets_in_ms,
        renews_at_ms,
    }
}

pub(crate) fn of_intent(intent: &Intent) -> v1::ForeseeRequest {
    let text = |it: &Option<Arc<str>>| it.as_deref().unwrap_or_default().to_owned();
    let body = intent.body.as_ref().map(|body| v1::foresee_request::Body {
        text_bytes: body.text_bytes,
        choices: body.choices,
        output_at_most: body.output_at_most,
        service_tier: body.service_tier.clone(),
    });
    v1::ForeseeRequest {
        client: intent.client.to_string(),
        product: text(&intent.product),
        deployment: text(&intent.deployment),
        user: intent.user.as_deref().map(str::to_owned),
        operation: intent.operation.as_str().to_owned(),
        body,
    }
}

pub(super) fn of_foreseen(foreseen: &Foreseen) -> v1::ForeseeResponse {
    let Amounts {
        input,
        output,
        cost,
        ..
    } = foreseen.amounts;
    v1::ForeseeResponse {
        input_tokens: input,
        output_tokens: output,
        cost,
        limits: foreseen.limits.iter().map(of_subject).collect(),
        exceeded: foreseen.exceeded.as_deref().map(of_exceeded),
        away: foreseen.away.map(of_away),
    }
}

pub(super) const fn of_away(away: Away) -> v1::Away {
    v1::Away {
        since_ms: away.since_ms,
        is_refusing: matches!(away.rule, WhenUnavailable::Refuse),
    }
}

pub(crate) const fn away(message: v1::Away) -> Away {
    Away {
        since_ms: message.since_ms,
        rule: match message.is_refusing {
            true => WhenUnavailable::Refuse,
            false => WhenUnavailable::LocalShare,
        },
    }
}

fn of_exceeded(exceeded: &Exceeded) -> v1::Exceeded {
    let room = match exceeded.until {
        Until::After(wait) => Room::WaitMs(wait_ms(wait)),
        Until::Renewed(at) => Room::RenewsAtMs(at),
        Until::Never => Room::Never(v1::exceeded::Never {}),
        Until::Unavailable => Room::Unavailable(v1::exceeded::Unavailable {}),
    };
    let of = Standing {
        rule: exceeded.rule,
        whole: exceeded.rule.most,
        used: exceeded.used,
        set_aside: None,
        resets: Resets::WithRequests,
    };
    v1::Exceeded {
        subject: Some(subject(&exceeded.subject)),
        standing: Some(standing(&of)),
        amount: exceeded.amount,
        room: Some(room),
    }
}

pub(super) fn intent(message: v1::ForeseeRequest) -> Result<Intent, ControlError> {
    let operation = Operation::ALL
        .into_iter()
        .find(|it| it.as_str() == message.operation);
    let name = |text: String| Some(Arc::from(text)).filter(|it: &Arc<str>| !it.is_empty());
    Ok(Intent {
        client: message.client.into(),
        product: name(message.product),
        deployment: name(message.deployment),
        user: message.user.map(Arc::from),
        operation: operation.ok_or(ControlError::Malformed("not an operation"))?,
        body: message.body.map(|body| IntendedBody {
            text_bytes: body.text_bytes,
            choices: body.choices,
            output_at_most: body.output_at_most,
            service_tier: body.service_tier,
        }),
    })
}

/// What a service has said; `None` where it is another version's and says what this one does not know.
pub(crate) fn foreseen(message: v1::ForeseeResponse) -> Option<Foreseen> {
    let limits = message.limits.into_iter().map(subject_standings);
    let exceeded = message.exceeded.map(exceeded);
    Some(Foreseen {
        amounts: Amounts {
            requests: 1,
            input: message.input_tokens,
            output: message.output_tokens,
            cost: message.cost,
        },
        limits: limits.collect::<Option<_>>()?,
        exceeded: match exceeded {
            Some(known) => Some(Box::new(known?)),
            None => None,
        },
        away: message.away.map(away),
    })
}

/// The same of one subject.
pub(crate) fn subject_standings(message: v1::SubjectLimits) -> Option<SubjectStandings> {
    let standings = message.standings.iter().map(read_standing);
    Some(SubjectStandings {
        subject: read_subject(message.subject?)?,
        standings: standings.collect::<Option<_>>()?,
    })
}

fn read_subject(message: v1::Subject) -> Option<Subject> {
    let client = || message.client.as_str().into();
    Some(match message.kind.as_str() {
        "everything" => Subject::Everything,
        "deployment" => Subject::Deployment(message.deployment.into()),
        "product" => Subject::Product(message.product.into()),
        "product_client" => Subject::ProductClient {
            client: client(),
            product: message.product.into(),
        },
        "client" => Subject::Client(client()),
        "user" => Subject::User {
            client: client(),
            user: message.user.map(Arc::from),
        },
        _ => return None,
    })
}

fn read_standing(message: &v1::Standing) -> Option<Standing> {
    let measure = Measure::ALL
        .into_iter()
        .find(|it| it.as_str() == message.measure)?;
    let span = Span::ALL
        .into_iter()
        .find(|it| it.as_str() == message.period)?;
    Some(Standing {
        rule: Rule {
            meter: Meter { measure, span },
            most: message.limit,
        },
        whole: message.whole.unwrap_or(message.limit),
        used: message.used,
        set_aside: message.set_aside,
        resets: match (message.resets_in_ms, message.renews_at_ms) {
            (Some(wait), _) => Resets::In(Duration::from_millis(wait)),
            (None, Some(at)) => Resets::At(at),
            (None, None) => Resets::WithRequests,
        },
    })
}

fn exceeded(message: v1::Exceeded) -> Option<Exceeded> {
    let standing = read_standing(&message.standing?)?;
    Some(Exceeded {
        subject: read_subject(message.subject?)?,
        rule: standing.rule,
        amount: message.amount,
        used: standing.used,
        until: match message.room? {
            Room::WaitMs(wait) => Until::After(Duration::from_millis(wait)),
            Room::RenewsAtMs(at) => Until::Renewed(at),
            Room::Never(_) => Until::Never,
            Room::Unavailable(_) => Until::Unavailable,
        },
        rate_limits: RateLimits::default(),
    })
}

fn wait_ms(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Arc<str> {
        text.into()
    }

    #[test]
    fn every_subject_measure_and_period_comes_back_as_it_was() {
        let subjects = [
            Subject::Everything,
            Subject::Deployment(name("gpt-4o")),
            Subject::Product(name("bulk")),
            Subject::ProductClient {
                product: name("bulk"),
                client: name("app"),
            },
            Subject::Client(name("app")),
            Subject::User {
                client: name("app"),
                user: Some(name("")),
            },
            Subject::User {
                client: name("app"),
                user: None,
            },
        ];
        let resets = [
            Resets::In(Duration::from_millis(1_234)),
            Resets::At(1_780_000_000_000),
            Resets::WithRequests,
        ];
        let meters = Measure::ALL
            .into_iter()
            .flat_map(|measure| Span::ALL.map(|span| Meter { measure, span }));
        let standings: Vec<_> = meters
            .zip(resets.into_iter().cycle())
            .map(|(meter, resets)| Standing {
                rule: Rule { meter, most: 100 },
                whole: if meter.span == Span::Minute { 125 } else { 100 },
                used: 40,
                set_aside: matches!(meter.span, Span::Period(_)).then_some(7),
                resets,
            })
            .collect();
        for subject in subjects {
            let known = SubjectStandings {
                subject,
                standings: standings.clone(),
            };
            assert_eq!(subject_standings(of_subject(&known)), Some(known));
        }
    }

    #[test]
    fn what_is_foreseen_comes_back_as_it_was() {
        let away = |until| {
            let rule = match until {
                Until::Never => return None,
                Until::Unavailable => WhenUnavailable::Refuse,
                _ => WhenUnavailable::LocalShare,
            };
            let since_ms = 1_780_000_000_000;
            Some(Away { since_ms, rule })
        };
        for until in [
            Until::After(Duration::from_millis(250)),
            Until::Renewed(1_780_000_000_000),
            Until::Never,
            Until::Unavailable,
        ] {
            let exceeded = Exceeded {
                subject: Subject::Everything,
                rule: Rule {
                    meter: Meter {
                        measure: Measure::Cost,
                        span: Span::Minute,
                    },
                    most: 9,
                },
                amount: 5,
                used: 6,
                until,
                rate_limits: RateLimits::default(),
            };
            let known = Foreseen {
                amounts: Amounts {
                    requests: 1,
                    input: 2,
                    output: 3,
                    cost: 4,
                },
                limits: Vec::new(),
                exceeded: Some(Box::new(exceeded.clone())),
                away: away(until),
            };
            let read = foreseen(of_foreseen(&known)).expect("this version's own");
            assert_eq!(read.amounts, known.amounts);
            assert_eq!(read.exceeded.as_deref(), Some(&exceeded));
            assert_eq!(read.away, known.away);
        }
    }

    #[test]
    fn what_another_version_says_is_not_guessed() {
        let mut message = v1::SubjectLimits {
            subject: Some(v1::Subject {
                kind: "team".to_owned(),
                ..v1::Subject::default()
            }),
            standings: Vec::new(),
        };
        assert_eq!(subject_standings(message.clone()), None);
        message.subject = Some(subject(&Subject::Everything));
        message.standings = vec![v1::Standing {
            measure: "joules".to_owned(),
            period: "day".to_owned(),
            ..v1::Standing::default()
        }];
        assert_eq!(subject_standings(message), None);
        // A limit that refuses, and nobody knows until when.
        let nothing_more = v1::ForeseeResponse {
            exceeded: Some(v1::Exceeded {
                subject: Some(subject(&Subject::Everything)),
                standing: Some(v1::Standing {
                    measure: "cost".to_owned(),
                    period: "day".to_owned(),
                    ..v1::Standing::default()
                }),
                ..v1::Exceeded::default()
            }),
            ..v1::ForeseeResponse::default()
        };
        assert!(foreseen(nothing_more).is_none());
        assert!(intent(v1::ForeseeRequest::default()).is_err());
    }
}
