//! Every mistake of a file, also where the parser stops at the first one.
//!
//! A mistake in the shape is noted, and mended in a copy of the file: an unknown member is taken out, a missing
//! one made up. The copy is read until its shape is right, and then judged as every file is. What is made up is
//! never judged itself, nor what misses something that was taken out.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_saphyr::Location;

use super::parser::{self, Stop};
use super::problem::Problem;
use super::problems::Problems;
use super::tree::{Content, Member, Node, Origin, quoted};
use super::validate::validate;
use super::wording::{Kind, Mistake};
use super::written;
use crate::nearest::nearest;

/// How often a part of a file is mended. It is read anew each time, so this is what a file of nothing but
/// mistakes can cost.
const MAX_ROUNDS: usize = 200;

/// Everything that is wrong with a text whose shape is not right, where `stop` is the first of it.
pub(super) fn search(text: &str, stop: &Stop, directory: &Path) -> Problems {
    let first = || vec![stop.problem()];
    let mut tree = match Node::read(text) {
        Ok(tree) => tree,
        // Not YAML: what comes after this place can mean anything.
        Err(other) => {
            let is_same = other.at == stop.at;
            let other = (!is_same).then(|| other.problem());
            return first().into_iter().chain(other).collect();
        }
    };
    if matches!(&tree.content, Content::Scalar(text) if text == "~") {
        let help = "docs/configuration.md begins with a whole example";
        return vec![Problem::new("the file is empty").help(help)];
    }
    let mut search = Search::default();
    search.duplicates(&mut tree);
    if let Some(file) = search.file(&mut tree)
        && let Err(found) = validate(file, directory)
    {
        let places = tree.places();
        let judged = |problem| search.original(problem, &places, &tree);
        let judged: Problems = found.into_iter().filter_map(judged).collect();
        search.problems.extend(judged);
    }
    match search.problems.is_empty() {
        true => first(),
        false => search.problems,
    }
}

#[derive(Default)]
struct Search {
    problems: Problems,
    /// Names of what was taken out: others may refer to it.
    taken_out: HashSet<String>,
    /// Members that were taken out, by the place of their owner: they are not missing.
    removed: HashSet<(Option<Location>, String)>,
}

impl Search {
    /// A problem of the copy, at its place in the file; `None` where it is about what was mended.
    fn original(
        &self,
        problem: Problem,
        places: &[Option<Location>],
        tree: &Node,
    ) -> Option<Problem> {
        let place = |at: Location| {
            let line = usize::try_from(at.line()).ok()?.checked_sub(1)?;
            places.get(line).copied().flatten()
        };
        if let Some((section, name)) = &problem.unknown
            && (self.taken_out.contains(name) || is_made_up(tree, section))
        {
            return None;
        }
        let at = match problem.at {
            Some(at) => Some(place(at)?),
            None => None,
        };
        Some(Problem {
            at,
            first: problem.first.and_then(place),
            ..problem
        })
    }

    /// Of two members of one name the first one stays.
    fn duplicates(&mut self, node: &mut Node) {
        match &mut node.content {
            Content::Scalar(_) => {}
            Content::List(items) => items.iter_mut().for_each(|it| self.duplicates(it)),
            Content::Members(members) => {
                let mut seen = HashMap::new();
                members.retain(|member| {
                    let Some(first) = seen.get(&member.name) else {
                        seen.insert(member.name.clone(), member.at);
                        return true;
                    };
                    let message = format!("duplicate member `{}`", member.name);
                    self.problems.push(Problem {
                        at: member.at,
                        is_name: true,
                        first: *first,
                        ..Problem::new(message)
                    });
                    false
                });
                let values = members.iter_mut().map(|it| &mut it.value);
                values.for_each(|it| self.duplicates(it));
            }
        }
    }

    /// Mends the items of the long lists one by one, so that a mistake in one costs no more than that one.
    fn lists(&mut self, tree: &mut Node) {
        let Content::Members(members) = &mut tree.content else {
            return;
        };
        for Member { name, value, .. } in members {
            match name.as_str() {
                "backends" => self.items::<written::Backend>(value),
                "certificate_authorities" => self.items::<written::Authority>(value),
                "clients" => self.items::<written::Client>(value),
                "issuers" => self.items::<written::Issuer>(value),
                "pools" => self.items::<written::Pool>(value),
                "prices" => self.items::<written::Price>(value),
                "products" => self.items::<written::Product>(value),
                _ => {}
            }
        }
    }

    fn items<T: DeserializeOwned>(&mut self, list: &mut Node) {
        let Content::List(items) = &mut list.content else {
            return;
        };
        let before = items.len();
        items.retain_mut(|item| {
            let is_read = self.mended::<T>(item).is_some();
            if !is_read {
                item.names(&mut |name| {
                    self.taken_out.insert(name.to_owned());
                });
            }
            is_read
        });
        list.is_whole &= items.len() == before;
    }

    /// The whole file: first its sections without the items of lists, then these, then all of it.
    fn file(&mut self, tree: &mut Node) -> Option<written::File> {
        let mut lists = Vec::new();
        if let Content::Members(members) = &mut tree.content {
            for member in members {
                if let Content::List(items) = &mut member.value.content {
                    lists.push((member.at, std::mem::take(items)));
                }
            }
        }
        let sections = self.mended::<written::File>(tree);
        if let Content::Members(members) = &mut tree.content {
            for (at, items) in lists {
                // A member may have got the name that was meant, and keeps its place.
                if let Some(member) = members.iter_mut().find(|it| it.at == at) {
                    member.value.content = Content::List(items);
                }
            }
        }
        self.lists(tree);
        sections?;
        self.mended(tree)
    }

    /// Mends a part of the file until it can be read; `None` where that leads nowhere.
    fn mended<T: DeserializeOwned>(&mut self, node: &mut Node) -> Option<T> {
        for _ in 0..MAX_ROUNDS {
            let stop = match parser::parse(&node.print()) {
                Ok(read) => return Some(read),
                Err(stop) => stop,
            };
            let origin = node.origin(stop.at?.line())?;
            self.mend(node, origin, &stop.mistake, &|text| {
                parser::parse::<T>(text).err().map(|stop| stop.mistake)
            })?;
        }
        None
    }

    /// Notes a mistake, and takes it away.
    fn mend(
        &mut self,
        node: &mut Node,
        origin: Origin,
        mistake: &Mistake,
        read: &dyn Fn(&str) -> Option<Mistake>,
    ) -> Option<()> {
        let Origin { mut way, is_name } = origin;
        match mistake {
            Mistake::UnknownMember(name, known) => {
                while member(node.follow(&way)?, name).is_none() {
                    way.pop()?;
                }
                self.unknown_member(node.follow(&way)?, name, known, mistake)
            }
            Mistake::MissingMember(name) => {
                while !lacks(node, &way, name, read) {
                    way.pop()?;
                }
                let owner = node.follow(&way)?;
                if !self.removed.contains(&(owner.at, (*name).to_owned())) {
                    self.note(owner.at, false, mistake);
                }
                if let Content::Members(members) = &mut owner.content {
                    members.push(Member::made_up(name));
                }
                Some(())
            }
            Mistake::UnknownWord(word, known) if !is_name => {
                let meant = nearest(word, known.iter().copied()).or(known.first().copied())?;
                self.replace(node.follow(&way)?, mistake, Content::Scalar(quoted(meant)))
            }
            Mistake::Kind(kind) if !is_name => {
                let wrong = node.follow(&way)?;
                match placeholder(*kind, wrong.at.is_none()) {
                    Some(content) => self.replace(wrong, mistake, content),
                    None => self.take_out(node, way, is_name, mistake),
                }
            }
            Mistake::UnknownWord(..) | Mistake::Kind(_) | Mistake::Said(..) => {
                self.take_out(node, way, is_name, mistake)
            }
        }
    }

    /// Takes it for what was meant, or takes it out.
    fn unknown_member(
        &mut self,
        owner: &mut Node,
        name: &str,
        known: &[&str],
        mistake: &Mistake,
    ) -> Option<()> {
        let step = member(owner, name)?;
        let meant =
            nearest(name, known.iter().copied()).filter(|word| member(owner, word).is_none());
        let Content::Members(members) = &mut owner.content else {
            return None;
        };
        let wrong = members.get_mut(step)?;
        self.note(wrong.at, true, mistake);
        match meant {
            Some(word) => word.clone_into(&mut wrong.name),
            None => {
                members.remove(step);
                owner.is_whole = false;
            }
        }
        Some(())
    }

    /// Puts something in the place of a value that is wrong.
    fn replace(&mut self, wrong: &mut Node, mistake: &Mistake, content: Content) -> Option<()> {
        self.note(wrong.at.filter(|_| wrong.is_whole), false, mistake);
        *wrong = Node::made_up(content);
        Some(())
    }

    /// Takes out what is wrong, where nothing can be in its place.
    fn take_out(
        &mut self,
        node: &mut Node,
        mut way: Vec<usize>,
        is_name: bool,
        mistake: &Mistake,
    ) -> Option<()> {
        let at = place(node, &way, is_name)?;
        self.note(at, is_name, mistake);
        if at.is_none() {
            // It was made up, because it must be there: then its owner goes.
            way.pop()?;
        }
        let step = way.pop()?;
        let owner = node.follow(&way)?;
        owner.is_whole = false;
        let gone = match &mut owner.content {
            Content::Scalar(_) => return None,
            Content::List(items) => (step < items.len()).then(|| items.remove(step)),
            Content::Members(members) => (step < members.len()).then(|| {
                let member = members.remove(step);
                self.removed.insert((owner.at, member.name));
                member.value
            }),
        };
        gone?.names(&mut |name| {
            self.taken_out.insert(name.to_owned());
        });
        Some(())
    }

    /// Notes what is wrong with something that is in the file.
    fn note(&mut self, at: Option<Location>, is_name: bool, mistake: &Mistake) {
        let (message, help) = mistake.words();
        if at.is_some() {
            self.problems.push(Problem {
                at,
                is_name,
                help,
                ..Problem::new(message)
            });
        }
    }
}

/// A member that nothing has.
const NOBODYS: &str = "\u{1}";

/// Whether a member is missing here. The parser says where it noticed, which is somewhere within the owner; and with
/// a member that nothing has, it says which ones this can have.
fn lacks(
    node: &mut Node,
    way: &[usize],
    name: &str,
    read: &dyn Fn(&str) -> Option<Mistake>,
) -> bool {
    let Some(Content::Members(members)) = node.follow(way).map(|it| &mut it.content) else {
        return false;
    };
    if members.iter().any(|it| it.name == name) {
        return false;
    }
    members.insert(0, Member::made_up(NOBODYS));
    let mistake = read(&node.print());
    if let Some(Content::Members(members)) = node.follow(way).map(|it| &mut it.content) {
        members.remove(0);
    }
    match mistake {
        Some(Mistake::UnknownMember(found, known)) => found == NOBODYS && known.contains(&name),
        _ => false,
    }
}

/// What stands for a value that must be of this kind.
fn placeholder(kind: Kind, is_made_up: bool) -> Option<Content> {
    Some(match kind {
        Kind::Members => Content::Members(Vec::new()),
        Kind::List => Content::List(Vec::new()),
        Kind::Text => Content::Scalar(quoted("")),
        Kind::WholeNumber | Kind::Number => Content::Scalar("1".to_owned()),
        Kind::Truth => Content::Scalar("false".to_owned()),
        // The parser says which words there are if it is one.
        Kind::Choice if !is_made_up => Content::Scalar(quoted("")),
        Kind::Choice => return None,
    })
}

/// The place of a value, or of the name of a member.
fn place(node: &mut Node, way: &[usize], is_name: bool) -> Option<Option<Location>> {
    if !is_name {
        let value = node.follow(way)?;
        return Some(value.at.filter(|_| value.is_whole));
    }
    let (step, owner) = way.split_last()?;
    match &node.follow(owner)?.content {
        Content::Members(members) => Some(members.get(*step)?.at),
        _ => None,
    }
}

/// Whether something else is in the place of a section.
fn is_made_up(tree: &Node, section: &str) -> bool {
    match &tree.content {
        Content::Members(members) => members
            .iter()
            .any(|it| it.name == section && it.value.at.is_none()),
        _ => false,
    }
}

fn member(node: &Node, name: &str) -> Option<usize> {
    match &node.content {
        Content::Members(members) => members.iter().position(|it| it.name == name),
        _ => None,
    }
}
