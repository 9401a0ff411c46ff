//! Modules and their kernels.

use std::ops::Range;
use std::sync::Arc;

use equilayer_ptx_emulator::{Module, ptx};

use crate::state::{Handle, State};
use crate::status::{Outcome, Status};

/// Dynamic shared memory that a kernel may ask for without opting in to more.
const DEFAULT_SHARED: u32 = 48 << 10;
/// Distance between the variables of two modules.
const VARIABLES_STEP: u64 = 1 << 32;
/// Where those of the first are: above the emulator's windows of shared and local memory, below its heap.
pub(crate) const VARIABLES_BASE: u64 = 0x0300_0000_0000;

pub(crate) struct LoadedModule {
    pub module: Arc<Module>,
    /// Where its variables are.
    pub variables: Range<u64>,
}

#[derive(Clone)]
pub(crate) struct Function {
    pub module: Arc<Module>,
    pub owner: Handle,
    pub name: String,
    /// Shared memory it may take in all.
    pub most_shared: u32,
}

impl State {
    /// The most shared memory of a block, opted in to ("Technical Specifications per Compute Capability").
    pub fn shared_limit(&self) -> u32 {
        let kibibytes = match self.settings.capability {
            (7, 0) => 96,
            (7, _) => 64,
            (8, 0 | 7) => 163,
            (8, _) | (12, _) => 99,
            _ => 227,
        };
        kibibytes << 10
    }

    pub fn load_module(&mut self, text: &str) -> Outcome<Handle> {
        let start = self.next_variables;
        let module = match ptx::parse_at(text, start) {
            Ok(module) => module,
            Err(error) => return self.refuse(Status::INVALID_PTX, error.to_string()),
        };
        let digits: String = module.target.chars().filter(char::is_ascii_digit).collect();
        let (major, minor) = self.settings.capability;
        if digits.parse::<u32>().unwrap_or(0) > major * 10 + minor {
            let target = &module.target;
            let report = format!("the PTX is for {target}, the device is sm_{major}{minor}");
            return self.refuse(Status::NO_BINARY_FOR_GPU, report);
        }
        for variable in &module.variables {
            self.heap.map(
                &variable.name,
                variable.address,
                &variable.initial,
                variable.bytes,
                variable.constant,
            );
        }
        self.next_variables += VARIABLES_STEP;
        let handle = self.handle();
        let variables = start..self.next_variables;
        self.modules.insert(handle, LoadedModule { module: Arc::new(module), variables });
        Ok(handle)
    }

    pub fn unload_module(&mut self, handle: Handle) -> Outcome {
        let module = self.modules.remove(&handle).ok_or(Status::INVALID_HANDLE)?;
        self.heap.unmap(module.variables);
        self.functions.retain(|_, function| function.owner != handle);
        Ok(())
    }

    pub fn function(&mut self, owner: Handle, name: &str) -> Outcome<Handle> {
        let module = self.modules.get(&owner).ok_or(Status::INVALID_HANDLE)?.module.clone();
        if !module.kernels.contains_key(name) {
            return Err(Status::NOT_FOUND);
        }
        let handle = self.handle();
        let function = Function { module, owner, name: name.to_owned(), most_shared: DEFAULT_SHARED };
        self.functions.insert(handle, function);
        Ok(handle)
    }
}
