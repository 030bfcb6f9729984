"""How AWS and its like are spoken to: clients, and what is wrong when they fail.

botocore's own messages are never shown: some hold access keys or parts of signed requests.
"""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    SSLError,
)
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from trayflow.errors import SettingsError, SourceError
from trayflow.settings import Limits, SourceSettings
from trayflow.sources.listings import Parsers, read_once

#: Seconds. Reading is counted from byte to byte.
CONNECT, READ = 10, 60

#: All that a call can fail with.
TROUBLE = (BotoCoreError, ClientError, ResponseParserError)

#: Lines that break, in whatever way.
BROKEN = (NoConnectionError, HTTPClientError, IncompleteReadError)

NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError)

#: What botocore's errors about credentials are called that it looked for in vain; their number grows with its versions.
LOST_CREDENTIALS = re.compile(r"Credential|Login|SSO|Token")

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
REFUSED_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "InvalidToken",
        "NotSignedUp",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
DENIED = frozenset(
    {
        "403",
        "AccessDenied",
        "AccountProblem",
        "AllAccessDisabled",
        "Forbidden",
        "UnauthorizedAccess",
    }
)
ELSEWHERE = frozenset(
    {
        "301",
        "307",
        "400",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "PermanentRedirect",
    }
)
BUSY = frozenset(
    {
        "429",
        "RequestTimeout",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)

SIGN_IN = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run where a role is given; renew a session"
    " that has expired"
)

# At DEBUG this logger writes down what presigned addresses are made of.
logging.getLogger("botocore.auth").setLevel(logging.INFO)


def clients(settings: SourceSettings, limits: Limits, region: str | None = None) -> tuple[Any, Any]:
    """Two S3 clients: one that asks, with botocore's retries, and one that downloads and signs, without.

    The retries of listings and look-ups are botocore's alone, `limits.attempts` tries in total; those of a download are
    `trayflow.sources.download`'s alone. Raises `SettingsError` for a profile or an endpoint that cannot be one.
    """
    addressing = {"addressing_style": "path"} if settings.path_style else {}
    common = Config(
        connect_timeout=CONNECT, read_timeout=READ, s3=addressing, max_pool_connections=max(limits.window, 10)
    )
    asking = Config(retries={"mode": "standard", "total_max_attempts": limits.attempts})
    # Presigned addresses are signed the old way by default, which newer regions and settings refuse.
    reading = Config(retries={"mode": "standard", "total_max_attempts": 1}, signature_version="s3v4")
    try:
        core = botocore.session.get_session()
        core.register_component("response_parser_factory", Parsers())
        session = boto3.Session(botocore_session=core)
        client, reader = (
            session.client("s3", region_name=region, config=common.merge(special)) for special in (asking, reading)
        )
    except (BotoCoreError, ValueError) as error:
        if has_no_credentials(error):
            raise explained(error, "", "") from None
        raise SettingsError(
            f"AWS cannot be spoken to ({type(error).__name__}): check AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL."
        ) from None
    read_once(client)
    if settings.requester_pays:
        reader.meta.events.register("before-sign.s3.GetObject", _agree_to_pay)
    return client, reader


def code_of(error: Exception) -> str:
    """The service's own word for what is wrong; the HTTP status of an answer without a body."""
    if not isinstance(error, ClientError):
        return type(error).__name__
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if re.fullmatch(r"[\w.]{1,80}", code) else "an error"


def passes(error: Exception) -> bool:
    """Whether the next try may well succeed."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or status == 429 or code_of(error) in BUSY
    return isinstance(error, BROKEN)


def concerns_all(error: Exception) -> bool:
    """Whether no other call can succeed either."""
    code = code_of(error)
    return code in REFUSED_CREDENTIALS or code in ("NoSuchBucket", "RequestTimeTooSkewed") or has_no_credentials(error)


def has_no_credentials(error: Exception) -> bool:
    """Whether nothing was asked of anybody, for want of credentials."""
    return isinstance(error, BotoCoreError) and LOST_CREDENTIALS.search(type(error).__name__) is not None


def explained(error: Exception, bucket: str, endpoint: str) -> SettingsError | SourceError:
    """What is wrong with a bucket that cannot be used, and what to do about it."""
    where, code = host(endpoint), code_of(error)
    if isinstance(error, NO_CREDENTIALS):
        return SettingsError(f"There are no AWS credentials: {SIGN_IN}.")
    if has_no_credentials(error):
        return SettingsError(f"AWS credentials cannot be had ({code}): {SIGN_IN}.")
    if isinstance(error, ParamValidationError):
        return SettingsError(f"{bucket} cannot be a bucket's name: an address looks like s3://bucket/folder.")
    if code in REFUSED_CREDENTIALS:
        return SettingsError(f"{where} does not accept the AWS credentials ({code}): {SIGN_IN}.")
    if code == "RequestTimeTooSkewed":
        return SettingsError(f"{where} does not accept requests from a clock that is wrong: set this machine's clock.")
    if code == "NoSuchBucket":
        return SettingsError(f"There is no bucket {bucket} at {where}: check the address, and AWS_ENDPOINT_URL.")
    if code in ELSEWHERE:
        return SettingsError(
            f"Bucket {bucket} cannot be reached as it is addressed ({code}): check AWS_REGION, and AWS_ENDPOINT_URL."
        )
    if code in DENIED:
        return SourceError(
            f"Bucket {bucket} may not be listed: the credentials need s3:ListBucket on it, with versioning"
            " s3:ListBucketVersions, and source.requester_pays where the requester has to pay."
        )
    if isinstance(error, SSLError):
        return SourceError(f"{where} has a certificate that is not trusted: check it, or set AWS_CA_BUNDLE.")
    if isinstance(error, BROKEN):
        return SourceError(f"{where} cannot be reached ({code}): check the network, AWS_REGION and AWS_ENDPOINT_URL.")
    if isinstance(error, ResponseParserError) or _has_no_body(error):
        return SourceError(f"What answers at {where} does not speak S3 ({code}): check AWS_ENDPOINT_URL.")
    return SourceError(f"Bucket {bucket} cannot be used now: {where} answers {code}. The same command goes on later.")


def host(endpoint: str) -> str:
    """Who is asked, without a name and password that stand in front of some addresses."""
    return urlsplit(endpoint).netloc.rpartition("@")[2]


def _has_no_body(error: Exception) -> bool:
    """Whether an answer that has to hold a word for what is wrong holds none: those to look-ups never do."""
    return isinstance(error, ClientError) and error.operation_name != "HeadObject" and code_of(error).isdecimal()


def _agree_to_pay(request: Any, signature_version: str, **_: Any) -> None:
    """Put the agreement into a presigned address: whoever follows it sends no header of ours."""
    if signature_version.endswith("-query"):
        del request.headers["x-amz-request-payer"]
        request.url += f"{'&' if '?' in request.url else '?'}x-amz-request-payer=requester"
