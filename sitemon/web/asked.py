"""What requests say as models, of which few fields are looked at."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

_MOST_FIELDS: Final = 30


def at_most(items: int) -> BeforeValidator:
    """Return what refuses a larger object with none of its items looked at: pydantic says of each what is wrong."""

    def refuse_more(given: Any) -> Any:
        if isinstance(given, Mapping) and len(given) > items:
            raise ValueError(f"expected at most {items} items")
        return given

    return BeforeValidator(refuse_more)


class Asked(BaseModel):
    """Fields of a request. One that is not known is refused: a misspelt filter would answer with everything.

    Of very many none is looked at: to say of each what is wrong with it would hold up all others for seconds.
    """

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _refuse_many(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and len(given) > _MOST_FIELDS:
            raise ValueError(f"expected at most {_MOST_FIELDS} fields")
        return given
