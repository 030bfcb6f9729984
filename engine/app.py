"""The routes of the DocuTray API, as this engine serves them.

Bodies are parsed in engine.submissions, refusals worded in engine.errors, answers in engine.answers; what happens in
between is engine.service's.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from engine import answers, errors
from engine.access import Access
from engine.answers import Answer
from engine.errors import ApiError
from engine.faulty import MisbehavedError
from engine.queue import Kind
from engine.service import Service
from engine.stats import CountCalls, Stats
from engine.unread import TakeInUnread
from engine.validate import validate

# The longest JSON document that is validated, in bytes.
_MOST_JSON = 10 * 2**20


def create_app(service: Service, access: Access) -> FastAPI:
    """The whole API over a service that the app runs from its start to its end."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    # No pages of documentation: they load scripts from elsewhere.
    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.add_middleware(TakeInUnread)
    app.add_middleware(CountCalls, stats=service.stats)
    _word_errors(app)

    @app.get("/health")
    async def health() -> Answer:
        return Answer({"status": "ok"})

    app.include_router(_stats(service.stats), dependencies=[Depends(access.without_limit)])
    app.include_router(_submissions(service), prefix="/api", dependencies=[Depends(access)])
    others = [Depends(access), *([Depends(service.misbehaviour.of_other_call)] if service.misbehaviour.active else [])]
    app.include_router(_document_types(service), prefix="/api", dependencies=others)
    return app


def _submissions(service: Service) -> APIRouter:
    api = APIRouter()

    @api.post("/identify-async")
    async def identify_async(request: Request) -> Answer:
        job = await service.accept(request, Kind.IDENTIFY)
        return Answer(answers.accepted(job, service.catalog), 202)

    @api.get("/identify-async/status/{job_id}")
    async def identification_status(job_id: str) -> Answer:
        return Answer(answers.status(*await service.status_of(job_id, Kind.IDENTIFY)))

    @api.post("/identify")
    async def identify(request: Request) -> Answer:
        job = await service.accept(request, Kind.IDENTIFY)
        return Answer(answers.identified(await service.result_of(job)))

    @api.post("/steps-async/{step_id}")
    async def execute_step(step_id: str, request: Request) -> Answer:
        if step_id not in service.catalog.steps:
            raise errors.step_not_found()
        job = await service.accept(request, Kind.STEP, step_id)
        return Answer(answers.accepted(job, service.catalog), 202)

    @api.get("/steps-async/status/{job_id}")
    async def execution_status(job_id: str) -> Answer:
        return Answer(answers.status(*await service.status_of(job_id, Kind.STEP)))

    @api.post("/convert-async")
    async def convert_async(request: Request) -> Answer:
        job = await service.accept(request, Kind.CONVERT)
        return Answer(answers.accepted(job, service.catalog), 202)

    @api.get("/convert-async/status/{job_id}")
    async def conversion_status(job_id: str) -> Answer:
        return Answer(answers.status(*await service.status_of(job_id, Kind.CONVERT)))

    @api.post("/convert")
    async def convert(request: Request) -> Answer:
        job = await service.accept(request, Kind.CONVERT)
        return Answer({"data": (await service.result_of(job))["data"]})

    return api


def _document_types(service: Service) -> APIRouter:
    api = APIRouter()

    @api.get("/document-types")
    async def list_types(
        search: str = "",
        page: Annotated[int, Query(ge=1)] = 1,
        limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    ) -> Answer:
        found = service.catalog.search_types(search)
        shown = found[(page - 1) * limit : page * limit]
        pagination = {"total": len(found), "page": page, "limit": limit}
        return Answer({"data": [answers.document_type(kind) for kind in shown], "pagination": pagination})

    @api.get("/document-types/{code_or_id}")
    async def get_type(code_or_id: str) -> Answer:
        return Answer(answers.document_type_in_full(service.document_type(code_or_id)))

    @api.post("/document-types/{code_or_id}/validate")
    async def validate_document(code_or_id: str, request: Request) -> Answer:
        kind = service.document_type(code_or_id)
        return Answer(answers.counted(asdict(validate(await _json_object(request), kind))))

    return api


def _stats(stats: Stats) -> APIRouter:
    """Ours alone: the vendor's API has nothing like it."""
    api = APIRouter(prefix="/__stats")

    @api.get("")
    async def told(intents: bool = False) -> Answer:
        return Answer(stats.snapshot(intents=intents))

    @api.post("/reset")
    async def reset() -> Answer:
        stats.reset()
        return Answer(stats.snapshot())

    return api


async def _json_object(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise errors.unsupported_body()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_JSON:
            raise errors.too_large(_MOST_JSON)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise errors.validation(["the body is not JSON"]) from None
    if not isinstance(document, dict):
        raise errors.validation(["the body must be a JSON object"])
    return document


def _word_errors(app: FastAPI) -> None:
    """Give every error the body that the API gives it, those of the framework among them."""

    @app.exception_handler(ApiError)
    async def refused(_: Request, error: ApiError) -> Answer:
        return Answer(error.body, error.status, error.headers)

    @app.exception_handler(MisbehavedError)
    async def on_purpose(_: Request, error: MisbehavedError) -> Response:
        return error.response

    @app.exception_handler(RequestValidationError)
    async def bad_query(_: Request, error: RequestValidationError) -> Answer:
        wrong = errors.validation(f"{detail['loc'][-1]}: {detail['msg']}" for detail in error.errors())
        return Answer(wrong.body, wrong.status)

    @app.exception_handler(HTTPException)
    async def no_such_route(_: Request, error: HTTPException) -> Answer:
        return Answer({"message": error.detail}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> Answer:
        return Answer(errors.internal(type(error).__name__).body, 500)
