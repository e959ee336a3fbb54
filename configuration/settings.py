"""Settings of a program: command line over environment over YAML file over defaults; unknown keys are refused."""

import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    CliApp,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)

from configuration import yaml_files
from configuration.environment import ELSEWHERE, KNOWN, NESTED, PREFIX, unknown_variables
from configuration.errors import FraudDetectionError

CONFIG_OPTION = "--config"
CONFIG_VARIABLE = "FRAUD_CONFIG"


class InvalidSettings(FraudDetectionError):
    """A setting is unknown, missing or wrong. Its value is never shown: it may be a secret."""


class Settings(BaseSettings):
    """Base of a program's settings: frozen, closed, one class a program; nested names as `--a.b-c`, `FRAUD_A__B_C` and YAML."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter=NESTED,
        env_parse_none_str="null",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_exit_on_error=False,
        cli_hide_none_type=True,
        nested_model_default_partial_update=True,
    )

    @classmethod
    def load(cls, arguments: Sequence[str], program: str) -> Self:
        """Returns the settings from command line, environment and the YAML file that `--config` or FRAUD_CONFIG names.

        `--help` prints every setting with its default and exits.

        Raises:
            InvalidSettings: with every mistake found, and the nearest known name where one is unknown.
        """
        require_known_variables(cls)
        arguments, file = _split_config(arguments)
        # A class of its own for this call: the file and the program's name belong to the call, not to the class.
        config = SettingsConfigDict(yaml_file=file, cli_prog_name=f"{program} [{CONFIG_OPTION} FILE]")
        source: type[Self] = type(cls.__name__, (cls,), {"__doc__": cls.__doc__, "model_config": config})
        try:
            return CliApp.run(source, cli_args=list(arguments))
        except ValidationError as error:
            raise InvalidSettings("Settings are refused: " + "; ".join(_explain(error, cls)), _help(program)) from None
        except SettingsError as error:
            raise InvalidSettings("Settings are refused: " + _explain_arguments(str(error), cls), _help(program)) from None
        except yaml.YAMLError as error:
            place = getattr(error, "problem_mark", None)
            where = f"{file}, line {place.line + 1}" if place else str(file)
            wrong = f": {error.problem}" if isinstance(error, yaml_files.NamedTwice) else " is not YAML"
            raise InvalidSettings(f"{where}{wrong}", "Mend that line.") from None
        except OSError as error:
            raise InvalidSettings(f"{file} cannot be read: {error.strerror}", f"Check {CONFIG_OPTION}.") from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 pydantic-settings calls by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Returns the sources, strongest first; the command line is added in front by pydantic-settings."""
        try:
            file_settings = _File(settings_cls)
        except (TypeError, ValueError):
            file = settings_cls.model_config.get("yaml_file")
            raise InvalidSettings(f"{file} is not a mapping of settings", "Write `name: value` lines.") from None
        return init_settings, env_settings, file_settings


class _File(YamlConfigSettingsSource):
    """The settings in a file."""

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        found: dict[str, Any] = yaml_files.load(file_path.read_text(encoding="utf-8")) or {}
        return found


def require_known_variables(kind: type[Settings] | None = None) -> None:
    """Looks whether each variable FRAUD_* is a setting of some program; those of `kind` are the nearest.

    Raises:
        InvalidSettings: with the names of all that are not, and the name that is nearest to each.
    """
    own = list(kind.model_fields) if kind else []
    unknown = unknown_variables(os.environ, own)
    if not unknown:
        return
    schema = kind.model_json_schema() if kind else {}
    known = [*_paths(schema, ()), *KNOWN, *map(str.lower, ELSEWHERE)]
    told = []
    for name in unknown:
        near = get_close_matches(name.lower().removeprefix(PREFIX.lower()), known, n=1)
        told.append(f"`{name}`" + (f" (the nearest name is `{PREFIX}{near[0].upper()}`)" if near else ""))
    raise InvalidSettings(
        f"The environment has {', '.join(told)}, which no program of this project knows",
        "Mend the name, or remove it. What is in a group has two underscores: FRAUD_TRIGGER__MODE.",
    )


def _paths(schema: dict[str, Any], place: tuple[str, ...]) -> Iterator[str]:
    """Yields the names of all settings as the environment has them, groups included."""
    for name in _names(schema, place):
        yield NESTED.join((*place, name))
        yield from _paths(schema, (*place, name))


def _split_config(arguments: Sequence[str]) -> tuple[list[str], Path | None]:
    """Returns the arguments without `--config FILE`, and the file, which must exist."""
    rest: list[str] = []
    file = os.environ.get(CONFIG_VARIABLE)
    remaining = iter(arguments)
    for argument in remaining:
        if argument == CONFIG_OPTION:
            file = next(remaining, None)
            if file is None:
                raise InvalidSettings(f"{CONFIG_OPTION} has no file", f"Write {CONFIG_OPTION} FILE.")
        elif argument.startswith(f"{CONFIG_OPTION}="):
            file = argument.partition("=")[2]
        else:
            rest.append(argument)
    if file and not Path(file).is_file():
        raise InvalidSettings(f"There is no settings file {file}", f"Check {CONFIG_OPTION} and {CONFIG_VARIABLE}.")
    return rest, Path(file) if file else None


def _help(program: str) -> str:
    return f"`{program} --help` lists every setting."


def _explain(error: ValidationError, kind: type[BaseSettings]) -> list[str]:
    schema = kind.model_json_schema()
    return [_sentence(item["type"], item["loc"], item["msg"], schema) for item in error.errors(include_input=False)]


def _sentence(kind: str, place: tuple[int | str, ...], message: str, schema: dict[str, Any]) -> str:
    name = ".".join(map(str, place))
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"`{name}` is not a setting{_nearest(str(place[-1]), _names(schema, place[:-1]))}"
    if kind == "missing":
        return f"`{name}` is missing"
    if place[-1:] == ("[key]",):
        return f"`{name.removesuffix('.[key]')}` cannot be a name: {message.replace('String', 'it')}"
    reason = message.removeprefix("Value error, ")
    return f"`{name}`: {reason}" if name else reason


def _nearest(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f", the nearest name is `{near[0]}`"
    return f", known are {', '.join(f'`{one}`' for one in sorted(known))}" if known else ""


def _names(schema: dict[str, Any], place: tuple[int | str, ...]) -> list[str]:
    """Returns the names that are known at a place in the settings."""
    here = schema
    for step in map(str, place):
        here = _resolve(here, schema)
        choices = here.get("discriminator", {}).get("mapping", {})
        if step in choices:
            here = {"$ref": choices[step]}
        else:
            of_any_name = [*here.get("patternProperties", {}).values(), here.get("additionalProperties")]
            here = here.get("properties", {}).get(step) or next((one for one in of_any_name if one), {})
    here = _resolve(here, schema)
    choices = [_resolve({"$ref": one}, schema) for one in here.get("discriminator", {}).get("mapping", {}).values()]
    return list(dict.fromkeys(name for one in (here, *choices) for name in one.get("properties", {})))


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for option in node.get("anyOf", []):
        if "$ref" in option:
            node = option
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def _explain_arguments(message: str, kind: type[BaseSettings]) -> str:
    """Returns what is wrong on the command line, with the nearest option, and without any value."""
    _, found, unknown = message.partition("unrecognized arguments: ")
    if not found:
        return message.removeprefix("error parsing CLI: ")
    option = unknown.split()[0].partition("=")[0]
    schema = kind.model_json_schema()
    place = tuple(option.lstrip("-").replace("-", "_").split("."))
    return f"`{option}` is not an option{_nearest(place[-1], _names(schema, place[:-1]))}"
