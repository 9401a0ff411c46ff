//! D = epilogue(α · op(A) · op(B) + β · C), column by column.

use equilayer_ptx_emulator::Heap;
use half::{bf16, f16};
use pulp::Arch;

use crate::status::{Outcome, Status};

/// `cudaDataType_t`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataType {
    F32,
    F64,
    F16,
    Bf16,
}

/// How factors are rounded before they are multiplied (`cublasComputeType_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    Full,
    Tf32,
    F16,
    Bf16,
}

/// A matrix, or as many as a batch has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix {
    pub address: u64,
    pub kind: DataType,
    /// Elements from one column to the next.
    pub leading: usize,
    /// Elements from one matrix of a batch to the next.
    pub stride: i64,
    pub transposed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    None,
    Relu,
    Gelu,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Epilogue {
    /// A vector added to each column, and its elements from one of a batch to the next.
    pub bias: Option<(u64, i64)>,
    pub activation: Activation,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Gemm {
    pub rows: usize,
    pub columns: usize,
    pub depth: usize,
    pub batch: usize,
    pub alpha: f64,
    pub beta: f64,
    pub a: Matrix,
    pub b: Matrix,
    pub c: Matrix,
    pub d: Matrix,
    pub precision: Precision,
    pub epilogue: Epilogue,
}

impl DataType {
    pub fn of(code: u32) -> Outcome<Self> {
        match code {
            0 => Ok(Self::F32),
            1 => Ok(Self::F64),
            2 => Ok(Self::F16),
            14 => Ok(Self::Bf16),
            _ => Err(Status::NOT_SUPPORTED),
        }
    }

    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Appends the values of so many bytes.
    fn read(self, bytes: &[u8], values: &mut Vec<f64>) {
        match self {
            Self::F32 => {
                values.extend(bytes.as_chunks().0.iter().map(|bits| f64::from(f32::from_le_bytes(*bits))));
            }
            Self::F64 => values.extend(bytes.as_chunks().0.iter().map(|bits| f64::from_le_bytes(*bits))),
            Self::F16 => {
                values.extend(bytes.as_chunks().0.iter().map(|bits| f16::from_le_bytes(*bits).to_f64()))
            }
            Self::Bf16 => {
                values.extend(bytes.as_chunks().0.iter().map(|bits| bf16::from_le_bytes(*bits).to_f64()));
            }
        }
    }

    fn write(self, values: &[f64]) -> Vec<u8> {
        match self {
            Self::F32 => values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect(),
            Self::F64 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::F16 => values.iter().flat_map(|value| f16::from_f32(*value as f32).to_le_bytes()).collect(),
            Self::Bf16 => {
                values.iter().flat_map(|value| bf16::from_f32(*value as f32).to_le_bytes()).collect()
            }
        }
    }
}

impl Precision {
    /// `cublasComputeType_t`: sums of 32 or 64 bits.
    pub fn of(code: u32) -> Outcome<Self> {
        match code {
            68..=71 => Ok(Self::Full),
            74 => Ok(Self::F16),
            75 => Ok(Self::Bf16),
            77 => Ok(Self::Tf32),
            _ => Err(Status::NOT_SUPPORTED),
        }
    }

    fn round(self, value: f64) -> f64 {
        match self {
            Self::Full => value,
            Self::Tf32 => {
                let bits = (value as f32).to_bits();
                f64::from(f32::from_bits(bits.wrapping_add(0xfff + (bits >> 13 & 1)) & !0x1fff))
            }
            Self::F16 => f16::from_f32(value as f32).to_f64(),
            Self::Bf16 => bf16::from_f32(value as f32).to_f64(),
        }
    }
}

impl Activation {
    fn apply(self, value: f64) -> f64 {
        match self {
            Self::None => value,
            Self::Relu => value.max(0.0),
            // The approximation by tanh that cuBLASLt documents for its epilogue.
            Self::Gelu => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (value + 0.044715 * value.powi(3));
                0.5 * value * (1.0 + inner.tanh())
            }
        }
    }
}

/// A matrix as it lies, column by column without gaps.
struct Values {
    values: Vec<f64>,
    rows: usize,
}

impl Matrix {
    /// The address of a column of one matrix of a batch.
    fn column(&self, index: usize, column: usize) -> u64 {
        let elements = self.stride * index as i64 + (column * self.leading) as i64;
        self.address.wrapping_add_signed(elements * self.kind.bytes() as i64)
    }

    /// Reads a matrix, each column with its bounds.
    fn read(
        &self,
        heap: &Heap,
        name: &str,
        index: usize,
        (rows, columns): (usize, usize),
        checked: bool,
    ) -> Result<Values, String> {
        self.check(name, rows)?;
        let bytes = rows * self.kind.bytes();
        let mut values = Vec::with_capacity(rows * columns);
        for column in 0..columns {
            let address = self.column(index, column);
            let read =
                if checked { heap.read_initialised(address, bytes) } else { heap.read(address, bytes) };
            let column = read.map_err(|error| format!("gemm: column {column} of {name}: {error}"))?;
            self.kind.read(column, &mut values);
        }
        Ok(Values { values, rows })
    }

    fn check(&self, name: &str, rows: usize) -> Result<(), String> {
        if self.leading < rows {
            return Err(format!("gemm: {name} has {rows} rows, {} elements a column", self.leading));
        }
        if !self.address.is_multiple_of(self.kind.bytes() as u64) {
            return Err(format!("gemm: {name} is misaligned at {:#x}", self.address));
        }
        Ok(())
    }
}

impl Gemm {
    /// # Errors
    /// An access out of bounds, or of what nothing wrote if `checked`.
    pub fn run(&self, heap: &mut Heap, checked: bool) -> Result<(), String> {
        self.d.check("D", self.rows)?;
        (0..self.batch).try_for_each(|index| self.run_one(heap, index, checked))
    }

    fn run_one(&self, heap: &mut Heap, index: usize, checked: bool) -> Result<(), String> {
        let turned = |transposed, (rows, columns)| if transposed { (columns, rows) } else { (rows, columns) };
        let shape_a = turned(self.a.transposed, (self.rows, self.depth));
        let shape_b = turned(self.b.transposed, (self.depth, self.columns));
        let a = self.a.read(heap, "A", index, shape_a, checked)?;
        let b = self.b.read(heap, "B", index, shape_b, checked)?;
        let c = match self.beta {
            0.0 => None,
            _ => Some(self.c.read(heap, "C", index, (self.rows, self.columns), checked)?),
        };
        let bias = self.bias(heap, index, checked)?;
        // Rows of op(A) next to each other, for the loop over them.
        let round = |value: &f64| self.precision.round(*value);
        let a: Vec<f64> = match self.a.transposed {
            false => a.values.iter().map(round).collect(),
            true => (0..self.depth * self.rows)
                .map(|at| self.precision.round(a.values[at / self.rows + at % self.rows * a.rows]))
                .collect(),
        };
        for column in 0..self.columns {
            let weights = (0..self.depth).map(|k| {
                let at = if self.b.transposed { column + k * b.rows } else { k + column * b.rows };
                self.precision.round(b.values[at])
            });
            let mut sums = vec![0.0; self.rows];
            accumulate(&a, weights, &mut sums);
            for (row, sum) in sums.iter_mut().enumerate() {
                let added = c.as_ref().map_or(0.0, |c| self.beta * c.values[row + column * c.rows]);
                let bias = bias.as_ref().map_or(0.0, |bias| bias.values[row]);
                *sum = self.epilogue.activation.apply(self.alpha * *sum + added + bias);
            }
            heap.write(self.d.column(index, column), &self.d.kind.write(&sums))
                .map_err(|error| format!("gemm: column {column} of D: {error}"))?;
        }
        Ok(())
    }

    fn bias(&self, heap: &Heap, index: usize, checked: bool) -> Result<Option<Values>, String> {
        let Some((address, stride)) = self.epilogue.bias else { return Ok(None) };
        let vector = Matrix { address, stride, leading: self.rows, kind: self.d.kind, transposed: false };
        vector.read(heap, "the bias", index, (self.rows, 1), checked).map(Some)
    }
}

/// `sums += Σ weight · column`, in the columns' order.
fn accumulate(columns: &[f64], weights: impl Iterator<Item = f64>, sums: &mut [f64]) {
    if sums.is_empty() {
        return;
    }
    let arch = Arch::new();
    for (weight, column) in weights.zip(columns.chunks_exact(sums.len())) {
        arch.dispatch(
            #[inline(always)]
            || {
                for (sum, value) in sums.iter_mut().zip(column) {
                    *sum += weight * value;
                }
            },
        );
    }
}
