"""POST /v1/predict/video: lines in three formats; every option, every limit."""

import csv
import http.client
import io
import json
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from starlette.formparsers import MultiPartParser

from service.settings import Settings
from tests.service.answers import assert_problem
from tests.service.clips import clip, encode, steady, turned
from tests.service.conftest import LABELS
from tests.service.processes import listening
from tests.service.videos import URL, ask, limited, lines, plain, portrait


def test_the_whole_answer(client: TestClient, photo: bytes) -> None:
    *frames, summary = lines(client.post(URL, content=portrait(photo), params={"fps": 2.5}))
    assert [(frame["type"], frame["index"], frame["time_s"]) for frame in frames] == [
        ("frame", number, pytest.approx(number * 0.4)) for number in range(5)
    ]
    for frame in frames:
        (face,) = frame["faces"]
        assert face["track_id"] == 1
        assert abs(face["box"]["x"] - 175) < 40
        assert list(face["emotions"]) == list(LABELS)
        assert sum(face["emotions"].values()) == pytest.approx(1)
        assert face["explanations"] == []
    (track,) = summary.pop("tracks")
    assert summary == {
        "type": "summary",
        "duration_s": pytest.approx(2, abs=0.2),
        "frames_read": 10,
        "frames_analysed": 5,
    }
    assert (track["track_id"], track["from_s"], track["to_s"]) == (1, 0, pytest.approx(1.6))
    for label in LABELS:
        mean = np.mean([frame["faces"][0]["emotions"][label] for frame in frames])
        assert track["mean"][label] == pytest.approx(mean)
    assert track["dominant"] == max(track["mean"], key=lambda label: track["mean"][label])


def test_the_answer_begins_with_the_declared_length(client: TestClient, body: bytes) -> None:
    assert float(client.post(URL, content=body, params={"fps": 1}).headers["X-Video-Duration-S"]) == pytest.approx(
        2, abs=0.05
    )
    endless = clip(steady(1), container="webm", codec="libvpx", options={"live": "1"})
    assert "X-Video-Duration-S" not in client.post(URL, content=endless, params={"fps": 1}).headers


def test_a_mirrored_recording(client: TestClient, media: Path) -> None:
    """Its display matrix mirrors it; read as an angle it would be upside down, without a face."""
    *frames, _ = lines(client.post(URL, content=(media / "cases" / "matrix_mirrored.mp4").read_bytes()))
    assert [len(frame["faces"]) for frame in frames] == [1] * 10


@pytest.mark.parametrize("turns", [1, 3])
def test_a_camera_held_sideways(client: TestClient, photo: bytes, turns: int) -> None:
    """The file says how to turn it back; the detector finds no face that lies on its side."""
    lying = portrait(photo, turns=-turns)
    assert not any(frame["faces"] for frame in lines(client.post(URL, content=lying))[:-1])
    first, *_ = lines(client.post(URL, content=turned(lying, 90 * turns), params={"fps": 1}))
    (face,) = first["faces"]
    assert (face["box"]["x"], face["box"]["y"]) == (pytest.approx(175, abs=40), pytest.approx(65, abs=40))


def test_no_face_is_an_answer(client: TestClient, body: bytes) -> None:
    *frames, summary = lines(client.post(URL, content=body))
    assert [frame["faces"] for frame in frames] == [[]] * 10
    assert summary["tracks"] == []


def test_both_ways_to_send_it_give_the_same(client: TestClient, body: bytes) -> None:
    raw = ask(client, body)
    form = client.post(URL, files={"file": ("../../etc/passwd", body, "text/html")}, params={"crop": "whole"})
    assert lines(form) == raw
    assert len(raw) == 11


def test_nothing_is_spooled_to_disk(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a temporary file")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    large = clip(steady(6), size_wh=(320, 240), grain=200, codec="mjpeg", container="avi")
    assert len(large) > 3 * MultiPartParser.spool_max_size // 2
    answer = client.post(URL, files={"file": large}, params={"crop": "whole", "fps": 1})
    assert lines(answer)[-1]["type"] == "summary"


def test_csv(client: TestClient, body: bytes) -> None:
    answer = client.post(URL, content=body, params={"crop": "whole", "format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 10
    for row, frame in zip(rows, ask(client, body), strict=False):
        assert float(row["time_s"]) == frame["time_s"]
        assert {name: float(row[name]) for name in LABELS} == frame["faces"][0]["emotions"]


def test_webvtt(client: TestClient, body: bytes) -> None:
    answer = client.post(URL, content=body, params={"crop": "whole", "format": "webvtt", "fps": 1})
    assert answer.headers["content-type"] == "text/vtt; charset=utf-8"
    cues = answer.text.split("\n\n")
    assert cues[:2] == ["WEBVTT", "00:00:00.000 --> 00:00:02.000\nface 1: dark"]
    assert len(cues) == 3, "two equal cues are one"


def test_a_part_of_it(client: TestClient, body: bytes) -> None:
    *frames, summary = ask(client, body, from_s=0.5, to_s=1.0, fps=10)
    assert [frame["time_s"] for frame in frames] == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9], abs=1e-3)
    assert [frame["index"] for frame in frames] == [0, 1, 2, 3, 4]
    assert summary["frames_read"] == 15
    assert summary["duration_s"] == pytest.approx(2, abs=0.05)


def test_heatmaps(client: TestClient, body: bytes) -> None:
    first, *_ = ask(client, body, fps=1, explain="gradcam", target="all")
    assert [found["target"] for found in first["faces"][0]["explanations"]] == list(LABELS)
    first, *_ = ask(client, body, fps=1, explain="gradcam", heatmap="overlay")
    assert [found["media_type"] for found in first["faces"][0]["explanations"]] == ["image/jpeg"]


def test_smoothing(client: TestClient) -> None:
    """A dark second, a bright one, a frame a second; the weight that a frame keeps after a second is `smoothing`."""
    pictures = encode([(0.0, plain(0)), (0.5, plain(0)), (1.0, plain(255)), (1.5, plain(255))])
    for smoothing, bright in ((0, 1.0), (0.25, 1 / 1.25), (1, 0.5)):
        *frames, summary = ask(client, pictures, fps=1, smoothing=smoothing)
        assert [frame["faces"][0]["emotions"]["bright"] for frame in frames] == pytest.approx([0, bright], abs=0.01)
        assert summary["tracks"][0]["mean"]["bright"] == pytest.approx(0.5, abs=0.01), "of the frames themselves"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"fps": 0}, "fps"),
        ({"fps": 61}, "fps"),
        ({"fps": "nan"}, "fps"),
        ({"from_s": -1}, "from_s"),
        ({"from_s": "inf"}, "from_s"),
        ({"from_s": 2, "to_s": 2}, "to_s"),
        ({"to_s": 0}, "to_s"),
        ({"format": "xml"}, "format"),
        ({"format": "csv", "explain": "gradcam"}, "format"),
        ({"smoothing": 1.5}, "smoothing"),
        ({"target": "joy"}, "target"),
        ({"max_faces": 51}, "max_faces"),
        ({"frames": 9}, "frames"),
    ],
)
def test_a_bad_option_is_refused_by_name(client: TestClient, options: dict[str, Any], named: str) -> None:
    """Before anything is read: the body would be refused as well."""
    document = assert_problem(client.post(URL, content=b"no video", params=options), 422, "invalid_option")
    assert named in document["detail"]


def test_an_unknown_option_is_answered_with_those_that_exist(client: TestClient) -> None:
    answer = client.post(URL, content=b"no video", params={"frames": 9, "fps": 0})
    detail = assert_problem(answer, 422, "invalid_option")["detail"]
    assert detail == (
        "fps: Input should be greater than 0; frames: it does not exist; there are explain, heatmap, target, head, "
        "max_faces, min_face_px, crop, detector, fps, from_s, to_s, format, smoothing."
    )


def test_the_default_is_never_more_than_is_allowed(settings: Settings, body: bytes) -> None:
    with limited(settings, max_faces=3) as client:
        assert ask(client, body)[-1]["type"] == "summary"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"max_video_bytes": 2000}, 413, "body_too_large"),
        ({"max_video_pixels": 3000}, 422, "video_too_many_pixels"),
        ({"max_video_s": 1.5}, 422, "video_too_long"),
    ],
)
def test_limits(settings: Settings, body: bytes, changes: dict[str, Any], status: int, code: str) -> None:
    (limit,) = changes.values()
    assert len(body) > 2000
    with limited(settings, **changes) as client:
        for answer in (client.post(URL, content=body), client.post(URL, files={"file": body})):
            assert assert_problem(answer, status, code)["limit"] == limit
        shown = client.get("/v1/limits").json()
        assert changes.items() <= shown.items()


@pytest.mark.parametrize("share", [1.0, 0.8], ids=["whole", "cut off"])
def test_who_has_read_the_last_line_has_its_place_back(settings: Settings, share: float) -> None:
    """The end of the answer is still to come, and there is no other place."""
    whole = clip(steady(4), container="webm", codec="libvpx", grain=99)
    content = whole[: int(share * len(whole))]
    with listening(settings.model_copy(update={"max_videos": 1})) as address:
        for _ in range(5):
            connection = http.client.HTTPConnection(address, timeout=60)
            connection.request("POST", URL, content, {"Content-Type": "video/webm"})
            with closing(connection), connection.getresponse() as answer:
                assert answer.status == 200, answer.read()
                kinds = [json.loads(answer.readline())["type"]]
                while kinds[-1] == "frame":
                    kinds.append(json.loads(answer.readline())["type"])
                assert kinds[-1] == ("summary" if share == 1 else "error")


@pytest.mark.parametrize("content", [b"", b"\0" * 99, b"words"])
def test_what_is_no_video(client: TestClient, content: bytes) -> None:
    answer = client.post(URL, content=content)
    assert_problem(answer, 415 if content else 400, "unsupported_media_type" if content else "malformed_body")


def test_an_image_is_named(client: TestClient, photo: bytes) -> None:
    document = assert_problem(client.post(URL, content=photo), 415, "unsupported_media_type")
    assert "image/jpeg" in document["detail"]
    assert "video/mp4" in document["detail"]


def test_a_form_with_something_else(client: TestClient, body: bytes) -> None:
    assert_problem(client.post(URL, files={"video": body}), 400, "malformed_body")
    assert_problem(client.post(URL, files=[("file", body), ("file", body)]), 400, "malformed_body")


def test_an_index_that_is_cut_off(client: TestClient, body: bytes) -> None:
    assert_problem(client.post(URL, content=body[:-300]), 422, "undecodable_video")


def test_every_hostile_file_gets_an_answer(client: TestClient, media: Path) -> None:
    """Of pictures one for each signature: no more of them is read."""
    pictures = [*(media / "hostile").iterdir(), *(media / "formats").iterdir()]
    signatures = {path.read_bytes()[:12]: path for path in pictures}
    paths = [*signatures.values(), *(media / "videos").iterdir()]
    assert len(paths) > 25
    for path in paths:
        answer = client.post(URL, content=path.read_bytes(), params={"fps": 0.1})
        if answer.status_code == 200:
            assert lines(answer)[-1]["type"] == "summary", path.name
            assert path.parent.name == "videos"
        else:
            assert answer.status_code in (400, 415, 422), path.name
            assert_problem(answer, answer.status_code, answer.json()["code"])
    assert client.get("/readyz").status_code == 200
