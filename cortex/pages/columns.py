"""Defines the columns of lists: what they show of a record, and in which order they sort."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, CharField, F, Value, When
from django.db.models.functions import Coalesce, Concat, NullIf, Trim

from cortex.models import Pov, Trr


@dataclass(frozen=True)
class Column:
    """A column of the table, which can be sorted by. `kind`: how the page shows its values; of a "person", the name."""

    name: str
    heading: Any
    field: str
    kind: str = "text"

    @property
    def value(self) -> Any:
        if self.kind != "person":
            return F(self.field)
        name = Trim(Concat(f"{self.field}__first_name", Value(" "), f"{self.field}__last_name"))
        return Coalesce(NullIf(name, Value("")), F(f"{self.field}__email"), output_field=CharField())

    def sort_value(self, model: type[Pov] | type[Trr], *, descending: bool) -> Any:
        """Returns an expression that is never NULL, because a page continues after a value; NULL sorts last."""
        if self.kind == "date":
            return Coalesce(F(self.field), Value(dt.date.min if descending else dt.date.max))
        if self.kind == "badge":  # in the order in which the model names them, not in the alphabet's
            places = enumerate(self.labels(model))
            return Case(*(When(**{self.field: value}, then=place) for place, value in places))
        return Coalesce(self.value, Value("")) if self.kind == "person" else self.value

    def labels(self, model: type[Pov] | type[Trr]) -> dict[Any, Any]:
        """Returns value → label of a field with choices."""
        field: Any = model._meta.get_field(self.field)
        return dict(field.flatchoices)
