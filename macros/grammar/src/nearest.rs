//! The nearest name to a mistyped one.

/// Most edits by which a name may be off.
const MOST_EDITS: usize = 2;

/// The valid name that `name` was probably meant to be: the fewest edits away, at most two and less than half of the
/// name; or the one it begins. Case and `-` for `_` do not count.
///
/// ```
/// # use equilayer_grammar::nearest;
/// assert_eq!(nearest("token", ["cls", "tokens"]), Some("tokens"));
/// assert_eq!(nearest("batch-norm", ["layer_norm", "batch_norm"]), Some("batch_norm"));
/// assert_eq!(nearest("patches", ["cls", "tokens"]), None);
/// ```
pub fn nearest<'a>(name: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = normalized(name);
    let candidates = valid.into_iter().filter_map(|candidate| {
        let word = normalized(candidate);
        let begun = name.len() >= 3 && word.starts_with(&name);
        let edits = edits(&name, &word);
        let close = edits <= MOST_EDITS && 2 * edits < name.len().max(word.len());
        (close || begun).then_some((edits, candidate))
    });
    candidates.min_by_key(|(edits, _)| *edits).map(|(_, candidate)| candidate)
}

/// "unknown tap `token`; did you mean `tokens`? Valid taps: tokens, cls, pooled, embedding".
///
/// `kind` is the singular of what is looked for.
pub fn unknown<'a>(kind: &str, name: &str, valid: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let choices = list(valid.clone());
    let kinds = plural(kind);
    match nearest(name, valid) {
        Some(meant) => format!("unknown {kind} `{name}`; did you mean `{meant}`? Valid {kinds}: {choices}"),
        None if choices.is_empty() => format!("unknown {kind} `{name}`; there are none here"),
        None => format!("unknown {kind} `{name}`; valid {kinds}: {choices}"),
    }
}

fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    }
}

/// Names joined by commas.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn normalized(name: &str) -> Vec<char> {
    name.chars().flat_map(char::to_lowercase).map(|c| if c == '-' { '_' } else { c }).collect()
}

/// Insertions, removals, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment).
fn edits(a: &[char], b: &[char]) -> usize {
    let mut rows: [Vec<usize>; 3] = [vec![0; b.len() + 1], vec![0; b.len() + 1], (0..=b.len()).collect()];
    for i in 1..=a.len() {
        rows.rotate_left(1);
        let [before, previous, current] = &mut rows;
        current[0] = i;
        for j in 1..=b.len() {
            let replaced = previous[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            current[j] = replaced.min(previous[j] + 1).min(current[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                current[j] = current[j].min(before[j - 2] + 1);
            }
        }
    }
    rows[2][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{HEAD_LAYERS, TAPS};

    #[test]
    fn edits_are_counted() {
        for (a, b, count) in [
            ("", "", 0),
            ("", "ab", 2),
            ("tokens", "tokens", 0),
            ("token", "tokens", 1),
            ("tokesn", "tokens", 1),
            ("kitten", "sitting", 3),
        ] {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            assert_eq!(edits(&chars(a), &chars(b)), count, "{a} {b}");
            assert_eq!(edits(&chars(b), &chars(a)), count, "{b} {a}");
        }
    }

    #[test]
    fn what_is_far_is_not_suggested() {
        assert_eq!(nearest("at", TAPS.iter().copied()), None);
        assert_eq!(nearest("", TAPS.iter().copied()), None);
        assert_eq!(nearest("swish", HEAD_LAYERS.iter().copied()), None);
        assert_eq!(nearest("geul", HEAD_LAYERS.iter().copied()), Some("gelu"));
        assert_eq!(nearest("batchnorm", HEAD_LAYERS.iter().copied()), Some("batch_norm"));
        assert_eq!(nearest("pool", TAPS.iter().copied()), Some("pooled"));
    }

    #[test]
    fn unknown_names_list_the_choices() {
        assert_eq!(
            unknown("tap", "token", TAPS.iter().copied()),
            "unknown tap `token`; did you mean `tokens`? Valid taps: tokens, cls, pooled, embedding"
        );
        assert_eq!(
            unknown("tap", "x", TAPS.iter().copied()),
            "unknown tap `x`; valid taps: tokens, cls, pooled, embedding"
        );
        assert_eq!(unknown("key", "a", ["b"]), "unknown key `a`; valid keys: b");
        assert_eq!(unknown("validity", "a", ["b"]), "unknown validity `a`; valid validities: b");
        assert_eq!(unknown("knob", "tau", []), "unknown knob `tau`; there are none here");
    }
}
