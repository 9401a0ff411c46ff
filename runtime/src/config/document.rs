//! A file and the command line's overrides, parsed but not understood.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::difference::Difference;
use super::error::{ConfigError, Diagnostic, Place};
use super::node::{Node, Origin, Value};
use super::section::Section;

/// A configuration: a file, or none, and overrides.
#[derive(Debug)]
pub struct Document {
    file: String,
    text: String,
    root: Node,
    notes: RefCell<Notes>,
}

/// What reading left behind.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub problems: Vec<Diagnostic>,
    /// Sections asked for, as keys.
    pub sections: Vec<Vec<String>>,
    /// Every key read: section, key, value as TOML, documentation.
    pub resolved: Vec<Resolved>,
}

/// A key with the value that holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Resolved {
    pub section: String,
    pub key: String,
    pub value: String,
    pub doc: String,
}

impl Document {
    /// No file: everything at its default.
    pub fn empty() -> Document {
        let root = Node { value: Value::Table(Vec::new()), origin: Origin::Argument(String::new()) };
        Document { file: String::new(), text: String::new(), root, notes: RefCell::default() }
    }

    /// From a file.
    ///
    /// # Errors
    /// A file that cannot be read, or that is no TOML.
    pub fn read(path: &Path) -> Result<Document, ConfigError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Document::parse(&file, &text),
            Err(error) => {
                let remedy = match path.is_dir() {
                    true => "give a file, or go on with the run in this folder by --resume",
                    false => "check the path",
                };
                let message = format!("cannot read the configuration {file}: {error}; {remedy}");
                Err(ConfigError(vec![Diagnostic { message, place: Place::Argument(file) }]))
            }
        }
    }

    /// From text; `file` is what errors call it.
    ///
    /// # Errors
    /// What is no TOML, with its place.
    pub fn parse(file: &str, text: &str) -> Result<Document, ConfigError> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let diagnostic = |error: &toml::de::Error| Diagnostic {
                message: format!("not TOML: {}", error.message()),
                place: Place::in_file(file, text, error.span().unwrap_or(0..0)),
            };
            return Err(ConfigError(errors.iter().map(diagnostic).collect()));
        }
        let span = table.span();
        let root = Node::of(&DeValue::Table(table.into_inner()), span.clone(), span);
        Ok(Document { file: file.into(), text: text.into(), root, notes: RefCell::default() })
    }

    /// Sets a key from the command line: `method.ser.layer=6`. The value is TOML, or text without quotes.
    ///
    /// # Errors
    /// An argument that is not `KEY=VALUE`, or a key within something that is no section.
    pub fn set(&mut self, argument: &str) -> Result<(), ConfigError> {
        let wrong = |message: String| {
            ConfigError(vec![Diagnostic { message, place: Place::Argument(argument.into()) }])
        };
        let Some((path, text)) = argument.split_once('=') else {
            return Err(wrong("an override is written KEY=VALUE, such as optim.lr=3e-4".into()));
        };
        let keys = split_path(path).ok_or_else(|| {
            wrong(format!("`{}` is no key; write SECTION.KEY, such as optim.lr", path.trim()))
        })?;
        let text = text.trim();
        let value = match DeValue::parse(text) {
            Ok(value) => Node::of(value.get_ref(), 0..0, 0..0).value,
            Err(_) => Value::Text(text.into()),
        };
        let node = Node { value, origin: Origin::Argument(argument.into()) };
        insert(&mut self.root, &keys, node).map_err(wrong)
    }

    /// A section, `train` or `method.ser`; empty where the file has none.
    pub fn section(&self, path: &str) -> Section<'_> {
        let mut table = Some(&self.root);
        let keys = split_path(path).unwrap_or_default();
        self.notes.borrow_mut().sections.push(keys.clone());
        for (depth, key) in keys.iter().enumerate() {
            let Some(node) = table else { break };
            table = match &node.value {
                Value::Table(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
                _ => None,
            };
            if let Some(Node { value, origin }) = table
                && !matches!(value, Value::Table(_))
            {
                let message = format!(
                    "`{}` is a section, and {} is none; write [{path}]",
                    keys[..=depth].join("."),
                    value.describe()
                );
                self.report(message, &self.place_of(origin, false));
                table = None;
            }
        }
        Section::new(self, path, table)
    }

    /// A section that is checked and has no effect: it is left out of what was resolved.
    pub(super) fn unused_section(&self, path: &str) -> Section<'_> {
        self.section(path).unused()
    }

    /// Where the first of these keys that is written at all was written; a key as `train.batch`.
    pub(super) fn place_of_first<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Option<Place> {
        let written = |key: &str| self.find(&split_path(key)?);
        keys.into_iter().find_map(written).map(|node| self.place_of(&node.origin, false))
    }

    fn find(&self, keys: &[String]) -> Option<&Node> {
        keys.iter().try_fold(&self.root, |node, key| match &node.value {
            Value::Table(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        })
    }

    /// The keys that were read in both documents, or in one, and do not hold the same.
    pub fn differences(&self, other: &Document) -> Vec<Difference> {
        Difference::between(&self.notes.borrow().resolved, &other.notes.borrow().resolved)
    }

    /// Reports what nobody asked for, after every part has read its sections.
    ///
    /// # Errors
    /// Everything wrong with the configuration.
    pub fn finish(&self) -> Result<(), ConfigError> {
        self.check_sections(&self.root, &[]);
        let problems = std::mem::take(&mut self.notes.borrow_mut().problems);
        if problems.is_empty() { Ok(()) } else { Err(ConfigError(problems)) }
    }

    fn check_sections(&self, node: &Node, path: &[String]) {
        let Value::Table(entries) = &node.value else { return };
        let sections = self.notes.borrow().sections.clone();
        for (name, entry) in entries {
            let full = [path, std::slice::from_ref(name)].concat();
            if sections.iter().any(|section| section.starts_with(&full)) {
                self.check_sections(entry, &full);
            } else if path.is_empty() || matches!(entry.value, Value::Table(_)) {
                // Other keys were checked by the section they are in.
                let within = sections.iter().filter(|section| section.starts_with(path));
                let mut choices: Vec<&str> =
                    within.filter_map(|section| section.get(path.len())).map(String::as_str).collect();
                choices.sort_unstable();
                choices.dedup();
                let message = equilayer_grammar::unknown("section", name, choices.iter().copied());
                self.report(message, &self.place_of(&entry.origin, true));
            }
        }
    }

    /// Every key that was read, with the value that holds, as TOML that reads back to the same configuration.
    pub fn resolved(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        let notes = self.notes.borrow();
        for entry in &notes.resolved {
            if entry.section != section {
                if !text.is_empty() {
                    text.push('\n');
                }
                section = &entry.section;
                text.push_str(&format!("[{section}]\n"));
            }
            let line = format!("{} = {}", entry.key, entry.value);
            text.push_str(&format!("{line:<36} # {}\n", entry.doc));
        }
        text
    }

    pub(super) fn note(&self, resolved: Resolved) {
        self.notes.borrow_mut().resolved.push(resolved);
    }

    pub(super) fn report(&self, message: String, place: &Place) {
        self.notes.borrow_mut().problems.push(Diagnostic { message, place: place.clone() });
    }

    /// Where a key or its value was written.
    pub(super) fn place_of(&self, origin: &Origin, key: bool) -> Place {
        match origin {
            Origin::File { key: span, .. } if key => self.place(span.clone()),
            Origin::File { value, .. } => self.place(value.clone()),
            Origin::Argument(argument) => Place::Argument(argument.clone()),
        }
    }

    /// Where bytes `within` of a `text` were written, which is the value of a key; all of it where the file has escapes
    /// in it, so that its bytes are not the file's.
    pub(super) fn place_within(&self, origin: &Origin, text: &str, within: Range<usize>) -> Place {
        let Origin::File { value, .. } = origin else { return self.place_of(origin, false) };
        let written = self.text.get(value.clone()).unwrap_or_default();
        match written.find(text) {
            Some(start) => self.place(value.start + start + within.start..value.start + start + within.end),
            None => self.place(value.clone()),
        }
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place::in_file(&self.file, &self.text, span)
    }
}

/// Keys joined by dots; one in quotes may have dots and blanks.
fn split_path(path: &str) -> Option<Vec<String>> {
    let mut keys = vec![String::new()];
    let mut in_quotes = false;
    for c in path.trim().chars() {
        match c {
            '"' => in_quotes = !in_quotes,
            '.' if !in_quotes => keys.push(String::new()),
            _ => keys.last_mut()?.push(c),
        }
    }
    (!in_quotes && keys.iter().all(|key| !key.is_empty())).then_some(keys)
}

fn insert(root: &mut Node, keys: &[String], node: Node) -> Result<(), String> {
    let Some((last, sections)) = keys.split_last() else { return Ok(()) };
    let mut table = root;
    for (depth, key) in sections.iter().enumerate() {
        let Value::Table(entries) = &mut table.value else {
            return Err(format!("`{}` is no section", sections[..depth].join(".")));
        };
        let index = match entries.iter().position(|(name, _)| name == key) {
            Some(index) => index,
            None => {
                let fresh = Node { value: Value::Table(Vec::new()), origin: node.origin.clone() };
                entries.push((key.clone(), fresh));
                entries.len() - 1
            }
        };
        table = &mut entries[index].1;
    }
    let Value::Table(entries) = &mut table.value else {
        return Err(format!("`{}` is no section", sections.join(".")));
    };
    match entries.iter_mut().find(|(name, _)| name == last) {
        Some((_, existing)) => *existing = node,
        None => entries.push((last.clone(), node)),
    }
    Ok(())
}
