//! The file as a tree, which knows the place of everything: for what has to be said about a file that is wrong.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Location;

use super::parser::{Stop, parse_any};
use super::secret::is_reference;

/// A value of the file.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it is; `None`: it was made up.
    pub(super) at: Option<Location>,
    /// Where its text is: behind an alias, at the anchor.
    pub(super) defined: Option<Location>,
    /// Whether nothing was taken out of it.
    pub(super) is_whole: bool,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// As it is printed: in quotes, unless it is a word or number without them.
    Scalar(String),
    List(Vec<Node>),
    Members(Vec<Member>),
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) at: Option<Location>,
    pub(super) value: Node,
}

impl Member {
    /// One that is not in the file, with no value.
    pub(super) fn made_up(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            at: None,
            value: Node::made_up(Content::Scalar("~".to_owned())),
        }
    }
}

/// Where a line of a printed tree comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The way from the top: the n-th item or member each time.
    pub(super) way: Vec<usize>,
    /// Whether it is the name of a member, the last one of the way.
    pub(super) is_name: bool,
}

impl Node {
    /// The tree of a text, or why it is not YAML.
    pub(super) fn read(text: &str) -> Result<Self, Box<Stop>> {
        let mut tree: Self = parse_any(text)?;
        tree.take_words(text);
        Ok(tree)
    }

    /// Something that is not in the file.
    pub(super) fn made_up(content: Content) -> Self {
        Self {
            at: None,
            defined: None,
            is_whole: true,
            content,
        }
    }

    /// Words and numbers without quotes are read by what they are for: they stay as they are written.
    fn take_words(&mut self, text: &str) {
        match &mut self.content {
            Content::Scalar(printed) => {
                let written = self.at.and_then(|at| written(at, text));
                let is_plain = |it: &&str| {
                    let begins =
                        it.starts_with(|c: char| c.is_ascii_alphanumeric() || "+-.~".contains(c));
                    begins && !it.contains([',', '[', ']', '{', '}', '#', ':', '\n', '\\', '"'])
                };
                if let Some(word) = written.filter(is_plain) {
                    let quoted = quoted(word);
                    if *printed == quoted || !printed.starts_with('"') {
                        *printed = word.to_owned();
                    }
                }
            }
            Content::List(items) => items.iter_mut().for_each(|it| it.take_words(text)),
            Content::Members(members) => {
                members.iter_mut().for_each(|it| it.value.take_words(text))
            }
        }
    }

    /// What is at the end of a way.
    pub(super) fn follow(&mut self, way: &[usize]) -> Option<&mut Self> {
        let Some((first, rest)) = way.split_first() else {
            return Some(self);
        };
        let below = match &mut self.content {
            Content::Scalar(_) => None,
            Content::List(items) => items.get_mut(*first),
            Content::Members(members) => members.get_mut(*first).map(|it| &mut it.value),
        };
        below?.follow(rest)
    }

    /// The paths of these places: as `clients[0].products`.
    pub(super) fn paths(&self, wanted: &HashSet<Spot>) -> HashMap<Spot, String> {
        let mut paths = Paths {
            wanted,
            path: String::new(),
            found: HashMap::new(),
        };
        paths.look(self, None);
        paths.found
    }

    /// The place of the value of a member.
    pub(super) fn place_of(&self, names: &[&str]) -> Option<Location> {
        let Some((name, below)) = names.split_first() else {
            return self.at;
        };
        let Content::Members(members) = &self.content else {
            return None;
        };
        let member = members.iter().find(|it| it.name == *name)?;
        member.value.place_of(below)
    }

    /// As YAML that the parser reads as the file, with one thing in each line.
    pub(super) fn print(&self) -> String {
        let mut text = String::new();
        self.print_into(&mut |line| {
            text.push(' ');
            text.push_str(line);
            text.push('\n');
        });
        text
    }

    fn print_into(&self, line: &mut impl FnMut(&str)) {
        match &self.content {
            Content::Scalar(text) => line(text),
            Content::List(items) => {
                line("[");
                for item in items {
                    item.print_into(line);
                    line(",");
                }
                line("]");
            }
            Content::Members(members) => {
                line("{");
                for member in members {
                    line(&format!("{}:", quoted(&member.name)));
                    member.value.print_into(line);
                    line(",");
                }
                line("}");
            }
        }
    }

    /// Where a line of what is printed comes from; lines are counted from 1.
    pub(super) fn origin(&self, line: u64) -> Option<Origin> {
        let mut origin = Origin {
            way: Vec::new(),
            is_name: false,
        };
        let mut left = line.checked_sub(1)?;
        self.find(&mut left, &mut origin).then_some(origin)
    }

    /// Goes down to the line, which is this many further on.
    fn find(&self, left: &mut u64, origin: &mut Origin) -> bool {
        let passed = |left: &mut u64| match left.checked_sub(1) {
            Some(less) => {
                *left = less;
                false
            }
            None => true,
        };
        if passed(left) {
            return true;
        }
        let (members, items): (&[Member], &[Node]) = match &self.content {
            Content::Scalar(_) => return false,
            Content::List(items) => (&[], items),
            Content::Members(members) => (members, &[]),
        };
        let values = members.iter().map(|it| &it.value).chain(items);
        for (step, value) in values.enumerate() {
            origin.way.push(step);
            if !members.is_empty() && passed(left) {
                origin.is_name = true;
                return true;
            }
            // What comes after it is the comma.
            if value.find(left, origin) || passed(left) {
                return true;
            }
            origin.way.pop();
        }
        passed(left)
    }

    /// For each line of what is printed, the place of a value that can be judged.
    pub(super) fn places(&self) -> Vec<Option<Location>> {
        let mut places = Vec::new();
        self.add_places(&mut places);
        places
    }

    fn add_places(&self, places: &mut Vec<Option<Location>>) {
        places.push(self.at.filter(|_| self.is_whole));
        match &self.content {
            Content::Scalar(_) => return,
            Content::List(items) => {
                for item in items {
                    item.add_places(places);
                    places.push(None);
                }
            }
            Content::Members(members) => {
                for member in members {
                    places.push(member.at);
                    member.value.add_places(places);
                    places.push(None);
                }
            }
        }
        places.push(None);
    }

    /// The values of members that others refer to, in all of it.
    pub(super) fn names(&self, found: &mut impl FnMut(&str)) {
        match &self.content {
            Content::Scalar(_) => {}
            Content::List(items) => items.iter().for_each(|it| it.names(found)),
            Content::Members(members) => {
                for member in members {
                    match &member.value.content {
                        Content::Scalar(text)
                            if matches!(&*member.name, "id" | "name" | "region") =>
                        {
                            found(&unquoted(text));
                        }
                        _ => member.value.names(found),
                    }
                }
            }
        }
    }
}

/// A place that something is said of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Spot {
    line: u64,
    column: u64,
    /// Whether it is the name of a member, which can be at the place of its owner.
    is_name: bool,
}

impl Spot {
    pub(super) fn new(at: Location, is_name: bool) -> Self {
        Self {
            line: at.line(),
            column: at.column(),
            is_name,
        }
    }
}

/// Looks for many places on one way through a tree, which can be long.
struct Paths<'a> {
    wanted: &'a HashSet<Spot>,
    path: String,
    found: HashMap<Spot, String>,
}

impl Paths<'_> {
    /// Looks at a value and what is below it; `name` is the one of its member.
    fn look(&mut self, node: &Node, name: Option<&str>) {
        self.note(node.at, false);
        let before = self.path.len();
        match &node.content {
            Content::Scalar(_) => {}
            Content::List(items) => {
                for (step, item) in items.iter().enumerate() {
                    self.path.push_str(&format!("[{step}]"));
                    self.look(item, name);
                    self.path.truncate(before);
                }
            }
            Content::Members(members) => {
                for member in members {
                    // Where a secret's place belongs, a name can be the secret.
                    let is_secret =
                        name.is_some_and(is_reference) && !matches!(&*member.name, "env" | "file");
                    if !is_secret {
                        push_name(&mut self.path, &member.name);
                    }
                    self.note(member.at, true);
                    self.look(&member.value, Some(&member.name));
                    self.path.truncate(before);
                }
            }
        }
    }

    /// A block begins where the first name in it does: what is outermost was meant, which comes first.
    fn note(&mut self, at: Option<Location>, is_name: bool) {
        let spot = at.map(|at| Spot::new(at, is_name));
        if let Some(spot) = spot.filter(|it| self.wanted.contains(it))
            && !self.found.contains_key(&spot)
        {
            self.found.insert(spot, self.path.clone());
        }
    }
}

/// The path of a member.
pub(super) fn path_of(names: &[&str]) -> String {
    let mut path = String::new();
    names.iter().for_each(|name| push_name(&mut path, name));
    path
}

/// Adds the name of a member to a path; one that is not a plain word in quotes.
fn push_name(path: &mut String, name: &str) {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '-';
    if name.is_empty() || !name.chars().all(is_plain) {
        path.push_str(&format!("[{}]", quoted(name)));
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

/// The text at a place, where the parser says which it is.
fn written(at: Location, text: &str) -> Option<&str> {
    text.get(bytes_at(at, text)?).map(str::trim)
}

/// The bytes at a place.
pub(super) fn bytes_at(at: Location, text: &str) -> Option<Range<usize>> {
    let span = at.span();
    let (begin, length) = (span.byte_offset()?, span.byte_len()?);
    let begin = usize::try_from(begin).ok()?;
    let end = begin.checked_add(usize::try_from(length).ok()?)?;
    (end <= text.len()).then_some(begin..end)
}

/// In the quotes of JSON, which YAML has, too.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A scalar as it is read.
pub(super) fn unquoted(text: &str) -> String {
    serde_json::from_str(text).unwrap_or_else(|_| text.to_owned())
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = serde_saphyr::Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self {
            at: Some(read.referenced),
            defined: Some(read.defined),
            is_whole: true,
            content: read.value,
        })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl ContentVisitor {
    fn plain<E>(it: impl fmt::Display) -> Result<Content, E> {
        Ok(Content::Scalar(it.to_string()))
    }
}

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, it: bool) -> Result<Content, E> {
        Self::plain(it)
    }

    fn visit_i64<E>(self, it: i64) -> Result<Content, E> {
        Self::plain(it)
    }

    fn visit_u64<E>(self, it: u64) -> Result<Content, E> {
        Self::plain(it)
    }

    fn visit_i128<E>(self, it: i128) -> Result<Content, E> {
        Self::plain(it)
    }

    fn visit_u128<E>(self, it: u128) -> Result<Content, E> {
        Self::plain(it)
    }

    fn visit_f64<E>(self, it: f64) -> Result<Content, E> {
        Self::plain(it)
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Self::plain("~")
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Self::plain("~")
    }

    fn visit_str<E>(self, it: &str) -> Result<Content, E> {
        Ok(Content::Scalar(quoted(it)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<serde_saphyr::Spanned<String>, Node>()? {
            members.push(Member {
                name: name.value,
                at: Some(name.referenced),
                value,
            });
        }
        Ok(Content::Members(members))
    }
}
