//! The JSON Schema of a configuration's methods, for editors that complete and check TOML.

use serde_json::{Map, Value, json};

use equilayer_grammar::Bound;

use crate::plugin::{Crop, KnobKind, KnobSpec, KnobValue, PluginKind, PluginSpec, Registry, Role};

/// Draft 2020-12. Other sections than `[method]` are left open.
///
/// ```
/// use equilayer::config::schema;
/// use equilayer::plugin::{Embedding, Loss, Plugin, Registry, Views};
///
/// let loss = |z: Views<Embedding>| Loss::from(z.all[0].tensor.square().mean_all());
/// let plugin = Plugin::objective("shrink", loss).doc("Makes features small.").argument("z");
/// let schema = schema(&Registry::of(vec![plugin]));
/// assert_eq!(schema["properties"]["method"]["properties"]["objective"]["enum"][0], "shrink");
/// ```
pub fn schema(registry: &Registry) -> Value {
    let names =
        |kind| -> Vec<&str> { registry.of_kind(kind).map(|plugin| plugin.spec().name.as_str()).collect() };
    let regularizers = names(PluginKind::Regularizer);
    let mut method = Map::new();
    method.insert(
        "objective".into(),
        json!({ "description": "The invariance loss.", "enum": names(PluginKind::Objective) }),
    );
    method.insert(
        "regularizers".into(),
        json!({
            "description": "Equivariance losses beside it: NAME, or NAME@TAP.",
            "type": "array",
            "items": { "type": "string", "pattern": format!("^({})(@.+)?$", regularizers.join("|")) },
        }),
    );
    for plugin in registry.plugins() {
        method.insert(plugin.spec().name.clone(), section(plugin.spec()));
    }
    let placed_twice = format!("^({})@", regularizers.join("|"));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "equilayer configuration",
        "type": "object",
        "properties": {
            "method": {
                "type": "object",
                "properties": method,
                "patternProperties": { placed_twice: { "type": "object" } },
                "additionalProperties": false,
            }
        },
    })
}

fn section(spec: &PluginSpec) -> Value {
    let mut keys = Map::new();
    let tap = "^((tokens|cls|pooled)(\\([1-9][0-9]*\\))?|embedding)$";
    keys.insert(
        "at".into(),
        json!({ "description": "Where it sits.", "type": "string", "pattern": tap, "default": spec.at }),
    );
    keys.insert(
        "layer".into(),
        json!({ "description": "The layer of its tap.", "type": "integer", "minimum": 1 }),
    );
    if spec.kind == PluginKind::Regularizer {
        keys.insert("weight".into(), json!({ "description": "λ: a number or a schedule.", "type": ["number", "string"], "default": spec.weight }));
        keys.insert("batch".into(), json!({ "description": "Share of the batch it works on.", "type": "number", "exclusiveMinimum": 0, "maximum": 1 }));
    }
    if spec.reads(Role::Pair) {
        let doc = "Small crops of each image that it compares two by two, beside the two large ones.";
        keys.insert(
            "local".into(),
            json!({ "description": doc, "type": "integer", "minimum": 0, "multipleOf": 2, "default": spec.views.local }),
        );
    }
    if let Some(Crop { size, scale }) = spec.crop {
        let shares = [
            ("crop_side", size, "Height and width of its crops, as a share of the image's."),
            ("smallest_crop", scale.0, "Smallest share of an image's area that its crops show."),
            ("largest_crop", scale.1, "Largest share of an image's area that its crops show."),
        ];
        for (key, default, doc) in shares {
            let share = json!({ "description": doc, "type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": default });
            keys.insert(key.into(), share);
        }
    }
    if let Some(teacher) = &spec.teacher {
        let doc = "Momentum of the teacher: a number or a schedule in 0 to 1.";
        keys.insert(
            "teacher".into(),
            json!({ "description": doc, "type": ["number", "string"], "default": teacher.momentum }),
        );
    }
    if spec.takes_action() {
        let doc = "The group action: names, products, scopes.";
        let default = spec.action.as_ref().map(ToString::to_string);
        keys.insert("action".into(), json!({ "description": doc, "type": "string", "default": default }));
    }
    for (name, head) in spec.heads() {
        let doc = "Learned layers.";
        let pattern = "^\\s*mlp\\s*\\(.*\\)\\s*(,\\s*ema\\s*)?$";
        let default = head.to_string();
        keys.insert(
            name.into(),
            json!({ "description": doc, "type": "string", "pattern": pattern, "default": default }),
        );
    }
    for knob in spec.knobs() {
        keys.insert(knob.name.clone(), value(knob));
    }
    json!({ "description": spec.doc, "type": "object", "properties": keys, "additionalProperties": false })
}

fn value(knob: &KnobSpec) -> Value {
    let mut schema = match &knob.kind {
        KnobKind::Number => json!({ "type": "number" }),
        KnobKind::Whole => json!({ "type": "integer", "minimum": 0 }),
        KnobKind::Flag => json!({ "type": "boolean" }),
        KnobKind::Choice(options) => json!({ "enum": options }),
        KnobKind::Schedule => json!({ "type": ["number", "string"] }),
    };
    let mut ends = Vec::new();
    ends.extend(knob.range.lower.map(|bound| match bound {
        Bound::Open(number) => ("exclusiveMinimum", number),
        Bound::Closed(number) => ("minimum", number),
    }));
    ends.extend(knob.range.upper.map(|bound| match bound {
        Bound::Open(number) => ("exclusiveMaximum", number),
        Bound::Closed(number) => ("maximum", number),
    }));
    for (key, number) in ends {
        schema[key] = json!(number);
    }
    schema["description"] = json!(format!("{} ({})", knob.doc, knob.accepts()).trim_start());
    schema["default"] = match &knob.default {
        KnobValue::Number(number) => {
            number.to_string().parse::<f64>().map_or(Value::Null, |number| json!(number))
        }
        other => json!(other),
    };
    schema
}
