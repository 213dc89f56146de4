//! What the fake answers: a few sentences that follow from the prompt, the same each time, fit to be
//! shown in a demo, and with characters of two, three and four bytes.

use super::answer::{Answer, Ending, Piece, Shown};
use super::tokenizer::Encoding;
use super::tools::Call;
use crate::fakes::unique::with_prefix;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

/// How many sentences follow the one about the topic, unless a script wants a length.
const SENTENCES: usize = 2;

/// How much of the prompt the first sentence repeats.
const MAX_TOPIC_WORDS: usize = 8;
const MAX_TOPIC_CHARACTERS: usize = 64;

/// A caller's own text may look like a usage; only a typed parse tells them apart.
const LURE: &str =
    r#"The report reads {"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}. "#;

const CORPUS: [&str; 12] = [
    " In short: start small, measure it, and keep what works.",
    " A café in Zürich does it with three people and one spreadsheet — and it scales.",
    " The numbers agree: about 42 % less waiting, at the same price.",
    " If you need more than that, the usual advice is to split the work first. 🙂",
    " Most teams underestimate the second step, so plan for it early.",
    " The Japanese word for it is 改善, a change for the better.",
    " None of this needs new hardware; a quiet afternoon is enough.",
    " Write down what you expect before you try it, and compare afterwards.",
    " Two sources confirm it independently, which is more than one can usually say.",
    " Naïve approaches fail here because the cost grows with every user. 📈",
    " Ask again with an example, and I can be more precise.",
    " That is also how the pilots of Ærøskøbing solved it in 1987.",
];

static CL100K_CORPUS: LazyLock<Vec<Vec<(String, u64)>>> = LazyLock::new(|| cut(Encoding::Cl100k));
static O200K_CORPUS: LazyLock<Vec<Vec<(String, u64)>>> = LazyLock::new(|| cut(Encoding::O200k));

fn cut(encoding: Encoding) -> Vec<Vec<(String, u64)>> {
    CORPUS
        .iter()
        .map(|sentence| encoding.pieces(sentence))
        .collect()
}

/// What an answer is to be like.
#[derive(Debug, Clone, Default)]
pub struct Wish<'a> {
    /// What it is about.
    pub topic: &'a str,
    /// Exactly so many tokens of text.
    pub output_tokens: Option<u64>,
    /// The most tokens that the request allows, reasoning taken off.
    pub max_tokens: Option<u64>,
    /// The tool it calls.
    pub tool: Option<Call<'a>>,
    /// Which of the `n` answers it is.
    pub index: usize,
}

/// Generates an answer.
pub fn generate(encoding: Encoding, wish: &Wish<'_>) -> Answer {
    let talks = wish.tool.as_ref().is_none_or(|tool| tool.talks);
    let mut answer = Answer {
        pieces: match talks {
            true => text(encoding, wish),
            false => Vec::new(),
        },
        ending: Ending::Stop,
    };
    if let Some(tool) = &wish.tool {
        answer.pieces.extend(call(encoding, tool));
        answer.ending = Ending::ToolCalls;
    }
    if let Some(max_tokens) = wish.max_tokens {
        answer.limit(max_tokens);
    }
    answer
}

fn text(encoding: Encoding, wish: &Wish<'_>) -> Vec<Piece> {
    let corpus = match encoding {
        Encoding::Cl100k => &*CL100K_CORPUS,
        Encoding::O200k => &*O200K_CORPUS,
    };
    let lure = if wish.tool.is_some() { LURE } else { "" };
    let opening = encoding.pieces(&format!("{lure}{}", opening(wish.topic)));
    let sentences = corpus.iter().cycle().skip(first_sentence(wish));
    let all = opening
        .iter()
        .chain(sentences.clone().flatten())
        .map(|(text, tokens)| Piece {
            shown: Shown::Text(text.clone()),
            tokens: *tokens,
        });
    match wish.output_tokens {
        Some(wanted) => exactly(all, wanted),
        None => {
            let pieces: usize = sentences.take(SENTENCES).map(Vec::len).sum();
            all.take(opening.len() + pieces).collect()
        }
    }
}

fn opening(topic: &str) -> String {
    let words: Vec<&str> = topic.split_whitespace().take(MAX_TOPIC_WORDS).collect();
    if words.is_empty() {
        return "Here is what I can say.".to_owned();
    }
    let short: String = words.join(" ").chars().take(MAX_TOPIC_CHARACTERS).collect();
    let short = short.trim_end_matches(['.', ',', '?', '!', ';', ':']);
    format!("You asked about “{short}”.")
}

fn first_sentence(wish: &Wish<'_>) -> usize {
    let mut hasher = DefaultHasher::new();
    wish.topic.hash(&mut hasher);
    let hash = usize::try_from(hasher.finish() % 1_000_003).unwrap_or_default();
    (hash + wish.index) % CORPUS.len()
}

fn exactly(pieces: impl Iterator<Item = Piece>, wanted: u64) -> Vec<Piece> {
    let mut taken = Vec::new();
    let mut left = wanted;
    for mut piece in pieces {
        if left == 0 {
            break;
        }
        if piece.tokens > left {
            piece.tokens = left;
            piece.shown = Shown::Text("…".to_owned());
        }
        left -= piece.tokens;
        taken.push(piece);
    }
    taken
}

fn call(encoding: Encoding, tool: &Call<'_>) -> Vec<Piece> {
    let start = Piece {
        shown: Shown::Call {
            id: with_prefix("call_"),
            name: tool.name.to_owned(),
        },
        tokens: encoding.count(tool.name),
    };
    let arguments = encoding.pieces(&tool.arguments);
    let parts = arguments.into_iter().map(|(part, tokens)| Piece {
        shown: Shown::Arguments(part),
        tokens,
    });
    std::iter::once(start).chain(parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(topic: &str) -> Wish<'_> {
        Wish {
            topic,
            ..Wish::default()
        }
    }

    #[test]
    fn an_answer_follows_from_the_prompt_alone() {
        let one = generate(Encoding::O200k, &wish("How do I brew coffee?"));
        let again = generate(Encoding::O200k, &wish("How do I brew coffee?"));
        assert_eq!(one, again, "not deterministic");
        let expected = "You asked about “How do I brew coffee”. ";
        assert!(one.text().starts_with(expected), "{}", one.text());
    }

    #[test]
    fn its_tokens_are_those_of_its_text() {
        for topic in ["", "Grüezi, wie geht's?", "お誕生日"] {
            for encoding in [Encoding::Cl100k, Encoding::O200k] {
                let answer = generate(encoding, &wish(topic));
                assert_eq!(
                    answer.tokens(),
                    encoding.count(answer.text().as_str()),
                    "{}",
                    answer.text()
                );
            }
        }
    }

    #[test]
    fn a_wished_length_is_met_to_the_token() {
        for wanted in [0, 1, 7, 500] {
            let mut wish = wish("length");
            wish.output_tokens = Some(wanted);
            let answer = generate(Encoding::O200k, &wish);
            assert_eq!((answer.tokens(), answer.ending), (wanted, Ending::Stop));
        }
    }

    #[test]
    fn the_maximum_of_the_request_ends_it() {
        for max_tokens in 0..20 {
            let mut wish = wish("length");
            wish.max_tokens = Some(max_tokens);
            let answer = generate(Encoding::Cl100k, &wish);
            assert_eq!(answer.tokens(), max_tokens, "not the maximum");
            assert_eq!(answer.ending, Ending::Length);
        }
    }

    #[test]
    fn a_call_of_a_tool_has_arguments_that_parse() {
        let mut wish = wish("weather");
        let body = serde_json::Value::Null;
        wish.tool = Some(Call::luring(&body));
        let answer = generate(Encoding::O200k, &wish);
        let (_, name, arguments) = answer.call().expect("a call");
        let parsed: serde_json::Value = serde_json::from_str(&arguments).expect("JSON");
        assert_eq!((name, &parsed["city"]), ("get_weather", &"Zürich".into()));
        assert!(
            answer.text().contains(r#""usage":{"#),
            "no lure in the text"
        );
        assert_eq!(answer.ending, Ending::ToolCalls);
    }
}
