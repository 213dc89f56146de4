use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The beginning of a PNG of this size.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    file.extend_from_slice(&width.to_be_bytes());
    file.extend_from_slice(&height.to_be_bytes());
    file.extend_from_slice(&[8, 6, 0, 0, 0, 0, 0, 0, 0]);
    file
}

/// A WAV of 16-bit mono with so many seconds of silence, and a chunk before them.
fn wav(seconds: u32, said_bytes: Option<u32>) -> Vec<u8> {
    let bytes = seconds * 48_000;
    let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x01\0".to_vec();
    for value in [24_000_u32, 48_000] {
        file.extend_from_slice(&value.to_le_bytes());
    }
    file.extend_from_slice(b"\x02\0\x10\0data");
    file.extend_from_slice(&said_bytes.unwrap_or(bytes).to_le_bytes());
    file.resize(file.len() + usize::try_from(bytes).expect("a size"), 0);
    file
}

/// Frames of 128 kbit/s at 44.1 kHz, 417 bytes each.
fn mp3(frames: usize, tag: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 417];
    frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0xc0]);
    let mut first = frame.clone();
    first[36..36 + tag.len()].copy_from_slice(tag);
    [first, frame.repeat(frames - 1)].concat()
}

fn data_url(file: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(file))
}

fn image(model: &str, width: u32, height: u32, detail: &str) -> u64 {
    let url = data_url(&png(width, height));
    let part = json!({"type": "image_url", "image_url": {"url": url, "detail": detail}});
    let messages = json!([{"role": "user", "content": [{"type": "text", "text": "?"}, part]}]);
    tokens(model, Some(&messages)).images
}

#[test]
fn images_cost_what_the_published_examples_say() {
    for (model, width, height, detail, expected) in [
        // https://platform.openai.com/docs/guides/images-vision
        ("gpt-4o-2024-08-06", 1024, 1024, "high", 765),
        ("gpt-4o-2024-08-06", 2048, 4096, "high", 1105),
        ("gpt-4o-2024-08-06", 4096, 8192, "low", 85),
        ("gpt-4.1", 512, 512, "auto", 255),
        ("gpt-4o-mini", 1024, 1024, "high", 2833 + 4 * 5667),
        ("o1", 1024, 1024, "high", 75 + 4 * 150),
        ("gpt-5-2025-08-07", 1024, 1024, "high", 70 + 4 * 140),
        ("gpt-4.1-mini", 1024, 1024, "high", 1659),
        ("o4-mini", 32, 64, "high", 4),
        ("gpt-5-nano", 100_000, 100_000, "high", 3779),
        ("gpt-4.1-mini", 4096, 4096, "low", 415),
    ] {
        let found = image(model, width, height, detail);
        assert_eq!(found, expected, "{model}: {width} × {height}, {detail}");
    }
}

#[test]
fn an_image_that_is_not_seen_counts_as_the_largest() {
    for url in [
        json!("https://example.com/x.png"),
        json!("data:image/png;base64,AAAA"),
        json!("data:image/png,x"),
        json!(null),
    ] {
        let content = json!([{"type": "input_image", "image_url": url}]);
        let input = json!([{"role": "user", "content": content}]);
        let found = tokens("gpt-4o", Some(&input));
        assert_eq!(found.images, 85 + 8 * 170, "{url}");
    }
}

#[test]
fn every_format_that_a_prompt_may_have_says_its_size() {
    let gif = b"GIF89a\x20\x03\x58\x02\0\0\0";
    let webp = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\x1f\xc3\x95\0\0\0\0\0";
    let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08\x02\x58\x03\x20\x03\x01\x22\0";
    assert_eq!(image::size(&png(800, 600)), Some((800, 600)));
    assert_eq!(image::size(gif), Some((800, 600)));
    assert_eq!(image::size(jpeg), Some((800, 600)));
    assert_eq!(image::size(webp), Some((800, 600)));
    assert_eq!(image::size(&png(0, 600)), None);
    assert_eq!(image::size(b"%PDF-1.7"), None);
}

#[test]
fn recordings_cost_ten_tokens_a_second() {
    let ms = |file: &[u8]| {
        let whole = STANDARD.encode(file);
        audio_tokens(&whole)
    };
    assert_eq!(ms(&wav(7, None)), 70);
    assert_eq!(ms(&wav(7, Some(u32::MAX))), 70, "a size that is not known");
    // 1,152 samples a frame at 44,100 a second.
    assert_eq!(ms(&mp3(1000, b"")), 261);
    let id3 = [b"ID3\x04\0\0\0\0\x01\0".as_slice(), &[0; 128]].concat();
    assert_eq!(ms(&[id3, mp3(1000, b"")].concat()), 261);
    let variable = [b"Xing\0\0\0\x01".as_slice(), &5000_u32.to_be_bytes()].concat();
    assert_eq!(ms(&mp3(1000, &variable)), 1307, "it says 5,000 frames");
    assert_eq!(ms(&[7; 80_000]), 100, "64 kbit/s where nothing is known");
    assert_eq!(audio_tokens(""), 0);
    assert_eq!(audio_tokens("not Base64!"), 0);
}

#[test]
fn a_long_body_is_kept_without_its_files_and_costs_the_same() {
    let mut files = vec![data_url(&[png(1024, 1024), vec![1; 600_000]].concat())];
    files.extend(vec![
        data_url(&[png(512, 512), vec![2; 90_000]].concat());
        12
    ]);
    let mut content: Vec<_> = files
        .iter()
        .map(|url| json!({"type": "image_url", "image_url": {"url": url}}))
        .collect();
    let recording = STANDARD.encode(wav(30, None));
    content
        .push(json!({"type": "input_audio", "input_audio": {"data": recording, "format": "wav"}}));
    // A text that looks like a file is a text.
    content.push(json!({"type": "text", "text": "A".repeat(50_000)}));
    let body = json!({"messages": [{"role": "user", "content": content}]});
    let written = serde_json::to_vec(&body).expect("JSON");
    let kept = without_payloads(&written);
    assert!(kept.len() < 700_000, "{} bytes", kept.len());
    let kept: Value = serde_json::from_slice(&kept).expect("it is JSON still");
    let whole = tokens("gpt-4o", body.get("messages"));
    assert_eq!(tokens("gpt-4o", kept.get("messages")), whole);
    assert_eq!(whole.images, 765 + 12 * 255);
    assert_eq!(whole.audio, 300);
    let text = |body: &Value| body["messages"][0]["content"][14]["text"].clone();
    assert_eq!(text(&kept), text(&body));
}

#[test]
fn short_files_and_other_members_stay_as_they_are() {
    let long = "A".repeat(100_000);
    for (at, body) in [
        format!(r#"{{"messages":[{{"role":"user","content":"{long}"}}]}}"#),
        format!(r#"{{"{long}":"url","x":["url","{long}"]}}"#),
        r#"{"url":"data:image/png;base64,AAAA","q":"\"\\"}"#.to_owned(),
        r#"{"url":"not closed"#.to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let kept = without_payloads(body.as_bytes());
        assert!(kept == body.as_bytes(), "body {at}");
    }
}

proptest! {
    #[test]
    fn hostile_files_never_panic(file in prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..600),
        (proptest::collection::vec(any::<u8>(), 0..60), 0..3_usize).prop_map(|(rest, kind)| {
            let heads: [&[u8]; 3] = [b"RIFF\0\0\0\0WAVEfmt ", b"ID3\x04\0\0\x7f\x7f\x7f\x7f", b"\xff\xfb\x90"];
            [heads[kind], &rest].concat()
        }),
    ]) {
        probe_media(&file);
        let _ = audio_tokens(&STANDARD.encode(&file));
        let _ = without_payloads(&file);
    }
}
