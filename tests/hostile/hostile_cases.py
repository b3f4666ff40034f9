"""Which hostile files there are, by ids from which each is made again: ``png/gray8.png/bits/17``, ``bomb/huge.png``."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random

import numpy as np
from bundle_bombs import bundle_bombs
from byte_mutations import BYTE_MUTATIONS, Mutation
from format_mutations import FORMAT_MUTATIONS
from picture_bombs import picture_bombs
from recording_bombs import recording_bombs

PICTURES = ("png", "jpeg", "tiff", "bmp", "dicom", "video")
_SPLICED = "spliced"
_JUDGED = re.compile(rb'"bundle_sha256": "[0-9a-f]{64}"')
# How a file of a folder is understood, by its suffix; a graph has no mutations of its own.
_FORMATS = {".json": "json", ".jsonl": "json", ".npz": "npz"}


@dataclass(frozen=True)
class Case:
    """One hostile file (or folder with one in it): the kind of its seed, the seed, the mutation, and its number."""

    kind: str
    seed: str
    mutation: str
    number: int

    @property
    def name(self) -> str:
        """The id, from which the case is made again."""
        return f"{self.kind}/{self.seed}/{self.mutation}/{self.number}"


def frame_bombs() -> dict[str, Callable[[], bytes]]:
    """Files made by hand, and empty ones, by their names; each is made when it is asked for."""
    empty = {f"empty.{suffix}": bytes for suffix in ("png", "jpg", "tif", "bmp", "dcm", "avi", "mp4", "mkv")}
    return {**empty, **picture_bombs(), **recording_bombs()}


def case_named(name: str) -> Case:
    """The case of an id."""
    kind, seed, mutation, number = name.split("/")
    return Case(kind, seed, mutation, int(number))


def all_cases(corpus: Path, count: int) -> list[Case]:
    """Every bomb once, and about `count` mutated files, the same number for each pair of seed and mutation."""
    pictures = _drawn(corpus, (*PICTURES, "bundle", "ledger"), count)
    # One file alone, which would have a five-hundredth of the cases.
    archives = _drawn(corpus, ("archive",), count // 30)
    bombs = [Case("bomb", name, "built", 0) for name in frame_bombs()]
    broken = [Case("bundle-bomb", name, "built", 0) for name in bundle_bombs()]
    return [*bombs, *broken, *pictures, *archives]


def _drawn(corpus: Path, kinds: Sequence[str], count: int) -> list[Case]:
    pairs = [
        (kind, path.name, mutation)
        for kind in kinds
        for path in sorted(_seeds(corpus, kind))
        for mutation in _mutations(kind, path)
    ]
    Random(count).shuffle(pairs)
    rounds, rest = divmod(count, len(pairs))
    return [
        Case(*pair, number) for number in range(rounds + 1) for pair in (pairs if number < rounds else pairs[:rest])
    ]


def make(case: Case, corpus: Path, folder: Path) -> Path:
    """Write the hostile file, or the folder that holds it, into `folder`; the name is the seed's."""
    random = Random(case.name)
    if case.kind == "check":
        return folder / case.seed
    if case.kind == "bomb":
        target = folder / case.seed
        target.write_bytes(frame_bombs()[case.seed]())
        return target
    if case.kind in (*PICTURES, "archive"):
        target = folder / f"{case.number}-{case.seed}"
        target.write_bytes(_mutated(case, corpus / case.kind / case.seed, random))
        return target
    source = corpus / ("bundle" if case.kind == "bundle-bomb" else case.kind) / _FOLDERS[case.kind]
    target = Path(shutil.copytree(source, folder / source.name))
    if case.kind == "bundle-bomb":
        bundle_bombs()[case.seed](target)
    else:
        path = target / case.seed
        path.write_bytes(_mutated(case, path, random))
    # Half of the bundles say the hash of what they hold, so that the damage reaches the readers behind the hashes.
    if case.kind != "ledger" and not _is_manifest(case) and random.random() < 0.8:
        reseal(target)
    return target


def reseal(bundle: Path) -> None:
    """Let a bundle's manifest state the hashes of its files as they are, and its statistics that of its encoder."""
    encoder = sha256((bundle / "encoder.onnx").read_bytes()).hexdigest()
    with suppress(Exception), np.load(bundle / "ood.npz") as archive:
        if str(archive["encoder_sha256"]) != encoder:
            np.savez(bundle / "ood.npz", **{**archive, "encoder_sha256": np.array(encoder)})
    manifest = bundle / "bundle.json"
    content = json.loads(manifest.read_bytes())
    content["files"] = {name: sha256((bundle / name).read_bytes()).hexdigest() for name in content["files"]}
    manifest.write_text(json.dumps(content))
    verdict, judged = bundle / "verdict.json", sha256(manifest.read_bytes()).hexdigest()
    verdict.write_bytes(_JUDGED.sub(f'"bundle_sha256": "{judged}"'.encode(), verdict.read_bytes()))


_FOLDERS = {"bundle": "fp32", "bundle-bomb": "fp32", "ledger": "out"}


def _is_manifest(case: Case) -> bool:
    return case.seed in ("bundle.json", "deep-json", "long-number", "pipe", "folder-inside")


def _seeds(corpus: Path, kind: str) -> list[Path]:
    return list((corpus / kind / _FOLDERS.get(kind, "")).iterdir())


def _mutations(kind: str, path: Path) -> dict[str, Mutation]:
    own = FORMAT_MUTATIONS.get(_FORMATS.get(path.suffix, kind), {})
    spliced = {} if kind in _FOLDERS else {_SPLICED: _unused}
    return {**BYTE_MUTATIONS, **spliced, **own}


def _mutated(case: Case, path: Path, random: Random) -> bytes:
    data = path.read_bytes()
    if case.mutation != _SPLICED:
        return _mutations(case.kind, path)[case.mutation](data, random)
    # The start of this file and the end of another of its kind.
    other = random.choice(sorted(path.parent.iterdir())).read_bytes()
    return data[: random.randrange(len(data))] + other[random.randrange(len(other)) :]


def _unused(data: bytes, random: Random) -> bytes:
    raise NotImplementedError
