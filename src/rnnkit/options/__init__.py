"""What can be chosen: each option of the estimators, said once."""

from rnnkit.options.domains import (
    Anything,
    Choice,
    Domain,
    Flag,
    Function,
    Number,
    PathName,
    Share,
    Table,
    Text,
    Whole,
)
from rnnkit.options.estimators import (
    ESTIMATORS,
    CaptionerOptions,
    ClassifierOptions,
    FrameTaggerOptions,
    LanguageModelOptions,
    RegressorOptions,
    TaggerOptions,
    TranslatorOptions,
)
from rnnkit.options.table import Option, check, option, options, options_of, parse

__all__ = [
    "ESTIMATORS",
    "Anything",
    "CaptionerOptions",
    "Choice",
    "ClassifierOptions",
    "Domain",
    "Flag",
    "FrameTaggerOptions",
    "Function",
    "LanguageModelOptions",
    "Number",
    "Option",
    "PathName",
    "RegressorOptions",
    "Share",
    "Table",
    "TaggerOptions",
    "Text",
    "TranslatorOptions",
    "Whole",
    "check",
    "option",
    "options",
    "options_of",
    "parse",
]
