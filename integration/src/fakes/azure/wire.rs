//! From events to bytes: line endings, gzip, and pieces that are cut anywhere.

use super::script::{LineEnding, Script};
use crate::fakes::body::Step;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::time::Duration;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The `event:` line, which only Responses has.
    pub name: Option<&'static str>,
    /// The `data:` line.
    pub data: String,
}

impl Event {
    /// An event without a name, as chat and completions have them.
    pub fn data(data: impl Into<String>) -> Self {
        Self {
            name: None,
            data: data.into(),
        }
    }

    /// The end of a stream of chat or completions.
    pub fn done() -> Self {
        Self::data("[DONE]")
    }

    /// Whether it says the usage, or the end of the stream.
    pub fn ends_the_stream(&self) -> bool {
        let data = &self.data;
        data == "[DONE]" || data.contains("\"usage\":{") || self.name == Some("response.completed")
    }

    /// Its lines, and the empty one that ends it.
    pub fn render(&self, ending: LineEnding) -> String {
        let end = match ending {
            LineEnding::Lf => "\n",
            LineEnding::CrLf => "\r\n",
            LineEnding::Cr => "\r",
        };
        let data = &self.data;
        match self.name {
            Some(name) => format!("event: {name}{end}data: {data}{end}{end}"),
            None => format!("data: {data}{end}{end}"),
        }
    }
}

/// Turns what is to be said into writes.
#[derive(Debug)]
pub struct Wire {
    gzip: Option<GzEncoder<Vec<u8>>>,
    split_bytes: Option<usize>,
    split_delay: Duration,
}

impl Wire {
    /// As the script says; `gzip` may be the client's wish too.
    pub fn new(script: &Script, gzip: bool) -> Self {
        Self {
            gzip: gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast())),
            split_bytes: script.split_bytes,
            split_delay: script.split_delay,
        }
    }

    /// Sends `text` and flushes it.
    pub fn send(&mut self, text: &str) -> Vec<Step> {
        let bytes = match &mut self.gzip {
            None => Bytes::copy_from_slice(text.as_bytes()),
            Some(encoder) => {
                // A flush makes what was written decodable at the other end: RFC 1951, section 3.2.4.
                let written = encoder.write_all(text.as_bytes());
                written
                    .and_then(|()| encoder.flush())
                    .expect("a vector takes all");
                std::mem::take(encoder.get_mut()).into()
            }
        };
        self.cut(bytes)
    }

    /// What is left to be sent when all has been said: the end of the gzip stream.
    pub fn finish(&mut self) -> Vec<Step> {
        let rest = self.gzip.take().map(|encoder| {
            let rest = encoder.finish();
            rest.expect("a vector takes all")
        });
        rest.map(|rest| self.cut(rest.into())).unwrap_or_default()
    }

    fn cut(&self, bytes: Bytes) -> Vec<Step> {
        let size = self.split_bytes.unwrap_or(bytes.len()).max(1);
        let mut steps = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            steps.push(Step::Write(rest.split_to(size.min(rest.len()))));
            steps.push(Step::Flush);
            if !self.split_delay.is_zero() {
                steps.push(Step::Wait(self.split_delay));
            }
        }
        steps
    }
}

/// `text`, compressed at once.
pub fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(text.as_bytes());
    written
        .and_then(|()| encoder.finish())
        .expect("a vector takes all")
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read;

    fn written(steps: &[Step]) -> Vec<Vec<u8>> {
        let writes = steps.iter().filter_map(|step| match step {
            Step::Write(bytes) => Some(bytes.to_vec()),
            Step::Flush | Step::Wait(_) | Step::Trailer | Step::Abort => None,
        });
        writes.collect()
    }

    #[test]
    fn an_event_may_end_its_lines_in_three_ways() {
        let event = Event {
            name: Some("response.created"),
            data: "{}".to_owned(),
        };
        let lf = event.render(LineEnding::Lf);
        assert_eq!(lf, "event: response.created\ndata: {}\n\n");
        assert_eq!(event.render(LineEnding::CrLf), lf.replace('\n', "\r\n"));
        assert_eq!(event.render(LineEnding::Cr), lf.replace('\n', "\r"));
    }

    #[test]
    fn pieces_cut_characters_in_two() {
        let script = Script {
            split_bytes: Some(1),
            ..Script::default()
        };
        let mut wire = Wire::new(&script, false);
        let pieces = written(&wire.send("é!"));
        assert_eq!(pieces, [vec![0xc3], vec![0xa9], vec![b'!']]);
    }

    #[test]
    fn each_flush_of_gzip_can_be_read_at_once() {
        let mut wire = Wire::new(&Script::default(), true);
        let first = written(&wire.send("data: 1\n\n")).concat();
        let mut seen = [0; 9];
        let mut reader = GzDecoder::new(first.as_slice());
        reader.read_exact(&mut seen).expect("the first event");
        assert_eq!(&seen, b"data: 1\n\n");
        let rest = written(&wire.finish()).concat();
        let mut all = String::new();
        let whole = [first, rest].concat();
        let mut reader = GzDecoder::new(whole.as_slice());
        reader.read_to_string(&mut all).expect("a whole stream");
        assert_eq!(all, "data: 1\n\n");
    }
}
