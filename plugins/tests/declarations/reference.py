"""Values of the methods declared here: each equation written out again in NumPy, in float64, as `../goldens/reference.py`
does. `python3 reference.py` writes them; nothing runs it but people."""

import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "goldens"))

from reference import Heads, mse, normal, unit, write_all  # noqa: E402

CARE = Heads(project=([6, "bn", "relu", 5], 6))


def care(p, held):
    """Four groups of three neighbours."""
    total = []
    z1, z2 = (unit(CARE(p, "project", p[f"views.{view}"])) for view in (0, 1))
    for group in range(4):
        for i in range(3):
            for j in range(3):
                if i != j:
                    a, b = 3 * group + i, 3 * group + j
                    total.append((z1[a] @ z1[b] - z2[a] @ z2[b]) ** 2)
    return np.mean(total)


SIE = Heads(invariant=([5, "bn", "relu", 5, "bn", "relu", 3], 3), equivariant=([5, "bn", "relu", 5, "bn", "relu", 3], 3),
            hyper=([9], 8))


def variance_hinge(z):
    return np.maximum(0.0, 1.0 - np.sqrt(z.var(0, ddof=1) + 1e-4)).mean()


def covariance(z):
    c = np.cov(z.T)
    return (c**2).sum() / z.shape[1] - (np.diag(c) ** 2).sum() / z.shape[1]


def sie(p, held):
    code = np.concatenate([held["g.crop"], held["g.color"]], 1)
    rho = SIE(p, "hyper", code).reshape(-1, 3, 3)
    (i1, e1), (i2, e2) = ((SIE(p, "invariant", y[:, :3]), SIE(p, "equivariant", y[:, 3:]))
                          for y in (p["views.0"], p["views.1"]))
    predicted = np.stack([matrix @ e for matrix, e in zip(rho, e1)])
    z1, z2 = np.concatenate([i1, e1], 1), np.concatenate([i2, e2], 1)
    return (10 * mse(i1, i2) + 4.5 * mse(predicted, e2) + 5 * (variance_hinge(z1) + variance_hinge(z2))
            + 10 * variance_hinge(predicted) + covariance(z1) + covariance(z2))


def draw_sie():
    return {"views.0": normal(7, 6), "views.1": normal(7, 6), "g.crop": normal(7, 4) / 4, "g.color": normal(7, 4) / 4,
            **{f"g.{part}": normal(7, 1) for part in ("flip", "blur", "solarize")}, "g.turn": np.zeros(7)}


PIXPRO = Heads(projector=([12, "bn", "relu", 4], 5), transform=([[4]], 4))


def pixpro(p, held):
    """Token maps of one row, which is what a file has."""
    def centers(frame, tokens):
        corner, down, right = frame[:2], frame[2:4], frame[4:]
        diagonal = np.linalg.norm(down + right / tokens)
        return [corner + 0.5 * down + (t + 0.5) / tokens * right for t in range(tokens)], diagonal

    def one_way(z, k, place_of_z, place_of_k):
        x, target = PIXPRO(p, "projector", z), PIXPRO(held, "projector", k)
        found = []
        for image in range(len(z)):
            (at_z, size_of_z), (at_k, size_of_k) = (
                centers(place[image], features.shape[1]) for place, features in ((place_of_z, z), (place_of_k, k)))
            alike = np.maximum(unit(x[image]) @ unit(x[image]).T, 0.0) ** 2
            y = unit(alike @ PIXPRO(p, "transform", x[image]))
            pairs = [y[i] @ unit(target[image])[j] for i in range(len(at_z)) for j in range(len(at_k))
                     if np.linalg.norm(at_z[i] - at_k[j]) < 0.7 * max(size_of_z, size_of_k)]
            found.append(np.sum(pairs) / (len(pairs) + 1e-6))
        return -2 * np.mean(found)

    return (one_way(p["student.0"], held["teacher.1"], held["places.0"], held["places.1"])
            + one_way(p["student.1"], held["teacher.0"], held["places.1"], held["places.0"]))


def draw_pixpro():
    """Crops of an image of 40 by 40: one beside the other, one flipped, one apart from its other."""
    first = np.array([[0, 0, 20, 0, 0, 24], [4, 30, 16, 0, 0, -20], [0, 0, 8, 0, 0, 8]], dtype=float)
    second = np.array([[2, 8, 22, 0, 0, 20], [6, 8, 12, 0, 0, 16], [30, 30, 8, 0, 0, 8]], dtype=float)
    maps = {name: normal(3, tokens, 5) for name, tokens in
            (("student.0", 4), ("student.1", 3), ("teacher.0", 4), ("teacher.1", 3))}
    return {**maps, "places.0": first, "places.1": second}


DENSECL = Heads(project=([12, "relu", 4], 5))


def densecl(p, held):
    z, k, queue = p["student.0"], held["teacher.1"], held["others"]
    r, t = unit(DENSECL(p, "project", z)), unit(DENSECL(held, "project", k))
    losses = []
    for image in range(len(z)):
        for s in range(z.shape[1]):
            counterpart = np.argmax(unit(held["student.0"][image, s]) @ unit(k[image]).T)
            logits = np.array([r[image, s] @ t[image, counterpart], *(queue @ r[image, s])]) / 0.2
            losses.append(np.log(np.exp(logits).sum()) - logits[0])
    return np.mean(losses)


def queue_behind(p):
    pooled = unit(DENSECL(p, "project", p["teacher.1"]).mean(1))
    return {"others": np.concatenate([pooled, p["others"]])[:len(p["others"])]}


def draw_densecl():
    return {**{f"{side}.{view}": normal(3, 4, 5) for side in ("student", "teacher") for view in (0, 1)},
            "others": unit(normal(5, 4))}


TEACHER = ["teacher.0", "teacher.1"]
CASES = {
    "care": ("care", care, lambda: {"views.0": normal(12, 6), "views.1": normal(12, 6)}, CARE, {"out": 5}, []),
    "sie": ("sie", sie, draw_sie, SIE, {"out": 3},
            [f"g.{part}" for part in ("crop", "color", "flip", "blur", "solarize", "turn")]),
    "pixpro": ("pixpro", pixpro, draw_pixpro, PIXPRO, {"out": 4}, [*TEACHER, "places.0", "places.1"]),
    "densecl": ("densecl", densecl, draw_densecl, DENSECL, {"queue": 5, "out": 4}, [*TEACHER, "student.1", "others"],
                queue_behind),
}

if __name__ == "__main__":
    write_all(CASES, HERE / "goldens")
