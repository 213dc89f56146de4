//! The beginnings of images and recordings.

use crate::seed;

/// The beginning of a PNG of this size.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    file.extend_from_slice(&width.to_be_bytes());
    file.extend_from_slice(&height.to_be_bytes());
    file.extend_from_slice(&[8, 6, 0, 0, 0, 0, 0, 0, 0]);
    file
}

/// A WAV that says such a rate, in bytes a second, and such a length.
fn wav(rate: u32, length: u32) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    file.extend_from_slice(&24_000_u32.to_le_bytes());
    file.extend_from_slice(&rate.to_le_bytes());
    file.extend_from_slice(b"\x02\0\x10\0data");
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(&[0; 64]);
    file
}

/// A frame of an MP3, with a tag in it.
fn frame(tag: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 417];
    frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0xc0]);
    frame[36..36 + tag.len()].copy_from_slice(tag);
    frame
}

pub(crate) fn write() {
    let put = |name: &str, file: &[u8]| seed("media", name, file);
    let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08\x02\x58\x03\x20\x03\x01\x22\0";
    put("good-png", &png(800, 600));
    put("png-cut", &png(800, 600)[..18]);
    put("png-of-no-size", &png(0, 0));
    put("good-gif", b"GIF89a\x20\x03\x58\x02\0\0\0");
    put("good-jpeg", jpeg);
    put("jpeg-cut", &jpeg[..8]);
    put(
        "good-webp",
        b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\x1f\xc3\x95\0\0\0\0\0",
    );
    put("good-wav", &wav(48_000, 64));
    put("good-wav-of-unknown-size", &wav(48_000, u32::MAX));
    put("wav-rate-zero", &wav(0, 64));
    put(
        "wav-without-rate",
        b"RIFF\0\0\0\0WAVEdata\x08\0\0\0\0\0\0\0\0\0\0",
    );
    put("good-mp3", &frame(b"").repeat(2));
    let tag = b"ID3\x04\0\0\0\0\0\x08\0\0\0\0\0\0\0\0";
    put("good-mp3-with-a-tag", &[&tag[..], &frame(b"")].concat());
    let variable = frame(b"Xing\0\0\0\x01\0\0\x13\x88");
    put("good-mp3-of-a-variable-rate", &variable);
    put("id3-longer-than-the-file", b"ID3\x04\0\0\x7f\x7f\x7f\x7f");
    put("text", b"hello");
    put("empty", b"");
}
