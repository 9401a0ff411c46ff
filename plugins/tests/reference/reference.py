"""Values of the methods that have no code of others to compare with: each equation written out again in NumPy, in float64.

`python3 reference.py > reference.json`. Gradients are central differences; what an equation holds constant is kept at
its value (`held`). The test beside this folder reads the values; nothing runs this script but people.
"""

import json

import numpy as np

RNG = np.random.default_rng(20)
STEP = 1e-6


def normal(*shape):
    return RNG.normal(size=shape)


# Layers, as PyTorch has them.

def linear(x, p, name):
    return x @ p[name + ".weight"] + p.get(name + ".bias", 0.0)


def batch_norm(x, p=None, name=None):
    flat = x.reshape(-1, x.shape[-1])
    y = (x - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-5)
    return y if p is None else y * p[name + ".weight"] + p[name + ".bias"]


def layer_norm(x, p, name):
    y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return y * p[name + ".weight"] + p[name + ".bias"]


def relu(x):
    return np.maximum(x, 0.0)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def log_sum_exp(x):
    top = x.max(-1, keepdims=True)
    return (top + np.log(np.exp(x - top).sum(-1, keepdims=True)))[..., 0]


# Losses.

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


# Methods: a function of (parameters, the same held constant), and parameters.

def narrow(p, name):
    """A head of linear, batch norm, ReLU, linear with bias."""
    def head(x):
        x = batch_norm(linear(x, p, name + ".0"), p, name + ".1")
        return linear(relu(x), p, name + ".3")
    return head


def narrow_parameters(name, inputs, hidden, outputs, bias=True):
    p = {
        f"{name}.0.weight": normal(inputs, hidden),
        f"{name}.1.weight": 1.0 + 0.2 * normal(hidden),
        f"{name}.1.bias": 0.2 * normal(hidden),
        f"{name}.3.weight": normal(hidden, outputs),
    }
    if bias:
        p[f"{name}.3.bias"] = normal(outputs)
    return p


def essl(p, held):
    x = layer_norm(linear(p["turned"], p, "predictor.0"), p, "predictor.1")
    return cross_entropy(linear(relu(x), p, "predictor.3"), np.arange(len(x)) % 4)


AUGSELF = {"crop": (4, 0.5), "color": (4, 0.7), "flip": (1, 0.3), "blur": (1, 0.2), "solarize": (1, 0.4)}


def augself(p, held):
    a, b = p["first"], p["second"]
    both = np.concatenate([np.concatenate([a, b], 1), np.concatenate([b, a], 1)])
    total = 0.0
    for name, (_, weight) in AUGSELF.items():
        omega = held["omega." + name]
        phi = narrow(p, name + "_head")(both)
        if name == "flip":
            target = np.concatenate([omega, omega])
            loss = (np.logaddexp(0, phi) - target * phi).mean()
        else:
            phi = np.tanh(phi) if name in ("crop", "color") else phi
            loss = mse(phi, np.concatenate([omega, -omega]))
        total += weight * loss
    return total


def equimod_sides(p, held):
    n = len(p["plain"])
    y = batch_norm(narrow(p, "embed")(np.concatenate([p["plain"], p["first"], p["second"]])))
    psi = batch_norm(linear(np.concatenate([held["t.0"], held["t.1"]]), p, "encode.0"), p, "encode.1")
    y0 = np.concatenate([y[:n], y[:n]])
    return y[n:], batch_norm(linear(np.concatenate([y0, psi], 1), p, "predict.0"))


def equimod_nt_xent(p, held):
    return nt_xent(*equimod_sides(p, held), 0.2)


def equimod_infonce_sym(p, held):
    (y, predicted), (y_held, predicted_held) = equimod_sides(p, held), equimod_sides(held, held)
    return 0.2 * (info_nce(y, predicted_held, 0.2) + info_nce(predicted, y_held, 0.2))


def stl(p, held):
    y1, y2 = p["first"], p["second"]
    partner = np.arange(len(y1)) ^ 1

    def encode(a, b):
        return linear(relu(linear(np.concatenate([a, b], 1), p, "encode.0")), p, "encode.2")

    def apply(t, y):
        return np.einsum("bij,bj->bi", linear(t, p, "hyper.0").reshape(len(y), y.shape[1], -1), y)

    t12, t21 = encode(y1, y2), encode(y2, y1)
    predicted = np.concatenate([apply(t21[partner], y2), apply(t12[partner], y1)])
    project, project_code = narrow(p, "project"), narrow(p, "project_code")
    equivariance = nt_xent(project(np.concatenate([y1, y2])), project(predicted), 0.2)
    even, odd = (project_code(np.concatenate([t12[i::2], t21[i::2]])) for i in (0, 1))
    return equivariance + 0.1 * nt_xent(even, odd, 0.2)


def flow_equivariance(p, held):
    """On 2 × 3 cells: each cell's value comes from the one on its left, and the first column's from outside."""
    def grid(x):
        return x.reshape(len(x), 2, 3, -1)

    target = unit(grid(narrow(held, "projector")(held["source"])))[:, :, :-1]
    found = unit(grid(narrow(p, "predictor")(narrow(p, "projector")(p["student"]))))[:, :, 1:]
    return ((found - target) ** 2).sum(-1).mean()


METHODS = {
    "essl": (essl, lambda: {
        "turned": normal(12, 3), "predictor.0.weight": normal(3, 5), "predictor.0.bias": normal(5),
        "predictor.1.weight": 1.0 + 0.2 * normal(5), "predictor.1.bias": 0.2 * normal(5),
        "predictor.3.weight": normal(5, 4), "predictor.3.bias": normal(4),
    }, []),
    "augself": (augself, lambda: {
        "first": normal(5, 3), "second": normal(5, 3),
        **{"omega." + n: RNG.integers(0, 2, (5, w)).astype(float) if n == "flip" else 0.5 * normal(5, w)
           for n, (w, _) in AUGSELF.items()},
        **{k: v for n, (w, _) in AUGSELF.items() for k, v in narrow_parameters(n + "_head", 6, 4, w).items()},
    }, ["omega." + n for n in AUGSELF]),
    **{name: (loss, lambda: {
        "plain": normal(4, 3), "first": normal(4, 3), "second": normal(4, 3), "t.0": normal(4, 6), "t.1": normal(4, 6),
        **narrow_parameters("embed", 3, 5, 4, bias=False), "encode.0.weight": normal(6, 4),
        "encode.1.weight": 1.0 + 0.2 * normal(4), "encode.1.bias": 0.2 * normal(4), "predict.0.weight": normal(8, 4),
    }, ["t.0", "t.1"]) for name, loss in
        [("equimod_nt_xent", equimod_nt_xent), ("equimod_infonce_sym", equimod_infonce_sym)]},
    "stl": (stl, lambda: {
        "first": normal(6, 3), "second": normal(6, 3), "encode.0.weight": normal(6, 4), "encode.0.bias": normal(4),
        "encode.2.weight": normal(4, 4), "encode.2.bias": normal(4), "hyper.0.weight": normal(4, 9),
        **narrow_parameters("project", 3, 9, 4, bias=False),
        **narrow_parameters("project_code", 4, 9, 4, bias=False),
    }, []),
    "flow_equivariance": (flow_equivariance, lambda: {
        "student": normal(2, 6, 3), "source": normal(2, 6, 3),
        **narrow_parameters("projector", 3, 9, 4, bias=False),
        **narrow_parameters("predictor", 4, 9, 4, bias=False),
    }, ["source"]),
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


def tensor(x):
    return {"shape": list(x.shape), "data": [float(f"{v:.7g}") for v in x.ravel()]}


cases = {}
for name, (loss, draw, constants) in METHODS.items():
    p = {k: np.array([float(f"{v:.7g}") for v in x.ravel()]).reshape(x.shape) for k, x in draw().items()}
    cases[name] = {
        "loss": float(f"{loss(p, p):.9g}"),
        "values": {k: tensor(x) for k, x in p.items()},
        "gradients": {k: tensor(gradient(loss, p, k)) for k in p if k not in constants},
    }
print(json.dumps(cases, allow_nan=False).replace('}, "', '},\n"'))
