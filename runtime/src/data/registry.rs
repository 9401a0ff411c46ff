//! Data sets of a program's own, by name.

use std::path::Path;
use std::sync::Arc;

use super::{DataError, Dataset};

/// Opens a data set; the path is that of the configuration, empty if it names none.
pub type OpenDataset = fn(&Path) -> Result<Arc<dyn Dataset>, DataError>;

/// A data set that configurations know by name; made by [`register_dataset!`](crate::register_dataset).
pub struct DatasetRegistration {
    /// The name: `data.name` of a configuration.
    pub name: &'static str,
    /// Opens it.
    pub open: OpenDataset,
}

inventory::collect!(DatasetRegistration);

/// Makes a data set known to the configurations of every program that links its crate: `data.name = "NAME"`.
///
/// ```
/// use std::path::Path;
/// use std::sync::Arc;
/// use equilayer::data::{DataError, Dataset, Split, digits};
///
/// fn open(_: &Path) -> Result<Arc<dyn Dataset>, DataError> {
///     Ok(Arc::new(digits(Split::Test)))
/// }
///
/// equilayer::register_dataset!("few_digits", open);
/// ```
#[macro_export]
macro_rules! register_dataset {
    ($name:literal, $open:path) => {
        $crate::plugin::inventory::submit! { $crate::data::DatasetRegistration { name: $name, open: $open } }
    };
}

/// All data sets that are linked in, by name.
pub fn registered() -> Vec<&'static DatasetRegistration> {
    let mut all: Vec<_> = inventory::iter::<DatasetRegistration>().collect();
    all.sort_by_key(|registration| registration.name);
    all
}
