"""The same photo twice in FER-2013: pairs of faces within and across the splits, mirrored ones too.

Two steps, over all pairs of faces:

1. *Candidates*: each face as 16x16 grey values between two blurs, which leaves neither lighting nor fine noise, of
   zero mean and unit norm. Pairs with a cosine of at least CANDIDATE are looked at closely.
2. *Likeness*: the middle 40x40 of one face, lightly blurred and with its wide blur taken away, is slid over the other
   by up to 4 pixels each way; the highest normalised correlation is the likeness. Brightness and contrast have no
   part in it, JPEG noise little, and a crop that is a little off is found where it fits.

ALIKE was chosen by looking at pairs of Training and PublicTest alone (PrivateTest has no part in any choice). In every
sixth Training face against all of PublicTest, likenesses have two hills with a valley between: unrelated faces end
near 0.80, the same photo twice lies mostly above 0.90. Of pairs from 0.85 on, all that were looked at are one photo
(56 of them between 0.85 and 0.92, where doubt would be). From 0.82 to 0.85 about three of 17 are other people (babies,
mostly), from 0.78 to 0.80 half are. So 0.85 counts hardly anything that is none, and misses some copies: those cropped
more than a few per cent larger or smaller. CANDIDATE lets 3 % of the pairs above ALIKE slip; less would cost more time
than it finds.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from tqdm import tqdm

from training.data.dataset import SPLITS, Dataset

CANDIDATE = 0.65
ALIKE = 0.85
COARSE_SIDE = 16
# Widths of the two blurs in pixels of a 48-pixel face: what lies between them is compared.
COARSE_BLURS, FINE_BLURS = (2.0, 6.0), (1.0, 4.0)
SLIDE_PX = 4
BLOCK = 512


@dataclass(frozen=True)
class Pairs:
    """Pairs of like faces, each once: `first` < `second` (n,) are rows of all faces, split after split.

    `likeness` is 1 where the pixels are the same (`exact`); `mirrored` pairs are alike only after mirroring one.
    """

    first: np.ndarray
    second: np.ndarray
    likeness: np.ndarray
    exact: np.ndarray
    mirrored: np.ndarray

    def __len__(self) -> int:
        return len(self.first)


def find(data: Dataset) -> Pairs:
    """All pairs of the three splits; about three minutes of one core for FER-2013."""
    return find_among(np.concatenate([split.faces for split in data.splits()]))


def find_among(faces: np.ndarray) -> Pairs:
    """All pairs of faces uint8 (n, h, w, 1)."""
    # Each kind overrides those before it: the last word on a pair that is of several.
    found = {pair: (likeness, False, True) for pair, likeness in _alike(faces, mirrored=True).items()}
    found |= {pair: (likeness, False, False) for pair, likeness in _alike(faces, mirrored=False).items()}
    found |= dict.fromkeys(_same(faces), (1.0, True, False))
    order = sorted(found)
    rows = np.array(order, int).reshape(-1, 2)
    kinds = [found[pair] for pair in order]
    return Pairs(
        first=rows[:, 0],
        second=rows[:, 1],
        likeness=np.array([likeness for likeness, _, _ in kinds], np.float32),
        exact=np.array([exact for _, exact, _ in kinds], bool),
        mirrored=np.array([mirrored for _, _, mirrored in kinds], bool),
    )


def _same(faces: np.ndarray) -> list[tuple[int, int]]:
    """Pairs with the same pixels."""
    rows: dict[bytes, list[int]] = {}
    for row, face in enumerate(faces):
        rows.setdefault(face.tobytes(), []).append(row)
    return [pair for same in rows.values() for pair in itertools.combinations(same, 2)]


def _alike(faces: np.ndarray, *, mirrored: bool) -> dict[tuple[int, int], float]:
    """Likeness of the pairs from ALIKE on."""
    fine = [_band(face, FINE_BLURS) for face in faces[..., 0]]
    side = faces.shape[1]
    middle = slice(SLIDE_PX, side - SLIDE_PX)
    found = {}
    for first, second in _candidates(faces, mirrored=mirrored):
        part = fine[second][middle, middle]
        if mirrored:
            part = cv2.flip(part, 1)
        likeness = float(cv2.matchTemplate(fine[first], part, cv2.TM_CCOEFF_NORMED).max())
        if likeness >= ALIKE:
            found[first, second] = likeness
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
    """A face float32 (h, w) after the narrower blur, less itself after the wider one."""
    narrow, wide = (cv2.GaussianBlur(face.astype(np.float32), (0, 0), blur) for blur in blurs)
    return narrow - wide


def _units(pictures: np.ndarray) -> np.ndarray:
    """Vectors (n, pixels) of zero mean and unit norm; of a blank picture, zero, which is like nothing."""
    flat = pictures.reshape(len(pictures), -1)
    centred = flat - flat.mean(1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.where(lengths > 1e-2, centred / np.maximum(lengths, 1e-2), 0)


# --- what the pairs say ------------------------------------------------------------------------


def count(pairs: Pairs, data: Dataset) -> dict:
    """Pairs within and across the splits by kind, how many carry two labels, and how many faces of each split have a
    copy; plain numbers for JSON."""
    labels = np.concatenate([split.labels for split in data.splits()])
    first, second = _split_of(pairs.first, data), _split_of(pairs.second, data)
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
    return {"alike_from": ALIKE, "splits": counts}


def unseen(pairs: Pairs, data: Dataset, split: str, others: Sequence[str]) -> np.ndarray:
    """Which faces of `split`, bool (n,), have no copy in `others`; naming the split itself leaves the first of each."""
    wanted = SPLITS.index(split)
    start, end = _bounds(data)[wanted : wanted + 2]
    kept = np.ones(end - start, bool)
    for row, other in ((pairs.second, pairs.first), (pairs.first, pairs.second)):
        elsewhere = np.isin(_split_of(other, data), [SPLITS.index(name) for name in others])
        # Within a split the copy goes, and the face that comes first stays.
        copies = (_split_of(row, data) == wanted) & elsewhere & ((_split_of(other, data) != wanted) | (other < row))
        kept[row[copies] - start] = False
    return kept


def _bounds(data: Dataset) -> np.ndarray:
    return np.cumsum([0, *(len(split) for split in data.splits())])


def _split_of(rows: np.ndarray, data: Dataset) -> np.ndarray:
    return np.searchsorted(_bounds(data), rows, side="right") - 1
