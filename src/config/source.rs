//! The lines of a file as reports show them.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::finding::Finding;

/// A text that knows where its lines begin: what is shown of it costs as much at its end as at its start.
#[derive(Debug)]
pub(super) struct Source<'a> {
    name: &'a str,
    text: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(name: &'a str, text: &'a str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            name,
            text,
            lines: std::iter::once(0).chain(breaks).collect(),
        }
    }

    /// The rest of the line that a finding is about.
    pub(super) fn span(&self, finding: &Finding) -> Option<SourceSpan> {
        let line = usize::try_from(finding.line?).ok()?;
        let column = usize::try_from(finding.column?).ok()?;
        let start = *self.lines.get(line.checked_sub(1)?)?;
        let rest = self.text.get(start..)?.lines().next()?;
        let before = rest
            .chars()
            .take(column.checked_sub(1)?)
            .map(char::len_utf8)
            .sum::<usize>();
        let shown = rest
            .get(before..)?
            .split([',', '}', ']', '#'])
            .next()?
            .trim_end();
        Some((start + before, shown.len().max(1)).into())
    }

    /// The line that a byte is in, counted from 0.
    fn line_of(&self, at: usize) -> usize {
        self.lines
            .partition_point(|begin| *begin <= at)
            .saturating_sub(1)
    }
}

impl SourceCode for Source<'_> {
    fn read_span<'s>(
        &'s self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'s> + 's>, MietteError> {
        let first = self.line_of(span.offset()).saturating_sub(lines_before);
        let last = self.line_of(span.offset() + span.len()) + lines_after;
        let begin = self.lines.get(first).copied().unwrap_or_default();
        // One line more, so that the part does not end before the file does.
        let end = self.lines.get(last + 2).copied();
        let end = end.unwrap_or(self.text.len());
        let part = self.text.get(begin..end).ok_or(MietteError::OutOfBounds)?;
        let offset = span.offset().saturating_sub(begin);
        let within = (offset, span.len()).into();
        let read = part.read_span(&within, lines_before, lines_after)?;
        let shown = read.span();
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.to_owned(),
            read.data(),
            (shown.offset() + begin, shown.len()).into(),
            read.line() + first,
            read.column(),
            read.line_count(),
        )))
    }
}
