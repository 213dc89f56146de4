//! A form in the one spelling that all readers read alike.
//!
//! ```text
//! --boundary
//! content-disposition: form-data; name="…"[; filename="…"]
//! [content-type: …]
//!
//! content
//! --boundary--
//! ```
//!
//! Text has no `content-type`: without one it is `text/plain` in UTF-8 (RFC 7578, sections 4.4 and
//! 5.1.2), which is how it was read.

use std::hash::{BuildHasher, RandomState};

use memchr::memmem;

use super::Form;
use super::part::{Kind, Part};

/// What a part has besides its name, its file's name and type, and its content: an upper bound.
const PART_OVERHEAD_BYTES: usize = 160;

impl Form<'_> {
    /// Writes the form with a boundary of its own; gives the `content-type` that goes with it, and the
    /// body.
    pub fn write(&self) -> (String, Vec<u8>) {
        let boundary = self.boundary();
        let size = self.0.iter().map(Part::size).sum::<usize>() + PART_OVERHEAD_BYTES;
        let mut body = Vec::with_capacity(size);
        for part in &self.0 {
            let name = &part.name;
            let head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"");
            body.extend_from_slice(head.as_bytes());
            part.kind.write(&mut body);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), body)
    }

    /// A boundary that is nowhere in the form. That it can't be guessed bounds how often it is tried.
    fn boundary(&self) -> String {
        let random = [RandomState::new(), RandomState::new()];
        let mut attempt = 0_u64;
        loop {
            let words = random.each_ref().map(|it| it.hash_one(attempt));
            let boundary: String = words.iter().map(|word| format!("{word:016x}")).collect();
            if !self.0.iter().any(|part| part.contains(&boundary)) {
                return boundary;
            }
            attempt = attempt.wrapping_add(1);
        }
    }
}

impl Part<'_> {
    fn size(&self) -> usize {
        let kind = match &self.kind {
            Kind::Text(text) => text.len(),
            Kind::File {
                filename,
                content_type,
                content,
            } => {
                let names = filename.as_ref().map_or(0, String::len);
                names + content_type.map_or(0, str::len) + content.len()
            }
        };
        self.name.len() + kind + PART_OVERHEAD_BYTES
    }

    fn contains(&self, boundary: &str) -> bool {
        let is_in = |text: &[u8]| memmem::find(text, boundary.as_bytes()).is_some();
        let in_kind = match &self.kind {
            Kind::Text(text) => is_in(text.as_bytes()),
            Kind::File {
                filename,
                content_type,
                content,
            } => {
                is_in(content)
                    || filename.as_ref().is_some_and(|it| is_in(it.as_bytes()))
                    || content_type.is_some_and(|it| is_in(it.as_bytes()))
            }
        };
        in_kind || is_in(self.name.as_bytes())
    }
}

impl Kind<'_> {
    /// The rest of the disposition, the type, and the content.
    fn write(&self, body: &mut Vec<u8>) {
        let content = match self {
            Self::Text(text) => text.as_bytes(),
            Self::File {
                filename,
                content_type,
                content,
            } => {
                if let Some(filename) = filename {
                    body.extend_from_slice(format!("; filename=\"{filename}\"").as_bytes());
                }
                if let Some(content_type) = content_type {
                    body.extend_from_slice(format!("\r\ncontent-type: {content_type}").as_bytes());
                }
                content
            }
        };
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(content);
    }
}
