//! Embeddings: vectors that follow from the text alone, of length one, as numbers or as base64 of
//! little-endian floats (what the official SDKs ask for).

use super::ledger::Tokens;
use super::prompt::{Text, texts};
use super::tokenizer::Encoding;
use super::usage::EmbeddingsUsage;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;
use std::hash::{DefaultHasher, Hash, Hasher};

const DIMENSIONS_OF_LARGE: usize = 3072;
const DIMENSIONS_OF_OTHERS: usize = 1536;

#[derive(Serialize)]
struct Body<'a> {
    object: &'static str,
    data: Vec<Embedding>,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<EmbeddingsUsage>,
}

#[derive(Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Numbers(Vec<f32>),
    Base64(String),
}

/// What the texts of `input` cost.
pub fn tokens(body: &Value, encoding: Encoding) -> Tokens {
    let inputs = texts(&body["input"]);
    Tokens {
        prompt: inputs.iter().map(|text| text.count(encoding)).sum(),
        ..Tokens::default()
    }
}

/// The embeddings of `input`.
pub fn json(body: &Value, model: &str, tokens: Tokens, tells_usage: bool) -> String {
    let asked = body["dimensions"].as_u64();
    let dimensions = asked
        .and_then(|dimensions| usize::try_from(dimensions).ok())
        .filter(|dimensions| (1..=DIMENSIONS_OF_LARGE).contains(dimensions))
        .unwrap_or(if model.contains("large") {
            DIMENSIONS_OF_LARGE
        } else {
            DIMENSIONS_OF_OTHERS
        });
    let as_base64 = body["encoding_format"] == "base64";
    let embed = |(index, text): (usize, Text)| Embedding {
        object: "embedding",
        index,
        embedding: shown(vector(&text, dimensions), as_base64),
    };
    let whole = Body {
        object: "list",
        data: texts(&body["input"])
            .into_iter()
            .enumerate()
            .map(embed)
            .collect(),
        model,
        usage: tells_usage.then(|| tokens.into()),
    };
    serde_json::to_string(&whole).expect("embeddings are plain data")
}

fn shown(vector: Vec<f32>, as_base64: bool) -> Vector {
    if !as_base64 {
        return Vector::Numbers(vector);
    }
    let bytes: Vec<u8> = vector.into_iter().flat_map(f32::to_le_bytes).collect();
    Vector::Base64(STANDARD.encode(bytes))
}

/// Numbers of a generator (xorshift) that starts with the text's hash, scaled to length one.
fn vector(text: &Text, dimensions: usize) -> Vec<f32> {
    let mut hasher = DefaultHasher::new();
    text.shown().hash(&mut hasher);
    let mut state = hasher.finish() | 1;
    let numbers: Vec<f32> = (0..dimensions)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let [low, high, ..] = state.to_le_bytes();
            f32::from(i16::from_le_bytes([low, high]))
        })
        .collect();
    let length = numbers.iter().map(|x| x * x).sum::<f32>().sqrt().max(1.0);
    numbers.into_iter().map(|x| x / length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn embed(body: &Value) -> Value {
        let text = super::json(body, "text-embedding-3-large", Tokens::default(), true);
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn each_text_has_its_vector_of_length_one() {
        let answer = embed(&json!({"input": ["a", "b", "a"]}));
        let vector = |index: usize| {
            answer["data"][index]["embedding"]
                .as_array()
                .expect("numbers")
        };
        assert_eq!(vector(0).len(), 3072);
        assert_eq!(vector(0), vector(2), "not deterministic");
        assert_ne!(vector(0), vector(1), "different texts, the same vector");
        let numbers = vector(1).iter().filter_map(Value::as_f64);
        let length: f64 = numbers.map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-3, "length {length}");
    }

    #[test]
    fn base64_says_the_same_as_numbers() {
        let as_numbers = embed(&json!({"input": "a", "dimensions": 4}));
        let as_base64 = embed(&json!({"input": "a", "dimensions": 4, "encoding_format": "base64"}));
        let text = as_base64["data"][0]["embedding"].as_str().expect("text");
        let bytes = STANDARD.decode(text).expect("base64");
        let decoded: Vec<f32> = bytes
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes(four.try_into().expect("four bytes")))
            .collect();
        let numbers: Vec<f32> =
            serde_json::from_value(as_numbers["data"][0]["embedding"].clone()).expect("numbers");
        assert_eq!(decoded, numbers);
    }
}
