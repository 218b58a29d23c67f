"""Writes a configuration, as tomllib returns it, as TOML. Knows only the types that the lab needs."""

import json


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    raise TypeError(f"no TOML for {type(value).__name__}")


def dumps(config):
    """The text of `config`: scalars, then tables, then arrays of tables. Tables in tables are not allowed."""
    lines = []

    def is_table_array(item):
        return isinstance(item, list) and item and all(isinstance(entry, dict) for entry in item)

    def body(table):
        lines.extend(f"{key} = {_value(value)}" for key, value in table.items())
        lines.append("")

    body(
        {key: item for key, item in config.items() if not isinstance(item, dict) and not is_table_array(item)}
    )
    for key, item in config.items():
        if isinstance(item, dict):
            lines.append(f"[{key}]")
            body(item)
        elif is_table_array(item):
            for entry in item:
                lines.append(f"[[{key}]]")
                body(entry)
    return "\n".join(lines)
