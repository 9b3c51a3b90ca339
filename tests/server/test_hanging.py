"""Publishing from the command line's side."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from server import posts
from server.app import JOBS
from server.errors import Problem
from server.hanging import hang
from server.models import Account, Licence, Media, Post
from server.site import Site
from tests.works import files_in, picture


async def test_files_become_one_work(site: Site, alice: Account, tmp_path: Path) -> None:
    files = [tmp_path / "one.png", tmp_path / "two.jpg"]
    files[0].write_bytes(picture())
    files[1].write_bytes(picture(500, 400, "JPEG"))
    said: list[str] = []
    address = await hang(
        site,
        "alice",
        files,
        title="Pair",
        alts=["first"],
        galleries=["Box"],
        licence=Licence.CC0,
        handlers=JOBS,
        say=said.append,
    )
    assert address.endswith("-pair") and any("two.jpg: ready" in line for line in said)
    post_id = site.urls.parse_post(address)
    assert post_id
    async with site.db.read() as tx:
        seen = await posts.get(tx, post_id, None)
    assert [(m.name, m.alt) for m in seen.media] == [("one.png", "first"), ("two.jpg", "")]
    assert files[0].exists() and files_in(site.incoming) == []


@pytest.mark.parametrize("second", ["missing.png", "text.png", "."])
async def test_one_bad_file_leaves_nothing(
    site: Site, alice: Account, tmp_path: Path, run_jobs: Any, second: str
) -> None:
    (tmp_path / "one.png").write_bytes(picture())
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(Problem):
        await hang(site, "alice", [tmp_path / "one.png", tmp_path / second], handlers=None)
    await run_jobs(site)  # a job whose picture is gone ends quietly
    async with site.db.read() as tx:
        assert await tx.scalar(select(func.count(Media.id))) == 0
        assert await tx.scalar(select(func.count(Post.id)).where(Post.deleted_at.is_(None))) == 0
        assert (await tx.get_one(Account, alice.id)).used_bytes == 0
    assert files_in(site.storage.root) == files_in(site.incoming) == []  # type: ignore[attr-defined]
