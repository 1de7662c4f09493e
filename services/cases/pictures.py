"""Keeps the pictures of cases in the database, where every web process finds them, and lets go of them.

There is none but of a case's present revision: what replaces a case replaces its pictures, and withdrawal ends them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.cases.picture_files import Rendition
from services.cases.tables import Case, CaseStatus, Picture
from services.cases.views import PictureSize, PictureView


async def write_pictures(session: AsyncSession, case_id: UUID, renditions: Sequence[Rendition]) -> None:
    """Put these in the place of what was there."""
    await session.exec(delete(Picture).where(col(Picture.case_id) == case_id))
    for one in renditions:
        session.add(Picture(case_id=case_id, width=one.width, height=one.height, digest=one.digest, body=one.body))


async def read_picture(session: AsyncSession, digest: str) -> bytes | None:
    """The bytes, as long as a case that is shown has them."""
    shown = (col(Picture.digest) == digest, col(Case.status) != CaseStatus.WITHDRAWN)
    statement = select(Picture.body).join(Case, col(Case.id) == col(Picture.case_id)).where(*shown).limit(1)
    return (await session.exec(statement)).first()


async def picture_views(session: AsyncSession, cases: Sequence[Case]) -> dict[UUID, PictureView]:
    """What readers see of the pictures of these cases, by case; their bytes are not read."""
    described = {case.id: case for case in cases if case.picture}
    if not described:
        return {}
    columns = select(Picture.case_id, Picture.width, Picture.height, Picture.digest)
    rows = await session.exec(columns.where(col(Picture.case_id).in_(described)).order_by(col(Picture.width)))
    sizes: dict[UUID, list[PictureSize]] = {}
    for case_id, width, height, digest in rows:
        sizes.setdefault(case_id, []).append(PictureSize(width, height, digest))
    return {case_id: _view(described[case_id], tuple(found)) for case_id, found in sizes.items()}


def _view(case: Case, sizes: tuple[PictureSize, ...]) -> PictureView:
    told = case.picture or {}
    return PictureView(told["alt"], told["credit"], case.language, told["translations"], sizes)
