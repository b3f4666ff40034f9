"""The split of patients: stable, per hospital, about a tenth."""

import random

from hypothesis import given
from hypothesis import strategies as st

from edge_nt.datasets.patient_split import split_patients


@given(st.dictionaries(st.text(max_size=8), st.sampled_from(["a", "b", "c"]), max_size=80), st.randoms())
def test_order_does_not_matter_and_each_hospital_validates(
    hospital_of: dict[str, str], shuffler: random.Random
) -> None:
    split = split_patients(hospital_of)
    shuffled = list(hospital_of.items())
    shuffler.shuffle(shuffled)
    assert split_patients(dict(shuffled)) == split
    assert set(split) == set(hospital_of)
    for hospital in set(hospital_of.values()):
        patients = [patient for patient, home in hospital_of.items() if home == hospital]
        validating = sum(split[patient] == "val" for patient in patients)
        assert validating < len(patients)
        assert abs(validating - 0.1 * len(patients)) <= 0.9
        assert validating >= 1 or len(patients) == 1


def test_the_split_of_known_names_never_changes() -> None:
    # `printf 9 | sha256sum` starts with 19, the smallest of the ten digits'.
    hospital_of = {str(number): "a" for number in range(10)}
    assert [patient for patient, split in split_patients(hospital_of).items() if split == "val"] == ["9"]
