"""What GitHub answers, as data. No I/O."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hotops.core.clock import parse_rfc3339
from hotops.core.errors import WireError


def _moment(value: object) -> object:
    return parse_rfc3339(value) if isinstance(value, str) else value


#: Unix seconds of an RFC 3339 time; None where GitHub says null.
Moment = Annotated[float | None, BeforeValidator(_moment)]


class Reply(BaseModel):
    """Part of an answer; what we do not read is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """The reply as data. Raises WireError for one in an unknown form: that is no bug of the caller."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise WireError(
                f"GitHub answered a {cls.__name__} that hotops can't read: {place}: {first['msg']}.",
                remedy="Is there a newer hotops? Nothing was changed by reading.",
                code="unknown_reply",
            ) from error


class PublicKey(Reply):
    """The key that a scope's secrets are sealed with (GitHub REST, get a public key)."""

    key_id: str
    key: str


class SecretInfo(Reply):
    """A secret without its value, which GitHub never tells again."""

    name: str
    created_at: Moment = None
    updated_at: Moment = None


class Variable(Reply):
    """A variable, readable in clear."""

    name: str
    value: str = Field(repr=False)
    created_at: Moment = None
    updated_at: Moment = None


class GitObject(Reply):
    """What a reference or a tag points to."""

    type: str
    sha: str


class Ref(Reply):
    """A reference (GitHub REST, git references)."""

    name: str = Field(alias="ref")
    object: GitObject

    @property
    def sha(self) -> str:
        """The object's sha."""
        return self.object.sha


class Tag(Reply):
    """An annotated tag: its message carries what hotops keeps there."""

    sha: str
    name: str = Field(alias="tag")
    message: str
    object: GitObject


class Account(Reply):
    """A user, an organisation or a bot."""

    id: int
    login: str
    type: str = "User"


class Repository(Reply):
    """A repository, as far as hotops asks."""

    full_name: str
    private: bool
    default_branch: str
    owner: Account
