"""Which patients train and which validate: decided by the patient's name alone, so that every import agrees."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from edge_nt.datasets.dataset import Split

_VAL_SHARE = 0.1


def split_patients(hospital_of: Mapping[str, str]) -> dict[str, Split]:
    """Patient → split, from patient → hospital: about 10 % of each hospital's patients validate, at least one of two.

    Within a hospital the patients with the smallest SHA-256 of their id validate, whatever order they come in.
    """
    patients_of: dict[str, list[str]] = {}
    for patient, hospital in hospital_of.items():
        patients_of.setdefault(hospital, []).append(patient)
    split: dict[str, Split] = {}
    for patients in patients_of.values():
        by_digest = sorted(patients, key=lambda patient: hashlib.sha256(patient.encode()).digest())
        validating = max(round(len(patients) * _VAL_SHARE), min(1, len(patients) - 1))
        split |= {patient: "val" if i < validating else "train" for i, patient in enumerate(by_digest)}
    return split
