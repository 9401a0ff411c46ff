//! From text to a schedule: words with their columns, then one function for each rule of the grammar.

use super::{Curve, Phase, ScheduleError, Span};
use crate::nearest;
use crate::text::{Word, words};

/// The phases of a schedule: at least one; only the last may be without a span, and it is no warm-up.
///
/// # Errors
/// A text that is no schedule.
pub fn parse(text: &str) -> Result<Vec<Phase>, ScheduleError> {
    Parser { text, words: words(text), next: 0 }.schedule()
}

struct Parser<'a> {
    text: &'a str,
    words: Vec<Word<'a>>,
    next: usize,
}

const UNITS: [&str; 5] = ["epochs", "steps", "epoch", "step", "%"];

impl<'a> Parser<'a> {
    fn schedule(mut self) -> Result<Vec<Phase>, ScheduleError> {
        let mut phases = Vec::new();
        loop {
            let start = self.column();
            let phase = self.phase()?;
            phases.push(phase);
            if self.peek().is_none() {
                if phase.curve == Curve::Warmup {
                    let detail = "a warm-up needs something to warm up to; add `then` and its value or curve";
                    return Err(self.error(start, detail));
                }
                return Ok(phases);
            }
            if phase.span.is_none() {
                return self.missing_span(phase.curve);
            }
            self.expect("then", "add `then` and another phase, or end here")?;
        }
    }

    /// A phase goes on, but not with its span.
    fn missing_span(&mut self, curve: Curve) -> Result<Vec<Phase>, ScheduleError> {
        let preposition = if matches!(curve, Curve::Constant(_)) { "for" } else { "over" };
        match self.peek() {
            Some("then") => {
                let detail =
                    format!("how long does the phase before `then` last? Add `{preposition} 10 epochs`");
                Err(self.error(self.column(), &detail))
            }
            _ => {
                Err(self.unexpected(&["->", "for", "over", "then"], "the end, `->`, `for`, `over` or `then`"))
            }
        }
    }

    fn phase(&mut self) -> Result<Phase, ScheduleError> {
        let curve = match self.peek() {
            Some("warmup") => {
                self.next += 1;
                self.expect("(", "write `warmup(10 epochs)`")?;
                let span = self.span()?;
                self.expect(")", "close the parenthesis")?;
                return Ok(Phase { curve: Curve::Warmup, span: Some(span) });
            }
            Some("cosine") => {
                self.next += 1;
                self.expect("(", "write `cosine(0.996 -> 1)`")?;
                let from = self.number()?;
                self.expect("->", "write `cosine(0.996 -> 1)`")?;
                let to = self.number()?;
                self.expect(")", "close the parenthesis")?;
                Curve::Cosine { from, to }
            }
            _ => {
                let from = self.number()?;
                match self.accept("->") {
                    true => Curve::Linear { from, to: self.number()? },
                    false => Curve::Constant(from),
                }
            }
        };
        let spans = self.accept("for") || self.accept("over");
        Ok(Phase { curve, span: spans.then(|| self.span()).transpose()? })
    }

    fn span(&mut self) -> Result<Span, ScheduleError> {
        let column = self.column();
        let count = self.number()?;
        if count < 0.0 {
            return Err(self.error(column, &format!("{count} is no length; give 0 or more")));
        }
        let unit: fn(f64) -> Span = match self.peek() {
            Some("epoch" | "epochs") => Span::Epochs,
            Some("step" | "steps") => Span::Steps,
            Some("%") => Span::Percent,
            _ => return Err(self.unexpected(&UNITS, "`epochs`, `steps` or `%`")),
        };
        self.next += 1;
        Ok(unit(count))
    }

    fn number(&mut self) -> Result<f64, ScheduleError> {
        let Some(word) = self.peek() else {
            return Err(self.unexpected(&[], "a number"));
        };
        match word.parse::<f64>() {
            Ok(number) if number.is_finite() => {
                self.next += 1;
                Ok(number)
            }
            Ok(_) => Err(self.error(self.column(), &format!("`{word}` is not finite; give a finite number"))),
            Err(_) => Err(self.unexpected(&["cosine", "warmup"], "a number, `cosine(` or `warmup(`")),
        }
    }

    fn expect(&mut self, text: &str, remedy: &str) -> Result<(), ScheduleError> {
        match self.accept(text) {
            true => Ok(()),
            false => Err(self.unexpected(&[text], &format!("`{text}`; {remedy}"))),
        }
    }

    fn accept(&mut self, text: &str) -> bool {
        let there = self.peek() == Some(text);
        self.next += usize::from(there);
        there
    }

    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).map(|word| word.text)
    }

    /// Where the next word begins, or would.
    fn column(&self) -> usize {
        let byte = self.words.get(self.next).map_or(self.text.len(), |word| word.at.start);
        self.text[..byte].chars().count() + 1
    }

    fn unexpected(&self, known: &[&str], expected: &str) -> ScheduleError {
        let found = self.peek().map_or("the end".into(), |word| format!("`{word}`"));
        // Symbols and digits are all near one another.
        let name = self.peek().filter(|word| word.chars().all(char::is_alphabetic));
        let close = name.and_then(|word| nearest(word, known.iter().copied()));
        let meant = close.map_or(String::new(), |close| format!(" (did you mean `{close}`?)"));
        self.error(self.column(), &format!("found {found}{meant}, expected {expected}"))
    }

    fn error(&self, column: usize, detail: &str) -> ScheduleError {
        ScheduleError { text: self.text.into(), column, detail: detail.into() }
    }
}
