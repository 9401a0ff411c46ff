"""Values of the methods that have no code of others to compare with: each equation written out again in NumPy, in float64.

`python3 reference.py` writes NAME.safetensors beside this script, for `equilayer parity`. Gradients are central
differences; what an equation holds constant is kept at its value (`held`). Nothing runs this script but people.
"""

import json
import math
import pathlib
import struct

import numpy as np

RNG = np.random.default_rng(20)
STEP = 1e-6


def normal(*shape):
    return RNG.normal(size=shape)


# Heads: a row of layers, as declared and as PyTorch has them.

def batch_norm(x):
    flat = x.reshape(-1, x.shape[-1])
    return (x - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-5)


def layer_norm(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def gelu(x):
    return x * 0.5 * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))


LAYERS = {"relu": lambda x: np.maximum(x, 0.0), "gelu": gelu, "bn": batch_norm, "ln": layer_norm, "bn*": batch_norm}


def head(p, name, layers, x):
    for index, layer in enumerate(layers):
        x = LAYERS.get(layer, lambda x: x @ p[f"{name}.{index}.weight"])(x)
        if layer in ("bn", "ln"):
            x = x * p[f"{name}.{index}.weight"]
        x = x + p.get(f"{name}.{index}.bias", 0.0)
    return x


def parameters(name, layers, width):
    """A number is a linear layer, one in a list a linear layer with bias."""
    p = {}
    for index, layer in enumerate(layers):
        if layer in ("bn", "ln"):
            p[f"{name}.{index}.weight"] = 1.0 + 0.2 * normal(width)
            p[f"{name}.{index}.bias"] = 0.2 * normal(width)
        elif not isinstance(layer, str):
            (out, bias) = (layer, False) if isinstance(layer, int) else (layer[0], True)
            p[f"{name}.{index}.weight"] = normal(width, out)
            if bias:
                p[f"{name}.{index}.bias"] = normal(out)
            width = out
    return p


class Heads(dict):
    """The heads of a method by name: their layers, and the width they take."""

    def draw(self):
        p = {}
        for name, (layers, width) in self.items():
            p |= parameters(name, layers, width)
        return p

    def __call__(self, p, name, x):
        layers = [layer if isinstance(layer, str) else "linear" for layer in self[name][0]]
        return head(p, name, layers, x)


# Losses.

def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def log_sum_exp(x):
    top = x.max(-1, keepdims=True)
    return (top + np.log(np.exp(x - top).sum(-1, keepdims=True)))[..., 0]


def cross_entropy(logits, labels):
    return (log_sum_exp(logits) - logits[np.arange(len(labels)), labels]).mean()


def info_nce(q, k, tau):
    return cross_entropy(unit(q) @ unit(k).T / tau, np.arange(len(q)))


def nt_xent(a, b, tau):
    z = unit(np.concatenate([a, b]))
    n = len(a)
    logits = z @ z.T / tau
    np.fill_diagonal(logits, -np.inf)
    return cross_entropy(logits, np.concatenate([np.arange(n) + n, np.arange(n)]))


def mse(a, b):
    return ((a - b) ** 2).mean()


# SER: tokens of [samples, rows · columns, width].

def bicubic(length, to):
    """PyTorch's: a = -0.75, half-pixel centres, borders repeated."""
    def kernel(t, a=-0.75):
        t = abs(t)
        if t <= 1:
            return (a + 2) * t**3 - (a + 3) * t**2 + 1
        return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0

    matrix = np.zeros((to, length))
    for row in range(to):
        position = (row + 0.5) * length / to - 0.5
        for neighbour in range(math.floor(position) - 1, math.floor(position) + 3):
            matrix[row, min(max(neighbour, 0), length - 1)] += kernel(position - neighbour)
    return matrix


def alignment(grid, turns_from, size, turns_to):
    """rot90(k = 2 - k0), hflip, bicubic to `size`, rot90(k = k1), as a matrix."""
    columns = []
    for cell in range(grid[0] * grid[1]):
        x = np.zeros(grid[0] * grid[1])
        x[cell] = 1.0
        x = np.fliplr(np.rot90(x.reshape(grid), 2 - turns_from))
        x = bicubic(x.shape[0], size[0]) @ x @ bicubic(x.shape[1], size[1]).T
        columns.append(np.rot90(x, turns_to).ravel())
    return np.stack(columns, 1)


def dense_info_nce(anchors, positives, tau, both):
    samples, tokens, _ = anchors.shape
    a, b = (unit(x.reshape(samples * tokens, -1)) for x in (anchors, positives))
    sample = np.repeat(np.arange(samples), tokens)
    masked = sample[:, None] == sample[None, :]

    def rows(x, y):
        """For each row of x: its positive in y against tokens of other samples, of y or of both."""
        across = x @ y.T / tau
        positive = np.diag(across).copy()
        across[masked] = -np.inf
        within = x @ x.T / tau
        within[masked] = -np.inf
        others = [across, within] if both else [across]
        return log_sum_exp(np.concatenate([positive[:, None], *others], 1)) - positive

    return np.concatenate([rows(a, b), rows(b, a)]).mean() if both else rows(a, b).mean()


SER = Heads(project=([6, "gelu", 5], 4))


def ser(both):
    def loss(p, held):
        project = lambda x: SER(p, "project", x)
        moved = np.einsum("ts,bsd->btd", held["rho"], project(p["z.source"]))
        return dense_info_nce(project(p["z.student"]), moved, 0.4, both)
    return loss


def draw_ser():
    rho = alignment((2, 3), 1, (3, 2), 3)
    return {"z.source": normal(3, 6, 4), "z.student": normal(3, len(rho), 4), "rho": rho}


ESSL = Heads(predictor=([[3], "ln", "relu", [3], "ln", "relu", [5], "ln", [4]], 3))


def essl(p, held):
    return cross_entropy(ESSL(p, "predictor", p["turned"]), np.arange(len(p["turned"])) % 4)


AUGSELF = {"crop": (4, 0.5), "color": (4, 0.7), "flip": (1, 0.3), "blur": (1, 0.2), "solarize": (1, 0.4),
           "rotation": (4, 0.6)}
AUGSELF_HEADS = Heads({f"{name}_head": ([4, "bn", "relu", 4, "bn", "relu", [out]], 6)
                       for name, (out, _) in AUGSELF.items()})


def augself(p, held):
    a, b = p["views.0"], p["views.1"]
    both = np.concatenate([np.concatenate([a, b], 1), np.concatenate([b, a], 1)])
    total = 0.0
    for name, (_, weight) in AUGSELF.items():
        phi = AUGSELF_HEADS(p, name + "_head", both)
        if name == "rotation":
            turn = held["omega.turn"].astype(int)
            loss = cross_entropy(phi, np.concatenate([turn, (4 - turn) % 4]))
        elif name == "flip":
            target = np.concatenate([held["omega.flip"]] * 2)
            loss = (np.logaddexp(0, phi) - target * phi).mean()
        else:
            omega = held["omega." + name]
            phi = np.tanh(phi) if name in ("crop", "color") else phi
            loss = mse(phi, np.concatenate([omega, -omega]))
        total += weight * loss
    return total


def draw_augself():
    return {"views.0": normal(5, 3), "views.1": normal(5, 3), "omega.crop": normal(5, 4) / 4,
            "omega.color": normal(5, 4) / 4, "omega.flip": np.array([[1.0], [0.0], [1.0], [1.0], [0.0]]),
            "omega.blur": normal(5, 1), "omega.solarize": normal(5, 1),
            "omega.turn": np.array([0.0, 1.0, 2.0, 3.0, 1.0])}


EQUIMOD = Heads(embed=([5, "bn", "relu", 5, "bn", "relu", 4, "bn*"], 3), encode=([4, "bn"], 6), predict=([4, "bn*"], 8))


def equimod_sides(p, held):
    n = len(p["plain"])
    y = EQUIMOD(p, "embed", np.concatenate([p["plain"], p["views.0"], p["views.1"]]))
    psi = EQUIMOD(p, "encode", np.concatenate([held["t.0"], held["t.1"]]))
    y0 = np.concatenate([y[:n], y[:n]])
    return y[n:], EQUIMOD(p, "predict", np.concatenate([y0, psi], 1))


def equimod_nt_xent(p, held):
    return nt_xent(*equimod_sides(p, held), 0.2)


def equimod_infonce_sym(p, held):
    (y, predicted), (y_held, predicted_held) = equimod_sides(p, held), equimod_sides(held, held)
    return 0.2 * (info_nce(y, predicted_held, 0.2) + info_nce(predicted, y_held, 0.2))


def draw_equimod():
    return {"plain": normal(4, 3), "views.0": normal(4, 3), "views.1": normal(4, 3), "t.0": normal(4, 6),
            "t.1": normal(4, 6)}


STL = Heads(encode=([[4], "relu", [4]], 6), hyper=([9], 4), project=([9, "bn", "relu", 4], 3),
            project_code=([9, "bn", "relu", 4], 4))


def stl(p, held):
    y1, y2 = p["views.0"], p["views.1"]
    partner = np.arange(len(y1)) ^ 1

    def encode(a, b):
        return STL(p, "encode", np.concatenate([a, b], 1))

    def apply(t, y):
        return np.einsum("bij,bj->bi", STL(p, "hyper", t).reshape(len(y), y.shape[1], -1), y)

    t12, t21 = encode(y1, y2), encode(y2, y1)
    predicted = np.concatenate([apply(t21[partner], y2), apply(t12[partner], y1)])
    project, project_code = (lambda x, name=name: STL(p, name, x) for name in ("project", "project_code"))
    equivariance = nt_xent(project(np.concatenate([y1, y2])), project(predicted), 0.2)
    even, odd = (project_code(np.concatenate([t12[i::2], t21[i::2]])) for i in (0, 1))
    return equivariance + 0.1 * nt_xent(even, odd, 0.2)


FLOW = Heads(projector=([9, "bn", "relu", 4], 3), predictor=([9, "bn", "relu", 4], 4))


def flow_equivariance(p, held):
    """On 2 × 3 cells: each cell's value comes from the one on its left, and the first column's from outside."""
    def grid(x):
        return x.reshape(len(x), 2, 3, -1)

    target = unit(grid(FLOW(held, "projector", held["z.source"])))[:, :, :-1]
    found = unit(grid(FLOW(p, "predictor", FLOW(p, "projector", p["z.student"]))))[:, :, 1:]
    return ((found - target) ** 2).sum(-1).mean()


def draw_flow():
    cells = np.arange(6).reshape(2, 3)
    rho = np.zeros((6, 6))
    rho[cells[:, 1:].ravel(), cells[:, :-1].ravel()] = 1.0
    return {"z.student": normal(2, 6, 3), "z.source": normal(2, 6, 3), "rho": rho, "rho.valid": rho.sum(1)}


# By file: plugin, loss, inputs, heads, parameters of the case, what there is no gradient for, and the states behind the step.
CASES = {
    "ser_both_views": ("ser", ser(True), draw_ser, SER, {"temperature": 0.4, "negatives": "both_views"}, ["rho"]),
    "ser_cross_view": ("ser", ser(False), draw_ser, SER, {"temperature": 0.4, "negatives": "cross_view"}, ["rho"]),
    "essl": ("essl", essl, lambda: {"turned": normal(12, 3)}, ESSL, {}, []),
    "augself": ("augself", augself, draw_augself, AUGSELF_HEADS,
                {f"{name}_weight": weight for name, (_, weight) in AUGSELF.items()},
                [f"omega.{name}" for name in ("crop", "color", "flip", "blur", "solarize", "turn")]),
    "equimod_nt_xent": ("equimod", equimod_nt_xent, draw_equimod, EQUIMOD,
                        {"temperature": 0.2, "contrast": "nt_xent"}, ["t.0", "t.1"]),
    "equimod_infonce_sym": ("equimod", equimod_infonce_sym, draw_equimod, EQUIMOD,
                            {"temperature": 0.2, "contrast": "infonce_sym"}, ["t.0", "t.1"]),
    "stl": ("stl", stl, lambda: {"views.0": normal(6, 3), "views.1": normal(6, 3)}, STL,
            {"temperature": 0.2, "code_weight": 0.1}, []),
    "flow_equivariance": ("flow_equivariance", flow_equivariance, draw_flow, FLOW, {},
                          ["z.source", "rho", "rho.valid"]),
}


def gradient(loss, p, name):
    found = np.zeros_like(p[name])
    for place in np.ndindex(found.shape):
        values = []
        for step in (STEP, -STEP):
            moved = {**p, name: p[name].copy()}
            moved[name][place] += step
            values.append(loss(moved, p))
        found[place] = (values[0] - values[1]) / (2 * STEP)
    return found


def write(path, metadata, tensors):
    header, data = {"__metadata__": metadata}, b""
    for name, values in sorted(tensors.items()):
        values = np.asarray(values, dtype="<f4")
        shape = list(values.shape) or [1]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + values.nbytes]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_all(cases, folder):
    for file, (plugin, loss, draw, heads, params, constants, *states) in cases.items():
        inputs = draw()
        # As f32 has them, so that both sides start from the same numbers.
        p = {name: x.astype("f4").astype("f8") for name, x in {**inputs, **heads.draw()}.items()}
        kept = [name for behind in states for name in behind(p)]
        tensors = {("in." if name in inputs and name not in kept else "param.") + name: x for name, x in p.items()}
        tensors["out.loss"] = loss(p, p)
        tensors |= {f"out.{name}": x for behind in states for name, x in behind(p).items()}
        tensors |= {"grad." + name: gradient(loss, p, name) for name in p if name not in constants}
        metadata = {"case": f"loss.{plugin}", "params": json.dumps(params), "source": "the equations in NumPy, reference.py"}
        write(folder / f"{file}.safetensors", metadata, tensors)


if __name__ == "__main__":
    write_all(CASES, pathlib.Path(__file__).parent)
