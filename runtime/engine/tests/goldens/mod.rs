//! Reads the reference values in this folder: computations made by others' code, with their inputs and outputs.
//!
//! Each file is a safetensors file of `f32`. Its metadata names the `case`, its `params` as JSON and its `source`; its
//! tensors are `in.NAME` and `out.NAME`. `a` and `b` are two draws.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::SafeTensors;

/// A computation made by others' code.
pub struct Golden {
    params: serde_json::Value,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Golden {
    /// Reads `FOLDER/NAME.safetensors` and checks that it holds the expected case.
    pub fn read(folder: &str, name: &str, case: &str) -> Golden {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/goldens/{folder}/{name}.safetensors"));
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("a safetensors header");
        let metadata = header.metadata().as_ref().expect("a golden has metadata");
        assert_eq!(metadata["case"], case, "{}", path.display());
        let file = SafeTensors::deserialize(&bytes).expect("a whole safetensors file");
        let values = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect();
        let tensors = file.iter().map(|(name, view)| (name.into(), (view.shape().to_vec(), values(view.data())))).collect();
        Golden { params: serde_json::from_str(&metadata["params"]).expect("params are JSON"), tensors }
    }

    /// A parameter of the computation that is a number.
    pub fn number(&self, name: &str) -> f64 {
        self.params[name].as_f64().unwrap_or_else(|| panic!("`{name}` is no number in {}", self.params))
    }

    /// A parameter of the computation that is a list of numbers.
    pub fn numbers(&self, name: &str) -> Vec<f64> {
        let list = self.params[name].as_array().unwrap_or_else(|| panic!("`{name}` is no list in {}", self.params));
        list.iter().filter_map(serde_json::Value::as_f64).collect()
    }

    /// Shape and values of a tensor.
    pub fn tensor(&self, name: &str) -> (&[usize], &[f32]) {
        let (shape, values) = self.tensors.get(name).unwrap_or_else(|| panic!("no tensor `{name}`"));
        (shape, values)
    }
}
