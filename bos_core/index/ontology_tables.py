"""Tables of the ontology, made from its schema: one per category, a row per entity and version that changed it."""

from typing import Any

from pydantic import create_model
from sqlalchemy import ARRAY, BigInteger, Boolean, Column, Connection, Float, Table, Text, inspect, text
from sqlmodel import Field, SQLModel

from bos_core.objects.data import Category
from storage.ontology.schema import TYPES, attributes_of

_COLUMN: dict[str, Any] = {
    "float": Float, "int": BigInteger, "bool": Boolean, "text": Text, "floats": ARRAY(Float), "texts": ARRAY(Text),
}  # fmt: skip


def _table(category: Category) -> type[SQLModel]:
    fields: dict[str, Any] = {
        "scenario_id": (int, Field(foreign_key="scenario.id", primary_key=True)),
        "gid": (str, Field(primary_key=True)),
        "deleted": (bool, False),
    }
    for name, a in attributes_of(category).items():
        # `Column` is made per attribute, because a column belongs to one table.
        fields[name] = (TYPES[a.type] | None, Field(default=None, sa_column=Column(name, _COLUMN[a.type])))
    return create_model(
        f"ontology_{category}", __base__=SQLModel, __cls_kwargs__={"table": True}, __module__=__name__, **fields
    )


TABLES: dict[Category, type[SQLModel]] = {category: _table(category) for category in Category}


def table_of(category: Category) -> Table:
    """The SQLAlchemy table of a category."""
    return SQLModel.metadata.tables[f"ontology_{category}"]


def follow_schema(connection: Connection) -> None:
    """Make tables and columns that the schema names and the database lacks; nothing is ever dropped."""
    there = set(inspect(connection).get_table_names())
    for category in Category:
        table = table_of(category)
        if table.name not in there:
            table.create(connection)
            continue
        columns = {c["name"] for c in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in columns:
                kind = column.type.compile(connection.dialect)
                connection.execute(text(f'alter table {table.name} add column "{column.name}" {kind}'))
