"""Fits the stand-in of the published classifier with scikit-learn 1.3, as its files were made.

    python3 -m venv old && old/bin/pip install 'scikit-learn==1.3.2' 'numpy<2'
    old/bin/python make_stand_in.py

Reads embeddings.npy; writes the three files into stand_in/, and answers.npy: what
`predict_proba` of scikit-learn 1.3 gives for the embeddings, float64 (clips, 5).
"""

import json
from pathlib import Path

import joblib
import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

CLASSES = 5


def main() -> None:
    """Fit, and write the files."""
    assert sklearn.__version__.startswith("1.3.")
    here = Path(__file__).parent
    folder = here / "stand_in"
    folder.mkdir()
    embeddings = np.load(here / "embeddings.npy")
    targets = np.arange(len(embeddings)) % CLASSES
    scaler = StandardScaler().fit(embeddings)
    scaled = scaler.transform(embeddings)
    classifier = LogisticRegression(max_iter=1000, multi_class="ovr").fit(scaled, targets)
    joblib.dump(classifier, folder / "deepfake_audio_classifier.pkl")
    joblib.dump(scaler, folder / "audio_scaler.pkl")
    metadata = {
        "feature_extractor": "facebook/wav2vec2-base-960h",
        "class_labels": [f"class_{i}" for i in range(CLASSES)],
    }
    (folder / "model_metadata.json").write_text(json.dumps(metadata, indent=2), encoding="utf-8")
    np.save(here / "answers.npy", classifier.predict_proba(scaled))


if __name__ == "__main__":
    main()
