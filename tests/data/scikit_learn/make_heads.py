"""Fits heads with the scikit-learn that runs this, and stores them beside what they answer.

For each release in an environment of its own, from this folder:

    python3 -m venv old && old/bin/pip install 'scikit-learn==1.3.2' 'numpy<2'
    old/bin/python make_heads.py

Makes the folder of that release: a pickle or joblib file for each head, and answers.npz with
`embeddings` (clips, features), the answers of the head NAME as `NAME` (clips, classes), all by
`predict_proba` of float32 embeddings behind the scaler.
"""

import pickle
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

FEATURES = 8
CLIPS = 80
CLASSES = np.array(["class_0", "class_1", "class_2", "class_3", "class_4"])


def dump_compressed(model: Any, path: Path, method: str = "xz") -> None:
    """As joblib does with `compress`."""
    joblib.dump(model, path, compress=(method, 3))


# How files get written; the heads take turns.
DUMPS: list[Callable[[Any, Path], object]] = [
    joblib.dump,
    *(
        lambda model, path, protocol=protocol: path.write_bytes(pickle.dumps(model, protocol))
        for protocol in range(2, 6)
    ),
    *(partial(dump_compressed, method=method) for method in ("zlib", "gzip", "bz2", "lzma", "xz")),
]


def regressions() -> Iterator[tuple[str, LogisticRegression]]:
    """Every way to ask for a regression that this release knows, by a name."""
    asked: list[dict[str, Any]] = [
        {},
        {"multi_class": "auto"},
        {"multi_class": "ovr"},
        {"multi_class": "multinomial"},
        {"solver": "liblinear"},
        {"solver": "newton-cholesky"},
        {"solver": "newton-cholesky", "multi_class": "multinomial"},
    ]
    for classes in (2, 5):
        for options in asked:
            name = "_".join(["lr", *options.values(), str(classes)]).replace("-", "_")
            try:
                model = LogisticRegression(max_iter=1000, **options)
                model.fit(*data(classes))
            except (TypeError, ValueError):  # not in this release
                continue
            yield name, model


def heads() -> Iterator[tuple[str, Any]]:
    """Every fitted head, by a name."""
    yield from regressions()
    for classes in (2, 5):
        models = {
            "one_vs_rest": OneVsRestClassifier(LogisticRegression(max_iter=1000)),
            "svc": SVC(kernel="rbf", probability=True, random_state=0),
            "forest": RandomForestClassifier(200 if classes == 5 else 20, random_state=0),
        }
        for name, model in models.items():
            yield f"{name}_{classes}", model.fit(*data(classes))


def data(classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Scaled embeddings (clips, features) and their classes, which overlap."""
    rng = np.random.default_rng(classes)
    targets = np.arange(CLIPS) % classes
    centres = rng.standard_normal((classes, FEATURES))
    embeddings = centres[targets] + rng.standard_normal((CLIPS, FEATURES))
    return scaler().transform(embeddings.astype(np.float32)), CLASSES[targets]


def scaler() -> StandardScaler:
    """The one scaler of all heads."""
    rng = np.random.default_rng(0)
    return StandardScaler().fit(rng.normal(0.3, 1.7, (CLIPS, FEATURES)))


def main() -> None:
    """Write the folder of this release."""
    warnings.simplefilter("ignore")  # newer releases deprecate what older ones ask for
    folder = Path(__file__).parent / sklearn.__version__
    folder.mkdir()
    joblib.dump(scaler(), folder / "scaler.pkl")
    embeddings = np.random.default_rng(1).normal(0.3, 2.5, (40, FEATURES)).astype(np.float32)
    answers = {}
    for i, (name, model) in enumerate(heads()):
        dump = dump_compressed if name == "forest_5" else DUMPS[i % len(DUMPS)]  # 1 MB otherwise
        dump(model, folder / f"{name}.pkl")
        answers[name] = model.predict_proba(scaler().transform(embeddings))
    np.savez_compressed(folder / "answers.npz", embeddings=embeddings, **answers)


if __name__ == "__main__":
    main()
