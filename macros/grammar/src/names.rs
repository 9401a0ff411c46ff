//! Names of plugins, knobs, heads and states.

use crate::vocabulary::{RESERVED, RESERVED_PLUGINS};

/// Why `name` cannot name a plugin, if it cannot.
pub fn plugin(name: &str) -> Result<(), String> {
    shape("plugin", name)?;
    if RESERVED_PLUGINS.contains(&name) {
        let camel = camel_case(name);
        return Err(format!(
            "a plugin cannot be named `{name}`; its struct `{camel}` would hide the type of that name"
        ));
    }
    Ok(())
}

/// Why `name` cannot name a `knob`, `head` or `state` (the `kind`), if it cannot.
pub fn part(kind: &str, name: &str) -> Result<(), String> {
    shape(kind, name)?;
    if RESERVED.contains(&name) {
        return Err(format!(
            "a {kind} cannot be named `{name}`; the configuration of every plugin has a key `{name}` already"
        ));
    }
    Ok(())
}

/// A plugin, or a part of one, is named twice.
pub fn duplicate(kind: &str, name: &str) -> String {
    format!("the {kind} `{name}` is declared twice; give each a name of its own")
}

/// A plugin has no documentation. `name` is the function's or the plugin's.
pub fn undocumented(name: &str) -> String {
    format!(
        "`{name}` has no documentation; add a doc comment, whose first line `equilayer methods` prints beside \
         the name"
    )
}

/// A plugin has no name. `suggestion` is a name it could have.
pub fn missing(suggestion: &str) -> String {
    format!("a plugin needs a name, its key in configurations; add `name = \"{suggestion}\"`")
}

/// The name of a plugin's struct: `moco_v3` is `MocoV3`.
pub fn camel_case(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
        })
        .collect()
}

/// The name a plugin would have: `MocoV3` is `moco_v3`.
pub fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    }
    snake.trim_matches('_').to_owned()
}

fn shape(kind: &str, name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err(format!("the name of a {kind} is empty; give it one"));
    }
    let valid = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.ends_with('_')
        && !name.contains("__");
    if valid {
        return Ok(());
    }
    let problem = format!(
        "the name of a {kind} is lower case words joined by `_`, a letter first, and `{name}` is not"
    );
    let suggestion = snake_case(name);
    let useful = suggestion.starts_with(|c: char| c.is_ascii_lowercase());
    Err(if useful { format!("{problem}; write `{suggestion}`") } else { problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_convert() {
        for (snake, camel) in [("ser", "Ser"), ("moco_v3", "MocoV3"), ("e_ssl", "ESsl")] {
            assert_eq!(camel_case(snake), camel);
            assert_eq!(snake_case(camel), snake);
        }
        assert_eq!(snake_case("soft equivariance!"), "soft_equivariance");
    }

    #[test]
    fn names_are_checked() {
        for name in ["ser", "moco_v3", "vicreg2"] {
            assert_eq!(plugin(name), Ok(()), "{name}");
            assert_eq!(part("knob", name), Ok(()), "{name}");
        }
        for name in ["", "Ser", "moco-v3", "3d", "_ser", "ser_", "a__b", "è", "tokens", "self"] {
            assert!(plugin(name).is_err(), "{name}");
        }
        assert!(plugin("Soft-SER").is_err_and(|message| message.ends_with("write `soft_s_e_r`")));
        assert!(part("knob", "weight").is_err());
        assert_eq!(part("knob", "tokens"), Ok(()));
    }
}
