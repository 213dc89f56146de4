//! True token counts, with the vocabularies that OpenAI's models have.

use bpe_openai::{Tokenizer, cl100k_base, o200k_base};

/// Models of before gpt-4o, and the embeddings: cl100k_base (tiktoken's `model.py`).
const CL100K_PREFIXES: [&str; 4] = ["gpt-35", "gpt-3.5", "gpt-4-", "text-embedding"];

/// The vocabulary of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// gpt-4, gpt-35-turbo and the embeddings.
    Cl100k,
    /// gpt-4o and all since.
    O200k,
}

impl Encoding {
    /// The vocabulary that a model of this name has.
    pub fn of(model: &str) -> Self {
        let is_old = CL100K_PREFIXES
            .iter()
            .any(|prefix| model.starts_with(prefix));
        if is_old || model == "gpt-4" {
            Self::Cl100k
        } else {
            Self::O200k
        }
    }

    /// How many tokens `text` has.
    pub fn count(self, text: &str) -> u64 {
        u64::try_from(self.tokenizer().count(text)).unwrap_or(u64::MAX)
    }

    /// `text` in pieces as a stream shows them, each with its number of tokens. A piece is a token, or
    /// several where a character is cut over them: text is only shown in whole characters.
    pub fn pieces(self, text: &str) -> Vec<(String, u64)> {
        let tokenizer = self.tokenizer();
        let mut pieces = Vec::new();
        let mut bytes = Vec::new();
        let mut tokens = 0;
        for token in tokenizer.encode(text) {
            bytes.extend_from_slice(tokenizer.bpe.token_bytes(token));
            tokens += 1;
            if let Ok(shown) = std::str::from_utf8(&bytes) {
                pieces.push((shown.to_owned(), tokens));
                bytes.clear();
                tokens = 0;
            }
        }
        pieces
    }

    fn tokenizer(self) -> &'static Tokenizer {
        match self {
            Self::Cl100k => cl100k_base(),
            Self::O200k => o200k_base(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_have_their_vocabulary() {
        assert_eq!(Encoding::of("gpt-4o-2024-08-06"), Encoding::O200k);
        assert_eq!(Encoding::of("gpt-4.1-2025-04-14"), Encoding::O200k);
        assert_eq!(Encoding::of("o3-mini"), Encoding::O200k);
        assert_eq!(Encoding::of("gpt-4-0613"), Encoding::Cl100k);
        assert_eq!(Encoding::of("gpt-35-turbo-instruct"), Encoding::Cl100k);
        assert_eq!(Encoding::of("text-embedding-3-large"), Encoding::Cl100k);
    }

    #[test]
    fn counts_are_those_of_tiktoken() {
        assert_eq!(Encoding::O200k.count("tiktoken is great!"), 6);
        assert_eq!(Encoding::Cl100k.count("tiktoken is great!"), 6);
        assert_eq!(
            Encoding::Cl100k.count("お誕生日おめでとう"),
            9,
            "the cookbook's example"
        );
    }

    #[test]
    fn pieces_are_whole_characters_and_lose_nothing() {
        let text = "naïve 👩‍🚀 お誕生日";
        let pieces = Encoding::Cl100k.pieces(text);
        let shown: String = pieces.iter().map(|(piece, _)| piece.as_str()).collect();
        assert_eq!(shown, text);
        let tokens: u64 = pieces.iter().map(|(_, tokens)| tokens).sum();
        assert_eq!(tokens, Encoding::Cl100k.count(text));
        assert!(
            pieces.iter().any(|(_, tokens)| *tokens > 1),
            "no character over several tokens: the text tests nothing"
        );
    }
}
