//! Contractions: products of cuBLASLt where the layouts have its form, a generated kernel elsewhere. What is done to
//! every element of the result follows as an elementwise program, but a bias and what the result is added to, such as
//! what a block of a network leaves as it is: cuBLASLt adds them on the way.

use super::call::{Call, Source, Target};
use super::code::position;
use super::elementwise;
use super::tiled::TiledProduct;
use crate::axes::{Axis, SortedAxes, UNIT, take_longest};
use crate::cuda::product::{Form, Product, Side};
use crate::cuda::task::{Address, Number, Task};
use crate::layout::Layout;
use crate::ops::{BinaryKind, Contract, FusedContract, Instruction, Program};
use crate::shape::Shape;

/// More products than this for one contraction cost more to launch than a kernel of our own takes.
const MOST_PRODUCTS: usize = 16;

/// Runs a contraction.
pub fn run(contract: &Contract, call: &mut Call) {
    let target = call.outputs[0];
    multiply(contract, [call.inputs[0], call.inputs[1]], target, Sum::default(), call);
}

/// What is added to a product on the way.
#[derive(Clone, Copy, Default)]
struct Sum {
    /// A row, to every row of the result.
    bias: Option<Address>,
    /// What lies as the result does.
    addend: Option<Address>,
}

/// Runs a contraction with an elementwise program behind it.
pub fn run_fused(fused: &FusedContract, call: &mut Call) {
    let (outputs, others) = (call.outputs.clone(), call.inputs[2..].to_vec());
    let factors = [call.inputs[0], call.inputs[1]];
    let first = outputs[0];
    if let Some(sum) = sum(&fused.epilogue, &others, &first)
        && !factors.iter().any(|factor| overlaps(factor, &first))
        && multiply(&fused.contract, factors, first, sum, call)
    {
        return;
    }
    let free = !call.inputs.iter().any(|input| overlaps(input, &first));
    let product = match free {
        true => first,
        false => Target { address: call.scratch_of(first.address.number, first.shape.elements()), ..first },
    };
    multiply(&fused.contract, factors, product, Sum::default(), call);
    let inputs: Vec<Source> = [product.source()].into_iter().chain(others).collect();
    elementwise::apply("epilogue", &fused.epilogue, &inputs, &outputs, call);
}

/// What a program adds to a product, if it adds each of its inputs once, does nothing else, and cuBLASLt can.
fn sum(program: &Program, others: &[Source], target: &Target) -> Option<Sum> {
    if !adds_up(program, others.len() + 1) {
        return None;
    }
    let mut sum = Sum::default();
    for other in others {
        let lies_there = other.address == target.address || !overlaps(other, target);
        let is_wide = other.address.number == Number::F32;
        let place = if is_row(&other.layout) && is_wide && !overlaps(other, target) {
            &mut sum.bias
        } else if other.layout == Layout::contiguous(target.shape)
            && other.address.number == target.address.number
            && lies_there
        {
            &mut sum.addend
        } else {
            return None;
        };
        if place.replace(other.address).is_some() {
            return None;
        }
    }
    Some(sum)
}

/// Whether a program's one output is the sum of this many inputs, each taken once.
fn adds_up(program: &Program, inputs: usize) -> bool {
    let mut uses = vec![0; program.instructions.len()];
    let mut loaded = vec![0; inputs];
    for instruction in &program.instructions {
        match *instruction {
            Instruction::Load(input) => loaded[usize::from(input)] += 1,
            Instruction::Binary(BinaryKind::Add, a, b) => {
                uses[usize::from(a)] += 1;
                uses[usize::from(b)] += 1;
            }
            _ => return false,
        }
    }
    let Some((last, inner)) = uses.split_last() else { return false };
    let outputs: Vec<usize> = program.outputs.iter().map(|&value| usize::from(value)).collect();
    *last == 0
        && inner.iter().all(|&uses| uses == 1)
        && loaded.iter().all(|&loads| loads == 1)
        && outputs == [inner.len()]
}

/// Whether an operand is one dense row, repeated.
fn is_row(layout: &Layout) -> bool {
    let Some((last, outer)) = layout.strides().split_last() else { return false };
    *last == 1 && layout.shape().iter().zip(outer).all(|(&dim, &stride)| dim == 1 || stride == 0)
}

/// Whether an input and an output may share an element.
fn overlaps(input: &Source, output: &Target) -> bool {
    let Some((low, high)) = input.layout.span() else { return false };
    let first = input.address.offset as isize - input.layout.offset();
    let bytes = |address: Address, elements: isize| elements * address.number.bytes() as isize;
    let (start, end) = (bytes(input.address, first + low), bytes(input.address, first + high + 1));
    let (from, to) = (output.address.bytes(), output.address.plus(output.shape.elements()).bytes());
    input.address.region == output.address.region && start < to as isize && (from as isize) < end
}

/// Writes the product and what is added to it to `target`; nothing and `false` where that cannot be added on the way.
fn multiply(contract: &Contract, operands: [Source; 2], target: Target, sum: Sum, call: &mut Call) -> bool {
    if target.shape.elements() == 0 {
        return true;
    }
    let Some(products) = products(contract, operands, target, sum) else {
        if sum.bias.is_some() || sum.addend.is_some() {
            return false;
        }
        by_kernel(contract, operands, target, call);
        return true;
    };
    let result = target.address.number;
    // A sum of several products is not rounded between them.
    if result == Number::Bf16 && products.iter().any(adds_to_itself) {
        let total = Target { address: call.scratch(target.shape.elements()), ..target };
        if sum.addend.is_some() || !multiply(contract, operands, total, sum, call) {
            return false;
        }
        elementwise::apply("round", &Program::copy(), &[total.source()], &[target], call);
        return true;
    }
    // cuBLASLt takes two factors of one kind, gives bfloat16 for such factors only, and adds a row of the result's kind.
    let [a, b] = operands.map(|operand| operand.address.number);
    if a != b || (result == Number::Bf16 && a != result) {
        let operands = operands.map(|operand| rounded(operand, call));
        return multiply(contract, operands, target, sum, call);
    }
    if let Some(bias) = sum.bias.filter(|bias| bias.number != result) {
        let row = Shape::from([target.shape.last().copied().unwrap_or(1)]);
        let bias = Some(rounded(Source::dense(bias, row), call).address);
        return multiply(contract, operands, target, Sum { bias, ..sum }, call);
    }
    call.tasks.extend(products.into_iter().map(Task::product));
    true
}

/// Whether a product is added to what an earlier one left.
fn adds_to_itself(product: &Product) -> bool {
    product.form.accumulate && product.addend.is_none()
}

/// An operand as bfloat16: itself, or its elements in scratch memory in the order in which they lie, without gaps.
fn rounded(operand: Source, call: &mut Call) -> Source {
    let Source { address, layout } = operand;
    if address.number == Number::Bf16 {
        return operand;
    }
    let shape = *layout.shape();
    let strides: Vec<usize> = layout.strides().iter().map(|stride| stride.unsigned_abs()).collect();
    // What repeats is rounded once.
    let once = (0..shape.len())
        .filter(|&axis| strides[axis] == 0)
        .fold(layout, |layout, axis| layout.slice(axis, 0, 1));
    let mut order: Vec<usize> = (0..shape.len()).collect();
    order.sort_by_key(|&axis| std::cmp::Reverse(strides[axis]));
    let from = Source { address, layout: once.permute(&order) };
    let dense = Layout::contiguous(from.shape());
    let to = Target { address: call.scratch_of(Number::Bf16, from.shape().elements()), shape: from.shape() };
    elementwise::apply("round", &Program::copy(), &[from], &[to], call);
    let mut back = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, &axis)| back[axis] = place);
    Source { address: to.address, layout: dense.permute(&back).expand(shape) }
}

/// The contraction as products that cuBLASLt runs; nothing where it has no such form.
fn products(
    contract: &Contract,
    operands: [Source; 2],
    target: Target,
    Sum { bias, addend }: Sum,
) -> Option<Vec<Product>> {
    let [a, b] = operands;
    let axes = SortedAxes::new(contract, &a.layout, &b.layout, target.shape);
    let swap = axes.columns.last().is_none_or(|axis| axis.c != 1)
        && axes.rows.last().is_some_and(|axis| axis.c == 1);
    let (axes, [left, right]) = if swap { (axes.transposed(), [b, a]) } else { (axes, [a, b]) };
    let SortedAxes { mut rows, mut columns, mut sums, mut batch } = axes;
    let columns_axis = columns.pop().unwrap_or(Axis { c: 1, ..UNIT });
    let rows_axis = take_longest(&mut rows);
    let sums_axis = take_longest(&mut sums);
    batch.extend(rows.into_iter().chain(columns));
    let batch_axis = take_longest(&mut batch);
    if columns_axis.c != 1 || sums_axis.length == 0 || (bias.is_some() && (swap || !sums.is_empty())) {
        return None;
    }
    // A bias is a row of the whole result, so the result's last axis must be all of the columns.
    let whole_rows = target.shape.last() == Some(&columns_axis.length);
    if bias.is_some() && (!batch.is_empty() || !whole_rows) {
        return None;
    }
    let (m, n, k) = (rows_axis.length, columns_axis.length, sums_axis.length);
    let steps = [batch_axis.a, batch_axis.b, batch_axis.c].map(usize::try_from);
    let [Ok(step_a), Ok(step_b), Ok(step_c)] = steps else { return None };
    let side_c = Side::of(m, n, rows_axis.c, 1).filter(|side| !side.transposed)?;
    let form = Form {
        rows: m,
        columns: n,
        depth: k,
        batch: batch_axis.length,
        a: Side { step: step_a, ..Side::of(m, k, rows_axis.a, sums_axis.a)? },
        b: Side { step: step_b, ..Side::of(k, n, sums_axis.b, columns_axis.b)? },
        c: Side { step: step_c, ..side_c },
        accumulate: false,
        bias: bias.is_some(),
        factors: a.address.number,
        result: target.address.number,
    };
    let (outer, inner) = (combinations(&batch)?, combinations(&sums)?);
    let at = |address: Address, offset: usize| address.plus(offset);
    let count = outer.len() * inner.len();
    (count <= MOST_PRODUCTS).then(|| {
        let pairs = outer
            .iter()
            .flat_map(|outer| inner.iter().enumerate().map(move |(term, inner)| (outer, term, inner)));
        pairs
            .map(|(outer, term, inner)| Product {
                form: Form { accumulate: term > 0 || addend.is_some(), ..form },
                a: at(left.address, outer[0] + inner[0]),
                b: at(right.address, outer[1] + inner[1]),
                c: at(target.address, outer[2]),
                alpha: 1.0,
                bias,
                addend: addend.filter(|_| term == 0).map(|addend| at(addend, outer[2])),
            })
            .collect()
    })
}

/// Offsets of all index combinations in both operands and the result; nothing where a stride is negative or they
/// are very many.
fn combinations(axes: &[Axis]) -> Option<Vec<[usize; 3]>> {
    let mut offsets = vec![[0; 3]];
    for axis in axes {
        let strides = [axis.a, axis.b, axis.c].map(usize::try_from);
        let [Ok(a), Ok(b), Ok(c)] = strides else { return None };
        if offsets.len() * axis.length > MOST_PRODUCTS {
            return None;
        }
        let steps = |base: [usize; 3]| {
            (0..axis.length).map(move |i| [base[0] + i * a, base[1] + i * b, base[2] + i * c])
        };
        offsets = offsets.into_iter().flat_map(steps).collect();
    }
    Some(offsets)
}

/// The contraction by a generated kernel, for any strides.
fn by_kernel(contract: &Contract, [a, b]: [Source; 2], target: Target, call: &mut Call) {
    let kept = |left: bool, right: bool| -> Vec<char> {
        let is = |label: &&char| contract.a.contains(label) == left && contract.b.contains(label) == right;
        contract.out.iter().filter(is).copied().collect()
    };
    let (batch, rows, columns, sums) =
        (kept(true, true), kept(true, false), kept(false, true), contract.summed());
    let out = Layout::contiguous(target.shape);
    let at = |labels: &[char], layout: &Layout, group: &[char], index: &str| {
        format!("({})", position(&part(labels, layout, group), index))
    };
    let in_a = |group: &[char], index: &str| at(&contract.a, &a.layout, group, index);
    let in_b = |group: &[char], index: &str| at(&contract.b, &b.layout, group, index);
    let in_c = |group: &[char], index: &str| at(&contract.out, &out, group, index);
    let length =
        |labels: &[char], layout: &Layout, group: &[char]| part(labels, layout, group).shape().elements();
    let left = format!("return a_[{} + {} + {}];", in_a(&batch, "z"), in_a(&rows, "m"), in_a(&sums, "k"));
    let right = format!("return b_[{} + {} + {}];", in_b(&batch, "z"), in_b(&sums, "k"), in_b(&columns, "n"));
    let nearest = |group: &[char]| {
        part(&contract.a, &a.layout, group).strides().iter().map(|stride| stride.unsigned_abs()).min()
    };
    TiledProduct {
        name: "contract",
        products: length(&contract.out, &out, &batch),
        rows: length(&contract.out, &out, &rows),
        columns: length(&contract.out, &out, &columns),
        depth: length(&contract.a, &a.layout, &sums),
        reads: &[("a_", a.address), ("b_", b.address)],
        left: &left,
        right: &right,
        left_dense_in_depth: nearest(&sums) <= nearest(&rows),
        result: target.address,
        place: &format!("{} + {} + {}", in_c(&batch, "z"), in_c(&rows, "m"), in_c(&columns, "n")),
    }
    .lower(call);
}

/// The layout over some of the labelled axes, in the order of `group`.
fn part(labels: &[char], layout: &Layout, group: &[char]) -> Layout {
    let picked: Vec<usize> =
        group.iter().filter_map(|label| labels.iter().position(|other| other == label)).collect();
    let rest = (0..labels.len()).filter(|axis| !picked.contains(axis));
    let axes: Vec<usize> = picked.iter().copied().chain(rest).collect();
    layout.permute(&axes).drop_axes((picked.len()..labels.len()).collect())
}
