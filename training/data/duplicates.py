"""The same photo twice in the data: pairs of faces within and across the splits, also mirrored.

Two steps, over all pairs of faces:

1. *Candidates*: each face as 16x16 grey values after a band-pass (difference of two blurs), which removes lighting and
   fine noise, with zero mean and unit norm. Pairs with a cosine of at least CANDIDATE go on to step 2.
2. *Similarity*: the middle 40x40 pixels of one face, after a finer band-pass, are moved over the other by up to 4
   pixels each way; the highest normalised correlation is the similarity. Brightness and contrast do not change it,
   JPEG noise hardly, and a slightly shifted crop is found.

SIMILAR was chosen by looking at pairs across FER-2013's Training and PublicTest alone. For every sixth Training face
against all of PublicTest, the histogram of similarities has two peaks: unrelated faces end near 0.80, copies of a photo
are mostly above 0.90. All pairs above 0.85 that were looked at show one photo (56 of them between 0.85 and 0.92, where
doubt is possible). From 0.82 to 0.85 about three of 17 show different people (mostly babies), from 0.78 to 0.80 half.
So 0.85 gives almost no false pairs, and misses copies that are cropped more than a few per cent larger or smaller.
CANDIDATE misses 3 % of the pairs above SIMILAR; a lower value would take much longer.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from tqdm import tqdm

from training.data.dataset import SPLITS, Dataset

CANDIDATE = 0.65
SIMILAR = 0.85
COARSE_SIDE = 16
# Standard deviations of the two blurs of each band-pass, in pixels of a 48-pixel face.
COARSE_BLURS, FINE_BLURS = (2.0, 6.0), (1.0, 4.0)
SLIDE_PX = 4
BLOCK = 512


@dataclass(frozen=True)
class Pairs:
    """Pairs of similar faces, each once: `first` < `second` (n,) are rows of all faces, split after split.

    `similarity` is 1 where the pixels are the same (`exact`); `mirrored` pairs are similar only after mirroring one.
    """

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray
    exact: np.ndarray
    mirrored: np.ndarray

    def __len__(self) -> int:
        return len(self.first)


def find(data: Dataset) -> Pairs:
    """All pairs of the three splits; about three minutes of one core for FER-2013."""
    return find_among(np.concatenate([split.faces for split in data.splits().values()]))


def find_among(faces: np.ndarray) -> Pairs:
    """All pairs of faces uint8 (n, h, w, 1)."""
    # A pair of several kinds is of the last of them.
    found = {pair: (similarity, False, True) for pair, similarity in _similar(faces, mirrored=True).items()}
    found |= {pair: (similarity, False, False) for pair, similarity in _similar(faces, mirrored=False).items()}
    found |= dict.fromkeys(_same(faces), (1.0, True, False))
    order = sorted(found)
    rows = np.array(order, int).reshape(-1, 2)
    kinds = [found[pair] for pair in order]
    return Pairs(
        first=rows[:, 0],
        second=rows[:, 1],
        similarity=np.array([similarity for similarity, _, _ in kinds], np.float32),
        exact=np.array([exact for _, exact, _ in kinds], bool),
        mirrored=np.array([mirrored for _, _, mirrored in kinds], bool),
    )


def _same(faces: np.ndarray) -> list[tuple[int, int]]:
    """Pairs with the same pixels."""
    rows: dict[bytes, list[int]] = {}
    for row, face in enumerate(faces):
        rows.setdefault(face.tobytes(), []).append(row)
    return [pair for same in rows.values() for pair in itertools.combinations(same, 2)]


def _similar(faces: np.ndarray, *, mirrored: bool) -> dict[tuple[int, int], float]:
    """Similarity of each pair, where it is at least SIMILAR."""
    fine = [_band(face, FINE_BLURS) for face in faces[..., 0]]
    side = faces.shape[1]
    middle = slice(SLIDE_PX, side - SLIDE_PX)
    found = {}
    for first, second in _candidates(faces, mirrored=mirrored):
        part = fine[second][middle, middle]
        if mirrored:
            part = cv2.flip(part, 1)
        similarity = float(cv2.matchTemplate(fine[first], part, cv2.TM_CCOEFF_NORMED).max())
        if similarity >= SIMILAR:
            found[first, second] = similarity
    return found


def _candidates(faces: np.ndarray, *, mirrored: bool) -> list[tuple[int, int]]:
    """Pairs, the lower row first, whose coarse pictures have a cosine of at least CANDIDATE."""
    coarse = np.stack([_coarse(face) for face in faces[..., 0]])
    others = coarse[:, :, ::-1] if mirrored else coarse
    units, other_units = _units(coarse), _units(others)
    pairs: list[tuple[int, int]] = []
    for start in tqdm(range(0, len(units), BLOCK), desc="mirrored copies" if mirrored else "copies", unit="block"):
        cosines = units[start : start + BLOCK] @ other_units[start:].T
        # Above the diagonal, so each pair comes once and no face with itself.
        first, second = np.nonzero(np.triu(cosines >= CANDIDATE, 1))
        pairs += zip((first + start).tolist(), (second + start).tolist(), strict=True)
    return pairs


def _coarse(face: np.ndarray) -> np.ndarray:
    return cv2.resize(_band(face, COARSE_BLURS), (COARSE_SIDE, COARSE_SIDE), interpolation=cv2.INTER_AREA)


def _band(face: np.ndarray, blurs: tuple[float, float]) -> np.ndarray:
    """Band-pass of a face uint8 (h, w): the narrower blur less the wider one, float32 (h, w)."""
    narrow, wide = (cv2.GaussianBlur(face.astype(np.float32), (0, 0), blur) for blur in blurs)
    return narrow - wide


def _units(pictures: np.ndarray) -> np.ndarray:
    """Vectors (n, pixels) of zero mean and unit norm; zero for a blank picture, which is similar to nothing."""
    flat = pictures.reshape(len(pictures), -1)
    centred = flat - flat.mean(1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.where(lengths > 1e-2, centred / np.maximum(lengths, 1e-2), 0)


# --- counts ------------------------------------------------------------------------------------


def count(pairs: Pairs, data: Dataset) -> dict:
    """Pairs within and across the splits, plain numbers for JSON.

    By kind of pair, with the number of pairs that have two labels and of faces in each split that have a copy.
    """
    labels = np.concatenate([split.labels for split in data.splits().values()])
    first, second = split_of(pairs.first, data), split_of(pairs.second, data)
    counts = {}
    for a, b in itertools.combinations_with_replacement(range(len(SPLITS)), 2):
        # Rows go through the splits in order, so `first` is never in the later one.
        kept = (first == a) & (second == b)
        differ = labels[pairs.first[kept]] != labels[pairs.second[kept]]
        ends = {a: pairs.first[kept], b: pairs.second[kept]}
        if a == b:
            ends = {a: np.concatenate([pairs.first[kept], pairs.second[kept]])}
        name = SPLITS[a] if a == b else f"{SPLITS[a]} x {SPLITS[b]}"
        exact, mirrored = pairs.exact[kept], pairs.mirrored[kept]
        counts[name] = {
            "pairs": int(kept.sum()),
            "exact": int(exact.sum()),
            "near": int((~exact & ~mirrored).sum()),
            "mirrored": int(mirrored.sum()),
            "other_label": int(differ.sum()),
            "other_label_exact": int((differ & exact).sum()),
            "faces": {SPLITS[split]: len(np.unique(rows)) for split, rows in ends.items()},
        }
    return {"similar_from": SIMILAR, "splits": counts}


def unseen(pairs: Pairs, data: Dataset, split: str, others: Sequence[str]) -> np.ndarray:
    """Which faces of `split`, bool (n,), have no copy in `others`.

    Where `split` is among the others, the first face of each group of copies counts as having none.
    """
    wanted = SPLITS.index(split)
    start, end = _bounds(data)[wanted : wanted + 2]
    kept = np.ones(end - start, bool)
    for row, other in ((pairs.second, pairs.first), (pairs.first, pairs.second)):
        elsewhere = np.isin(split_of(other, data), [SPLITS.index(name) for name in others])
        # Within a split the first face of a pair stays.
        copies = (split_of(row, data) == wanted) & elsewhere & ((split_of(other, data) != wanted) | (other < row))
        kept[row[copies] - start] = False
    return kept


def _bounds(data: Dataset) -> np.ndarray:
    return np.cumsum([0, *(len(split) for split in data.splits().values())])


def split_of(rows: np.ndarray, data: Dataset) -> np.ndarray:
    """Index into SPLITS of rows (n,) of all faces."""
    return np.searchsorted(_bounds(data), rows, side="right") - 1
