"""Heads of every scikit-learn since 1.0 give what they gave to the release that fitted them."""

from pathlib import Path

import numpy as np
import pytest

from edge_detect.manifest import Graph
from edge_detect.session import GraphSession
from edge_export.classifier import INPUT, OUTPUT, write_classifier_graph
from edge_export.fitted import make_head
from edge_export.heads import Head
from edge_export.pickles import read_pickle
from tests.conftest import DATA

RELEASES = sorted(path for path in (DATA / "scikit_learn").iterdir() if path.is_dir())
HEADS = [path for release in RELEASES for path in sorted(release.glob("*_[25].pkl"))]

# In numpy, and in the graph, whose answers are float32. Releases from 1.8 on round a linear model's
# decisions to float32 themselves.
NUMPY_MAX_ABS = 5e-7
GRAPH_MAX_ABS = 1e-6


def stored_head(path: Path) -> Head:
    return make_head(read_pickle(path.parent / "scaler.pkl"), read_pickle(path))


@pytest.mark.parametrize("path", HEADS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_stored_answers(path: Path, tmp_path: Path) -> None:
    with np.load(path.parent / "answers.npz") as answers:
        embeddings, expected = answers["embeddings"], answers[path.stem]
    head = stored_head(path)
    given = head.probabilities(embeddings)
    np.testing.assert_allclose(given, expected, rtol=0, atol=NUMPY_MAX_ABS)
    write_classifier_graph(head, tmp_path / "head.onnx")
    session = GraphSession(
        tmp_path / "head.onnx", Graph("head.onnx", "", "fp64", INPUT, OUTPUT), "cpu", 1
    )
    graph = session.run(embeddings)
    np.testing.assert_allclose(graph, expected, rtol=0, atol=GRAPH_MAX_ABS)
    singles = np.concatenate([session.run(row[np.newaxis]) for row in embeddings])
    np.testing.assert_array_equal(singles, graph)
