//! Secrets by their places, which the parser knows: however they are written.

use std::ops::Range;

use super::super::tree::{Content, Member, Node, bytes_at, unquoted};
use super::members::Holds;
use super::words::password;

/// The bytes of every value that may be a secret, and of comments, which nobody has parsed.
pub(super) fn ranges(tree: &Node, text: &str) -> Vec<Range<usize>> {
    let mut places = Places {
        text,
        scalars: Vec::new(),
        hidden: Vec::new(),
    };
    places.look(tree, Holds::Anything);
    places.comments();
    places.hidden
}

struct Places<'a> {
    text: &'a str,
    /// Where names and values are.
    scalars: Vec<Range<usize>>,
    hidden: Vec<Range<usize>>,
}

impl Places<'_> {
    fn look(&mut self, node: &Node, holds: Holds) {
        match &node.content {
            Content::Scalar(value) => self.scalar(node, holds.shows(&unquoted(value))),
            Content::List(items) => items.iter().for_each(|it| self.look(it, holds)),
            Content::Members(members) => {
                for member in members {
                    self.member(member, holds);
                }
            }
        }
    }

    fn scalar(&mut self, node: &Node, is_shown: bool) {
        // Behind an alias it is where the anchor is, too.
        let places = [node.at, node.defined].into_iter().flatten();
        for place in places.filter_map(|at| bytes_at(at, self.text)) {
            let written = self.text.get(place.clone()).unwrap_or_default();
            match (is_shown, password(written)) {
                (false, _) => self.hidden.push(place.clone()),
                (true, Some(it)) => {
                    let (begin, end) = (place.start + it.start, place.start + it.end);
                    self.hidden.push(begin..end);
                }
                (true, None) => {}
            }
            self.scalars.push(place);
        }
    }

    fn member(&mut self, member: &Member, owner: Holds) {
        let name = member.at.and_then(|at| bytes_at(at, self.text));
        let holds = owner.below(&member.name);
        if owner.is_place() && holds == Holds::Reference {
            // It belongs to nothing here, and may be the secret.
            self.hidden.extend(name.clone());
        }
        if holds.is_about_secrets() {
            let before = name.as_ref().and_then(|it| self.before(it, &member.value));
            self.hidden.extend(before);
        }
        self.scalars.extend(name);
        self.look(&member.value, holds);
    }

    /// What stands between a name and its value, as anchors and tags: a secret can begin as they do.
    fn before(&self, name: &Range<usize>, value: &Node) -> Option<Range<usize>> {
        let rest = self.text.get(name.end..)?;
        let colon = rest.find(':')?;
        let begin = name.end + colon + 1;
        let end = match &value.content {
            // There is nothing else.
            Content::Scalar(value) if value == "~" => {
                let line = self.text.get(begin..)?.split('\n').next()?;
                begin + line.len()
            }
            _ => bytes_at(value.at?, self.text)?.start,
        };
        (begin < end).then_some(begin..end)
    }

    fn comments(&mut self) {
        self.scalars.sort_unstable_by_key(|it| it.start);
        let mut begin = 0;
        for line in self.text.split_inclusive('\n') {
            let comment = line.match_indices('#').find(|(at, _)| {
                let before = line.get(..*at).and_then(|it| it.chars().next_back());
                before.is_none_or(|it| it.is_whitespace() || it == '\u{feff}')
                    && !self.is_in_scalar(begin + at)
            });
            let end = begin + line.len();
            if let Some((at, _)) = comment {
                self.hidden.push(begin + at + 1..end);
            }
            begin = end;
        }
    }

    fn is_in_scalar(&self, at: usize) -> bool {
        let after = self.scalars.partition_point(|it| it.start <= at);
        let last = after.checked_sub(1).and_then(|it| self.scalars.get(it));
        last.is_some_and(|it| at < it.end)
    }
}
