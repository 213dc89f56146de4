//! Tokens of a recording: one for 100 ms (<https://platform.openai.com/docs/guides/realtime-costs>). A chat
//! takes WAV and MP3.
//!
//! ```text
//! wav   = "RIFF" size "WAVE" *chunk                     ; sizes are little-endian, of 4 bytes
//! chunk = "fmt " size … byte-rate(at 8) … / "data" size samples / 4CHAR size content
//! mp3   = [ "ID3" version flags size content ] *frame   ; the size has 7 bits in each byte
//! frame = 11 bits set, version, layer, …, bit rate, sample rate, … [ "Xing" / "Info" flags frames ]
//! ```

/// Milliseconds of a token.
const MS_PER_TOKEN: u64 = 100;
/// What is not known to be faster has the rate of speech in MP3, in bits a second.
const USUAL_BITS_PER_SECOND: u64 = 64_000;
/// Thousands of bits a second of layer III, by the index in its header; MPEG 1, and MPEG 2 and 2.5.
const RATES_1: [u64; 15] = [
    0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
];
const RATES_2: [u64; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
/// Chunks of a WAV that are looked at, and bytes of an MP3 in which its first frame is looked for.
const MAX_CHUNKS: usize = 64;
const MAX_SEARCH_BYTES: usize = 4096;

pub(super) fn tokens(length_ms: u64) -> u64 {
    length_ms.div_ceil(MS_PER_TOKEN)
}

/// The length of a recording of so many bytes that begins like this.
pub(super) fn length_ms(head: &[u8], bytes: u64) -> u64 {
    known_ms(head, bytes).unwrap_or_else(|| ms_of(bytes, USUAL_BITS_PER_SECOND / 8))
}

/// Whether the length is more than an assumption.
pub(super) fn is_known(head: &[u8]) -> bool {
    known_ms(head, u64::try_from(head.len()).unwrap_or(u64::MAX)).is_some()
}

fn known_ms(head: &[u8], bytes: u64) -> Option<u64> {
    wav_ms(head, bytes).or_else(|| mp3_ms(head, bytes))
}

fn ms_of(bytes: u64, bytes_per_second: u64) -> u64 {
    let ms = u128::from(bytes) * 1000;
    let ms = ms.checked_div(u128::from(bytes_per_second)).unwrap_or(0);
    u64::try_from(ms).unwrap_or(u64::MAX)
}

fn wav_ms(head: &[u8], bytes: u64) -> Option<u64> {
    let rest = head.strip_prefix(b"RIFF")?.get(4..)?;
    let mut rest = rest.strip_prefix(b"WAVE")?;
    let mut bytes_per_second = None;
    for _ in 0..MAX_CHUNKS {
        let (name, after) = rest.split_at_checked(4)?;
        let (size, content) = after.split_at_checked(4)?;
        let size = u64::from(u32::from_le_bytes(size.try_into().ok()?));
        match name {
            b"fmt " => {
                let rate = content.get(8..12)?.try_into().ok()?;
                bytes_per_second = Some(u64::from(u32::from_le_bytes(rate)));
            }
            b"data" => {
                // A recorder that does not know the size writes one that is too large.
                let before = u64::try_from(head.len() - content.len()).ok()?;
                let samples = size.min(bytes.saturating_sub(before));
                return bytes_per_second
                    .filter(|it| *it > 0)
                    .map(|it| ms_of(samples, it));
            }
            _ => {}
        }
        let padded = usize::try_from(size + size % 2).ok()?;
        rest = content.get(padded..)?;
    }
    None
}

fn mp3_ms(head: &[u8], bytes: u64) -> Option<u64> {
    let (tag, rest) = without_id3(head)?;
    let frame = rest
        .get(..MAX_SEARCH_BYTES)
        .unwrap_or(rest)
        .windows(4)
        .position(|it| Frame::read(it).is_some())?;
    let rest = rest.get(frame..)?;
    let header = Frame::read(rest.get(..4)?)?;
    if let Some(frames) = frames_said(rest) {
        let samples = u128::from(frames) * u128::from(header.samples);
        let ms = samples * 1000 / u128::from(header.samples_per_second);
        return u64::try_from(ms).ok();
    }
    let before = u64::try_from(tag + frame).ok()?;
    Some(ms_of(bytes.saturating_sub(before), header.bytes_per_second))
}

/// What comes after the tag that some files begin with, and the tag's length.
fn without_id3(head: &[u8]) -> Option<(usize, &[u8])> {
    if !head.starts_with(b"ID3") {
        return Some((0, head));
    }
    let size = head.get(6..10)?;
    let size = size
        .iter()
        .fold(0, |sum: usize, byte| sum * 128 + usize::from(byte & 0x7f));
    Some((10 + size, head.get(10 + size..)?))
}

/// The count of frames that a file of a variable rate says in its first one.
fn frames_said(frame: &[u8]) -> Option<u32> {
    let first = frame.get(..256).unwrap_or(frame);
    let is_tag = |it: &[u8]| it == b"Xing" || it == b"Info";
    let tag = first.windows(4).position(is_tag)?;
    let flags = frame.get(tag + 7)?;
    let frames = frame.get(tag + 8..tag + 12)?.try_into().ok()?;
    (flags & 1 != 0).then(|| u32::from_be_bytes(frames))
}

/// The header of a frame of layer III.
struct Frame {
    bytes_per_second: u64,
    samples: u32,
    samples_per_second: u32,
}

impl Frame {
    fn read(header: &[u8]) -> Option<Self> {
        let [0xff, second, third, _] = *header else {
            return None;
        };
        let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
        let is_frame = second >> 5 == 7 && version != 1 && layer == 1;
        let (rates, samples, shift) = match version {
            3 => (RATES_1, 1152, 0),
            2 => (RATES_2, 576, 1),
            _ => (RATES_2, 576, 2),
        };
        let rate = *rates.get(usize::from(third >> 4))?;
        let samples_per_second: u32 = *[44_100, 48_000, 32_000].get(usize::from(third >> 2 & 3))?;
        (is_frame && rate > 0).then_some(Self {
            bytes_per_second: rate * 1000 / 8,
            samples,
            samples_per_second: samples_per_second >> shift,
        })
    }
}
